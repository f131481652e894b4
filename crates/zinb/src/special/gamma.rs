//! Log-gamma, digamma, trigamma in `f64`.

use super::stirling::{self, LARGE, polynomial, remainder};

/// ln(2π) / 2.
pub const LN_SQRT_2PI: f64 = 0.9189385332046728;

/// 1 - γ, γ Euler's constant.
const ONE_MINUS_EULER: f64 = 0.42278433509846713;

/// (-1)^k (ζ(k) - 1) / k for k = 2, 3, ...
const ZETA: [f64; 27] = [
    0.3224670334241132,
    -0.0673523010531981,
    0.020580808427784546,
    -0.007385551028673986,
    0.0028905103307415234,
    -0.001192753911703261,
    0.0005096695247430425,
    -0.00022315475845357939,
    9.945751278180853e-05,
    -4.492623673813314e-05,
    2.050721277567069e-05,
    -9.439488275268397e-06,
    4.374866789907488e-06,
    -2.039215753801366e-06,
    9.55141213040742e-07,
    -4.492469198764566e-07,
    2.1207184805554665e-07,
    -1.0043224823968099e-07,
    4.7698101693639804e-08,
    -2.2711094608943164e-08,
    1.0838659214896955e-08,
    -5.183475041970047e-09,
    2.4836745438024785e-09,
    -1.1921401405860912e-09,
    5.731367241678862e-10,
    -2.7595228851242334e-10,
    1.330476437424449e-10,
];

/// ln Γ(2 + z) for |z| <= 1/2: (1 - γ) z + Σ (-1)^k (ζ(k) - 1) z^k / k (Abramowitz and Stegun 6.1.33).
fn lgamma_near_2(z: f64) -> f64 {
    z * (ONE_MINUS_EULER + z * polynomial(&ZETA, z))
}

/// ln Γ(1 + z) for |z| <= 1/2.
fn lgamma_near_1(z: f64) -> f64 {
    lgamma_near_2(z) - z.ln_1p()
}

pub fn lgamma(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        f64::NAN
    } else if x < 0.5 {
        lgamma_near_1(x) - x.ln()
    } else if x < 1.5 {
        lgamma_near_1(x - 1.0)
    } else if x < LARGE {
        // down to [1.5, 2.5): Γ(x) = (x-1)(x-2)...(x-n) Γ(x-n)
        let (mut y, mut product) = (x, 1.0);
        while y >= 2.5 {
            y -= 1.0;
            product *= y;
        }
        lgamma_near_2(y - 2.0) + f64::ln(product)
    } else {
        (x - 0.5) * (x.ln() - 1.0) + (LN_SQRT_2PI - 0.5 + remainder(x))
    }
}

pub fn digamma(x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 {
        return f64::NAN;
    }
    let n = steps_to_large(x);
    let z = x + n;
    shifted(
        n,
        |i| 1.0 / (x + i),
        z.ln() + stirling::digamma_remainder(z),
        -1.0,
    )
}

pub fn trigamma(x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 {
        return f64::NAN;
    }
    let n = steps_to_large(x);
    shifted(
        n,
        |i| 1.0 / ((x + i) * (x + i)),
        stirling::trigamma(x + n),
        1.0,
    )
}

/// The number of unit steps that bring x to at least [`LARGE`].
pub fn steps_to_large(x: f64) -> f64 {
    (LARGE - x).ceil().max(0.0)
}

/// start + sign * Σ_{i < n} term(i), the largest term (i = 0) added last.
pub fn shifted(n: f64, term: impl Fn(f64) -> f64, start: f64, sign: f64) -> f64 {
    (0..n as usize)
        .rev()
        .fold(start, |sum, i| sum + sign * term(i as f64))
}

/// t (t+1) ... (t+n-1) for a whole number n of at most [`LARGE`].
pub fn rising(t: f64, n: f64) -> f64 {
    (0..n as usize).fold(1.0, |product, i| product * (t + i as f64))
}
