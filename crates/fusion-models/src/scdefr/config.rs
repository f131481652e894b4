//! Settings of scDEFR.

use burn::tensor::Device;
use fusion_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::ScDefr;
use crate::blocks::{GlobalFusion, ZinbHeads};

/// Which encoders take part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Branches {
    /// Expression and graph.
    #[default]
    Both,
    /// Expression alone: no graph anywhere, its loss included.
    Expression,
    /// The graph alone.
    Graph,
}

/// What the inner-product decoder is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GraphLoss {
    /// Cross-entropy over edges and random pairs that are none, both halves weighing the same.
    #[default]
    Sampled,
    /// Mean squared error over all pairs of cells; memory grows with their square.
    AllPairs,
    /// Squared error over edges alone, whose target is the normalised weight: fault D3, which drives neighbours apart.
    Published,
}

/// How the first clusters are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initial {
    /// k-means on the embedding, 20 starts.
    Kmeans,
    /// Leiden on the neighbour graph of the embedding, at the resolution that gives the number of clusters.
    Leiden,
    /// Spectral clusters of the neighbour graph of the embedding: [`SpectralClusters::unrefined`](super::SpectralClusters::unrefined).
    Spectral,
    /// These refined by direction: [`SpectralClusters::of`](super::SpectralClusters::of).
    #[default]
    Directions,
}

/// What the published program does otherwise than its paper, each to be switched on by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// D5: the likelihood is that of log-normalised values without size factors. Default `false`.
    pub logged_targets: bool,
    /// D6: each embedding is drawn to its own target, and gradients run through the targets. Default `false`.
    pub own_targets: bool,
}

/// Weights of the losses. Defaults are the published ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossWeights {
    /// Graph, first stage. Published 1, `small` 0.1.
    pub pretrain_graph: f64,
    /// Counts, first stage. Default 0.5.
    pub pretrain_zinb: f64,
    /// Graph, second stage. Published 0.3, `small` 0.03.
    pub graph: f64,
    /// Counts, second stage. Default 0.1.
    pub zinb: f64,
    /// Divergence of the soft clusters from their target. Default 0.5.
    pub clustering: f64,
    /// Cross-entropy of the graph embedding's clusters. Default 0.1.
    pub gnn: f64,
    /// Cross-entropy of the expression embedding's clusters. Default 0.1.
    pub dnn: f64,
}

impl Default for LossWeights {
    fn default() -> Self {
        Self {
            pretrain_graph: 1.0,
            pretrain_zinb: 0.5,
            graph: 0.3,
            zinb: 0.1,
            clustering: 0.5,
            gnn: 0.1,
            dnn: 0.1,
        }
    }
}

/// Settings of scDEFR.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScDefrConfig {
    /// Widths of the layers of both encoders; the last is the embedding's. The decoder has the others backwards. Default
    /// 128, 64, 24; published 1024, 128, 24.
    pub widths: Vec<usize>,
    /// Steps along edges of a graph convolution. Default 3.
    pub n_hops: usize,
    /// Share of the expression features in what both encoders are given next. Default 0.1; published 0.1.
    pub sigma: f64,
    /// Whether that share is learned. Default `false`.
    pub learn_sigma: bool,
    /// Whether the graph features are normalised over the batch before they are mixed, so that neither encoder drowns the
    /// other (D13). Default `true`; published `false`.
    pub normalize_graph: bool,
    /// Dropout behind every layer. Default 0; published 0.01.
    pub dropout: f64,
    /// How far a batch moves the running values of the normalisations. Default 0.1 (D7); published 0.01.
    pub momentum: f64,
    /// Which encoders take part. Default both.
    pub branches: Branches,
    /// Whether every cell has gates of its own, as published; then a batch must hold all cells. Default `false`.
    pub gates_per_cell: bool,
    /// How a cell is mixed with all others. Default `by_size`; published `exact`.
    pub global: GlobalFusion,
    /// What the graph decoder is compared with. Default `sampled`.
    pub graph_loss: GraphLoss,
    /// Pairs without an edge per edge. Default 1.
    pub negatives: usize,
    /// Where the parameters of the counts come from. Default `per_gene`.
    pub heads: ZinbHeads,
    /// Whether the decoder ends in a layer as wide as there are genes before the heads. Default `false`; published `true`.
    pub wide_decoder: bool,
    /// Whether the clusters of the two encoders have centres of their own (D10). Default `true`; published `false`.
    pub own_centres: bool,
    /// Whether soft clusters go by direction: embeddings are scaled to the length `sqrt(n_latent)` before distances are taken (one of
    /// the remedies of D10). Default `true`; published `false`.
    pub by_direction: bool,
    /// How the first clusters are found. Default `directions`; published k-means.
    pub initial: Initial,
    /// Epochs between counts of how heavy the clusters are. Default 8 (scTAG).
    pub refresh_every: usize,
    /// Weights of the losses.
    pub weights: LossWeights,
    /// What the published program does otherwise. Default nothing.
    pub faults: Faults,
}

