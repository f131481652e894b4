//! One step of AdamW.

use multiversion::multiversion;
use rayon::prelude::*;

use super::{PIECE, real::Real, stays_here};

/// What is the same for all elements of a step, rounded to the element type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWStep<T> {
    /// Share of the first moment that stays, `β₁`.
    pub beta_1: T,
    /// Share of the second moment that stays, `β₂`.
    pub beta_2: T,
    /// Share of the gradient in the first moment, `1 - β₁`.
    pub gain_1: T,
    /// Share of the squared gradient in the second moment, `1 - β₂`.
    pub gain_2: T,
    /// Bias correction of the first moment, `1 - β₁ᵗ`.
    pub correction_1: T,
    /// Bias correction of the second moment, `1 - β₂ᵗ`.
    pub correction_2: T,
    /// `ε`, added to the root of the corrected second moment.
    pub epsilon: T,
    /// Share of the parameter that decay leaves, `1 - rate λ`.
    pub keep: T,
    /// Learning rate.
    pub rate: T,
}

/// One step of AdamW on the elements of one parameter, in place.
///
/// With `first` the moments start here: what they hold is not read.
///
/// # Panics
///
/// When the lengths differ.
pub fn adamw<T: Real>(
    step: &AdamWStep<T>,
    first: bool,
    parameter: &mut [T],
    gradient: &[T],
    moment_1: &mut [T],
    moment_2: &mut [T],
) {
    let n = parameter.len();
    assert!(
        gradient.len() == n && moment_1.len() == n && moment_2.len() == n,
        "adamw: lengths differ"
    );
    let update = if first { start::<T> } else { proceed::<T> };
    if stays_here(n) {
        return update(step, parameter, gradient, moment_1, moment_2);
    }
    parameter
        .par_chunks_mut(PIECE)
        .zip(gradient.par_chunks(PIECE))
        .zip(moment_1.par_chunks_mut(PIECE))
        .zip(moment_2.par_chunks_mut(PIECE))
        .for_each(|(((p, g), m), v)| update(step, p, g, m, v));
}

/// The parameter after a step along the moments; the first is divided by its correction only if
/// `CORRECT_1`.
#[inline(always)]
fn moved<T: Real, const CORRECT_1: bool>(step: &AdamWStep<T>, p: T, m: T, v: T) -> T {
    let m = if CORRECT_1 { m / step.correction_1 } else { m };
    let along = m / ((v / step.correction_2).root() + step.epsilon);
    p * step.keep - along * step.rate
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx512bw", "x86_64+avx2"))]
fn proceed<T: Real>(step: &AdamWStep<T>, p: &mut [T], g: &[T], m: &mut [T], v: &mut [T]) {
    // Division and root are what bounds a step, and `1 - 0.9ᵗ` is 1 in `f32` from the 165th on.
    if step.correction_1 == T::ONE {
        proceed_with::<T, false>(step, p, g, m, v);
    } else {
        proceed_with::<T, true>(step, p, g, m, v);
    }
}

#[inline(always)]
fn proceed_with<T: Real, const CORRECT_1: bool>(
    step: &AdamWStep<T>,
    p: &mut [T],
    g: &[T],
    m: &mut [T],
    v: &mut [T],
) {
    for (((p, &g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
        *m = *m * step.beta_1 + g * step.gain_1;
        *v = *v * step.beta_2 + g * g * step.gain_2;
        *p = moved::<T, CORRECT_1>(step, *p, *m, *v);
    }
}

/// As [`proceed`] from moments that are not there yet. (Zeros would do but for the sign of zero.)
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx512bw", "x86_64+avx2"))]
fn start<T: Real>(step: &AdamWStep<T>, p: &mut [T], g: &[T], m: &mut [T], v: &mut [T]) {
    for (((p, &g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
        *m = g * step.gain_1;
        *v = g * g * step.gain_2;
        *p = moved::<T, true>(step, *p, *m, *v);
    }
}
