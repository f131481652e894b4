//! Settings of the verbs of inClust+.

use fusion_core::ConfigError;
use fusion_models::InclustConfig;
use fusion_models::blocks::{GroupLikelihood, Normalization, ValueLink};
use fusion_models::inclust::InclustWeights;
use serde::{Deserialize, Serialize};
use train::{Schedule, TrainConfig};

use super::{Group, Kind};
use crate::Error;
use crate::settings::{merge, parse_single};

/// Which rows the plan of masks has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanKind {
    /// All that a data set measured, from what it shares with others and from everything together: as few rows as reach everything.
    #[default]
    FromShared,
    /// What all data sets share is seen, all that was measured is scored (published: imputation).
    Imputation,
    /// What all share is seen, each other modality is scored in a row of its own (published: generation).
    Generation,
    /// Every group from itself, specific ones from shared ones (published: mosaic integration).
    Mosaic,
    /// Every ordered pair of groups, in files that have two at least (published: paired integration).
    Paired,
    /// Every ordered pair of groups, and all from all.
    AllWays,
}

/// How the encoder's values of RNA are scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// By one number, so that the average gene varies by 1; zeros stay zeros.
    #[default]
    Together,
    /// Each gene in each data set to mean 0 and variance 1, so that technologies are alike; values are dense.
    PerDataset,
    /// Each gene in each data set by its largest value, so that values are in 0 to 1 (published); zeros stay zeros.
    ByMaximum,
}

/// Likelihoods of the kinds of modalities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Likelihoods {
    /// Of RNA: `nb`, `zinb` or `poisson` of counts; of the values that the encoder is given, which must be scaled in each data set, `gaussian`,
    /// or half their squared error: `{ squared = "identity" }`, and where they are in 0 to 1 `"relu"` or `"sigmoid"` (published). Default `nb`.
    pub rna: GroupLikelihood,
    /// Of protein: `gaussian` of standardised `ln(1 + counts)`, or one of counts, whose library is the cell's protein. Default `gaussian`: what is
    /// generated is on that scale, and no library has to be guessed.
    pub protein: GroupLikelihood,
    /// Of chromatin, zeros and ones. Default `bernoulli`.
    pub chromatin: GroupLikelihood,
}

impl Default for Likelihoods {
    fn default() -> Self {
        Self {
            rna: GroupLikelihood::Nb,
            protein: GroupLikelihood::Gaussian,
            chromatin: GroupLikelihood::Bernoulli,
        }
    }
}

/// Weights of the kinds of modalities: of the mean over features of the negative log-likelihood.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KindWeights {
    /// Of RNA that all data sets have, where there is something else to predict from it. Default 0.05.
    pub shared_rna: f64,
    /// Of other RNA. Default 1.
    pub rna: f64,
    /// Of protein. Default 1.
    pub protein: f64,
    /// Of chromatin. Default 1.
    pub chromatin: f64,
}

impl Default for KindWeights {
    fn default() -> Self {
        Self {
            shared_rna: 0.05,
            rna: 1.0,
            protein: 1.0,
            chromatin: 1.0,
        }
    }
}

impl KindWeights {
    /// Of a group, for each of its features; `all_share` says that it is RNA of all data sets beside other groups.
    pub(super) fn of(&self, group: &Group, all_share: bool) -> f64 {
        let weight = match group.kind {
            Kind::Rna if all_share => self.shared_rna,
            Kind::Rna => self.rna,
            Kind::Protein => self.protein,
            Kind::Chromatin => self.chromatin,
        };
        weight / group.features.len() as f64
    }
}