impl Default for ScDefrConfig {
    fn default() -> Self {
        Self::small()
    }
}

impl ScDefrConfig {
    /// A model that trains in minutes on a CPU.
    pub fn small() -> Self {
        Self {
            widths: vec![128, 64, 24],
            n_hops: 3,
            sigma: 0.1,
            learn_sigma: false,
            normalize_graph: true,
            dropout: 0.0,
            momentum: 0.1,
            branches: Branches::Both,
            gates_per_cell: false,
            global: GlobalFusion::BySize,
            graph_loss: GraphLoss::Sampled,
            negatives: 1,
            heads: ZinbHeads::PerGene,
            wide_decoder: false,
            own_centres: true,
            by_direction: true,
            initial: Initial::Directions,
            refresh_every: 8,
            // Edges pull every small neighbourhood together: at the published weight the embedding falls into too many
            // parts.
            weights: LossWeights {
                pretrain_graph: 0.1,
                graph: 0.03,
                ..LossWeights::default()
            },
            faults: Faults::default(),
        }
    }

    /// The published sizes and weights (its public code; the paper's tables of settings are not at hand), without its faults.
    pub fn paper() -> Self {
        Self {
            widths: vec![1024, 128, 24],
            dropout: 0.01,
            normalize_graph: false,
            gates_per_cell: true,
            global: GlobalFusion::Exact,
            graph_loss: GraphLoss::AllPairs,
            heads: ZinbHeads::PerCell,
            wide_decoder: true,
            own_centres: false,
            by_direction: false,
            initial: Initial::Kmeans,
            weights: LossWeights::default(),
            ..Self::small()
        }
    }

    /// [`paper`](Self::paper) with the faults of the published program that are the model's: D3 to D6, D10.
    pub fn reproduce_original() -> Self {
        Self {
            graph_loss: GraphLoss::Published,
            heads: ZinbHeads::Shared,
            faults: Faults {
                logged_targets: true,
                own_targets: true,
            },
            ..Self::paper()
        }
    }

    /// The settings that the first stage depends on; what the second alone knows is as by default.
    pub fn of_pretraining(&self) -> Self {
        let default = Self::small();
        Self {
            by_direction: default.by_direction,
            initial: default.initial,
            refresh_every: default.refresh_every,
            weights: LossWeights {
                pretrain_graph: self.weights.pretrain_graph,
                pretrain_zinb: self.weights.pretrain_zinb,
                ..default.weights
            },
            faults: Faults {
                logged_targets: self.faults.logged_targets,
                ..default.faults
            },
            ..self.clone()
        }
    }

    /// All violations at once.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut wrong = ConfigError::default();
        wrong.require(
            self.widths.len() >= 2 && self.widths.iter().all(|&w| w > 0),
            "widths needs at least two layers, each at least 1 wide",
        );
        for (name, value) in [("sigma", self.sigma), ("momentum", self.momentum)] {
            wrong.require(
                (0.0..=1.0).contains(&value),
                format!("{name} = {value} must be in 0..=1"),
            );
        }
        wrong.require(
            !self.learn_sigma || (self.sigma > 0.0 && self.sigma < 1.0),
            "learn_sigma needs a sigma above 0 and below 1 to start from",
        );
        wrong.require(
            (0.0..1.0).contains(&self.dropout),
            format!("dropout = {} must be in 0..1", self.dropout),
        );
        wrong.require(self.refresh_every > 0, "refresh_every must be at least 1");
        wrong.require(
            self.global != GlobalFusion::Anchors(0),
            "global: at least one anchor",
        );
        let w = self.weights;
        for (name, value) in [
            ("pretrain_graph", w.pretrain_graph),
            ("pretrain_zinb", w.pretrain_zinb),
            ("graph", w.graph),
            ("zinb", w.zinb),
            ("clustering", w.clustering),
            ("gnn", w.gnn),
            ("dnn", w.dnn),
        ] {
            wrong.require(
                value.is_finite() && value >= 0.0,
                format!("weights.{name} = {value} must be finite and not negative"),
            );
        }
        wrong.into_result()
    }

    /// A new model for that many genes, clusters and cells (whose number counts with gates per cell alone).
    ///
    /// # Errors
    /// All violations of [`validate`](Self::validate), no genes, no clusters, more clusters than cells.
    pub fn init(
        &self,
        n_genes: usize,
        n_clusters: usize,
        n_cells: usize,
        device: &Device,
    ) -> Result<ScDefr, ConfigError> {
        self.validate()?;
        let mut wrong = ConfigError::default();
        wrong.require(n_genes > 0, "there are no genes");
        wrong.require(
            (1..=n_cells).contains(&n_clusters),
            format!("{n_clusters} clusters of {n_cells} cells: at least 1 and not more than cells"),
        );
        wrong.into_result()?;
        Ok(ScDefr::new(self, n_genes, n_clusters, n_cells, device))
    }
}
