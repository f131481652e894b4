//! Reductions and normalisation of one row, in fixed lanes so that they vectorise and always add
//! in the same order.

use super::real::Real;

const LANES: usize = 16;

/// Sums `N` quantities over `0..n`. Lane `i mod 16` takes element `i`, then the lanes are added
/// as a tree: the order does not depend on the machine.
#[inline(always)]
pub fn sums<T: Real, const N: usize>(n: usize, term: impl Fn(usize) -> [T; N]) -> [T; N] {
    let mut acc = [[T::ZERO; LANES]; N];
    let full = n / LANES * LANES;
    let mut i = 0;
    while i < full {
        for lane in 0..LANES {
            let x = term(i + lane);
            for s in 0..N {
                acc[s][lane] += x[s];
            }
        }
        i += LANES;
    }
    for lane in 0..n - full {
        let x = term(full + lane);
        for s in 0..N {
            acc[s][lane] += x[s];
        }
    }
    acc.map(|mut a| {
        let mut width = LANES / 2;
        while width > 0 {
            for lane in 0..width {
                let high = a[lane + width];
                a[lane] += high;
            }
            width /= 2;
        }
        a[0]
    })
}

/// Replaces a row by `(z - mean) / sqrt(var + eps)` (biased variance) and returns the reciprocal
/// of that root.
#[inline(always)]
pub fn standardise<T: Real>(z: &mut [T], eps: T) -> T {
    let n = z.len();
    let scale = T::ONE / T::of(n as f64);
    let [sum] = sums(n, |i| [z[i]]);
    let mean = sum * scale;
    let [square] = sums(n, |i| {
        let d = z[i] - mean;
        [d * d]
    });
    let inverse = T::ONE / (square * scale + eps).root();
    for x in z.iter_mut() {
        *x = (*x - mean) * inverse;
    }
    inverse
}

/// Gradient through [`standardise`]: `y <- (y - mean(y) - x̂ mean(y x̂)) / σ` with `x̂` the
/// standardised row and `inverse = 1/σ`. Returns `mean(y x̂)`.
#[inline(always)]
pub fn through_standardise<T: Real>(y: &mut [T], normal: &[T], inverse: T) -> T {
    let n = y.len();
    let scale = T::ONE / T::of(n as f64);
    let normal = &normal[..n];
    let [sum, along] = sums(n, |i| [y[i], y[i] * normal[i]]);
    let (mean, along) = (sum * scale, along * scale);
    for i in 0..n {
        y[i] = (y[i] - mean - normal[i] * along) * inverse;
    }
    along
}