/// Settings of `integrate`, `impute`, `transfer` and `generate`.
///
/// ```
/// use cellweave::inclust::InclustSettings;
/// let settings = InclustSettings::from_toml("n_models = 1\n[model]\nn_latent = 10", &[]).unwrap();
/// assert_eq!((settings.n_models, settings.model.n_latent), (1, 10));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InclustSettings {
    /// Layer with raw counts, in every file and modality; `""` is X. Default `""`.
    pub layer: String,
    /// Whether values that are not whole numbers are taken as counts. Default `false`.
    pub allow_non_integer: bool,
    /// Genes are left out that fewer cells have. Default 3.
    pub min_cells: usize,
    /// Highly variable genes (flavour `seurat`) of each group that are used; 0 uses all. Default 2000.
    pub n_top_genes: usize,
    /// Sum that RNA counts are scaled to before `ln(1 + x)` in front of the encoder; 0 takes counts as they are. Default 10,000; `impute` starts from 0.
    pub target_sum: f64,
    /// How the encoder's values of RNA are scaled. Default `together`; `impute` starts from `per_dataset`.
    pub scaling: Scaling,
    /// Whether features are used that only some of the files with their modality have. Default `true`; `integrate` starts from `false`.
    pub specific: bool,
    /// Which rows the plan of masks has. Default `from_shared`.
    pub plan: PlanKind,
    /// Likelihoods.
    pub likelihoods: Likelihoods,
    /// Weights of the modalities.
    pub weights: KindWeights,
    /// Models that are trained from different seeds and averaged. Default 5.
    pub n_models: usize,
    /// Whether `transfer` asks a linear classifier besides (logistic regression on principal components; geometric mean of the probabilities). Default `true`.
    pub linear: bool,
    /// Components of the prior where there are no labels. Default 1.
    pub n_components: usize,
    /// The network.
    pub model: InclustConfig,
    /// Optimiser steps of a model where `train.epochs` is 0. Default 400; `impute` starts from 1200.
    pub steps: usize,
    /// Epochs at least where `train.epochs` is 0. Default 20; `impute` starts from 5.
    pub least_epochs: usize,
    /// The training loop.
    pub train: TrainConfig,
}

impl Default for InclustSettings {
    fn default() -> Self {
        Self {
            layer: String::new(),
            allow_non_integer: false,
            min_cells: 3,
            n_top_genes: 2000,
            target_sum: 1e4,
            scaling: Scaling::Together,
            specific: true,
            plan: PlanKind::FromShared,
            likelihoods: Likelihoods::default(),
            weights: KindWeights::default(),
            n_models: 5,
            linear: true,
            n_components: 1,
            model: InclustConfig::default(),
            steps: 400,
            least_epochs: 20,
            train: TrainConfig {
                epochs: 0,
                batch_size: 128,
                micro_batch: 128,
                learning_rate: 1e-3,
                warmup_epochs: 1,
                schedule: Schedule::Cosine,
                weight_decay: 1e-4,
                clip_norm: 5.0,
                validation_fraction: 0.0,
                patience: 0,
                checkpoint_every: 10,
                ..TrainConfig::default()
            },
        }
    }
}

impl InclustSettings {
    /// Where `impute` starts from: technologies differ, so that each gene is standardised in each data set, and depth is left in, which says
    /// more of a spot than it disturbs (measured: `docs/results.md`).
    pub fn imputation() -> Self {
        let base = Self::default();
        Self {
            target_sum: 0.0,
            scaling: Scaling::PerDataset,
            plan: PlanKind::Imputation,
            likelihoods: Likelihoods {
                rna: GroupLikelihood::Gaussian,
                ..base.likelihoods
            },
            steps: 1200,
            least_epochs: 5,
            train: TrainConfig {
                batch_size: 64,
                micro_batch: 64,
                ..base.train.clone()
            },
            ..base
        }
    }

    /// Where `integrate` starts from: what all files have is what counts, each gene standardised in each file; a narrow latent vector and a decoder that is told the
    /// batch and wide enough to use it (measured: `docs/results.md`).
    pub fn integration() -> Self {
        let base = Self::default();
        Self {
            scaling: Scaling::PerDataset,
            weights: KindWeights {
                shared_rna: 1.0,
                ..base.weights
            },
            specific: false,
            n_models: 1,
            steps: 1600,
            model: InclustConfig {
                n_latent: 10,
                decoder: vec![256],
                conditional_decoder: true,
                weights: InclustWeights {
                    kl: 2e-3,
                    ..base.model.weights
                },
                ..base.model.clone()
            },
            ..base
        }
    }

