//! The sum of squares.

use multiversion::multiversion;
use rayon::prelude::*;

use super::{PIECE, real::Real, stays_here};

const LANES: usize = 16;

/// `Σ x²` in doubles: in fixed lanes within a piece, then over the pieces in their order.
pub fn sum_of_squares<T: Real>(x: &[T]) -> f64 {
    if stays_here(x.len()) {
        return x.chunks(PIECE).map(piece).sum();
    }
    let sums: Vec<f64> = x.par_chunks(PIECE).map(piece).collect();
    sums.into_iter().sum()
}

/// Lane `i mod 16` takes element `i`, then the lanes are added in order.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx512bw", "x86_64+avx2"))]
fn piece<T: Real>(x: &[T]) -> f64 {
    let mut lanes = [0.0f64; LANES];
    let mut rows = x.chunks_exact(LANES);
    for row in rows.by_ref() {
        for (lane, x) in lanes.iter_mut().zip(row) {
            let x = x.wide();
            *lane += x * x;
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rows.remainder()) {
        let x = x.wide();
        *lane += x * x;
    }
    lanes.into_iter().sum()
}
