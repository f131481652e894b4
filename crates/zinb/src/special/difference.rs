//! ln Γ(t+x) - ln Γ(t) and ψ(t+x) - ψ(t), x >= 0.

use super::elementary::ln_1p_ratio;
use super::gamma::{lgamma, rising, shifted, steps_to_large};
use super::stirling::{LARGE, digamma_remainder_difference, remainder_difference};

fn in_domain(t: f64, x: f64) -> bool {
    t > 0.0 && x >= 0.0
}

pub fn lgamma_difference(t: f64, x: f64) -> f64 {
    if !in_domain(t, x) {
        f64::NAN
    } else if t >= LARGE {
        (t - 0.5) * ln_1p_ratio(x, t) + x * ((t + x).ln() - 1.0) + remainder_difference(t, x)
    } else if x > LARGE {
        lgamma(t + x) - lgamma(t)
    } else if x.fract() == 0.0 {
        rising(t, x).ln()
    } else {
        // Γ(t+x)/Γ(t) = Γ(t+n+x)/Γ(t+n) / Π (1 + x/(t+i)); `excess` is the product without i = 0, minus one
        let n = steps_to_large(t);
        let mut excess = 0.0;
        for i in 1..n as usize {
            let r = x / (t + i as f64);
            excess += r + excess * r;
        }
        lgamma_difference(t + n, x) - f64::ln_1p(excess) - ln_1p_ratio(x, t)
    }
}

pub fn digamma_difference(t: f64, x: f64) -> f64 {
    if !in_domain(t, x) {
        f64::NAN
    } else if t >= LARGE {
        ln_1p_ratio(x, t) + digamma_remainder_difference(t, x)
    } else if x <= LARGE && x.fract() == 0.0 {
        shifted(x, |i| 1.0 / (t + i), 0.0, 1.0)
    } else {
        // ψ(t+x) - ψ(t) = ψ(t+n+x) - ψ(t+n) + Σ x / ((t+i)(t+i+x)): only positive terms
        let n = steps_to_large(t);
        shifted(
            n,
            |i| x / (t + i + x) / (t + i),
            digamma_difference(t + n, x),
            1.0,
        )
    }
}

/// ψ(t+x) - ψ(t) - ln(1 + x/t) >= 0: what the slope in t keeps when the two logarithms have been combined.
pub fn digamma_excess(t: f64, x: f64) -> f64 {
    if t >= LARGE {
        digamma_remainder_difference(t, x)
    } else {
        digamma_difference(t, x) - ln_1p_ratio(x, t)
    }
}