    /// The defaults, then TOML, then single settings such as `train.epochs=20`.
    ///
    /// # Errors
    /// What is no TOML, unknown fields, and all violations of [`validate`](Self::validate).
    pub fn from_toml(text: &str, single: &[String]) -> Result<Self, Error> {
        Self::default().with_toml(text, single)
    }

    /// These settings, then TOML, then single ones.
    ///
    /// # Errors
    /// As [`from_toml`](Self::from_toml).
    pub fn with_toml(&self, text: &str, single: &[String]) -> Result<Self, Error> {
        let wrong = |e: &dyn std::fmt::Display| Error::Settings(e.to_string());
        let mut table = toml::Table::try_from(self).map_err(|e| wrong(&e))?;
        merge(&mut table, text.parse().map_err(|e| wrong(&e))?);
        for setting in single {
            merge(&mut table, parse_single(setting)?);
        }
        let settings: Self = table.try_into().map_err(|e| wrong(&e))?;
        settings.validate()?;
        Ok(settings)
    }

    /// The settings as TOML.
    pub fn to_toml(&self) -> Result<String, Error> {
        toml::to_string_pretty(self).map_err(|e| Error::Settings(e.to_string()))
    }

    /// All violations at once.
    pub fn validate(&self) -> Result<(), Error> {
        let mut wrong = ConfigError::default();
        wrong.require(
            self.target_sum.is_finite() && self.target_sum >= 0.0,
            format!("target_sum = {} must not be below 0", self.target_sum),
        );
        wrong.require(self.steps > 0, "steps must be at least 1");
        wrong.require(self.least_epochs > 0, "least_epochs must be at least 1");
        wrong.require(self.n_models > 0, "n_models must be at least 1");
        wrong.require(self.n_components > 0, "n_components must be at least 1");
        wrong.require(
            match self.likelihoods.rna {
                GroupLikelihood::Bernoulli => false,
                GroupLikelihood::Gaussian | GroupLikelihood::Squared(ValueLink::Identity) => {
                    self.scaling != Scaling::Together
                }
                GroupLikelihood::Squared(_) => self.scaling == Scaling::ByMaximum,
                GroupLikelihood::Nb | GroupLikelihood::Zinb | GroupLikelihood::Poisson => true,
            },
            "likelihoods.rna must be nb, zinb or poisson; or gaussian or { squared = \"identity\" } with scaling = \"per_dataset\" or \"by_maximum\"; \
             or { squared = \"relu\" } or { squared = \"sigmoid\" } with scaling = \"by_maximum\"",
        );
        wrong.require(
            self.likelihoods.protein == GroupLikelihood::Gaussian
                || self.likelihoods.protein.counts(),
            "likelihoods.protein must be gaussian, nb, zinb or poisson",
        );
        let w = self.weights;
        for (name, weight) in [
            ("shared_rna", w.shared_rna),
            ("rna", w.rna),
            ("protein", w.protein),
            ("chromatin", w.chromatin),
        ] {
            wrong.require(
                weight.is_finite() && weight >= 0.0,
                format!("weights.{name} = {weight} must be finite and not negative"),
            );
        }
        let (part, batch) = (self.train.micro_batch, self.train.batch_size);
        wrong.require(
            self.model.normalization != Normalization::Batch || part >= batch,
            format!(
                "train.micro_batch = {part} must be at least train.batch_size = {batch}: \
                 model.normalization = \"batch\" needs a batch in one part"
            ),
        );
        wrong.include("model", self.model.validate());
        wrong.include("train", self.train.validate());
        wrong
            .into_result()
            .map_err(|e| Error::Settings(e.to_string()))
    }

    /// These settings with the number of epochs for that many cells.
    pub(super) fn for_cells(&self, n_cells: usize) -> Self {
        let mut settings = self.clone();
        if settings.train.epochs == 0 {
            let steps_per_epoch = (n_cells / settings.train.batch_size).max(1);
            let least = settings.steps.div_ceil(steps_per_epoch);
            settings.train.epochs = least.max(settings.least_epochs);
        }
        settings
    }
}
