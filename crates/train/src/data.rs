//! Cells in memory, cut into batches on a device.

use burn::tensor::{Device, Tensor, TensorData};
use fusion_core::{CellBatch, Draw};
use indexmap::IndexMap;
use sc_io::Matrix;

/// Why modalities do not form a data set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// No modality was given.
    #[error("a data set needs at least one modality")]
    Empty,
    /// Modalities of different cells.
    #[error("modality '{modality}' has {found} cells, the first one has {expected}")]
    Cells {
        /// Name of the modality.
        modality: String,
        /// Its cells.
        found: usize,
        /// Cells of the first modality.
        expected: usize,
    },
}

/// Prepared modalities of the same cells in the same order.
///
/// Values stay as they are stored (sparse counts stay sparse); a batch is made dense when it is cut.
#[derive(Clone, Debug)]
pub struct CellData {
    n_cells: usize,
    features: IndexMap<String, Matrix>,
}

impl CellData {
    /// A data set of modalities, each cells x features.
    pub fn new(features: IndexMap<String, Matrix>) -> Result<Self, DataError> {
        let expected = features.values().next().ok_or(DataError::Empty)?.n_rows();
        for (name, m) in &features {
            if m.n_rows() != expected {
                let (modality, found) = (name.clone(), m.n_rows());
                return Err(DataError::Cells {
                    modality,
                    found,
                    expected,
                });
            }
        }
        Ok(Self {
            n_cells: expected,
            features,
        })
    }

    /// Number of cells.
    pub fn n_cells(&self) -> usize {
        self.n_cells
    }

    /// The modalities.
    pub fn features(&self) -> &IndexMap<String, Matrix> {
        &self.features
    }

    /// Some cells on a device, with every modality.
    ///
    /// # Panics
    /// If a row does not exist.
    pub fn batch(&self, rows: &[usize], draw: Draw, device: &Device) -> CellBatch {
        let features = self
            .features
            .iter()
            .map(|(name, m)| {
                let dense = m.select_rows(rows).to_dense();
                let shape = [dense.n_rows(), dense.n_cols()];
                let t = Tensor::from_data(TensorData::new(dense.into_values(), shape), device);
                (name.clone(), t)
            })
            .collect();
        CellBatch {
            rows: rows.to_vec(),
            features,
            draw,
        }
    }
}
