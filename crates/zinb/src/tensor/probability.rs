//! Extra zeros by probability.

use burn::tensor::{DType, Tensor};

/// The logits `ln pi - ln(1 - pi)` of probabilities of an extra zero, `[cells, features]`: for networks that end in
/// a sigmoid or a probability of their own (`CountOutput::logit` takes the result).
///
/// A network that can give logits should: a probability cannot be as close to 1 as a logit can say.
///
/// # Numerics
///
/// A probability of 0 counts as 1e-30 and one of 1 as the largest below it, so that logits are finite; there the
/// gradient is 0. In between it is exact, through both ends: nothing is added to `pi`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let pi = Tensor::<2>::from_data([[0.0f32, 0.5, 1.0]], &Device::flex());
/// let logit = zinb::tensor::logit_of_probability(pi).to_data().try_to_vec::<f32>().unwrap();
/// assert_eq!(logit[1], 0.0);
/// assert!(logit[0] < -60.0 && logit[2] > 15.0);
/// ```
pub fn logit_of_probability(pi: Tensor<2>) -> Tensor<2> {
    let last = match pi.dtype() {
        DType::F64 => 1.0 - f64::EPSILON / 2.0,
        _ => 1.0 - f64::from(f32::EPSILON) / 2.0,
    };
    let pi = pi.clamp(1e-30, last);
    pi.clone().log() - (-pi).log1p()
}
