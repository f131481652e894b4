//! Settings of inClust+.

use burn::tensor::Device;
use fusion_core::ConfigError;
use mask_modules::MaskPlan;
use serde::{Deserialize, Serialize};

use super::Inclust;
use crate::blocks::{
    Activation, Arithmetic, GroupInput, GroupLikelihood, Normalization, ValueLink,
};

/// What is known of a group of features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// What the encoder is given of it.
    pub input: GroupInput,
    /// Entry of the batch that the encoder is given, with as many features; that of the group itself if none.
    pub input_entry: Option<String>,
    /// How its values are distributed.
    pub likelihood: GroupLikelihood,
    /// Weight of its negative log-likelihood (of a squared error: the precision of the observations).
    pub weight: f64,
    /// The group whose counts its means are relative to; its own if none. For counts that some data sets lack.
    pub anchor: Option<String>,
}

/// Weights of the losses that no group has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InclustWeights {
    /// Divergence from the prior. Default 1e-3 of the evidence bound's: at 1 the latent variable keeps little but the cell's class (section 10 of
    /// the notes on the published weights). Published 1.
    pub kl: f64,
    /// Pull of the components towards equal shares of every cell. Default 0; 1 is the evidence bound's.
    pub entropy: f64,
    /// Cross-entropy of given labels. Default 1; published 50 beside a reconstruction of 5 per squared error.
    pub labels: f64,
}

impl Default for InclustWeights {
    fn default() -> Self {
        Self {
            kl: 1e-3,
            entropy: 0.0,
            labels: 1.0,
        }
    }
}

/// Where the share of a cell's covariates in its latent mean comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shift {
    /// The encoder gives the mean without it, and it is added: the encoder has no reason to tell batches apart, the decoder is told.
    #[default]
    Added,
    /// The encoder gives the mean with it, and it is taken out for classifier and prior (published): the encoder must find it in the features.
    Removed,
}

/// Settings of inClust+.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InclustConfig {
    /// Width of the latent vector. Default 32; published 50.
    pub n_latent: usize,
    /// Widths of the encoder's hidden layers. Default one of 256; published 200 and 50.
    pub encoder: Vec<usize>,
    /// Widths of the decoder's hidden layers. Default one of 64; published 200.
    pub decoder: Vec<usize>,
    /// What the hidden layers normalise. Default `layer`, which treats a cell alike in every batch; published `none`.
    pub normalization: Normalization,
    /// What follows. Default `relu`.
    pub activation: Activation,
    /// Dropout in the encoder. Default 0.3; published 0.
    pub dropout: f64,
    /// Share of input values that are hidden in training. Default 0.5; published 0.
    pub input_dropout: f64,
    /// Probability that a visible group is hidden in training where others are visible too. Default 0; published 0.
    pub group_dropout: f64,
    /// Where the share of the covariates in the latent mean comes from. Default `added`; published `removed`.
    pub shift: Shift,
    /// How covariates are taken out of the latent vector. Default `minus`.
    pub arithmetic: Arithmetic,
    /// Whether the decoder is told the covariates beside the latent vector, so that what sets batches apart feature by feature needs no place in it.
    /// Default `false`; `integrate` starts from `true`; published `false`.
    pub conditional_decoder: bool,
    /// Whether their embedding has a bias, which cannot be told from the prior means. Default `false`; published `true`.
    pub covariate_bias: bool,
    /// Standard deviation of the prior means at the start. Default 0.1; published 0.
    pub prior_std: f64,
    /// Share of the training over which the divergence comes in. Default 0.25; published 0.
    pub kl_warmup: f64,
    /// Weights of the losses.
    pub weights: InclustWeights,
    /// Whether rows see only what the plan shows them. Default `true`; `false` is the published program's fault: the mask is made and not
    /// used.
    pub apply_input_mask: bool,
}

impl Default for InclustConfig {
    fn default() -> Self {
        Self {
            n_latent: 32,
            encoder: vec![256],
            decoder: vec![64],
            normalization: Normalization::Layer,
            activation: Activation::Relu,
            dropout: 0.3,
            input_dropout: 0.5,
            group_dropout: 0.0,
            shift: Shift::Added,
            arithmetic: Arithmetic::Minus,
            conditional_decoder: false,
            covariate_bias: false,
            prior_std: 0.1,
            kl_warmup: 0.25,
            weights: InclustWeights::default(),
            apply_input_mask: true,
        }
    }
}

