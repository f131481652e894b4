//! Sums and multiples in place.

use multiversion::multiversion;
use rayon::prelude::*;

use super::{PIECE, real::Real, stays_here};

/// `sum += x`, element by element.
///
/// # Panics
///
/// When the lengths differ.
pub fn add<T: Real>(sum: &mut [T], x: &[T]) {
    assert_eq!(sum.len(), x.len(), "add: lengths differ");
    if stays_here(sum.len()) {
        return add_piece(sum, x);
    }
    sum.par_chunks_mut(PIECE)
        .zip(x.par_chunks(PIECE))
        .for_each(|(sum, x)| add_piece(sum, x));
}

/// `x *= factor`, element by element.
pub fn scale<T: Real>(x: &mut [T], factor: T) {
    if stays_here(x.len()) {
        return scale_piece(x, factor);
    }
    x.par_chunks_mut(PIECE).for_each(|x| scale_piece(x, factor));
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx512bw", "x86_64+avx2"))]
fn add_piece<T: Real>(sum: &mut [T], x: &[T]) {
    for (sum, &x) in sum.iter_mut().zip(x) {
        *sum += x;
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx512bw", "x86_64+avx2"))]
fn scale_piece<T: Real>(x: &mut [T], factor: T) {
    for x in x.iter_mut() {
        *x = *x * factor;
    }
}
