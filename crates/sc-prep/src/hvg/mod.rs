//! Highly variable features.

mod loess;
mod result;
mod seurat;
mod seurat_v3;

use sc_io::Csr;
use serde::{Deserialize, Serialize};

pub use loess::VarianceFit;
pub use result::HighlyVariable;

use crate::PrepError;
use crate::counts::require_counts;

/// How variability is measured. Names and formulas are those of scanpy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flavor {
    /// On log-normalised data: `ln(variance / mean)` of `exp(x) - 1`, standardised within bins
    /// of equal mean.
    Seurat,
    /// On raw counts: variance after dividing by what a smooth mean-variance curve expects.
    /// Over batches: sorted by median rank, then by the number of batches.
    SeuratV3,
    /// As `SeuratV3`; over batches: sorted by the number of batches, then by median rank.
    SeuratV3Paper,
}

/// Which features count as highly variable.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// The best `n`.
    Top(usize),
    /// Those strictly inside all bounds (`Seurat` only).
    Thresholds {
        /// Lower bound of the log mean; scanpy uses 0.0125.
        min_mean: f64,
        /// Upper bound of the log mean; scanpy uses 3.
        max_mean: f64,
        /// Lower bound of the normalised dispersion; scanpy uses 0.5.
        min_dispersion: f64,
    },
}

/// Settings of [`highly_variable`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HvgOptions {
    /// The measure.
    pub flavor: Flavor,
    /// The choice.
    pub selection: Selection,
    /// Bins of the mean (`Seurat`); 20.
    pub n_bins: usize,
    /// Share of the features in each local regression (`SeuratV3`), in (0, 1]; 0.3.
    pub span: f64,
    /// How the mean-variance curve is evaluated (`SeuratV3`).
    pub fit: VarianceFit,
}

impl Default for HvgOptions {
    /// The best 2000 features of log-normalised data.
    fn default() -> Self {
        Self::seurat(2000)
    }
}

impl HvgOptions {
    /// The best `n` features of log-normalised data.
    pub fn seurat(n: usize) -> Self {
        let (flavor, selection) = (Flavor::Seurat, Selection::Top(n));
        Self {
            flavor,
            selection,
            n_bins: 20,
            span: 0.3,
            fit: VarianceFit::Interpolated,
        }
    }

    /// The best `n` features of raw counts.
    pub fn seurat_v3(n: usize) -> Self {
        Self {
            flavor: Flavor::SeuratV3,
            ..Self::seurat(n)
        }
    }

    fn check(&self) -> Result<(), PrepError> {
        let refuse = |setting, found: String, expected| {
            Err(PrepError::Setting {
                setting,
                found,
                expected,
            })
        };
        if self.n_bins == 0 {
            return refuse("n_bins", "0".into(), "at least 1");
        }
        if !(self.span > 0.0 && self.span <= 1.0) {
            return refuse("span", self.span.to_string(), "a number in (0, 1]");
        }
        match self.selection {
            Selection::Top(0) => refuse("the number of features", "0".into(), "at least 1"),
            Selection::Thresholds { .. } if self.flavor != Flavor::Seurat => refuse(
                "selection",
                "thresholds".into(),
                "a number of features for seurat_v3",
            ),
            _ => Ok(()),
        }
    }
}

/// Chooses the most variable features.
///
/// `x` is log-normalised for [`Flavor::Seurat`] and raw counts for the other two
/// ([`looks_like_counts`](crate::looks_like_counts) tells them apart). `batch` gives a code per
/// cell, as in [`sc_io::Categorical::codes`]; the measure is then taken within each batch and
/// combined, and cells with a negative code are left out.
///
/// Ties: the feature that stands first wins, so exactly `n` features are chosen whenever
/// that many have a defined score (scanpy's `seurat` takes all that tie with the last one; within
/// a batch ours does too). Normalised dispersions are rounded to f32 so that equal scores tie.
///
/// Numerics: f64 throughout. In `Seurat`, `exp(x) - 1` is computed with `x` capped at 300.
///
/// # Errors
/// Negative or non-finite values, settings out of range, a `batch` of another length.
///
/// ```
/// use sc_prep::{HvgOptions, highly_variable};
/// // Feature 1 varies, feature 0 does not.
/// let x = sc_io::Csr::new(
///     3, 2, vec![0, 1, 3, 5], vec![0, 0, 1, 0, 1], vec![2.0, 2.0, 9.0, 2.0, 1.0],
/// ).unwrap();
/// let hvg = highly_variable(&x, &HvgOptions::seurat_v3(1), None).unwrap();
/// assert_eq!(hvg.indices, [1]);
/// ```
pub fn highly_variable(
    x: &Csr,
    options: &HvgOptions,
    batch: Option<&[i32]>,
) -> Result<HighlyVariable, PrepError> {
    options.check()?;
    require_counts(x)?;
    let batches = match batch {
        Some(codes) if codes.len() != x.n_rows() => {
            let (found, expected) = (codes.len(), x.n_rows());
            return Err(PrepError::Length {
                what: "batch",
                found,
                expected,
            });
        }
        Some(codes) => Some(rows_of_batches(codes)),
        None => None,
    };
    Ok(match options.flavor {
        Flavor::Seurat => seurat::choose(x, options, batches.as_deref()),
        Flavor::SeuratV3 | Flavor::SeuratV3Paper => {
            seurat_v3::choose(x, options, batches.as_deref())
        }
    })
}

/// Rows of each batch, by increasing code.
fn rows_of_batches(codes: &[i32]) -> Vec<Vec<usize>> {
    let mut map = std::collections::BTreeMap::<i32, Vec<usize>>::new();
    for (row, &code) in codes.iter().enumerate().filter(|(_, c)| **c >= 0) {
        map.entry(code).or_default().push(row);
    }
    map.into_values().collect()
}

/// Columns by decreasing score; NaN last, ties by column.
fn by_decreasing(score: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..score.len()).collect();
    order.sort_by(|&a, &b| decreasing(score[a], score[b]));
    order
}

/// Larger first, NaN last.
fn decreasing(a: f64, b: f64) -> std::cmp::Ordering {
    a.is_nan()
        .cmp(&b.is_nan())
        .then_with(|| b.partial_cmp(&a).unwrap_or(std::cmp::Ordering::Equal))
}

#[cfg(test)]
mod tests;
