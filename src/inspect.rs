//! `cellweave inspect`: what a file holds.

use std::path::Path;

use sc_io::{Column, CountScan, Embedding, MultiModal};
use serde::Serialize;

use crate::Error;

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// Kind of file.
    pub format: String,
    /// Cells in all modalities together.
    pub n_obs: usize,
    /// Columns of the common `obs`.
    pub obs: Vec<String>,
    /// Arrays of the common `obsm`.
    pub obsm: Vec<String>,
    /// The modalities.
    pub modalities: Vec<ModalityInspection>,
    /// What the reader noticed.
    pub notices: Vec<String>,
}

/// What a modality holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModalityInspection {
    /// Name.
    pub name: String,
    /// Cells.
    pub n_obs: usize,
    /// Features.
    pub n_vars: usize,
    /// `X` and the layers.
    pub matrices: Vec<MatrixInspection>,
    /// Columns of `obs`, with what they hold.
    pub obs: Vec<String>,
    /// Columns of `var`.
    pub var: Vec<String>,
    /// Arrays of `obsm`.
    pub obsm: Vec<String>,
}

/// What a matrix holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MatrixInspection {
    /// `X` or the layer's name.
    pub name: String,
    /// Share of zeros.
    pub zeros: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Whether the values are counts, in words.
    pub verdict: String,
}

/// Reads a file and says what it holds. Every value is looked at.
pub fn inspect(path: &Path) -> Result<Inspection, Error> {
    let loaded = sc_io::read(path)?;
    let data: &MultiModal = &loaded.data;
    let modalities = data
        .modalities
        .iter()
        .map(|(name, m)| {
            let x = m.x.iter().map(|x| ("X", x));
            let layers = m.layers.iter().map(|(k, l)| (k.as_str(), l));
            ModalityInspection {
                name: name.clone(),
                n_obs: m.n_obs(),
                n_vars: m.n_vars(),
                matrices: x
                    .chain(layers)
                    .map(|(name, matrix)| {
                        let scan = CountScan::of(matrix);
                        MatrixInspection {
                            name: name.to_owned(),
                            zeros: scan.sparsity(),
                            min: f64::from(scan.min),
                            max: f64::from(scan.max),
                            verdict: scan.to_string(),
                        }
                    })
                    .collect(),
                obs: m
                    .obs
                    .columns()
                    .iter()
                    .map(|(k, c)| describe(k, c))
                    .collect(),
                var: m
                    .var
                    .columns()
                    .iter()
                    .map(|(k, c)| describe(k, c))
                    .collect(),
                obsm: m.obsm.iter().map(|(k, e)| shape(k, e)).collect(),
            }
        })
        .collect();
    Ok(Inspection {
        format: loaded.format.to_string(),
        n_obs: data.obs.len(),
        obs: data
            .obs
            .columns()
            .iter()
            .map(|(k, c)| describe(k, c))
            .collect(),
        obsm: data.obsm.iter().map(|(k, e)| shape(k, e)).collect(),
        modalities,
        notices: loaded.notices.iter().map(ToString::to_string).collect(),
    })
}

fn describe(name: &str, column: &Column) -> String {
    match column {
        Column::Float(_) => format!("{name} (float)"),
        Column::Int { .. } => format!("{name} (integer)"),
        Column::Bool { .. } => format!("{name} (yes/no)"),
        Column::Text(_) => format!("{name} (text)"),
        Column::Categorical(c) => format!("{name} ({} categories)", c.categories.len()),
    }
}

fn shape(name: &str, e: &Embedding) -> String {
    match e {
        Embedding::Matrix(m) => format!("{name} ({} columns)", m.n_cols()),
        Embedding::Table(t) => format!("{name} (table of {} columns)", t.columns().len()),
    }
}

impl std::fmt::Display for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}: {} cells", self.format, self.n_obs)?;
        let mut list = |indent: &str, what: &str, items: &[String]| match items {
            [] => Ok(()),
            _ => writeln!(f, "{indent}{what}: {}", items.join(", ")),
        };
        list("  ", "obs", &self.obs)?;
        list("  ", "obsm", &self.obsm)?;
        for m in &self.modalities {
            writeln!(
                f,
                "modality {}: {} cells x {} features",
                m.name, m.n_obs, m.n_vars
            )?;
            for x in &m.matrices {
                writeln!(f, "  {}: {}", x.name, x.verdict)?;
            }
            let mut list = |what: &str, items: &[String]| match items {
                [] => Ok(()),
                _ => writeln!(f, "  {what}: {}", items.join(", ")),
            };
            list("obs", &m.obs)?;
            list("var", &m.var)?;
            list("obsm", &m.obsm)?;
        }
        for n in &self.notices {
            writeln!(f, "notice: {n}")?;
        }
        Ok(())
    }
}
