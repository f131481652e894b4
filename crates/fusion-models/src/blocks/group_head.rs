//! From hidden states to the features of a group.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use fusion_core::Features;
use serde::{Deserialize, Serialize};
use zinb::kernel::{MeanLink, ValueLink};
use zinb::tensor::{
    BatchLikelihood, BernoulliOutput, CountOutput, Dispersion, GaussianOutput, SquaredOutput,
    Targets, Weights,
};

use super::linear::linear;

/// How the values of a group are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupLikelihood {
    /// `1/2 (x - mean)^2`, the published one: a normal of fixed precision, which the group's weight is. Published links: `relu` by
    /// default, `sigmoid` for imputation.
    Squared(ValueLink),
    /// Normal, with a learned standard deviation per feature.
    Gaussian,
    /// Negative binomial.
    Nb,
    /// Zero-inflated negative binomial.
    Zinb,
    /// Poisson.
    Poisson,
    /// Zeros and ones.
    Bernoulli,
}

impl GroupLikelihood {
    /// Whether values are counts, whose mean goes with a library size.
    pub fn counts(self) -> bool {
        matches!(self, Self::Nb | Self::Zinb | Self::Poisson)
    }
}

/// What a group is predicted to be, `[rows, features]` each, in the units of its values.
#[derive(Clone, Debug)]
pub struct Predicted {
    /// Expected values.
    pub mean: Tensor<2>,
    /// Standard deviations of the likelihood; 0 of a squared error, which has none.
    pub sd: Tensor<2>,
}

/// A likelihood over the features of a group.
///
/// Counts have the mean `library e^h / sum of e^h over the features of the anchor`: the group itself, or the group whose counts are at
/// hand in every data set. So what a data set lacks is predicted on the scale of what it has.
#[derive(Module, Debug)]
pub struct GroupHead {
    mean: Linear,
    zero: Option<Linear>,
    /// `ln theta` or `ln sd`.
    spread: Option<Param<Tensor<1>>>,
    #[module(skip)]
    likelihood: GroupLikelihood,
}

impl GroupHead {
    /// A head for hidden states of that width.
    pub fn new(
        likelihood: GroupLikelihood,
        width: usize,
        n_features: usize,
        device: &Device,
    ) -> Self {
        let layer = || LinearConfig::new(width, n_features).init(device);
        let spread = matches!(
            likelihood,
            GroupLikelihood::Gaussian | GroupLikelihood::Nb | GroupLikelihood::Zinb
        );
        Self {
            mean: layer(),
            zero: (likelihood == GroupLikelihood::Zinb).then(layer),
            spread: spread.then(|| Param::from_tensor(Tensor::zeros([n_features], device))),
            likelihood,
        }
    }

    /// The same with a bias of the means that learns, whatever else does.
    pub fn with_free_bias(mut self) -> Self {
        self.mean.bias = self.mean.bias.map(|bias| bias.set_require_grad(true));
        self
    }

    /// Width of the hidden states that it is given.
    pub fn width(&self) -> usize {
        self.mean.weight.dims()[0]
    }

    /// The likelihood.
    pub fn likelihood(&self) -> GroupLikelihood {
        self.likelihood
    }

    /// Raw outputs `h`, `[rows, features]`: what the head of another group may have as its anchor.
    pub fn raw(&self, hidden: Tensor<2>) -> Tensor<2> {
        linear(&self.mean, hidden)
    }

    /// Means of counts without extra zeros, `[rows, features]`, for libraries `[rows]` of the group itself.
    pub fn rates(&self, hidden: Tensor<2>, library: Tensor<1>) -> Tensor<2> {
        CountOutput {
            h: self.raw(hidden),
            mean_link: MeanLink::Softmax,
            scale: library,
            dispersion: None,
            logit: None,
        }
        .mu()
    }

