//! What every likelihood of the crate can do.

use crate::Real;

/// The log-likelihood of one observation and its gradient.
///
/// A likelihood is a struct of its parameters. The gradient is the same struct with the derivative of the
/// log-likelihood in each field: `gradient.mu` is ∂ll/∂mu at the parameters' values.
///
/// Conventions shared by all: natural logarithms; log-likelihoods, not losses; nothing is clamped and nothing is
/// added inside a logarithm. Where the exact value is infinite (a count above zero under a mean of zero) the result
/// is infinite. Outside the domain (negative counts, infinite observations, parameters out of range, NaN) the value
/// and every derivative are NaN. Nothing panics.
pub trait Likelihood: Sized {
    /// Number type of parameters, observations and results.
    type Value: Real;

    /// Log-likelihood of the observation `x`.
    fn ll(&self, x: Self::Value) -> Self::Value;

    /// Log-likelihood of `x`, and its derivative by each parameter.
    fn ll_grad(&self, x: Self::Value) -> (Self::Value, Self);
}

/// A count: zero or more, not necessarily whole.
pub(crate) fn is_count(x: f64) -> bool {
    x >= 0.0 && x.is_finite()
}

/// A mean of counts.
pub(crate) fn is_mean(mu: f64) -> bool {
    mu >= 0.0 && mu.is_finite()
}

/// A probability or a fraction.
pub(crate) fn is_probability(p: f64) -> bool {
    (0.0..=1.0).contains(&p)
}
