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

    /// A checksum of every name, shape and value, to tell data sets apart.
    pub fn fingerprint(&self) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        let mut add = |n: usize| crc.update(&(n as u64).to_le_bytes());
        for (name, m) in &self.features {
            name.bytes().for_each(|b| add(usize::from(b)));
            add(m.n_rows());
            add(m.n_cols());
            if let Matrix::Csr(m) = m {
                m.indptr().iter().for_each(|&i| add(i));
                m.indices().iter().for_each(|&i| add(i as usize));
            }
            m.values().iter().for_each(|v| add(v.to_bits() as usize));
        }
        crc.finalize()
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