impl InclustConfig {
    /// The published sizes and weights, with labels (`supervised` and `semi_supervised`), and a working input mask.
    pub fn paper() -> Self {
        Self {
            n_latent: 50,
            encoder: vec![200, 50],
            decoder: vec![200],
            normalization: Normalization::None,
            dropout: 0.0,
            input_dropout: 0.0,
            shift: Shift::Removed,
            covariate_bias: true,
            prior_std: 0.0,
            kl_warmup: 0.0,
            weights: InclustWeights {
                kl: 1.0,
                entropy: 0.0,
                labels: 50.0,
            },
            ..Self::default()
        }
    }

    /// [`paper`](Self::paper) as the published program runs: the encoder sees everything, and the entropy term is on, because its default
    /// mode is misspelt.
    pub fn bug_compatible() -> Self {
        let paper = Self::paper();
        Self {
            apply_input_mask: false,
            weights: InclustWeights {
                entropy: 1.0,
                ..paper.weights
            },
            ..paper
        }
    }

    /// The published likelihood of a group: half the squared error, five times.
    pub fn published_group(link: ValueLink) -> GroupConfig {
        GroupConfig {
            input: GroupInput::AsIs,
            input_entry: None,
            likelihood: GroupLikelihood::Squared(link),
            weight: 5.0,
            anchor: None,
        }
    }

    /// All violations at once.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut wrong = ConfigError::default();
        wrong.require(self.n_latent > 0, "n_latent must be at least 1");
        for (name, widths) in [("encoder", &self.encoder), ("decoder", &self.decoder)] {
            wrong.require(
                !widths.is_empty() && widths.iter().all(|&w| w > 0),
                format!("{name} needs at least one width, each at least 1"),
            );
        }
        for (name, share) in [
            ("dropout", self.dropout),
            ("input_dropout", self.input_dropout),
            ("group_dropout", self.group_dropout),
        ] {
            wrong.require(
                (0.0..1.0).contains(&share),
                format!("{name} = {share} must be in 0..1"),
            );
        }
        wrong.require(
            (0.0..=1.0).contains(&self.kl_warmup),
            format!("kl_warmup = {} must be in 0..=1", self.kl_warmup),
        );
        let w = self.weights;
        for (name, value) in [
            ("prior_std", self.prior_std),
            ("weights.kl", w.kl),
            ("weights.entropy", w.entropy),
            ("weights.labels", w.labels),
        ] {
            wrong.require(
                value.is_finite() && value >= 0.0,
                format!("{name} = {value} must be finite and not negative"),
            );
        }
        wrong.into_result()
    }

    /// A new model for a plan, with what is known of each of its groups, that many covariates and components of the prior.
    ///
    /// # Errors
    /// All violations of [`validate`](Self::validate), another number of groups, an anchor that is not there or not of counts, no
    /// covariate, no component.
    pub fn init(
        &self,
        plan: &MaskPlan,
        groups: &[GroupConfig],
        n_covariates: usize,
        n_components: usize,
        device: &Device,
    ) -> Result<Inclust, ConfigError> {
        self.validate()?;
        let mut wrong = ConfigError::default();
        let n = plan.groups().len();
        wrong.require(
            groups.len() == n,
            format!("the plan has {n} groups, settings are for {}", groups.len()),
        );
        wrong.require(
            n_covariates > 0,
            "there are no covariates; one stands for none",
        );
        wrong.require(n_components > 0, "the prior has no components");
        for (group, config) in plan.groups().iter().zip(groups) {
            let name = &group.name;
            wrong.require(
                config.weight.is_finite() && config.weight >= 0.0,
                format!(
                    "weight of '{name}' = {} must be finite and not negative",
                    config.weight
                ),
            );
            if let Some(anchor) = &config.anchor {
                let of = plan.group(anchor).and_then(|g| groups.get(g));
                wrong.require(
                    of.is_some_and(|g| g.likelihood.counts() && g.anchor.is_none())
                        && config.likelihood.counts(),
                    format!("'{name}' has the anchor '{anchor}': both must be counts, the anchor with none of its own"),
                );
            }
        }
        wrong.into_result()?;
        Ok(Inclust::new(
            self,
            plan,
            groups,
            n_covariates,
            n_components,
            device,
        ))
    }
}
