//! Settings of `cellweave cluster`.

use fusion_core::ConfigError;
use fusion_models::ScDefrConfig;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use train::{Schedule, StageTraining, TrainConfig};

use crate::Error;
use crate::settings::{merge, parse_single};

/// Where the other settings start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusteringPreset {
    /// Minutes on a CPU.
    #[default]
    Small,
    /// The published sizes and epochs.
    Paper,
    /// `paper` with the faults of the published program: the second stage's rate of 1e-8 (D1), the graph loss on edges alone (D3), one
    /// matrix for all heads (D4), the likelihood of logged values (D5), targets that run after themselves (D6). The choice by the
    /// true labels (D2) comes with `leak_labels` alone.
    ReproduceOriginal,
}

/// Where the final clusters come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Partition {
    /// A normal mixture in the joint space of all models and the principal components ([`JointClusters`](fusion_models::scdefr::JointClusters)).
    #[default]
    Mixture,
    /// The most likely of the model's own soft clusters (scTAG); of one model.
    Assignment,
}

/// Neighbours of cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CellGraphConfig {
    /// Principal components that distances are taken in. Default 50.
    pub n_components: usize,
    /// Neighbours of a cell, itself included. Default 15; published 10.
    pub n_neighbors: usize,
    /// Steps along edges that a batch of some cells brings its neighbours from. Default 2.
    pub hops: usize,
    /// Neighbours at most that a cell brings per step. Default 5.
    pub fanout: usize,
}

impl Default for CellGraphConfig {
    fn default() -> Self {
        Self {
            n_components: 50,
            n_neighbors: 15,
            hops: 2,
            fanout: 5,
        }
    }
}

/// Settings of `cellweave cluster`.
///
/// ```
/// use cellweave::cluster::ClusteringConfig;
/// let config = ClusteringConfig::from_toml("n_clusters = 8", &[]).unwrap();
/// assert_eq!((config.n_clusters, config.graph.n_neighbors), (8, 15));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusteringConfig {
    /// The defaults that the other fields start from.
    pub preset: ClusteringPreset,
    /// Modality with the counts, in files of several. Default `rna`.
    pub modality: String,
    /// Layer with the counts; empty for `X`. Default empty.
    pub layer: String,
    /// Whether values that are not whole numbers are taken as counts. Default `false`.
    pub allow_non_integer: bool,
    /// Cells that a gene must have counts in. Default 3.
    pub min_cells: usize,
    /// Highly variable genes that are kept (flavour `seurat`). Default 2000.
    pub n_top_genes: usize,
    /// Sum that the counts of a cell are scaled to before `ln(1 + x)`; 0 stands for the median of the cells. Default 10,000;
    /// published 0.
    pub target_sum: f64,
    /// Clusters; 0 has their number estimated, from the pre-trained embeddings for the second stage and once more behind it. Default 0.
    pub n_clusters: usize,
    /// Most clusters that an estimate may find. Default 30.
    pub max_clusters: usize,
    /// Models that are trained from different seeds and clustered together. Default 5; published 1.
    pub n_models: usize,
    /// Where the final clusters come from. Default `mixture`; published `assignment`.
    pub partition: Partition,
    /// Up to so many cells are trained as one batch; more of them in batches of `train.batch_size`, with their neighbours.
    /// Default 65,536.
    pub full_batch: usize,
    /// Column of obs with the true labels, for the published choice by them (D2): the clusters are then k-means on the embedding, or spectral
    /// clusters of the input graph, whichever agrees better with the labels. It leaks: scores against that column mean nothing. Default
    /// empty: never.
    pub leak_labels: String,
    /// Whether a UMAP is computed. Default `true`.
    pub umap: bool,
    /// Neighbours of cells.
    pub graph: CellGraphConfig,
    /// The network.
    pub model: ScDefrConfig,
    /// The training loop. There is no validation: a clustering is of the cells at hand.
    pub train: TrainConfig,
}

impl Default for ClusteringConfig {
    fn default() -> Self {
        Self::of(ClusteringPreset::Small)
    }
}

