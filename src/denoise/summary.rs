//! The machine-readable summary of a run.

use indexmap::IndexMap;
use serde::Serialize;

/// `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DenoiseSummary {
    /// Version of cellweave.
    pub version: String,
    /// The input.
    pub input: String,
    /// The matrix of counts.
    pub element: String,
    /// How the run ended.
    pub outcome: String,
    /// Seed.
    pub seed: u64,
    /// Device.
    pub device: String,
    /// Cells.
    pub n_cells: usize,
    /// Genes that the model sees.
    pub n_genes: usize,
    /// Share of zeros in the counts.
    pub zero_fraction: f64,
    /// Library size of the denoised means.
    pub library: f64,
    /// Learned numbers of the model.
    pub n_parameters: usize,
    /// Epochs that ran.
    pub n_epochs: usize,
    /// Epoch whose weights were kept, from 1.
    pub best_epoch: Option<usize>,
    /// Losses of that epoch, `training/` and `validation/`.
    pub final_losses: IndexMap<String, f64>,
    /// Seconds per phase.
    pub seconds: IndexMap<String, f64>,
    /// Training cells per second, forward and backward.
    pub cells_per_second: Option<f64>,
    /// Largest resident memory, bytes.
    pub peak_memory_bytes: Option<u64>,
    /// What the user should know.
    pub notices: Vec<String>,
}

impl std::fmt::Display for DenoiseSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} ({}), {}", self.input, self.element, self.outcome)?;
        writeln!(
            f,
            "  counts     {} cells x {} genes, {:.1} % zeros",
            self.n_cells,
            self.n_genes,
            100.0 * self.zero_fraction
        )?;
        let best = self
            .best_epoch
            .filter(|&e| e < self.n_epochs)
            .map_or(String::new(), |e| format!(" (best {e})"));
        writeln!(
            f,
            "  model      {} parameters, {} epochs{best}",
            self.n_parameters, self.n_epochs
        )?;
        let losses: Vec<String> = self
            .final_losses
            .iter()
            .map(|(k, v)| format!("{k} {v:.4}"))
            .collect();
        writeln!(f, "  losses     {}", losses.join(", "))?;
        let total: f64 = self.seconds.values().sum();
        let phases: Vec<String> = self
            .seconds
            .iter()
            .map(|(k, v)| format!("{k} {v:.1}"))
            .collect();
        writeln!(f, "  seconds    {total:.1} ({})", phases.join(", "))?;
        if let Some(rate) = self.cells_per_second {
            writeln!(f, "  speed      {rate:.0} cells/s")?;
        }
        if let Some(bytes) = self.peak_memory_bytes {
            let gib = bytes as f64 / (1u64 << 30) as f64;
            writeln!(f, "  memory     {gib:.2} GiB at the peak")?;
        }
        for notice in &self.notices {
            writeln!(f, "  notice     {notice}")?;
        }
        Ok(())
    }
}
