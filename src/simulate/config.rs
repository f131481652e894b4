//! The settings of a simulation.

use serde::{Deserialize, Serialize};

use super::cell_types::{CELL_TYPES, PROTEINS};
use super::genome::CHROMOSOMES;

/// Settings that no simulation can follow; every violation is listed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the simulation settings cannot be used: {}", .0.join("; "))]
pub struct SimulateError(
    /// Every violation, as a sentence.
    pub Vec<String>,
);

/// What to simulate. Every field has a default; unknown fields are refused.
///
/// Effects are on the natural-log scale. The symbols are those of the
/// [module documentation](super).
///
/// ```
/// # use cellweave::simulate::SimulateConfig;
/// let config = SimulateConfig { n_cells: 200, ..SimulateConfig::default() };
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulateConfig {
    /// Seed of every random number. Default 0.
    pub seed: u64,
    /// Number of cells. Default 1000.
    pub n_cells: usize,
    /// Number of genes, those that code for the proteins included. Default 1000.
    pub n_genes: usize,
    /// Number of proteins: the first so many of the panel. Default 14.
    pub n_proteins: usize,
    /// Number of cell types: the first so many of the list. Default 8.
    pub n_types: usize,
    /// Number of batches. Default 2.
    pub n_batches: usize,
    /// Median number of RNA molecules of a cell before dropout. Default 1200.
    pub median_counts: f64,
    /// Standard deviation of the log library size, `sigma_L`. Default 0.35.
    pub library_sd: f64,
    /// Standard deviation of the log mean of the genes, `sigma_g`. Default 1.5.
    pub gene_sd: f64,
    /// Gamma shape of the RNA counts, `theta`: the variance is `m + m^2 / theta`. Default 2.
    pub rna_shape: f64,
    /// Mean count at which half of the counts drop out, `m_0`; 0 for no dropout. Default 0.5.
    pub dropout_midpoint: f64,
    /// How steeply dropout falls with the log mean, `k`; larger is steeper. Default 1.
    pub dropout_steepness: f64,
    /// Standard deviation of the activity along the chromosome, `sigma_a`. Default 0.5.
    pub activity_sd: f64,
    /// Correlation length of the activity in genes, `l`. Default 8.
    pub activity_span: f64,
    /// Share of the genes that marks one node of the tree of types. Default 0.05.
    pub marker_fraction: f64,
    /// Genes in one marker block. Default 5.
    pub marker_block: usize,
    /// Mean size of a marker effect, `e`. Default 1.4.
    pub marker_effect: f64,
    /// Standard deviation of the shift of a gene in a batch, `sigma_b`. Default 0.1.
    pub batch_sd: f64,
    /// Mean count of a fully expressed protein, `F`. Default 120.
    pub protein_foreground: f64,
    /// Mean ambient count of a protein, `A`. Default 6.
    pub protein_ambient: f64,
    /// Gamma shape of the protein counts, `theta_p`. Default 4.
    pub protein_shape: f64,
    /// Share of the cells of a positive type that carry the protein, `q`. Default 0.98.
    pub protein_positive: f64,
    /// Standard deviation of the log size factor of the proteins. Default 0.25.
    pub protein_size_sd: f64,
    /// How far the activity of a gene reaches its protein, `c`. Default 0.5.
    pub protein_coupling: f64,
}

impl Default for SimulateConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            n_cells: 1000,
            n_genes: 1000,
            n_proteins: 14,
            n_types: 8,
            n_batches: 2,
            median_counts: 1200.0,
            library_sd: 0.35,
            gene_sd: 1.5,
            rna_shape: 2.0,
            dropout_midpoint: 0.5,
            dropout_steepness: 1.0,
            activity_sd: 0.5,
            activity_span: 8.0,
            marker_fraction: 0.05,
            marker_block: 5,
            marker_effect: 1.4,
            batch_sd: 0.1,
            protein_foreground: 120.0,
            protein_ambient: 6.0,
            protein_shape: 4.0,
            protein_positive: 0.98,
            protein_size_sd: 0.25,
            protein_coupling: 0.5,
        }
    }
}

impl SimulateConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`SimulateError`] with one sentence per violation.
    pub fn validate(&self) -> Result<(), SimulateError> {
        let mut wrong = Vec::new();
        let mut count = |name: &str, found: usize, low: usize, high: usize| {
            if found < low || found > high {
                wrong.push(format!("{name} is {found}, it must be in {low}..={high}"));
            }
        };
        count("n_types", self.n_types, 2, CELL_TYPES.len());
        count("n_cells", self.n_cells, self.n_types, 10_000_000);
        count("n_proteins", self.n_proteins, 4, PROTEINS.len());
        count(
            "n_genes",
            self.n_genes,
            PROTEINS.len() + 4 * CHROMOSOMES.len(),
            100_000,
        );
        count("n_batches", self.n_batches, 1, self.n_cells.max(1));
        count("marker_block", self.marker_block, 1, self.n_genes.max(1));
        let mut number = |name: &str, found: f64, low: f64, high: f64| {
            if !(found >= low && found <= high) {
                wrong.push(format!("{name} is {found}, it must be in {low}..={high}"));
            }
        };
        number("median_counts", self.median_counts, 1.0, 1e6);
        number("library_sd", self.library_sd, 0.0, 3.0);
        number("gene_sd", self.gene_sd, 0.0, 5.0);
        number("rna_shape", self.rna_shape, 0.01, 1e6);
        number("dropout_midpoint", self.dropout_midpoint, 0.0, 1e6);
        number("dropout_steepness", self.dropout_steepness, 0.0, 100.0);
        number("activity_sd", self.activity_sd, 0.0, 3.0);
        number("activity_span", self.activity_span, 1e-3, 1e6);
        number("marker_fraction", self.marker_fraction, 0.0, 1.0);
        number("marker_effect", self.marker_effect, 0.0, 5.0);
        number("batch_sd", self.batch_sd, 0.0, 3.0);
        number("protein_foreground", self.protein_foreground, 0.0, 1e5);
        number("protein_ambient", self.protein_ambient, 0.0, 1e5);
        number("protein_shape", self.protein_shape, 0.01, 1e6);
        number("protein_positive", self.protein_positive, 0.0, 1.0);
        number("protein_size_sd", self.protein_size_sd, 0.0, 3.0);
        number("protein_coupling", self.protein_coupling, 0.0, 3.0);
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(SimulateError(wrong))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_violation_is_reported() {
        let config = SimulateConfig {
            n_types: 1,
            n_genes: 50,
            library_sd: f64::NAN,
            ..SimulateConfig::default()
        };
        let SimulateError(wrong) = config.validate().unwrap_err();
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert!(wrong[2].contains("library_sd is NaN"));
    }

    #[test]
    fn fields_have_defaults_and_unknown_ones_are_refused() {
        let config: SimulateConfig = serde_json::from_str(r#"{"n_cells": 50}"#).unwrap();
        assert_eq!(
            config,
            SimulateConfig {
                n_cells: 50,
                ..SimulateConfig::default()
            }
        );
        assert!(serde_json::from_str::<SimulateConfig>(r#"{"cells": 50}"#).is_err());
    }
}
