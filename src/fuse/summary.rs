//! The machine-readable summary of a run.

use indexmap::IndexMap;
use serde::Serialize;

use crate::evaluate::Evaluation;

/// `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
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
    /// Cells of the input that are not in the result, with the reason.
    pub left_out: IndexMap<String, usize>,
    /// Cells x features of each modality in the result.
    pub shapes: IndexMap<String, [usize; 2]>,
    /// Genes that the model sees.
    pub n_genes_used: usize,
    /// Proteins that the model sees.
    pub n_proteins_used: usize,
    /// Learned numbers of the model.
    pub n_parameters: usize,
    /// Columns of the embedding.
    pub n_latent: usize,
    /// Epochs that ran.
    pub n_epochs: usize,
    /// Epoch whose weights were kept, from 1.
    pub best_epoch: Option<usize>,
    /// Losses of that epoch, `training/` and `validation/`.
    pub final_losses: IndexMap<String, f64>,
    /// Cells per cluster, largest first.
    pub clusters: Vec<usize>,
    /// Scores of the embedding against each column of labels.
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

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let total: f64 = self.seconds.values().sum();
        writeln!(f, "{} ({}), {}", self.input, self.format, self.outcome)?;
        writeln!(
            f,
            "  cells      {} fused{}",
            self.n_cells,
            self.left_out
                .iter()
                .map(|(why, n)| format!(", {n} left out: {why}"))
                .collect::<String>()
        )?;
        writeln!(
            f,
            "  features   {} genes, {} proteins",
            self.n_genes_used, self.n_proteins_used
        )?;
        writeln!(
            f,
            "  model      {} parameters, {} epochs (best {})",
            self.n_parameters,
            self.n_epochs,
            self.best_epoch.map_or("-".to_owned(), |e| e.to_string())
        )?;
        let losses: Vec<String> = self
            .final_losses
            .iter()
            .map(|(k, v)| format!("{k} {v:.4}"))
            .collect();
        writeln!(f, "  losses     {}", losses.join(", "))?;
        writeln!(f, "  embedding  {} columns", self.n_latent)?;
        let sizes: Vec<String> = self.clusters.iter().map(usize::to_string).collect();
        writeln!(
            f,
            "  clusters   {} ({})",
            self.clusters.len(),
            sizes.join(" ")
        )?;
        for e in &self.scores {
            for s in &e.clusterings {
                writeln!(
                    f,
                    "  {:10} {} against {}: ARI {:.3}, NMI {:.3} ({} clusters, {} classes)",
                    "score", s.method, e.labels, s.ari, s.nmi, s.n_clusters, e.n_classes
                )?;
            }
        }
        let phases: Vec<String> = self
            .seconds
            .iter()
            .map(|(k, v)| format!("{k} {v:.1}"))
            .collect();
        writeln!(f, "  seconds    {total:.1} ({})", phases.join(", "))?;
        if let Some(bytes) = self.peak_memory_bytes {
            writeln!(
                f,
                "  memory     {:.2} GiB at the peak",
                bytes as f64 / (1u64 << 30) as f64
            )?;
        }
        for n in &self.notices {
            writeln!(f, "  notice     {n}")?;
        }
        Ok(())
    }
}
