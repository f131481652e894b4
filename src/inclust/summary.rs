//! The machine-readable summary of a run.

use indexmap::IndexMap;
use serde::Serialize;

use crate::evaluate::{Evaluation, Mixing};

/// `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InclustSummary {
    /// Version of cellweave.
    pub version: String,
    /// The verb.
    pub task: String,
    /// The files.
    pub inputs: Vec<String>,
    /// How the run ended.
    pub outcome: String,
    /// Seed.
    pub seed: u64,
    /// Device.
    pub device: String,
    /// Cells of each file.
    pub n_cells: Vec<usize>,
    /// Groups of features and their numbers.
    pub groups: IndexMap<String, usize>,
    /// The plan of masks, row by row.
    pub plan: Vec<String>,
    /// Learned numbers of one model.
    pub n_parameters: usize,
    /// Models.
    pub n_models: usize,
    /// Epochs of one model.
    pub n_epochs: usize,
    /// Losses of the first model's last epoch.
    pub final_losses: IndexMap<String, f64>,
    /// What the task measured of itself.
    pub found: IndexMap<String, f64>,
    /// Scores per column of labels.
    pub scores: Vec<Evaluation>,
    /// How well batches are mixed, by the first of these columns.
    pub mixing: Option<Mixing>,
    /// Seconds per phase.
    pub seconds: IndexMap<String, f64>,
    /// Training cells per second, forward and backward.
    pub cells_per_second: Option<f64>,
    /// Largest resident memory, bytes.
    pub peak_memory_bytes: Option<u64>,
    /// What the user should know.
    pub notices: Vec<String>,
}

impl std::fmt::Display for InclustSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{} of {}: {}",
            self.task,
            self.inputs.join(", "),
            self.outcome
        )?;
        let groups: Vec<String> = self
            .groups
            .iter()
            .map(|(g, n)| format!("{g} {n}"))
            .collect();
        writeln!(
            f,
            "  cells      {:?}; features {}",
            self.n_cells,
            groups.join(", ")
        )?;
        writeln!(
            f,
            "  model      {} x {} parameters, {} epochs",
            self.n_models, self.n_parameters, self.n_epochs
        )?;
        for line in &self.plan {
            writeln!(f, "  plan       {line}")?;
        }
        let losses: Vec<String> = self
            .final_losses
            .iter()
            .map(|(k, v)| format!("{k} {v:.4}"))
            .collect();
        writeln!(f, "  losses     {}", losses.join(", "))?;
        for (name, value) in &self.found {
            writeln!(f, "  found      {name} {value:.4}")?;
        }
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
        for score in &self.scores {
            write!(f, "{score}")?;
        }
        match &self.mixing {
            Some(mixing) => write!(f, "{mixing}"),
            None => Ok(()),
        }
    }
}
