//! Counts by size factors.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use zinb::kernel::{MeanLink, ThetaLink};
use zinb::tensor::{CountOutput, Dispersion, RowMap};

use super::linear::linear as apply;

/// Where the three parameters of a zero-inflated negative binomial come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZinbHeads {
    /// Mean and extra zeros each have weights; one inverse dispersion per gene.
    #[default]
    PerGene,
    /// All three have weights: an inverse dispersion per cell and gene.
    PerCell,
    /// One matrix without a bias serves all three, as in the published program: the more counts, the more extra zeros.
    Shared,
}

/// Counts of every gene: `mu = size factor e^(x W + b)`, `pi = sigmoid(x V + c)`, `theta = e^p` per gene or
/// `ln(1 + e^(x U + d))` per cell and gene.
#[derive(Module, Debug)]
pub struct ZinbHead {
    mean: Linear,
    theta: Option<Linear>,
    zero: Option<Linear>,
    log_theta: Option<Param<Tensor<1>>>,
}

impl ZinbHead {
    /// A head for hidden states of that width.
    pub fn new(heads: ZinbHeads, width: usize, n_genes: usize, device: &Device) -> Self {
        let linear = |bias: bool| {
            LinearConfig::new(width, n_genes)
                .with_bias(bias)
                .init(device)
        };
        let shared = heads == ZinbHeads::Shared;
        Self {
            mean: linear(!shared),
            theta: (heads == ZinbHeads::PerCell).then(|| linear(true)),
            zero: (!shared).then(|| linear(true)),
            log_theta: (heads == ZinbHeads::PerGene)
                .then(|| Param::from_tensor(Tensor::zeros([n_genes], device))),
        }
    }

    /// Hidden states `[cells, width]` and size factors `[cells]`.
    pub fn forward(&self, x: Tensor<2>, size_factors: Tensor<1>) -> CountOutput {
        let h = apply(&self.mean, x.clone());
        let per_cell = |raw: Tensor<2>| Dispersion {
            raw,
            link: ThetaLink::Softplus,
            rows: RowMap::Each,
        };
        let dispersion = match (&self.log_theta, &self.theta) {
            (Some(log_theta), _) => Dispersion::per_feature(log_theta.val()),
            (None, Some(theta)) => per_cell(apply(theta, x.clone())),
            (None, None) => per_cell(h.clone()),
        };
        let logit = match &self.zero {
            Some(zero) => apply(zero, x),
            None => h.clone(),
        };
        CountOutput {
            h,
            mean_link: MeanLink::Exp,
            scale: size_factors,
            dispersion: Some(dispersion),
            logit: Some(logit),
        }
    }
}
