//! One modality of a set of cells.

use indexmap::IndexMap;

use crate::{Csr, Dense, Table, Uns};

/// Numbers for every cell and feature, stored or implied.
#[derive(Clone, Debug, PartialEq)]
pub enum Matrix {
    /// Every value stored.
    Dense(Dense),
    /// Non-zeros stored.
    Csr(Csr),
}

impl Matrix {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        match self {
            Self::Dense(m) => m.n_rows(),
            Self::Csr(m) => m.n_rows(),
        }
    }

    /// Number of columns.
    pub fn n_cols(&self) -> usize {
        match self {
            Self::Dense(m) => m.n_cols(),
            Self::Csr(m) => m.n_cols(),
        }
    }

    /// The stored values: all of them, or the stored non-zeros.
    pub fn values(&self) -> &[f32] {
        match self {
            Self::Dense(m) => m.values(),
            Self::Csr(m) => m.values(),
        }
    }

    /// The given rows, in the given order.
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        match self {
            Self::Dense(m) => Self::Dense(m.select_rows(rows)),
            Self::Csr(m) => Self::Csr(m.select_rows(rows)),
        }
    }

    /// The given columns, in the given order.
    pub fn select_columns(&self, columns: &[usize]) -> Self {
        match self {
            Self::Dense(m) => Self::Dense(m.select_columns(columns)),
            Self::Csr(m) => Self::Csr(m.select_columns(columns)),
        }
    }

    /// As sparse rows.
    pub fn to_csr(&self) -> Csr {
        match self {
            Self::Dense(m) => Csr::from_dense(m),
            Self::Csr(m) => m.clone(),
        }
    }

    /// As dense rows.
    pub fn to_dense(&self) -> Dense {
        match self {
            Self::Dense(m) => m.clone(),
            Self::Csr(m) => m.to_dense(),
        }
    }
}

/// An entry of `obsm` or `varm`.
#[derive(Clone, Debug, PartialEq)]
pub enum Embedding {
    /// Numbers, one row per cell or feature.
    Matrix(Matrix),
    /// A table; its index repeats the names of the axis.
    Table(Table),
}

impl Embedding {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        match self {
            Self::Matrix(m) => m.n_rows(),
            Self::Table(t) => t.len(),
        }
    }

    /// The given rows, in the given order.
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        match self {
            Self::Matrix(m) => Self::Matrix(m.select_rows(rows)),
            Self::Table(t) => Self::Table(t.select(rows)),
        }
    }
}

impl From<Dense> for Embedding {
    fn from(m: Dense) -> Self {
        Self::Matrix(Matrix::Dense(m))
    }
}

/// `raw`: the values before features were selected, with their own features.
#[derive(Clone, Debug, PartialEq)]
pub struct Raw {
    /// Values, cells x raw features.
    pub x: Matrix,
    /// The raw features.
    pub var: Table,
    /// Arrays per raw feature.
    pub varm: IndexMap<String, Embedding>,
}

/// Parts of a [`Modality`] that do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct ShapeError(
    /// Every violation, as a sentence.
    pub Vec<String>,
);

/// One modality: the anndata object.
///
/// `x` is cells x features; `obs` has one row per cell, `var` one per feature.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Modality {
    /// The main matrix, cells x features.
    pub x: Option<Matrix>,
    /// Further matrices of the same shape.
    pub layers: IndexMap<String, Matrix>,
    /// Cells.
    pub obs: Table,
    /// Features.
    pub var: Table,
    /// Arrays per cell.
    pub obsm: IndexMap<String, Embedding>,
    /// Arrays per feature.
    pub varm: IndexMap<String, Embedding>,
    /// Cell x cell matrices.
    pub obsp: IndexMap<String, Matrix>,
    /// Feature x feature matrices.
    pub varp: IndexMap<String, Matrix>,
    /// Anything else.
    pub uns: IndexMap<String, Uns>,
    /// Values before feature selection.
    pub raw: Option<Raw>,
}

impl Modality {
    /// A modality of a matrix and its names.
    pub fn new(x: Matrix, obs: Table, var: Table) -> Result<Self, ShapeError> {
        let m = Self {
            x: Some(x),
            obs,
            var,
            ..Self::default()
        };
        m.check()?;
        Ok(m)
    }

