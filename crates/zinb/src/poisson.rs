//! Poisson counts.

use crate::likelihood::{is_count, is_mean};
use crate::special::{LARGE, LN_SQRT_2PI, deviance, lgamma_f64, remainder, rising};
use crate::{Likelihood, Real};

/// Poisson distribution: `ll = x ln mu - mu - ln Γ(x+1)`, `∂ll/∂mu = (x - mu) / mu`.
///
/// Domain: `x >= 0` (fractions too, through Γ), `mu >= 0`. With `mu = 0` the value is 0 at `x = 0` and -∞ above.
///
/// For `x >= 16` the value is computed as `-D(x, mu) - S(x) - ln(2π x)/2`, with the deviance
/// `D(x, mu) = x ln(x/mu) - (x - mu)` and the Stirling remainder S (the saddle-point form of C. Loader, "Fast and
/// accurate computation of binomial probabilities", 2000), because `x ln mu` and `ln Γ(x+1)` cancel.
///
/// ```
/// use zinb::{Likelihood, Poisson};
/// let (ll, gradient) = Poisson { mu: 2.0f64 }.ll_grad(3.0);
/// assert!((ll - (8f64.ln() - 2.0 - 6f64.ln())).abs() < 1e-15);
/// assert_eq!(gradient.mu, 0.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poisson<T> {
    /// Mean.
    pub mu: T,
}

impl<T: Real> Likelihood for Poisson<T> {
    type Value = T;

    fn ll(&self, x: T) -> T {
        T::from_f64(value(x.to_f64(), self.mu.to_f64()))
    }

    fn ll_grad(&self, x: T) -> (T, Self) {
        let (x, mu) = (x.to_f64(), self.mu.to_f64());
        let d_mu = if in_domain(x, mu) {
            slope(x, mu)
        } else {
            f64::NAN
        };
        (
            T::from_f64(value(x, mu)),
            Poisson {
                mu: T::from_f64(d_mu),
            },
        )
    }
}

fn in_domain(x: f64, mu: f64) -> bool {
    is_count(x) && is_mean(mu)
}

pub(crate) fn value(x: f64, mu: f64) -> f64 {
    if in_domain(x, mu) {
        value_from(x, mu, x - mu)
    } else {
        f64::NAN
    }
}

/// The log-likelihood for a caller who knows `d = x - mu` without cancellation.
pub(crate) fn value_from(x: f64, mu: f64, d: f64) -> f64 {
    if x == 0.0 {
        -mu
    } else if x < LARGE {
        let ln_factorial = if x.fract() == 0.0 {
            rising(1.0, x).ln()
        } else {
            lgamma_f64(x + 1.0)
        };
        x * mu.ln() - mu - ln_factorial
    } else {
        -deviance(x, mu, d) - remainder(x) - LN_SQRT_2PI - 0.5 * x.ln()
    }
}

/// (x - mu) / mu, with the limit -1 at x = 0 also when mu = 0.
pub(crate) fn slope(x: f64, mu: f64) -> f64 {
    if x == 0.0 { -1.0 } else { (x - mu) / mu }
}
