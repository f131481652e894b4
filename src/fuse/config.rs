//! Settings of `cellweave fuse`.

use std::path::PathBuf;

use fusion_core::ConfigError;
use fusion_models::ScFusionTttConfig;
use serde::{Deserialize, Serialize};
use train::TrainConfig;

use crate::Error;
use crate::settings::{merge, parse_single};

/// A set of defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// What two CPU cores train in minutes.
    #[default]
    Small,
    /// The published system as far as it is known; wants a GPU or patience.
    Paper,
}

/// Which modalities and values are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InputConfig {
    /// Name of the RNA modality. Default `rna`; `gex` and `GEX` are found too.
    pub rna: String,
    /// Name of the protein modality. Default `adt`; `prot` and `protein` are found too.
    pub protein: String,
    /// Layer that holds the counts in both modalities; empty stands for `X`. Default empty.
    pub layer: String,
    /// Whether values that are not whole numbers are taken as counts. Default `false`.
    pub allow_non_integer: bool,
}

impl Default for InputConfig {
    fn default() -> Self {
        Self {
            rna: "rna".into(),
            protein: "adt".into(),
            layer: String::new(),
            allow_non_integer: false,
        }
    }
}

/// The order of the features along the model's sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SequenceOrder {
    /// Along the genome, proteins at the place of their genes.
    #[default]
    Genome,
    /// The genome order backwards.
    Reverse,
    /// A random order drawn from the seed.
    Shuffled,
    /// As in the file.
    File,
}

/// How counts become the model's input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrepConfig {
    /// Highly variable genes that are kept (flavour `seurat_v3`); all if there are not more.
    /// Default 4000 (scMMAE).
    pub n_top_genes: usize,
    /// Each cell's RNA counts are scaled to this sum before `ln(1 + x)`. Default 10,000.
    pub target_sum: f64,
    /// Whether isotype controls are left out. Default `true`.
    pub drop_isotype_controls: bool,
    /// Whether proteins are scaled to mean 0 and standard deviation 1 after the centred log-ratio.
    /// Default `true`: without it, the few proteins with a wide range are most of the loss.
    pub scale_proteins: bool,
    /// The order of the features. Default `genome`.
    pub order: SequenceOrder,
    /// Table or GTF/GFF with the positions of genes; used where `var` has none.
    pub positions: Option<PathBuf>,
    /// Table of antibody names and genes; asked before names are matched.
    pub antibodies: Option<PathBuf>,
}

impl Default for PrepConfig {
    fn default() -> Self {
        Self {
            n_top_genes: 4000,
            target_sum: 1e4,
            drop_isotype_controls: true,
            scale_proteins: true,
            order: SequenceOrder::Genome,
            positions: None,
            antibodies: None,
        }
    }
}

/// How the embedding is clustered and drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterConfig {
    /// Neighbours of a cell, itself included. Default 15.
    pub n_neighbors: usize,
    /// Resolution of Leiden. Default 1.
    pub resolution: f64,
    /// Whether a UMAP is computed. Default `true`.
    pub umap: bool,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            n_neighbors: 15,
            resolution: 1.0,
            umap: true,
        }
    }
}

/// All settings of `cellweave fuse`.
///
/// ```
/// use cellweave::fuse::FuseConfig;
/// let config = FuseConfig::from_toml("[train]\nepochs = 3").unwrap();
/// assert_eq!(config.train.epochs, 3);
/// assert!(FuseConfig::from_toml("[train]\nepochz = 3").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FuseConfig {
    /// The defaults that the other fields start from.
    pub preset: Preset,
    /// What is read.
    pub input: InputConfig,
    /// How it is prepared.
    pub prep: PrepConfig,
    /// The network.
    pub model: ScFusionTttConfig,
    /// The training loop.
    pub train: TrainConfig,
    /// Clusters and pictures.
    pub cluster: ClusterConfig,
}

impl FuseConfig {
    /// The defaults of a preset.
    pub fn of(preset: Preset) -> Self {
        let (model, train) = match preset {
            Preset::Paper => (ScFusionTttConfig::paper(), TrainConfig::default()),
            Preset::Small => (
                ScFusionTttConfig::small(),
                TrainConfig {
                    epochs: 0,
                    batch_size: 32,
                    learning_rate: 2e-3,
                    warmup_epochs: 3,
                    validation_fraction: 0.1,
                    patience: 10,
                    ..TrainConfig::default()
                },
            ),
        };
        Self {
            preset,
            input: InputConfig::default(),
            prep: PrepConfig::default(),
            model,
            train,
            cluster: ClusterConfig::default(),
        }
    }

    /// Settings from TOML; fields that are not named keep the value of the file's preset.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        Self::from_toml_with(text, &[])
    }

    /// Settings from TOML, then single ones such as `train.epochs=20` or `preset=paper`.
    pub fn from_toml_with(text: &str, single: &[String]) -> Result<Self, Error> {
        let wrong = |e: &dyn std::fmt::Display| Error::Settings(e.to_string());
        let mut given: toml::Table = text.parse().map_err(|e| wrong(&e))?;
        for setting in single {
            merge(&mut given, parse_single(setting)?);
        }
        let preset = match given.get("preset") {
            Some(value) => value.clone().try_into().map_err(|e| wrong(&e))?,
            None => Preset::default(),
        };
        let mut table = toml::Table::try_from(Self::of(preset)).map_err(|e| wrong(&e))?;
        merge(&mut table, given);
        let config: Self = table.try_into().map_err(|e| wrong(&e))?;
        config.validate()?;
        Ok(config)
    }

    /// The settings as TOML.
    pub fn to_toml(&self) -> Result<String, Error> {
        toml::to_string_pretty(self).map_err(|e| Error::Settings(e.to_string()))
    }

    /// All violations at once.
    pub fn validate(&self) -> Result<(), Error> {
        let mut wrong = ConfigError::default();
        wrong.require(
            self.prep.n_top_genes >= 2,
            "prep.n_top_genes must be at least 2",
        );
        wrong.require(
            self.prep.target_sum.is_finite() && self.prep.target_sum > 0.0,
            format!(
                "prep.target_sum = {} must be finite and above 0",
                self.prep.target_sum
            ),
        );
        wrong.require(
            self.cluster.n_neighbors >= 2,
            "cluster.n_neighbors must be at least 2",
        );
        wrong.require(
            self.cluster.resolution.is_finite() && self.cluster.resolution > 0.0,
            format!(
                "cluster.resolution = {} must be above 0",
                self.cluster.resolution
            ),
        );
        wrong.include("model", self.model.validate());
        wrong.include("train", self.train.validate());
        wrong
            .into_result()
            .map_err(|e| Error::Settings(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for preset in [Preset::Small, Preset::Paper] {
            let config = FuseConfig::of(preset);
            assert_eq!(
                FuseConfig::from_toml(&config.to_toml().unwrap()).unwrap(),
                config
            );
        }
    }

    #[test]
    fn preset_then_fields() {
        let c = FuseConfig::from_toml("preset = \"paper\"\n[model]\nd_model = 64").unwrap();
        assert_eq!((c.model.d_model, c.model.encoder_depth), (64, 6));
    }

    #[test]
    fn every_violation_is_named() {
        let text = "[model]\nmask_ratio = 1.5\nd_model = 31\n[train]\nbatch_size = 1";
        let message = FuseConfig::from_toml(text).unwrap_err().to_string();
        for word in ["mask_ratio", "d_model", "batch_size"] {
            assert!(message.contains(word), "{message}");
        }
    }
}