impl ClusteringConfig {
    /// The defaults of a preset.
    pub fn of(preset: ClusteringPreset) -> Self {
        let paper = preset != ClusteringPreset::Small;
        let (first, second) = match preset {
            ClusteringPreset::Small => ((100, 1e-3), (50, 1e-4)),
            ClusteringPreset::Paper => ((250, 5e-5), (250, 1e-4)),
            ClusteringPreset::ReproduceOriginal => ((250, 5e-5), (250, 1e-8)),
        };
        let stage = |(epochs, learning_rate): (usize, f64)| StageTraining {
            epochs: Some(epochs),
            learning_rate: Some(learning_rate),
        };
        Self {
            preset,
            modality: "rna".into(),
            layer: String::new(),
            allow_non_integer: false,
            min_cells: if paper { 1 } else { 3 },
            n_top_genes: 2000,
            target_sum: if paper { 0.0 } else { 1e4 },
            n_clusters: 0,
            max_clusters: 30,
            n_models: if paper { 1 } else { 5 },
            partition: match preset {
                ClusteringPreset::Small => Partition::Mixture,
                _ => Partition::Assignment,
            },
            full_batch: if paper { usize::MAX >> 1 } else { 65_536 },
            leak_labels: String::new(),
            umap: true,
            graph: CellGraphConfig {
                n_neighbors: if paper { 10 } else { 15 },
                ..CellGraphConfig::default()
            },
            model: match preset {
                ClusteringPreset::Small => ScDefrConfig::small(),
                ClusteringPreset::Paper => ScDefrConfig::paper(),
                ClusteringPreset::ReproduceOriginal => ScDefrConfig::reproduce_original(),
            },
            train: TrainConfig {
                epochs: 1,
                batch_size: 1024,
                micro_batch: 1024,
                learning_rate: 1e-3,
                warmup_epochs: 1,
                schedule: Schedule::Constant,
                weight_decay: 0.0,
                clip_norm: 0.0,
                validation_fraction: 0.0,
                patience: 0,
                checkpoint_every: 25,
                stages: IndexMap::from([
                    ("pretrain".to_owned(), stage(first)),
                    ("cluster".to_owned(), stage(second)),
                ]),
            },
        }
    }

    /// The defaults of the preset that is named, then TOML, then single settings such as `n_clusters=8`.
    ///
    /// # Errors
    /// What is no TOML, unknown fields, and all violations of [`validate`](Self::validate).
    pub fn from_toml(text: &str, single: &[String]) -> Result<Self, Error> {
        let wrong = |e: &dyn std::fmt::Display| Error::Settings(e.to_string());
        let mut given: toml::Table = text.parse().map_err(|e| wrong(&e))?;
        for setting in single {
            merge(&mut given, parse_single(setting)?);
        }
        let preset = match given.get("preset") {
            Some(preset) => preset.clone().try_into().map_err(|e| wrong(&e))?,
            None => ClusteringPreset::default(),
        };
        let mut table = toml::Table::try_from(Self::of(preset)).map_err(|e| wrong(&e))?;
        merge(&mut table, given);
        let config: Self = table.try_into().map_err(|e| wrong(&e))?;
        config.validate()?;
        Ok(config)
    }

    /// The settings that the first stage depends on: runs that differ in others can share it.
    pub(super) fn of_pretraining(&self) -> Self {
        let default = Self::default();
        let mut this = Self {
            n_clusters: default.n_clusters,
            max_clusters: default.max_clusters,
            n_models: default.n_models,
            partition: default.partition,
            leak_labels: default.leak_labels,
            umap: default.umap,
            model: self.model.of_pretraining(),
            ..self.clone()
        };
        this.train.stages.shift_remove("cluster");
        this
    }

    /// The settings as TOML.
    pub fn to_toml(&self) -> Result<String, Error> {
        toml::to_string_pretty(self).map_err(|e| Error::Settings(e.to_string()))
    }

    /// All violations at once.
    pub fn validate(&self) -> Result<(), Error> {
        let mut wrong = ConfigError::default();
        wrong.require(self.n_top_genes > 0, "n_top_genes must be at least 1");
        wrong.require(
            self.target_sum.is_finite() && self.target_sum >= 0.0,
            format!(
                "target_sum = {} must be finite and not negative",
                self.target_sum
            ),
        );
        wrong.require(self.max_clusters >= 2, "max_clusters must be at least 2");
        wrong.require(self.n_models > 0, "n_models must be at least 1");
        wrong.require(
            self.partition == Partition::Mixture || self.n_models == 1,
            format!(
                "partition = \"assignment\" is of one model, n_models = {}",
                self.n_models
            ),
        );
        wrong.require(
            self.graph.n_components > 0,
            "graph.n_components must be at least 1",
        );
        wrong.require(
            self.graph.n_neighbors >= 2,
            "graph.n_neighbors counts the cell itself: at least 2",
        );
        let (part, batch) = (self.train.micro_batch, self.train.batch_size);
        wrong.require(
            part >= batch,
            format!(
                "train.micro_batch = {part} must be at least train.batch_size = {batch}: values are normalised over the batch"
            ),
        );
        wrong.require(
            self.train.validation_fraction == 0.0,
            "train.validation_fraction must be 0: a clustering is of the cells at hand",
        );
        wrong.include("model", self.model.validate());
        wrong.include("train", self.train.validate());
        wrong
            .into_result()
            .map_err(|e| Error::Settings(e.to_string()))
    }

    /// These settings for that many cells: one batch if that is allowed.
    pub(super) fn for_cells(&self, n_cells: usize) -> Self {
        let mut config = self.clone();
        if n_cells <= self.full_batch {
            config.train.batch_size = n_cells.max(2);
            config.train.micro_batch = n_cells.max(2);
        }
        config.train.batch_size = config.train.batch_size.min(n_cells.max(2));
        config
    }
}
