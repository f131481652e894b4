//! Mean and variance of each column.

use sc_io::{Csr, Matrix};

/// Column means and variances (n - 1 in the denominator).
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// Mean of each column, zeros included.
    pub mean: Vec<f64>,
    /// Variance of each column; 0 if there is one row or none.
    pub variance: Vec<f64>,
}

impl Moments {
    /// Of a matrix. Two passes: squared distances from the mean are summed, and the implied
    /// zeros of a sparse matrix add `(n - stored) mean^2`, so nothing cancels.
    pub fn of(x: &Matrix) -> Self {
        match x {
            Matrix::Csr(m) => Self::of_rows(m, 0..m.n_rows(), f64::from),
            Matrix::Dense(m) => {
                let p = m.n_cols();
                let entries = || {
                    m.values()
                        .iter()
                        .enumerate()
                        .map(move |(k, v)| (k % p.max(1), f64::from(*v)))
                };
                Self::of_entries(m.n_rows(), p, entries)
            }
        }
    }

    /// Of some rows of a sparse matrix, every stored value passed through `f` (`f(0)` must be 0).
    pub(crate) fn of_rows(
        x: &Csr,
        rows: impl IntoIterator<Item = usize> + Clone,
        f: impl Fn(f32) -> f64 + Copy,
    ) -> Self {
        let n = rows.clone().into_iter().count();
        let entries = || {
            rows.clone().into_iter().flat_map(move |r| {
                let (c, v) = x.row(r);
                c.iter().zip(v).map(move |(&c, &v)| (c as usize, f(v)))
            })
        };
        Self::of_entries(n, x.n_cols(), entries)
    }

    fn of_entries<I: Iterator<Item = (usize, f64)>>(
        n: usize,
        p: usize,
        entries: impl Fn() -> I,
    ) -> Self {
        let mut mean = vec![0.0; p];
        let mut stored = vec![0usize; p];
        for (c, v) in entries() {
            mean[c] += v;
            stored[c] += 1;
        }
        for m in &mut mean {
            *m /= n.max(1) as f64;
        }
        let mut variance = vec![0.0; p];
        for (c, v) in entries() {
            variance[c] += (v - mean[c]) * (v - mean[c]);
        }
        for c in 0..p {
            variance[c] += (n - stored[c]) as f64 * mean[c] * mean[c];
            variance[c] = if n > 1 {
                variance[c] / (n - 1) as f64
            } else {
                0.0
            };
        }
        Self { mean, variance }
    }
}
