//! One matrix that grows row by row.

use rust_hdf5::Hdf5Error;

use super::super::element::{Element, Slot};
use super::super::sink::{Growing, Sink};
use crate::{Csr, Dense, Matrix, Modality};

/// Consecutive rows of a matrix.
#[derive(Clone, Copy, Debug)]
pub enum RowBlock<'a> {
    /// Every value.
    Dense(&'a Dense),
    /// The stored values.
    Csr(&'a Csr),
}

impl<'a> From<&'a Dense> for RowBlock<'a> {
    fn from(m: &'a Dense) -> Self {
        Self::Dense(m)
    }
}

impl<'a> From<&'a Csr> for RowBlock<'a> {
    fn from(m: &'a Csr) -> Self {
        Self::Csr(m)
    }
}

impl<'a> From<&'a Matrix> for RowBlock<'a> {
    fn from(m: &'a Matrix) -> Self {
        match m {
            Matrix::Dense(m) => Self::Dense(m),
            Matrix::Csr(m) => Self::Csr(m),
        }
    }
}

impl RowBlock<'_> {
    pub(super) fn n_cols(self) -> usize {
        match self {
            Self::Dense(m) => m.n_cols(),
            Self::Csr(m) => m.n_cols(),
        }
    }

    fn n_rows(self) -> usize {
        match self {
            Self::Dense(m) => m.n_rows(),
            Self::Csr(m) => m.n_rows(),
        }
    }
}

/// A matrix on its way into a file.
pub(super) struct Stream {
    pub n_cols: usize,
    n_rows: usize,
    body: Body,
}

enum Body {
    Dense(Growing<f32>),
    Csr {
        /// One more than rows.
        offsets: Vec<u64>,
        indices: Growing<i32>,
        data: Growing<f32>,
    },
}

type Result<T> = std::result::Result<T, Hdf5Error>;

/// The group of an element and its name there.
fn split(element: &str) -> (&str, &str) {
    element.rsplit_once('/').unwrap_or(("", element))
}

impl Stream {
    /// `n_cols` must fit 32 bits.
    pub fn dense(element: &str, n_cols: usize) -> Self {
        let body = Body::Dense(Growing::matrix(split(element).1, n_cols));
        Self {
            n_cols,
            n_rows: 0,
            body,
        }
    }

    /// `n_cols` must fit 32 bits.
    pub fn csr(n_cols: usize) -> Self {
        let body = Body::Csr {
            offsets: vec![0],
            indices: Growing::flat("indices"),
            data: Growing::flat("data"),
        };
        Self {
            n_cols,
            n_rows: 0,
            body,
        }
    }

    /// Appends rows of `n_cols` columns.
    pub fn push(&mut self, sink: &Sink, element: &str, rows: RowBlock<'_>) -> Result<()> {
        match (&mut self.body, rows) {
            (Body::Dense(values), RowBlock::Dense(rows)) => {
                values.push(&sink.place(split(element).0)?, rows.values())?;
            }
            (Body::Dense(values), RowBlock::Csr(rows)) => {
                let at = sink.place(split(element).0)?;
                let mut row = vec![0.0; self.n_cols];
                for r in 0..rows.n_rows() {
                    row.fill(0.0);
                    let (columns, stored) = rows.row(r);
                    for (&c, &v) in columns.iter().zip(stored) {
                        row[c as usize] = v;
                    }
                    values.push(&at, &row)?;
                }
            }
            (Body::Csr { .. }, RowBlock::Dense(rows)) => {
                return self.push(sink, element, RowBlock::Csr(&Csr::from_dense(rows)));
            }
            (
                Body::Csr {
                    offsets,
                    indices,
                    data,
                },
                RowBlock::Csr(rows),
            ) => {
                let at = sink.place(element)?;
                let first = data.len() as u64;
                offsets.extend(rows.indptr()[1..].iter().map(|&o| first + o as u64));
                data.push(&at, rows.values())?;
                // Columns are below `n_cols`, which fits.
                let columns: Vec<i32> = rows.indices().iter().map(|&c| c as i32).collect();
                indices.push(&at, &columns)?;
            }
        }
        self.n_rows += rows.n_rows();
        Ok(())
    }

    /// What keeps the matrix from being part of its modality.
    pub fn misfit<'m>(
        &self,
        element: &str,
        modality: impl Fn(Option<&str>) -> Option<&'m Modality>,
    ) -> Option<String> {
        let e = Element::parse(element)?;
        let Some(m) = modality(e.modality) else {
            return Some(format!("{element}: there is no such modality"));
        };
        let is_there = match e.slot {
            Slot::Layer(name) => m.layers.contains_key(name),
            _ => m.x.is_some(),
        };
        if is_there {
            return Some(format!("{element} is given twice: by rows and whole"));
        }
        let (found, expected) = ((self.n_rows, self.n_cols), (m.n_obs(), m.n_vars()));
        (found != expected).then(|| {
            format!(
                "{element} is {} x {}, obs and var ask for {} x {}",
                found.0, found.1, expected.0, expected.1
            )
        })
    }

    /// Writes what is left, and the attributes.
    pub fn complete(self, sink: &Sink, element: &str) -> Result<()> {
        let (group, name) = split(element);
        let at = sink.place(group)?;
        match self.body {
            Body::Dense(values) => values.array(&at, self.n_rows),
            Body::Csr {
                offsets,
                indices,
                data,
            } => {
                let g = at.encoded(name, "csr_matrix", "0.1.0")?;
                g.attr_integers("shape", &[self.n_rows as i64, self.n_cols as i64])?;
                let is_narrow = i32::try_from(data.len()).is_ok();
                data.part(&g)?;
                indices.part(&g)?;
                // In range, so the casts lose nothing.
                if is_narrow {
                    let offsets: Vec<i32> = offsets.iter().map(|&o| o as i32).collect();
                    g.part("indptr", &offsets)
                } else {
                    let offsets: Vec<i64> = offsets.iter().map(|&o| o as i64).collect();
                    g.part("indptr", &offsets)
                }
            }
        }
    }
}
