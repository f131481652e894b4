//! Weighted sums of the rows of a dense matrix.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::Real;

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
    let rows = (WORK / (width * (nnz / n + 1))).clamp(1, n);
    let arch = Arch::new();
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
    out
}

/// Some of the sums, with `index` and `values` cut to their terms.
struct Block<'a, T> {
    offsets: &'a [usize],
    index: &'a [u32],
    values: &'a [T],
    dense: &'a [T],
    width: usize,
    start: Option<&'a [T]>,
    out: &'a mut [T],
}

impl<T: Real> WithSimd for Block<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let base = self.offsets[0];
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
            let mut at = 0;
            while at < self.width {
                let left = (self.width - at) / T::lanes::<S>();
                at += match left {
                    8.. => sum.tile::<S, 8>(simd, at, out),
                    4.. => sum.tile::<S, 4>(simd, at, out),
                    2.. => sum.tile::<S, 2>(simd, at, out),
                    1 => sum.tile::<S, 1>(simd, at, out),
                    0 => sum.rest(simd, at, out),
                };
            }
        }
    }
}

/// One sum.
struct Sum<'a, T> {
    index: &'a [u32],
    values: &'a [T],
    dense: &'a [T],
    width: usize,
    start: Option<&'a [T]>,
}

impl<T: Real> Sum<'_, T> {
    /// `V` registers of columns from `at` on, which stay in registers over all terms; returns the
    /// number of columns.
    #[inline(always)]
    fn tile<S: Simd, const V: usize>(&self, simd: S, at: usize, out: &mut [T]) -> usize {
        let columns = V * T::lanes::<S>();
        let mut sum = [T::splat(simd, T::ZERO); V];
        if let Some(start) = self.start {
            sum.copy_from_slice(T::vectors::<S>(&start[at..][..columns]));
        }
        for (&row, &weight) in self.index.iter().zip(self.values) {
            let row = &self.dense[row as usize * self.width + at..][..columns];
            let row = T::vectors::<S>(row);
            let weight = T::splat(simd, weight);
            for v in 0..V {
                sum[v] = T::mul_add(simd, weight, row[v], sum[v]);
            }
        }
        T::vectors_mut::<S>(&mut out[at..][..columns]).copy_from_slice(&sum);
        columns
    }

    /// The last columns, fewer than a register holds.
    #[inline(always)]
    fn rest<S: Simd>(&self, simd: S, at: usize, out: &mut [T]) -> usize {
        let columns = self.width - at;
        let mut sum = T::splat(simd, T::ZERO);
        if let Some(start) = self.start {
            sum = T::load_part(simd, &start[at..]);
        }
        for (&row, &weight) in self.index.iter().zip(self.values) {
            let row = &self.dense[row as usize * self.width + at..][..columns];
            let row = T::load_part(simd, row);
            sum = T::mul_add(simd, T::splat(simd, weight), row, sum);
        }
        T::store_part(simd, &mut out[at..], sum);
        columns
    }
}
