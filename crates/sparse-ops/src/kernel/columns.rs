//! Sums over the rows of a dense matrix.

use rayon::prelude::*;

use super::Real;

/// Rows that are added up in one piece by [`column_sums`].
const PIECE: usize = 256;

/// Sums over the rows of `[rows, width]`: in pieces of 256 rows, then over the pieces in order.
///
/// # Panics
///
/// When the length is not a multiple of the width.
pub fn column_sums<T: Real>(dense: &[T], width: usize) -> Vec<T> {
    let mut total = vec![T::ZERO; width];
    if width == 0 {
        return total;
    }
    assert_eq!(dense.len() % width, 0, "column_sums: whole rows");
    let piece = |rows: &[T]| {
        let mut sum = vec![T::ZERO; width];
        for row in rows.chunks_exact(width) {
            add(row, &mut sum);
        }
        sum
    };
    if dense.len() <= PIECE * width {
        return piece(dense);
    }
    let pieces: Vec<_> = (dense.par_chunks(PIECE * width)).map(piece).collect();
    for sum in &pieces {
        add(sum, &mut total);
    }
    total
}

fn add<T: Real>(row: &[T], sum: &mut [T]) {
    for (sum, &x) in sum.iter_mut().zip(row) {
        *sum += x;
    }
}