    /// Number of cells.
    pub fn n_obs(&self) -> usize {
        self.obs.len()
    }

    /// Number of features.
    pub fn n_vars(&self) -> usize {
        self.var.len()
    }

    /// Whether all parts have the shapes that `obs` and `var` imply; reports every violation.
    pub fn check(&self) -> Result<(), ShapeError> {
        let (n, p) = (self.n_obs(), self.n_vars());
        let mut wrong = Vec::new();
        let mut expect = |what: String, found: (usize, usize), expected: (usize, usize)| {
            if found != expected {
                wrong.push(format!(
                    "{what} is {} x {}, obs and var ask for {} x {}",
                    found.0, found.1, expected.0, expected.1
                ));
            }
        };
        let shape = |m: &Matrix| (m.n_rows(), m.n_cols());
        if let Some(x) = &self.x {
            expect("X".into(), shape(x), (n, p));
        }
        for (k, m) in &self.layers {
            expect(format!("layers/{k}"), shape(m), (n, p));
        }
        for (k, m) in &self.obsp {
            expect(format!("obsp/{k}"), shape(m), (n, n));
        }
        for (k, m) in &self.varp {
            expect(format!("varp/{k}"), shape(m), (p, p));
        }
        if let Some(raw) = &self.raw {
            expect("raw/X".into(), shape(&raw.x), (n, raw.var.len()));
        }
        for (slot, map, rows) in [("obsm", &self.obsm, n), ("varm", &self.varm, p)] {
            for (k, m) in map {
                if m.n_rows() != rows {
                    wrong.push(format!(
                        "{slot}/{k} has {} rows, {rows} expected",
                        m.n_rows()
                    ));
                }
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(ShapeError(wrong))
        }
    }

    /// The given cells, in the given order, in every part.
    pub fn select_obs(&self, rows: &[usize]) -> Self {
        Self {
            x: self.x.as_ref().map(|m| m.select_rows(rows)),
            layers: self
                .layers
                .iter()
                .map(|(k, m)| (k.clone(), m.select_rows(rows)))
                .collect(),
            obs: self.obs.select(rows),
            var: self.var.clone(),
            obsm: self
                .obsm
                .iter()
                .map(|(k, m)| (k.clone(), m.select_rows(rows)))
                .collect(),
            varm: self.varm.clone(),
            obsp: self
                .obsp
                .iter()
                .map(|(k, m)| (k.clone(), m.select_rows(rows).select_columns(rows)))
                .collect(),
            varp: self.varp.clone(),
            uns: self.uns.clone(),
            raw: self.raw.as_ref().map(|r| Raw {
                x: r.x.select_rows(rows),
                ..r.clone()
            }),
        }
    }

    /// The given features, in the given order, in every part but `raw`, which keeps its own.
    ///
    /// ```
    /// use sc_io::{Dense, Matrix, Modality, Table};
    /// let x = Dense::new(1, 3, vec![1.0, 2.0, 3.0]).unwrap();
    /// let m = Modality::new(Matrix::Dense(x), Table::new(["cell"]), Table::new(["a", "b", "c"]))?;
    /// let part = m.select_var(&[2, 0]);
    /// assert_eq!(part.var.index(), ["c", "a"]);
    /// assert_eq!(part.x.unwrap().to_dense().values(), [3.0, 1.0]);
    /// # Ok::<(), sc_io::ShapeError>(())
    /// ```
    pub fn select_var(&self, columns: &[usize]) -> Self {
        let select = |m: &Matrix| m.select_columns(columns);
        Self {
            x: self.x.as_ref().map(select),
            layers: self
                .layers
                .iter()
                .map(|(k, m)| (k.clone(), select(m)))
                .collect(),
            var: self.var.select(columns),
            varm: self
                .varm
                .iter()
                .map(|(k, m)| (k.clone(), m.select_rows(columns)))
                .collect(),
            varp: self
                .varp
                .iter()
                .map(|(k, m)| (k.clone(), m.select_rows(columns).select_columns(columns)))
                .collect(),
            ..self.clone()
        }
    }
}
