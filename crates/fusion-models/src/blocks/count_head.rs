//! From hidden states to distributions of counts.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use zinb::kernel::MeanLink;
use zinb::tensor::{CountOutput, Dispersion};

use super::linear::linear;

/// Settings of [`CountHead`].
#[derive(Clone, Debug, PartialEq)]
pub struct CountHeadConfig {
    /// Width of the hidden state.
    pub d_input: usize,
    /// Features.
    pub n_features: usize,
    /// Whether zeros may come from elsewhere too (ZINB instead of NB).
    pub extra_zeros: bool,
}

/// Counts of every feature: `m = library softmax(x W + b)`, inverse dispersion `e^p` per feature, logits of an extra
/// zero `x V + c`.
#[derive(Module, Debug)]
pub struct CountHead {
    share: Linear,
    zero: Option<Linear>,
    log_theta: Param<Tensor<1>>,
}

impl CountHeadConfig {
    /// A new head; the inverse dispersions start at 1.
    pub fn init(&self, device: &Device) -> CountHead {
        let linear = || LinearConfig::new(self.d_input, self.n_features).init(device);
        CountHead {
            share: linear(),
            zero: self.extra_zeros.then(linear),
            log_theta: Param::from_tensor(Tensor::zeros([self.n_features], device)),
        }
    }
}

impl CountHead {
    /// Hidden states `[cells, d_input]` and library sizes `[cells]`.
    pub fn forward(&self, x: Tensor<2>, library: Tensor<1>) -> CountOutput {
        CountOutput {
            h: linear(&self.share, x.clone()),
            mean_link: MeanLink::Softmax,
            scale: library,
            dispersion: Some(Dispersion::per_feature(self.log_theta.val())),
            logit: self.zero.as_ref().map(|zero| linear(zero, x)),
        }
    }

    /// Means of a count part with library sizes `[cells]`, `[cells, features]`: the denoised counts.
    pub fn mean(&self, x: Tensor<2>, library: Tensor<1>) -> Tensor<2> {
        CountOutput {
            h: linear(&self.share, x),
            mean_link: MeanLink::Softmax,
            scale: library,
            dispersion: None,
            logit: None,
        }
        .mu()
    }
}