    /// Counts of libraries `[rows]`; `anchor` are the raw outputs of the group that they are the library of, if it is another.
    pub fn counts(
        &self,
        hidden: Tensor<2>,
        library: Tensor<1>,
        anchor: Option<Tensor<2>>,
    ) -> CountOutput {
        let h = self.raw(hidden.clone());
        let (h, mean_link) = match anchor {
            None => (h, MeanLink::Softmax),
            Some(anchor) => (h - log_sum_exp(anchor), MeanLink::Exp),
        };
        CountOutput {
            h,
            mean_link,
            scale: library,
            dispersion: self
                .spread
                .as_ref()
                .map(|log_theta| Dispersion::per_feature(log_theta.val())),
            logit: self.zero.as_ref().map(|zero| linear(zero, hidden)),
        }
    }

    fn gaussian(&self, hidden: Tensor<2>) -> GaussianOutput {
        let mean = self.raw(hidden);
        let log_sd = match &self.spread {
            // A feature that is constant must not have a density without bound.
            Some(log_sd) => log_sd.val().clamp(-6.0, 6.0),
            None => Tensor::zeros([mean.dims()[1]], &mean.device()),
        };
        GaussianOutput {
            mean,
            log_sd: log_sd.unsqueeze(),
        }
    }

    /// `sum over rows of weight x negative log-likelihood`, `[1]`, the sum over features.
    ///
    /// `hidden` `[rows, width]`, `targets` `[rows, features]`, `weights` and `library` `[rows]`.
    pub fn loss(
        &self,
        hidden: Tensor<2>,
        targets: &Features,
        weights: Tensor<1>,
        library: Option<Tensor<1>>,
        anchor: Option<Tensor<2>>,
    ) -> Tensor<1> {
        let values = match targets {
            Features::Dense(x) => Targets::Dense(x.clone()),
            Features::Sparse(x) => Targets::Sparse(x.clone()),
        };
        let of_rows = Weights {
            features: None,
            cells: Some(weights.clone()),
        };
        match self.likelihood {
            GroupLikelihood::Squared(link) => {
                let raw = self.raw(hidden);
                SquaredOutput { raw, link }.into_nll(&values, &of_rows).loss
            }
            GroupLikelihood::Gaussian => self.gaussian(hidden).nll(&values, &of_rows).loss,
            GroupLikelihood::Bernoulli => {
                let logit = self.raw(hidden);
                BernoulliOutput { logit }.into_nll(&values, &of_rows).loss
            }
            GroupLikelihood::Nb | GroupLikelihood::Zinb | GroupLikelihood::Poisson => {
                let library = library.unwrap_or_else(|| library_of(targets));
                self.counts(hidden, library, anchor)
                    .into_nll(&values, &of_rows)
                    .loss
            }
        }
    }

    /// Means and deviations. Counts need `library` `[rows]`, and the anchor's raw outputs if their library is that of another group.
    pub fn predict(
        &self,
        hidden: Tensor<2>,
        library: Option<Tensor<1>>,
        anchor: Option<Tensor<2>>,
    ) -> Predicted {
        match self.likelihood {
            GroupLikelihood::Squared(link) => {
                let raw = self.raw(hidden);
                let mean = SquaredOutput { raw, link }.mean();
                let sd = mean.zeros_like();
                Predicted { mean, sd }
            }
            GroupLikelihood::Gaussian => of(&self.gaussian(hidden)),
            GroupLikelihood::Bernoulli => {
                let logit = self.raw(hidden);
                of(&BernoulliOutput { logit })
            }
            GroupLikelihood::Nb | GroupLikelihood::Zinb | GroupLikelihood::Poisson => {
                let n = hidden.dims()[0];
                let library = library.unwrap_or_else(|| Tensor::ones([n], &hidden.device()));
                of(&self.counts(hidden, library, anchor))
            }
        }
    }
}

fn of(output: &impl BatchLikelihood) -> Predicted {
    Predicted {
        mean: output.mean(),
        sd: output.variance().sqrt(),
    }
}

/// `ln sum of e^x` of every row, `[rows, 1]`.
fn log_sum_exp(x: Tensor<2>) -> Tensor<2> {
    let top = x.clone().detach().max_dim(1);
    (x - top.clone()).exp().sum_dim(1).log() + top
}

/// Sums of counts, `[rows]`.
pub(crate) fn library_of(x: &Features) -> Tensor<1> {
    match x {
        Features::Sparse(x) => x.row_sums(),
        Features::Dense(x) => x.clone().sum_dim(1).squeeze_dim(1),
    }
}
