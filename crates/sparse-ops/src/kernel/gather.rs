//! Weighted sums of the rows of a dense matrix.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::Real;
use super::sum::{Plan, Sum};

/// Sums to compute, one per row of the result `[offsets.len() - 1, width]`:
///
/// ```text
/// out[i, :] = start + Σ values[at(k)] dense[index[k], :]     k = offsets[i] .. offsets[i + 1]
/// ```
///
/// with `at(k) = order[k]`, or `k` without an order.
#[derive(Clone, Copy, Debug)]
pub struct WeightedRows<'a, T> {
    /// Terms of each sum, `[sums + 1]`, not falling.
    pub offsets: &'a [usize],
    /// Row of `dense` in each term, `[nnz]`.
    pub index: &'a [u32],
    /// Weights, `[nnz]`.
    pub values: &'a [T],
    /// Where the weight of each term is, `[nnz]`.
    pub order: Option<&'a [usize]>,
    /// `[rows, width]`, row-major.
    pub dense: &'a [T],
    /// Columns of `dense`.
    pub width: usize,
    /// `[width]`, or zero.
    pub start: Option<&'a [T]>,
}

/// Multiplications in one piece of work: enough to pay for handing it to a thread.
const WORK: usize = 1 << 17;
/// Bytes of `dense` that are gathered from at a time: what a core keeps close.
const NEAR: usize = 1 << 20;
/// Fewest columns of such a part; a multiple of every register.
const FEWEST: usize = 128;

/// Columns of `dense` that are gathered from at a time: all, or so many that all of their rows are near. Rows that are too many for that
/// are gathered whole.
fn near_columns<T>(rows: usize, width: usize) -> usize {
    let columns = NEAR / (rows * size_of::<T>()).max(1) / FEWEST * FEWEST;
    match columns {
        0 if rows * FEWEST * size_of::<T>() <= 2 * NEAR => FEWEST,
        0 => width,
        columns => columns.min(width),
    }
}

/// Computes the sums. Every sum is one chain of additions in the order of its terms, whatever the
/// number of threads.
///
/// # Panics
///
/// When the slices do not fit each other.
pub fn weighted_rows<T: Real>(sums: &WeightedRows<T>) -> Vec<T> {
    let (n, width) = (sums.offsets.len().saturating_sub(1), sums.width);
    let nnz = sums.index.len();
    assert_eq!(sums.values.len(), nnz, "weighted_rows: one weight per term");
    if let Some(order) = sums.order {
        assert_eq!(order.len(), nnz, "weighted_rows: one place per term");
    }
    if let Some(start) = sums.start {
        assert_eq!(start.len(), width, "weighted_rows: length of the start");
    }
    // Fresh zeros cost nothing until they are touched: a sum without terms and start is not.
    let mut out = vec![T::ZERO; n * width];
    if out.is_empty() {
        return out;
    }
    let columns = near_columns::<T>(sums.dense.len() / width, width);
    let rows = (WORK / (columns * (nnz / n + 1))).clamp(1, n);
    let arch = Arch::new();
    for from in (0..width).step_by(columns) {
        let run = |(block, out): (usize, &mut [T])| {
            let first = block * rows;
            let n = out.len() / width;
            let offsets = &sums.offsets[first..][..n + 1];
            let terms = offsets[0]..offsets[n];
            let ordered: Vec<T>;
            let values = match sums.order {
                None => &sums.values[terms.clone()],
                Some(order) => {
                    let places = order[terms.clone()].iter();
                    ordered = places.map(|&place| sums.values[place]).collect();
                    &ordered
                }
            };
            arch.dispatch(Block {
                offsets,
                index: &sums.index[terms],
                values,
                dense: sums.dense,
                width,
                columns: from..from + columns,
                start: sums.start,
                out,
            });
        };
        if rows == n || rayon::current_num_threads() == 1 {
            // No detour over a thread of the pool.
            out.chunks_mut(rows * width).enumerate().for_each(run);
        } else {
            out.par_chunks_mut(rows * width).enumerate().for_each(run);
        }
    }
    out
}

/// Some of the sums, with `index` and `values` cut to their terms.
struct Block<'a, T> {
    offsets: &'a [usize],
    index: &'a [u32],
    values: &'a [T],
    dense: &'a [T],
    width: usize,
    /// Those to compute.
    columns: Range<usize>,
    start: Option<&'a [T]>,
    out: &'a mut [T],
}

impl<T: Real> WithSimd for Block<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let base = self.offsets[0];
        let plan = Plan::new(self.dense, self.width, T::lanes::<S>());
        let ranges = self.offsets.windows(2);
        for (range, out) in ranges.zip(self.out.chunks_exact_mut(self.width)) {
            let terms = range[0] - base..range[1] - base;
            if terms.is_empty() && self.start.is_none() {
                continue;
            }
            let sum = Sum {
                index: &self.index[terms.clone()],
                values: &self.values[terms],
                dense: self.dense,
                width: self.width,
                start: self.start,
            };
            match &plan {
                Some(plan) => sum.columns(simd, plan, &self.columns, out),
                None => sum.narrow(simd, out),
            }
        }
    }
}
