//! The machine-readable summary of a run.

use indexmap::IndexMap;
use serde::Serialize;

use crate::evaluate::Evaluation;

/// `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClusteringSummary {
    /// Version of cellweave.
    pub version: String,
    /// The input.
    pub input: String,
    /// Kind of the input.
    pub format: String,
    /// How the run ended.
    pub outcome: String,
    /// Seed.
    pub seed: u64,
    /// Device.
    pub device: String,
    /// Cells in the result.
    pub n_cells: usize,
    /// Genes that the model sees.
    pub n_genes_used: usize,
    /// Learned numbers of a model.
    pub n_parameters: usize,
    /// Models that were trained.
    pub n_models: usize,
    /// Clusters that were asked for or estimated.
    pub n_clusters: usize,
    /// Whether their number was estimated.
    pub estimated: bool,
    /// Epochs that ran, both stages.
    pub n_epochs: usize,
    /// Losses of the last epoch, of the first model.
    pub final_losses: IndexMap<String, f64>,
    /// Cells per cluster, largest first.
    pub clusters: Vec<usize>,
    /// Mean probability of the cells' own clusters.
    pub mean_confidence: f64,
    /// Scores against each column of labels: the run's clusters (`scdefr`), then those of the embedding.
    pub scores: Vec<Evaluation>,
    /// Seconds per phase.
    pub seconds: IndexMap<String, f64>,
    /// Training cells per second, forward and backward.
    pub cells_per_second: Option<f64>,
    /// Largest resident memory, bytes.
    pub peak_memory_bytes: Option<u64>,
    /// What the user should know.
    pub notices: Vec<String>,
}

impl std::fmt::Display for ClusteringSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} ({}), {}", self.input, self.format, self.outcome)?;
        writeln!(f, "  cells      {}", self.n_cells)?;
        writeln!(f, "  features   {} genes", self.n_genes_used)?;
        writeln!(
            f,
            "  models     {} of {} parameters, {} epochs",
            self.n_models, self.n_parameters, self.n_epochs
        )?;
        let losses: Vec<String> = self
            .final_losses
            .iter()
            .map(|(k, v)| format!("{k} {v:.4}"))
            .collect();
        writeln!(f, "  losses     {}", losses.join(", "))?;
        let how = if self.estimated { "estimated" } else { "given" };
        let sizes: Vec<String> = self.clusters.iter().map(usize::to_string).collect();
        writeln!(
            f,
            "  clusters   {} ({how}): {}; mean confidence {:.2}",
            self.n_clusters,
            sizes.join(" "),
            self.mean_confidence
        )?;
        for e in &self.scores {
            for s in &e.clusterings {
                writeln!(
                    f,
                    "  score      {} against {}: ARI {:.3}, NMI {:.3}, ACC {:.3} ({} clusters, {} classes)",
                    s.method, e.labels, s.ari, s.nmi, s.accuracy, s.n_clusters, e.n_classes
                )?;
            }
        }
        let total: f64 = self.seconds.values().sum();
        let phases: Vec<String> = self
            .seconds
            .iter()
            .map(|(k, v)| format!("{k} {v:.1}"))
            .collect();
        writeln!(f, "  seconds    {total:.1} ({})", phases.join(", "))?;
        if let Some(bytes) = self.peak_memory_bytes {
            let gib = bytes as f64 / (1u64 << 30) as f64;
            writeln!(f, "  memory     {gib:.2} GiB at the peak")?;
        }
        for n in &self.notices {
            writeln!(f, "  notice     {n}")?;
        }
        Ok(())
    }
}
