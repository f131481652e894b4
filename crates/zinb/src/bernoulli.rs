//! Zero-or-one observations, and fractions.

use crate::likelihood::is_probability;
use crate::special::{sigmoid_f64 as sigmoid, softplus_f64 as softplus, xlogy};
use crate::{Likelihood, Real};

/// Bernoulli distribution by the log odds l: `ll = x l - ln(1 + exp(l))`, `∂ll/∂l = x - 1/(1 + exp(-l))`.
///
/// Domain: `0 <= x <= 1` (a fraction gives minus the binary cross-entropy), any finite `logit`. Both are computed as
/// the sum of an `x` part and a `1 - x` part of the same sign, so large logits neither overflow nor cancel.
///
/// ```
/// use zinb::{Bernoulli, Likelihood};
/// assert_eq!(Bernoulli { logit: 1000.0f64 }.ll(0.0), -1000.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bernoulli<T> {
    /// Log odds of a one.
    pub logit: T,
}

impl<T: Real> Likelihood for Bernoulli<T> {
    type Value = T;

    fn ll(&self, x: T) -> T {
        self.ll_grad(x).0
    }

    fn ll_grad(&self, x: T) -> (T, Self) {
        let (ll, d_logit) = evaluate(x.to_f64(), self.logit.to_f64());
        (
            T::from_f64(ll),
            Bernoulli {
                logit: T::from_f64(d_logit),
            },
        )
    }
}

fn evaluate(x: f64, logit: f64) -> (f64, f64) {
    if !(is_probability(x) && logit.is_finite()) {
        return (f64::NAN, f64::NAN);
    }
    let ll = -(x * softplus(-logit) + (1.0 - x) * softplus(logit));
    (ll, x * sigmoid(-logit) - (1.0 - x) * sigmoid(logit))
}

/// Bernoulli distribution by the probability p of a one: `ll = x ln p + (1 - x) ln(1 - p)` with `0 ln 0 = 0`,
/// `∂ll/∂p = x/p - (1 - x)/(1 - p)`.
///
/// Domain: `0 <= x <= 1`, `0 <= p <= 1`. An observation of probability 0 has the value -∞ and an infinite derivative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BernoulliProb<T> {
    /// Probability of a one.
    pub p: T,
}

impl<T: Real> Likelihood for BernoulliProb<T> {
    type Value = T;

    fn ll(&self, x: T) -> T {
        self.ll_grad(x).0
    }

    fn ll_grad(&self, x: T) -> (T, Self) {
        let (ll, d_p) = evaluate_prob(x.to_f64(), self.p.to_f64());
        (
            T::from_f64(ll),
            BernoulliProb {
                p: T::from_f64(d_p),
            },
        )
    }
}

fn evaluate_prob(x: f64, p: f64) -> (f64, f64) {
    if !(is_probability(x) && is_probability(p)) {
        return (f64::NAN, f64::NAN);
    }
    let share = |x: f64, p: f64| if x == 0.0 { 0.0 } else { x / p };
    let zero = if x == 1.0 {
        0.0
    } else {
        (1.0 - x) * (-p).ln_1p()
    };
    (xlogy(x, p) + zero, share(x, p) - share(1.0 - x, 1.0 - p))
}
