//! Products of dense matrices.

use gemm::Parallelism;
use rayon::prelude::*;

use super::Real;

/// Multiplications from which on a product is worth more than one thread.
const PARALLEL: usize = 192 * 192 * 192;
/// Numbers that a thread adds a bias to at a time.
const PIECE: usize = 1 << 16;

/// A matrix `[rows, cols]` in a slice, by rows, or by columns where it is a transposed one.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, T> {
    values: &'a [T],
    rows: usize,
    cols: usize,
    transposed: bool,
}

impl<'a, T> Matrix<'a, T> {
    /// Rows of that width.
    ///
    /// # Panics
    /// When the slice is not that many numbers.
    pub fn new(values: &'a [T], [rows, cols]: [usize; 2]) -> Self {
        assert_eq!(values.len(), rows * cols, "a matrix of {rows} x {cols}");
        Self {
            values,
            rows,
            cols,
            transposed: false,
        }
    }

    /// Columns as rows.
    pub fn transpose(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            transposed: !self.transposed,
            ..self
        }
    }

    /// Steps in the slice from row to row and from column to column.
    fn strides(&self) -> (isize, isize) {
        match self.transposed {
            true => (1, self.rows as isize),
            false => (self.cols as isize, 1),
        }
    }
}

/// `a b`, by rows. Where burn's product fills its result with zeros and copies it first, this one writes it once.
///
/// # Panics
/// When `a` has not as many columns as `b` rows.
#[allow(unsafe_code)]
pub fn product<T: Real>(a: Matrix<'_, T>, b: Matrix<'_, T>) -> Vec<T> {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    assert_eq!(k, b.rows, "product: {m} x {k} times {} x {n}", b.rows);
    if m * n * k == 0 {
        return vec![T::ZERO; m * n];
    }
    let ((a_row, a_col), (b_row, b_col)) = (a.strides(), b.strides());
    let parallelism = match m.saturating_mul(n).saturating_mul(k) >= PARALLEL {
        true => Parallelism::Rayon(0),
        false => Parallelism::None,
    };
    let mut out = Vec::with_capacity(m * n);
    // SAFETY: `Matrix` holds slices as long as its shape, the strides stay inside them, and `out` has room for `m n` numbers. It is
    // not read (`read_dst` is false), and every element is written because `k` is not 0.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            false,
            a.values.as_ptr(),
            a_col,
            a_row,
            b.values.as_ptr(),
            b_col,
            b_row,
            T::ZERO,
            T::of(1.0),
            false,
            false,
            false,
            parallelism,
        );
        out.set_len(m * n);
    }
    out
}

/// Adds a bias to rows of its width.
pub fn add_bias<T: Real>(rows: &mut [T], bias: &[T]) {
    if bias.is_empty() {
        return;
    }
    let piece = (PIECE / bias.len()).max(1) * bias.len();
    rows.par_chunks_mut(piece).for_each(|rows| {
        for row in rows.chunks_exact_mut(bias.len()) {
            for (x, &b) in row.iter_mut().zip(bias) {
                *x += b;
            }
        }
    });
}
