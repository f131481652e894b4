//! Operations on the stored values.

use rayon::prelude::*;

use super::Real;
use crate::pattern::{CsrPattern, row_of};

/// Entries or sums in one piece of work.
const PIECE: usize = 1 << 13;

/// Sum of the values of each row, `[rows]`, added up in double precision.
///
/// # Panics
///
/// When there is not one value per entry.
pub fn row_sums<T: Real>(pattern: &CsrPattern, values: &[T]) -> Vec<T> {
    check(pattern, values);
    let mut out = vec![T::ZERO; pattern.rows()];
    let rows = rows_per_piece(pattern);
    out.par_chunks_mut(rows).enumerate().for_each(|(i, out)| {
        let ranges = pattern.offsets()[i * rows..].windows(2);
        for (out, range) in out.iter_mut().zip(ranges) {
            let values = values[range[0]..range[1]].iter();
            *out = T::of(values.map(|x| x.wide()).sum());
        }
    });
    out
}

/// Every value times the number of its row: `values[k] scale[row(k)]`, `[nnz]`.
///
/// # Panics
///
/// When there is not one value per entry or one number per row.
pub fn scale_rows<T: Real>(pattern: &CsrPattern, values: &[T], scale: &[T]) -> Vec<T> {
    check(pattern, values);
    assert_eq!(scale.len(), pattern.rows(), "one number per row");
    let mut out = values.to_vec();
    out.par_chunks_mut(PIECE).enumerate().for_each(|(i, out)| {
        let mut start = i * PIECE;
        let mut row = row_of(pattern.offsets(), start);
        let mut rest = out;
        while !rest.is_empty() {
            let end = pattern.offsets()[row + 1];
            let here;
            (here, rest) = rest.split_at_mut((end - start).min(rest.len()));
            for x in here {
                *x = *x * scale[row];
            }
            (start, row) = (end, row + 1);
        }
    });
    out
}

/// `ln(1 + x)` of every value.
pub fn log1p<T: Real>(values: &[T]) -> Vec<T> {
    let mut out = values.to_vec();
    out.par_chunks_mut(PIECE)
        .for_each(|out| out.iter_mut().for_each(|x| *x = x.log1p()));
    out
}

/// The dense matrix `[rows, cols]`; entries in the same place add up.
///
/// # Panics
///
/// When there is not one value per entry.
pub fn to_dense<T: Real>(pattern: &CsrPattern, values: &[T]) -> Vec<T> {
    check(pattern, values);
    let cols = pattern.cols();
    let mut out = vec![T::ZERO; pattern.rows() * cols];
    if out.is_empty() {
        return out;
    }
    let rows = rows_per_piece(pattern);
    out.par_chunks_mut(rows * cols)
        .enumerate()
        .for_each(|(i, out)| {
            let ranges = pattern.offsets()[i * rows..].windows(2);
            for (out, range) in out.chunks_exact_mut(cols).zip(ranges) {
                let range = range[0]..range[1];
                let columns = pattern.indices()[range.clone()].iter();
                for (&column, &value) in columns.zip(&values[range]) {
                    out[column as usize] += value;
                }
            }
        });
    out
}

fn check<T>(pattern: &CsrPattern, values: &[T]) {
    assert_eq!(values.len(), pattern.nnz(), "one value per entry");
}

/// Rows that hold about [`PIECE`] entries.
fn rows_per_piece(pattern: &CsrPattern) -> usize {
    let rows = pattern.rows().max(1);
    (PIECE / (pattern.nnz() / rows + 1)).clamp(1, rows)
}
