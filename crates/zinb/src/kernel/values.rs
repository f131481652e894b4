//! Likelihoods with one parameter per value, of a whole batch, rows in parallel.

use multiversion::{multiversion, target::target_cfg_f};
use rayon::prelude::*;

use super::lanes::LANES;
use super::row::RowCounts;
use super::{Counts, Number};

/// Rows per piece of work: few enough that they stay in a cache.
const PIECE: usize = 16;

/// From a network's output to the mean of a value that is no count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum ValueLink {
    /// As it is.
    #[default]
    Identity,
    /// `max(0, raw)`
    Relu,
    /// `1 / (1 + e^-raw)`, for values in 0 to 1.
    Sigmoid,
}

/// How a value is distributed around a network's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueFamily {
    /// `(x - link(raw))² / 2`: normal, of one size of errors.
    Squared(ValueLink),
    /// `ln(1 + e^raw) - x raw`: zeros and ones, or fractions between, of log odds.
    Bernoulli,
}

/// Negative log-likelihood of each cell, `[cells]`, the sum over its features. `raw`, `[cells, features]`, becomes the gradient of
/// `Σ_cells cell_weight` times that. Values are added up in sixteen sums of the number type, these in f64.
///
/// # Panics
/// If lengths do not fit each other.
pub fn value_nll_in_place<T: Number>(
    raw: &mut [T],
    family: ValueFamily,
    values: &Counts<'_, T>,
    cell_weights: &[T],
) -> Vec<T> {
    let n_cells = cell_weights.len();
    let n = raw.len() / n_cells.max(1);
    assert_eq!(raw.len(), n * n_cells, "outputs of {n_cells} cells");
    match values {
        Counts::Dense(x) => assert_eq!(x.len(), raw.len(), "values and outputs"),
        Counts::Sparse { offsets, .. } => assert_eq!(offsets.len(), n_cells + 1, "rows of values"),
    }
    let mut nll = vec![T::default(); n_cells];
    if n > 0 {
        let pieces = raw.par_chunks_mut(PIECE * n);
        let pieces = pieces.zip(nll.par_chunks_mut(PIECE)).enumerate();
        pieces.for_each_init(
            || vec![T::default(); n],
            |dense, (i, (raw, nll))| {
                let first = i * PIECE;
                let weights = &cell_weights[first..][..nll.len()];
                let piece = Piece {
                    raw,
                    family,
                    values,
                    first,
                    weights,
                    nll,
                };
                rows(piece, dense);
            },
        );
    }
    nll
}

/// Some cells, from `first` on.
struct Piece<'a, 'v, T> {
    raw: &'a mut [T],
    family: ValueFamily,
    values: &'a Counts<'v, T>,
    first: usize,
    weights: &'a [T],
    nll: &'a mut [T],
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma",
    "x86_64+avx2+fma",
    "aarch64+neon"
))]
fn rows<T: Number>(piece: Piece<'_, '_, T>, dense: &mut [T]) {
    if target_cfg_f!(target_feature = "fma") {
        rows_with::<T, true>(piece, dense);
    } else {
        rows_with::<T, false>(piece, dense);
    }
}

/// `dense` has room for the values of a cell.
#[inline(always)]
fn rows_with<T: Number, const FMA: bool>(piece: Piece<'_, '_, T>, dense: &mut [T]) {
    let (n, zero, one) = (dense.len(), T::default(), T::from_f64(1.0));
    let cells = piece.raw.chunks_exact_mut(n).zip(piece.weights);
    for (i, ((raw, &weight), nll)) in cells.zip(piece.nll).enumerate() {
        let x = match piece.values.row(piece.first + i, n) {
            RowCounts::Dense(x) => x,
            RowCounts::Sparse(places, x) => {
                dense.fill(T::default());
                for (&place, &x) in places.iter().zip(x) {
                    dense[place as usize] = x;
                }
                &*dense
            }
        };
        *nll = match piece.family {
            ValueFamily::Squared(link) => squared::<T, FMA>(link, raw, x, weight),
            ValueFamily::Bernoulli => row(raw, x, weight, |raw, x| {
                // Both tails keep their digits.
                let (up, down) = match raw > zero {
                    true => (raw, zero),
                    false => (zero, zero - raw),
                };
                let rest = (zero - up - down).softplus::<FMA>();
                let nll = rest + x * down + (one - x) * up;
                (nll, raw.sigmoid::<FMA>() - x)
            }),
        };
    }
}

/// One cell of squared errors.
#[inline(always)]
fn squared<T: Number, const FMA: bool>(link: ValueLink, raw: &mut [T], x: &[T], weight: T) -> T {
    let [zero, half, one] = [0.0, 0.5, 1.0].map(T::from_f64);
    let of = |mean: T, slope: T, x: T| {
        let error = mean - x;
        (half * error * error, error * slope)
    };
    match link {
        ValueLink::Identity => row(raw, x, weight, |raw, x| of(raw, one, x)),
        // Asked so that what is no number stays none.
        ValueLink::Relu => row(raw, x, weight, |raw, x| match raw <= zero {
            true => of(zero, zero, x),
            false => of(raw, one, x),
        }),
        ValueLink::Sigmoid => row(raw, x, weight, |raw, x| {
            let mean = raw.sigmoid::<FMA>();
            of(mean, mean * (one - mean), x)
        }),
    }
}

/// One cell; `entry` gives the value and its slope from output and observation.
#[inline(always)]
fn row<T: Number>(raw: &mut [T], x: &[T], weight: T, entry: impl Fn(T, T) -> (T, T)) -> T {
    let mut sums = [T::default(); LANES];
    let mut part = |raw: &mut [T], x: &[T]| {
        for ((raw, &x), sum) in raw.iter_mut().zip(x).zip(&mut sums) {
            let (nll, slope) = entry(*raw, x);
            *sum += nll;
            *raw = weight * slope;
        }
    };
    let (whole, rest) = raw.split_at_mut(raw.len() - raw.len() % LANES);
    let (of_whole, of_rest) = x.split_at(whole.len());
    for (raw, x) in whole
        .chunks_exact_mut(LANES)
        .zip(of_whole.chunks_exact(LANES))
    {
        part(raw, x);
    }
    part(rest, of_rest);
    T::from_f64(sums.iter().map(|s| s.to_f64()).sum())
}
