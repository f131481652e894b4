//! Negative binomial counts.

use crate::likelihood::{is_count, is_mean};
use crate::special::{
    LARGE, deviance, digamma_excess, lgamma_difference_f64, lgamma_f64, ln_1p_ratio,
    ln_ratio_excess, remainder_difference, rising,
};
use crate::{Likelihood, Real, poisson};

/// Negative binomial by mean m and inverse dispersion t; the variance is `m + m²/t`.
///
/// ```text
/// ll      = ln Γ(x+t) - ln Γ(t) - ln Γ(x+1) - t ln(1 + m/t) - x ln(1 + t/m)
/// ∂ll/∂m  = t (x - m) / (m (t + m))
/// ∂ll/∂t  = ψ(x+t) - ψ(t) - ln(1 + m/t) + (m - x)/(t + m)
/// ```
///
/// Domain: `x >= 0` (fractions too, through Γ), `mu >= 0`, `theta > 0`. `theta = +∞` is the Poisson distribution.
/// With `mu = 0` the value is 0 at `x = 0` and -∞ above.
///
/// From t = 16 on the value is taken as the Poisson value plus what vanishes with 1/t (see the crate documentation),
/// so it does not lose digits however large t is.
///
/// ```
/// use zinb::{Likelihood, Nb};
/// let (ll, gradient) = Nb { mu: 2.0f64, theta: 1.0 }.ll_grad(3.0); // theta = 1: geometric
/// assert!((ll - ((2.0f64 / 3.0).powi(3) / 3.0).ln()).abs() < 1e-15);
/// assert!((gradient.mu - 1.0 / 6.0).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nb<T> {
    /// Mean.
    pub mu: T,
    /// Inverse dispersion.
    pub theta: T,
}

impl<T: Real> Likelihood for Nb<T> {
    type Value = T;

    fn ll(&self, x: T) -> T {
        T::from_f64(value(x.to_f64(), self.mu.to_f64(), self.theta.to_f64()))
    }

    fn ll_grad(&self, x: T) -> (T, Self) {
        let (x, mu, theta) = (x.to_f64(), self.mu.to_f64(), self.theta.to_f64());
        let (d_mu, d_theta) = gradient(x, mu, theta);
        let gradient = Nb {
            mu: T::from_f64(d_mu),
            theta: T::from_f64(d_theta),
        };
        (T::from_f64(value(x, mu, theta)), gradient)
    }
}

pub(crate) fn in_domain(x: f64, mu: f64, theta: f64) -> bool {
    is_count(x) && is_mean(mu) && theta > 0.0
}

pub(crate) fn value(x: f64, mu: f64, theta: f64) -> f64 {
    if !in_domain(x, mu, theta) {
        f64::NAN
    } else if x == 0.0 {
        value_at_zero(mu, theta)
    } else if theta == f64::INFINITY {
        poisson::value(x, mu)
    } else if theta < LARGE {
        ln_coefficient(x, theta) - theta * ln_1p_ratio(mu, theta) - x * ln_1p_ratio(theta, mu)
    } else {
        let (n, s) = (x + theta, theta + mu);
        // The n = x + t trials split into x and t; expected are lambda and n - lambda.
        let (lambda, rest) = (mu * (n / s), theta * (n / s));
        let d = (x - mu) * (theta / s); // x - lambda
        poisson::value_from(x, lambda, d) - deviance(theta, rest, -d) - 0.5 * ln_1p_ratio(x, theta)
            + remainder_difference(theta, x)
    }
}

/// ln of the probability of a zero, -t ln(1 + m/t).
pub(crate) fn value_at_zero(mu: f64, theta: f64) -> f64 {
    if mu < 1e-17 * theta {
        -mu
    } else {
        -theta * ln_1p_ratio(mu, theta)
    }
}

/// ∂ll/∂mu and ∂ll/∂theta.
pub(crate) fn gradient(x: f64, mu: f64, theta: f64) -> (f64, f64) {
    if !in_domain(x, mu, theta) {
        return (f64::NAN, f64::NAN);
    }
    if theta == f64::INFINITY {
        return (poisson::slope(x, mu), 0.0);
    }
    let s = theta + mu;
    let d_mu = poisson::slope(x, mu) * (theta / s);
    // The two logarithms of ∂ll/∂t, ln(1 + x/t) inside the digammas and ln(1 + m/t), are one: ln((t+x)/(t+m)).
    let d_theta = ln_ratio_excess(theta + x, s, x - mu) + digamma_excess(theta, x);
    (d_mu, d_theta)
}

/// ln [Γ(x+t) / (Γ(t) Γ(x+1))] for t < 16.
fn ln_coefficient(x: f64, theta: f64) -> f64 {
    if x >= LARGE {
        lgamma_difference_f64(x, theta) - x.ln() - lgamma_f64(theta)
    } else if x.fract() == 0.0 {
        (rising(theta, x) / rising(1.0, x)).ln()
    } else {
        lgamma_difference_f64(theta, x) - lgamma_f64(x + 1.0)
    }
}
