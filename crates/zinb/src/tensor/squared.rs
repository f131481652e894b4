//! Squared errors.

use burn::tensor::{Tensor, activation};

use super::ops::{in_one_pass, value_nll};
use super::simple::{GaussianOutput, observed, reduce};
use super::{BatchLikelihood, Nll, Targets, Weights};
use crate::kernel::{ValueFamily, ValueLink};

/// Values whose errors are all of one size.
///
/// ```text
/// ll = - (x - link(raw))² / 2          a normal of variance 1, but for its constant ln(2π)/2
/// ```
///
/// On Flex value and gradient come from one pass over the batch, unless features have weights, and targets that are sparse stay so; elsewhere tensor operations run.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use zinb::kernel::ValueLink;
/// use zinb::tensor::{BatchLikelihood, SquaredOutput, Targets, Weights};
///
/// let device = Device::flex();
/// let output = SquaredOutput { raw: Tensor::from_data([[1.0f32, -2.0]], &device), link: ValueLink::Relu };
/// let x = Tensor::<2>::from_data([[3.0f32, 1.0]], &device);
/// let nll = output.nll(&Targets::Dense(x), &Weights::mean_over_cells());
/// assert_eq!(nll.loss.into_scalar::<f32>(), (2.0 * 2.0 + 1.0) / 2.0);
/// ```
#[derive(Clone, Debug)]
pub struct SquaredOutput {
    /// What the network puts out, `[cells, features]`.
    pub raw: Tensor<2>,
    /// From there to the mean.
    pub link: ValueLink,
}

impl BatchLikelihood for SquaredOutput {
    fn nll(&self, targets: &Targets, weights: &Weights) -> Nll {
        self.clone().into_nll(targets, weights)
    }

    /// On Flex the gradient takes the memory of `raw` where nothing else holds it.
    fn into_nll(self, targets: &Targets, weights: &Weights) -> Nll {
        if !in_one_pass(&self.raw, weights) {
            let error = self.mean() - observed(targets, weights, &self.raw);
            return reduce(error.square() * -0.5, weights);
        }
        value_nll(self.raw, ValueFamily::Squared(self.link), targets, weights)
    }

    fn mean(&self) -> Tensor<2> {
        let raw = self.raw.clone();
        match self.link {
            ValueLink::Identity => raw,
            ValueLink::Relu => activation::relu(raw),
            ValueLink::Sigmoid => activation::sigmoid(raw),
        }
    }

    fn variance(&self) -> Tensor<2> {
        self.raw.ones_like()
    }

    fn zero_probability(&self) -> Tensor<2> {
        self.raw.zeros_like()
    }

    fn sample(&self, seed: u64) -> Tensor<2> {
        let mean = self.mean();
        let log_sd = mean.zeros_like();
        GaussianOutput { mean, log_sd }.sample(seed)
    }
}
