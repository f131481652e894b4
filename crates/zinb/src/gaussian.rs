//! Gaussian observations.

use crate::special::LN_SQRT_2PI;
use crate::{Likelihood, Real};

/// Normal distribution by mean and standard deviation. With `z = (x - mean) / sd`:
/// `ll = -z²/2 - ln sd - ln(2π)/2`, `∂ll/∂mean = z / sd`, `∂ll/∂sd = (z² - 1) / sd`.
///
/// Domain: finite `x` and `mean`, finite `sd > 0`. `z² - 1` is computed as `(z - 1)(z + 1)`.
///
/// ```
/// use zinb::{Gaussian, Likelihood};
/// let (ll, gradient) = Gaussian { mean: 1.0f64, sd: 2.0 }.ll_grad(5.0);
/// assert!((ll + 2.0 + 2f64.ln() + 0.9189385332046728).abs() < 1e-15);
/// assert_eq!((gradient.mean, gradient.sd), (1.0, 1.5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaussian<T> {
    /// Mean.
    pub mean: T,
    /// Standard deviation.
    pub sd: T,
}

impl<T: Real> Likelihood for Gaussian<T> {
    type Value = T;

    fn ll(&self, x: T) -> T {
        self.ll_grad(x).0
    }

    fn ll_grad(&self, x: T) -> (T, Self) {
        let (ll, d_mean, d_sd) = evaluate(x.to_f64(), self.mean.to_f64(), self.sd.to_f64());
        (
            T::from_f64(ll),
            Gaussian {
                mean: T::from_f64(d_mean),
                sd: T::from_f64(d_sd),
            },
        )
    }
}

fn evaluate(x: f64, mean: f64, sd: f64) -> (f64, f64, f64) {
    if !(x.is_finite() && mean.is_finite() && sd > 0.0 && sd.is_finite()) {
        return (f64::NAN, f64::NAN, f64::NAN);
    }
    let z = (x - mean) / sd;
    (
        -0.5 * z * z - sd.ln() - LN_SQRT_2PI,
        z / sd,
        (z - 1.0) * (z + 1.0) / sd,
    )
}
