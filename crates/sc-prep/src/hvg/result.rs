//! What the choice of features returns.

use sc_io::{Column, Table, TableError};

use super::Flavor;

/// The statistics of every feature and the chosen ones.
#[derive(Clone, Debug, PartialEq)]
pub struct HighlyVariable {
    /// The measure used.
    pub flavor: Flavor,
    /// `Seurat`: `ln(1 + mean of exp(x) - 1)`; others: mean count.
    pub means: Vec<f64>,
    /// `Seurat`: `ln(variance / mean)`, NaN where the variance is zero; others: variance.
    pub spread: Vec<f64>,
    /// Normalised dispersion (`Seurat`, NaN where undefined) or normalised variance.
    pub normalized: Vec<f64>,
    /// Rank from 0. With `SeuratV3`: median over the batches in which the feature is among the
    /// best n. NaN if it has none.
    pub rank: Vec<f64>,
    /// In how many batches the feature is among the best, if there were batches (`SeuratV3`:
    /// always).
    pub n_batches: Option<Vec<u32>>,
    /// Whether each feature is chosen.
    pub highly_variable: Vec<bool>,
    /// The chosen columns, increasing.
    pub indices: Vec<usize>,
}

impl HighlyVariable {
    /// Marks the chosen columns and lists them in increasing order.
    pub(super) fn choose(&mut self, chosen: impl IntoIterator<Item = usize>) {
        self.highly_variable = vec![false; self.means.len()];
        for column in chosen {
            self.highly_variable[column] = true;
        }
        self.indices = (0..self.means.len())
            .filter(|&c| self.highly_variable[c])
            .collect();
    }

    /// Writes the columns that scanpy writes: `highly_variable`, `means`, `dispersions` and
    /// `dispersions_norm` or `variances` and `variances_norm`, `highly_variable_rank`, and with
    /// batches `highly_variable_nbatches`.
    ///
    /// # Errors
    /// If the table has another number of rows than there are features.
    pub fn insert_into(&self, var: &mut Table) -> Result<(), TableError> {
        let (spread, normalized) = match self.flavor {
            Flavor::Seurat => ("dispersions", "dispersions_norm"),
            _ => ("variances", "variances_norm"),
        };
        var.insert(
            "highly_variable",
            Column::bools(self.highly_variable.clone()),
        )?;
        var.insert("means", Column::Float(self.means.clone()))?;
        var.insert(spread, Column::Float(self.spread.clone()))?;
        var.insert(normalized, Column::Float(self.normalized.clone()))?;
        var.insert("highly_variable_rank", Column::Float(self.rank.clone()))?;
        if let Some(n) = &self.n_batches {
            let n = n.iter().map(|&n| i64::from(n)).collect();
            var.insert("highly_variable_nbatches", Column::ints(n))?;
        }
        Ok(())
    }
}
