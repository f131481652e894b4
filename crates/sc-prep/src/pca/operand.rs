//! Products with a centred matrix that is never written out.

use rayon::prelude::*;
use sc_io::{Csr, Dense, Matrix};

/// A dense row-major f64 matrix.
pub(super) struct Block {
    pub rows: usize,
    pub cols: usize,
    pub data: Vec<f64>,
}

impl Block {
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self {
            rows,
            cols,
            data: vec![0.0; rows * cols],
        }
    }

    pub fn row(&self, r: usize) -> &[f64] {
        &self.data[r * self.cols..][..self.cols]
    }

    /// Rows computed in parallel, each by one thread.
    fn by_rows(rows: usize, cols: usize, fill: impl Fn(usize, &mut [f64]) + Sync) -> Self {
        let mut b = Self::zeros(rows, cols);
        b.data
            .par_chunks_mut(cols.max(1))
            .enumerate()
            .for_each(|(r, out)| fill(r, out));
        b
    }
}

/// `X - 1 mean^T`.
pub(super) struct Operand<'a> {
    x: &'a Matrix,
    /// Columns as rows, so that both products run along rows and in a fixed order.
    transposed: Option<Csr>,
    mean: &'a [f64],
}

impl<'a> Operand<'a> {
    pub fn new(x: &'a Matrix, mean: &'a [f64]) -> Self {
        let transposed = match x {
            Matrix::Csr(m) => Some(m.transpose()),
            Matrix::Dense(_) => None,
        };
        Self {
            x,
            transposed,
            mean,
        }
    }

    pub fn n_rows(&self) -> usize {
        self.x.n_rows()
    }

    pub fn n_cols(&self) -> usize {
        self.x.n_cols()
    }

    /// `(X - 1 mean^T) b`.
    pub fn times(&self, b: &Block) -> Block {
        let mut shift = vec![0.0; b.cols];
        for (j, &m) in self.mean.iter().enumerate() {
            add(&mut shift, m, b.row(j));
        }
        Block::by_rows(self.n_rows(), b.cols, |i, out| {
            match self.x {
                Matrix::Csr(m) => add_sparse(out, m, i, b),
                Matrix::Dense(m) => add_dense(out, m, i, b),
            }
            out.iter_mut().zip(&shift).for_each(|(o, s)| *o -= s);
        })
    }

    /// `(X - 1 mean^T)^T q`.
    pub fn transpose_times(&self, q: &Block) -> Block {
        let mut sums = vec![0.0; q.cols];
        for i in 0..q.rows {
            add(&mut sums, 1.0, q.row(i));
        }
        Block::by_rows(self.n_cols(), q.cols, |j, out| {
            match (&self.transposed, self.x) {
                (Some(t), _) => add_sparse(out, t, j, q),
                (None, Matrix::Dense(m)) => {
                    for i in 0..m.n_rows() {
                        add(out, f64::from(m.row(i)[j]), q.row(i));
                    }
                }
                (None, Matrix::Csr(_)) => unreachable!("sparse operands keep their transpose"),
            }
            add(out, -self.mean[j], &sums);
        })
    }

    /// Every entry.
    pub fn densified(&self) -> Block {
        Block::by_rows(self.n_rows(), self.n_cols(), |i, out| {
            match self.x {
                Matrix::Csr(m) => {
                    let (c, v) = m.row(i);
                    c.iter()
                        .zip(v)
                        .for_each(|(&c, &v)| out[c as usize] = f64::from(v));
                }
                Matrix::Dense(m) => {
                    out.iter_mut()
                        .zip(m.row(i))
                        .for_each(|(o, &v)| *o = f64::from(v));
                }
            }
            out.iter_mut().zip(self.mean).for_each(|(o, m)| *o -= m);
        })
    }
}

fn add(out: &mut [f64], factor: f64, row: &[f64]) {
    out.iter_mut().zip(row).for_each(|(o, r)| *o += factor * r);
}

fn add_sparse(out: &mut [f64], m: &Csr, row: usize, b: &Block) {
    let (c, v) = m.row(row);
    for (&c, &v) in c.iter().zip(v) {
        add(out, f64::from(v), b.row(c as usize));
    }
}

fn add_dense(out: &mut [f64], m: &Dense, row: usize, b: &Block) {
    for (j, &v) in m.row(row).iter().enumerate() {
        add(out, f64::from(v), b.row(j));
    }
}
