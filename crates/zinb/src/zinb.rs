//! Negative binomial counts with extra zeros.

use crate::likelihood::is_probability;
use crate::special::{log_sum_exp, sigmoid_f64 as sigmoid, softplus_f64 as softplus};
use crate::{Likelihood, Real, nb};

/// Zero-inflated negative binomial; the probability of an extra zero is `pi = 1 / (1 + exp(-logit))`.
///
/// With `p0 = (1 + m/t)^-t`, the probability of a zero under [`Nb`](crate::Nb):
///
/// ```text
/// x = 0:  ll = ln(pi + (1 - pi) p0)        w = (1 - pi) p0 / (pi + (1 - pi) p0)
///         ∂ll/∂m = -w t/(t+m)   ∂ll/∂t = w (m/(t+m) - ln(1 + m/t))   ∂ll/∂logit = 1 - pi - w
/// x > 0:  ll = ll_nb - ln(1 + exp(logit))
///         ∂ll/∂m, ∂ll/∂t as for Nb                                   ∂ll/∂logit = -pi
/// ```
///
/// w is the posterior probability that the zero is a count. Domain: that of `Nb`; any finite `logit`. Neither pi nor
/// p0 is ever rounded to 0 or 1: with `e = 1 - p0` from `expm1`, `ll = ln(1 - (1-pi) e)` and
/// `∂ll/∂logit = e (1-pi) (1-w)`, products that keep their relative accuracy; where `(1-pi) e > 1/2` the sum of
/// exponentials is taken in logarithms.
///
/// ```
/// use zinb::{Likelihood, Zinb};
/// let (ll, _) = Zinb { mu: 2.0f64, theta: 1.0, logit: 0.0 }.ll_grad(0.0);
/// assert!((ll - (0.5f64 + 0.5 / 3.0).ln()).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Zinb<T> {
    /// Mean of the count part.
    pub mu: T,
    /// Inverse dispersion of the count part.
    pub theta: T,
    /// Log odds of an extra zero.
    pub logit: T,
}

impl<T: Real> Likelihood for Zinb<T> {
    type Value = T;

    fn ll(&self, x: T) -> T {
        let (x, mu, theta, logit) = (
            x.to_f64(),
            self.mu.to_f64(),
            self.theta.to_f64(),
            self.logit.to_f64(),
        );
        T::from_f64(value(x, mu, theta, logit))
    }

    fn ll_grad(&self, x: T) -> (T, Self) {
        let (x, mu, theta, logit) = (
            x.to_f64(),
            self.mu.to_f64(),
            self.theta.to_f64(),
            self.logit.to_f64(),
        );
        let (d_mu, d_theta, d_logit) = gradient(x, mu, theta, logit);
        let gradient = Zinb {
            mu: T::from_f64(d_mu),
            theta: T::from_f64(d_theta),
            logit: T::from_f64(d_logit),
        };
        (T::from_f64(value(x, mu, theta, logit)), gradient)
    }
}

fn value(x: f64, mu: f64, theta: f64, logit: f64) -> f64 {
    if !(nb::in_domain(x, mu, theta) && logit.is_finite()) {
        return f64::NAN;
    }
    if x > 0.0 {
        return nb::value(x, mu, theta) - softplus(logit);
    }
    let ln_p0 = nb::value_at_zero(mu, theta);
    let missing = sigmoid(-logit) * ln_p0.exp_m1(); // -(1 - pi)(1 - p0)
    if missing > -0.5 {
        missing.ln_1p()
    } else {
        // only for logit < 0: numerator exp(logit) + p0, denominator exp(logit) + 1
        log_sum_exp(logit, ln_p0) - logit.exp().ln_1p()
    }
}

