//! Distributions whose zeros are not special.

use burn::tensor::{Tensor, activation};

use super::ops::{in_one_pass, value_nll};
use super::{BatchLikelihood, Nll, Targets, Weights, predictive, reference};
use crate::kernel::ValueFamily;

/// Normal observations.
///
/// `ll = -((x - mean)/sd)²/2 - ln sd - ln(2π)/2`, in tensor operations.
#[derive(Clone, Debug)]
pub struct GaussianOutput {
    /// Mean, `[cells, features]`.
    pub mean: Tensor<2>,
    /// Logarithm of the standard deviation, `[cells, features]` or `[1, features]`.
    pub log_sd: Tensor<2>,
}

/// Zeros and ones, or fractions between.
///
/// `ll = x l - ln(1 + e^l)` with the log odds l. On Flex value and gradient come from one pass over the batch, unless features have weights, and
/// targets that are sparse stay so; elsewhere tensor operations run.
#[derive(Clone, Debug)]
pub struct BernoulliOutput {
    /// Log odds of a one, `[cells, features]`.
    pub logit: Tensor<2>,
}

/// Weights the entries and adds them up.
pub(super) fn reduce(ll: Tensor<2>, weights: &Weights) -> Nll {
    let ([cells, features], device) = (ll.dims(), ll.device());
    let ll = match &weights.features {
        None => ll,
        Some((w, rows)) => {
            let w = rows.select(w.clone().without_autodiff()).to_device(&device);
            let w = w.expand([cells, features]);
            (ll * w.clone()).mask_fill(w.equal_elem(0.0), 0.0)
        }
    };
    let per_cell: Tensor<1> = -ll.sum_dim(1).squeeze_dim::<1>(1);
    let loss = match &weights.cells {
        Some(w) => (per_cell.clone() * w.clone().without_autodiff().to_device(&device)).sum(),
        None => per_cell.clone().mean(),
    };
    Nll {
        loss,
        per_cell: per_cell.without_autodiff(),
    }
}

/// Targets as a constant, with 0 in place of what has no weight.
pub(super) fn observed(targets: &Targets, weights: &Weights, like: &Tensor<2>) -> Tensor<2> {
    assert_eq!(targets.dims(), like.dims(), "targets and network's output");
    let x = targets.to_dense().to_device(&like.device());
    match &weights.features {
        None => x,
        Some((w, rows)) => {
            let w = rows
                .select(w.clone().without_autodiff())
                .to_device(&like.device());
            let off = w.expand(like.dims()).equal_elem(0.0);
            x.mask_fill(off, 0.0)
        }
    }
}

impl BatchLikelihood for GaussianOutput {
    fn nll(&self, targets: &Targets, weights: &Weights) -> Nll {
        let x = observed(targets, weights, &self.mean);
        let z = (x - self.mean.clone()) * (-self.log_sd.clone()).exp();
        let ll = -(z.clone() * z * 0.5) - self.log_sd.clone() - crate::special::LN_SQRT_2PI;
        reduce(ll, weights)
    }

    fn mean(&self) -> Tensor<2> {
        self.mean.clone()
    }

    fn variance(&self) -> Tensor<2> {
        (self.log_sd.clone() * 2.0).exp().expand(self.mean.dims())
    }

    fn zero_probability(&self) -> Tensor<2> {
        self.mean.zeros_like()
    }

    fn sample(&self, seed: u64) -> Tensor<2> {
        predictive::sample_gaussian(self, seed)
    }
}

impl BatchLikelihood for BernoulliOutput {
    fn nll(&self, targets: &Targets, weights: &Weights) -> Nll {
        self.clone().into_nll(targets, weights)
    }

    /// On Flex the gradient takes the memory of `logit` where nothing else holds it.
    fn into_nll(self, targets: &Targets, weights: &Weights) -> Nll {
        if in_one_pass(&self.logit, weights) {
            return value_nll(self.logit, ValueFamily::Bernoulli, targets, weights);
        }
        let x = observed(targets, weights, &self.logit);
        let l = self.logit;
        let ll =
            -(x.clone() * reference::softplus(-l.clone()) + (-x + 1.0) * reference::softplus(l));
        reduce(ll, weights)
    }

    fn mean(&self) -> Tensor<2> {
        activation::sigmoid(self.logit.clone())
    }

    fn variance(&self) -> Tensor<2> {
        activation::sigmoid(self.logit.clone()) * activation::sigmoid(-self.logit.clone())
    }

    fn zero_probability(&self) -> Tensor<2> {
        activation::sigmoid(-self.logit.clone())
    }

    fn sample(&self, seed: u64) -> Tensor<2> {
        predictive::sample_bernoulli(self, seed)
    }
}
