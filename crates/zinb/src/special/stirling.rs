//! Remainders of the asymptotic series, for arguments of at least [`LARGE`].
//!
//! ln Γ(z) = (z - 1/2) ln z - z + ln(2π)/2 + S(z), S(z) = Σ s_k / z^(2k-1), s_k = B_2k / (2k (2k-1));
//! ψ(z) = ln z - 1/(2z) - Σ p_k / z^2k, p_k = B_2k / 2k; ψ'(z) = 1/z + 1/(2z²) + Σ B_2k / z^(2k+1). B_2k are the Bernoulli
//! numbers (Abramowitz and Stegun 6.1.40, 6.3.18, 6.4.11). From z = 16 on, the first term left out is below 2e-18.

/// From here on the asymptotic series are used.
pub const LARGE: f64 = 16.0;

const LGAMMA: [f64; 6] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1260.0,
    -1.0 / 1680.0,
    1.0 / 1188.0,
    -691.0 / 360360.0,
];
const DIGAMMA: [f64; 6] = [
    1.0 / 12.0,
    -1.0 / 120.0,
    1.0 / 252.0,
    -1.0 / 240.0,
    1.0 / 132.0,
    -691.0 / 32760.0,
];
const TRIGAMMA: [f64; 6] = [
    1.0 / 6.0,
    -1.0 / 30.0,
    1.0 / 42.0,
    -1.0 / 30.0,
    5.0 / 66.0,
    -691.0 / 2730.0,
];

/// Σ c_k v^k, k = 0, 1, ...
pub fn polynomial(c: &[f64], v: f64) -> f64 {
    c.iter().rev().fold(0.0, |sum, c| sum * v + c)
}

/// S(z).
pub fn remainder(z: f64) -> f64 {
    let b = 1.0 / z;
    b * polynomial(&LGAMMA, b * b)
}

/// ψ(z) - ln z.
pub fn digamma_remainder(z: f64) -> f64 {
    let b = 1.0 / z;
    let b2 = b * b;
    -(0.5 * b + b2 * polynomial(&DIGAMMA, b2))
}

/// ψ'(z).
pub fn trigamma(z: f64) -> f64 {
    let b = 1.0 / z;
    let b2 = b * b;
    b + b2 * (0.5 + b * polynomial(&TRIGAMMA, b2))
}

/// S(t + x) - S(t). Each difference of powers holds the factor 1/t - 1/n = x / (t n), which is taken out.
pub fn remainder_difference(t: f64, x: f64) -> f64 {
    let (a, b) = (1.0 / (t + x), 1.0 / t);
    // q = (b^m - a^m) / (b - a) for m = 1, 3, 5, ...; power = b^m
    let (mut q, mut power, mut sum) = (1.0, b, 0.0);
    for s in LGAMMA {
        sum += s * q;
        q = a * a * q + power * (a + b);
        power *= b * b;
    }
    -(x * a * b) * sum
}

/// [ψ(t+x) - ln(t+x)] - [ψ(t) - ln t], never negative.
pub fn digamma_remainder_difference(t: f64, x: f64) -> f64 {
    let (a, b) = (1.0 / (t + x), 1.0 / t);
    // q = (b^m - a^m) / (b - a) for m = 2, 4, 6, ...; power = b^m
    let (mut q, mut power, mut sum) = (a + b, b * b, 0.5);
    for p in DIGAMMA {
        sum += p * q;
        q = a * a * q + power * (a + b);
        power *= b * b;
    }
    (x * a * b) * sum
}