fn gradient(x: f64, mu: f64, theta: f64, logit: f64) -> (f64, f64, f64) {
    if !(nb::in_domain(x, mu, theta) && logit.is_finite()) {
        return (f64::NAN, f64::NAN, f64::NAN);
    }
    let (d_mu, d_theta) = nb::gradient(x, mu, theta);
    if x > 0.0 {
        return (d_mu, d_theta, -sigmoid(logit));
    }
    let ln_p0 = nb::value_at_zero(mu, theta);
    let w = sigmoid(ln_p0 - logit);
    let d_logit = -ln_p0.exp_m1() * sigmoid(-logit) * sigmoid(logit - ln_p0);
    (w * d_mu, w * d_theta, d_logit)
}

/// Zero-inflated negative binomial by the probability `pi` of an extra zero, 0 and 1 included.
///
/// As [`Zinb`], with `∂ll/∂pi = (1 - p0) / (pi + (1 - pi) p0)` at `x = 0` and `-1 / (1 - pi)` above. With `pi = 1` a
/// count above zero has the value -∞ and ∂ll/∂pi = -∞. A probability next to 1 has few digits left of `1 - pi`: where
/// there is a choice, use the logit.
///
/// ```
/// use zinb::{Likelihood, Nb, ZinbPi};
/// let without = ZinbPi { mu: 2.0f64, theta: 1.5, pi: 0.0 };
/// assert_eq!(without.ll(4.0), Nb { mu: 2.0, theta: 1.5 }.ll(4.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ZinbPi<T> {
    /// Mean of the count part.
    pub mu: T,
    /// Inverse dispersion of the count part.
    pub theta: T,
    /// Probability of an extra zero.
    pub pi: T,
}

impl<T: Real> Likelihood for ZinbPi<T> {
    type Value = T;

    fn ll(&self, x: T) -> T {
        let (x, mu, theta, pi) = (
            x.to_f64(),
            self.mu.to_f64(),
            self.theta.to_f64(),
            self.pi.to_f64(),
        );
        T::from_f64(value_pi(x, mu, theta, pi))
    }

    fn ll_grad(&self, x: T) -> (T, Self) {
        let (x, mu, theta, pi) = (
            x.to_f64(),
            self.mu.to_f64(),
            self.theta.to_f64(),
            self.pi.to_f64(),
        );
        let (d_mu, d_theta, d_pi) = gradient_pi(x, mu, theta, pi);
        let gradient = ZinbPi {
            mu: T::from_f64(d_mu),
            theta: T::from_f64(d_theta),
            pi: T::from_f64(d_pi),
        };
        (T::from_f64(value_pi(x, mu, theta, pi)), gradient)
    }
}

fn value_pi(x: f64, mu: f64, theta: f64, pi: f64) -> f64 {
    if !(nb::in_domain(x, mu, theta) && is_probability(pi)) {
        return f64::NAN;
    }
    let ln_count = (-pi).ln_1p();
    if x > 0.0 {
        return nb::value(x, mu, theta) + ln_count;
    }
    let ln_p0 = nb::value_at_zero(mu, theta);
    let missing = (1.0 - pi) * ln_p0.exp_m1();
    if missing > -0.5 {
        missing.ln_1p()
    } else {
        log_sum_exp(pi.ln(), ln_count + ln_p0)
    }
}

fn gradient_pi(x: f64, mu: f64, theta: f64, pi: f64) -> (f64, f64, f64) {
    if !(nb::in_domain(x, mu, theta) && is_probability(pi)) {
        return (f64::NAN, f64::NAN, f64::NAN);
    }
    let (d_mu, d_theta) = nb::gradient(x, mu, theta);
    if x > 0.0 {
        return (d_mu, d_theta, -1.0 / (1.0 - pi));
    }
    let ln_p0 = nb::value_at_zero(mu, theta);
    let w = sigmoid((-pi).ln_1p() + ln_p0 - pi.ln());
    let d_pi = -ln_p0.exp_m1() * (-value_pi(x, mu, theta, pi)).exp();
    (w * d_mu, w * d_theta, d_pi)
}
