//! Standard scores.

use sc_io::{Dense, Matrix};

use crate::counts::to_f32;
use crate::{Moments, PrepError};

/// Standard scores `(x - mean) / sd` of each column, `sd` with n - 1 in the denominator.
///
/// Constant columns are divided by 1. Keep the fitted value for further cells. The definition is
/// that of `scanpy.pp.scale`.
///
/// ```
/// use sc_io::{Dense, Matrix};
/// use sc_prep::Scaler;
/// let x = Matrix::Dense(Dense::new(3, 1, vec![1.0, 2.0, 3.0]).unwrap());
/// let z = Scaler::fit(&x).transform(&x, true, Some(0.5)).unwrap();
/// assert_eq!(z.values(), [-0.5, 0.0, 0.5]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Scaler {
    /// Column means.
    pub mean: Vec<f64>,
    /// Column standard deviations; 1 where constant.
    pub sd: Vec<f64>,
}

impl Scaler {
    /// Means and standard deviations of the columns.
    pub fn fit(x: &Matrix) -> Self {
        let Moments { mean, variance } = Moments::of(x);
        let sd = variance
            .into_iter()
            .map(|v| if v > 0.0 { v.sqrt() } else { 1.0 })
            .collect();
        Self { mean, sd }
    }

    /// Dense standard scores: memory `n_cells * n_features`. `center: false` only divides.
    /// Values are cut at `max_value`, and at `-max_value` if centred.
    ///
    /// # Errors
    /// Another number of columns than was fitted.
    pub fn transform(
        &self,
        x: &Matrix,
        center: bool,
        max_value: Option<f64>,
    ) -> Result<Dense, PrepError> {
        if x.n_cols() != self.mean.len() {
            let (found, expected) = (self.mean.len(), x.n_cols());
            return Err(PrepError::Length {
                what: "the fitted scaler",
                found,
                expected,
            });
        }
        let mut out = x.to_dense();
        for r in 0..out.n_rows() {
            for (c, v) in out.row_mut(r).iter_mut().enumerate() {
                let shifted = f64::from(*v) - if center { self.mean[c] } else { 0.0 };
                let mut z = shifted / self.sd[c];
                if let Some(max) = max_value {
                    z = z.min(max);
                    z = if center { z.max(-max) } else { z };
                }
                *v = to_f32(z);
            }
        }
        Ok(out)
    }
}

/// [`Scaler::fit`] and a centred [`Scaler::transform`] in one call.
///
/// # Errors
/// None in practice: the shapes are the same.
pub fn scale(x: &Matrix, max_value: Option<f64>) -> Result<Dense, PrepError> {
    Scaler::fit(x).transform(x, true, max_value)
}
