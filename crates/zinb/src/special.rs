//! Special functions on the positive real line, and differences of them that do not cancel.
//!
//! | file | what |
//! |---|---|
//! | `special/gamma.rs` | log-gamma, digamma, trigamma |
//! | `special/stirling.rs` | the remainders of their asymptotic series and differences of those |
//! | `special/difference.rs` | lgamma(t+x) - lgamma(t) and digamma(t+x) - digamma(t) |
//! | `special/elementary.rs` | sigmoid, softplus, ln(1+u) - u |
//!
//! Error bounds measured against 80-digit values are in the crate documentation.

mod difference;
mod elementary;
mod gamma;
mod stirling;

use crate::Real;

pub(crate) use difference::{digamma_excess, lgamma_difference as lgamma_difference_f64};
pub(crate) use elementary::{
    deviance, ln_1p_ratio, ln_ratio_excess, log_sum_exp, sigmoid as sigmoid_f64,
    softplus as softplus_f64, xlogy,
};
pub(crate) use gamma::{LN_SQRT_2PI, lgamma as lgamma_f64, rising};
pub(crate) use stirling::{LARGE, remainder, remainder_difference};

/// Logarithm of the gamma function, ln Γ(x), for x >= 0.
///
/// Taylor series about 1 and 2 (so the zeros there keep their relative accuracy), the recurrence up to 16, Stirling's
/// series beyond. +∞ at 0 and +∞; NaN for negative or NaN arguments.
///
/// ```
/// assert!((zinb::special::lgamma(5.0) - 24f64.ln()).abs() < 1e-15);
/// assert_eq!(zinb::special::lgamma(2.0), 0.0);
/// ```
pub fn lgamma<T: Real>(x: T) -> T {
    T::from_f64(gamma::lgamma(x.to_f64()))
}

/// Digamma function, ψ(x) = d ln Γ(x) / dx, for x > 0.
///
/// Recurrence ψ(x) = ψ(x+1) - 1/x up to 16, asymptotic series beyond. Near its zero at 1.4616... the error is
/// absolute (about 1e-15), not relative. NaN for x <= 0.
pub fn digamma<T: Real>(x: T) -> T {
    T::from_f64(gamma::digamma(x.to_f64()))
}

/// Trigamma function, ψ'(x), for x > 0. NaN for x <= 0.
pub fn trigamma<T: Real>(x: T) -> T {
    T::from_f64(gamma::trigamma(x.to_f64()))
}

/// ln Γ(t + x) - ln Γ(t) for t > 0, x >= 0, also where both are huge and nearly equal.
///
/// Subtracting two library values loses t ln t machine epsilons; here the leading terms of Stirling's series are
/// subtracted by hand: with n = t + x, `(t - 1/2) ln(1 + x/t) + x (ln n - 1) + S(n) - S(t)`. NaN outside the domain.
///
/// ```
/// let d: f64 = zinb::special::lgamma_difference(1e10, 1.0); // = ln(1e10)
/// assert!((d - 1e10f64.ln()).abs() < 1e-14);
/// ```
pub fn lgamma_difference<T: Real>(t: T, x: T) -> T {
    T::from_f64(difference::lgamma_difference(t.to_f64(), x.to_f64()))
}

/// ψ(t + x) - ψ(t) for t > 0, x >= 0, with a small relative error for every t. NaN outside the domain.
///
/// ```
/// let d: f64 = zinb::special::digamma_difference(1e10, 1.0); // = 1 / t
/// assert!((d * 1e10 - 1.0).abs() < 1e-15);
/// ```
pub fn digamma_difference<T: Real>(t: T, x: T) -> T {
    T::from_f64(difference::digamma_difference(t.to_f64(), x.to_f64()))
}

/// ln(1 + u) - u for u >= -1, never positive, with a small relative error also next to u = 0.
pub fn ln_1p_minus<T: Real>(u: T) -> T {
    let u = u.to_f64();
    T::from_f64(ln_ratio_excess(1.0 + u, 1.0, u))
}

/// Logistic function 1 / (1 + exp(-v)), with a small relative error in both tails.
pub fn sigmoid<T: Real>(v: T) -> T {
    T::from_f64(elementary::sigmoid(v.to_f64()))
}

/// ln(1 + exp(v)), for every v; there is no threshold beyond which the gradient is lost.
pub fn softplus<T: Real>(v: T) -> T {
    T::from_f64(elementary::softplus(v.to_f64()))
}
