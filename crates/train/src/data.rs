//! Cells in memory, cut into batches on a device.

use burn::tensor::{Device, Tensor, TensorData};
use fusion_core::{CellBatch, Draw, Features};
use indexmap::IndexMap;
use sc_io::{Csr, Matrix};
use sparse_ops::CsrTensor;

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
/// Values stay as they are stored: sparse counts stay sparse, in a batch too.
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

    /// Some cells on a device, with every modality as it is stored: sparse values stay sparse.
    ///
    /// # Panics
    /// If a row does not exist.
    pub fn batch(&self, rows: &[usize], draw: Draw, device: &Device) -> CellBatch {
        let features = self.features.iter().map(|(name, m)| {
            let features = match m.select_rows(rows) {
                Matrix::Csr(m) => Features::Sparse(sparse(&m, device)),
                Matrix::Dense(m) => {
                    let shape = [m.n_rows(), m.n_cols()];
                    let data = TensorData::new(m.into_values(), shape);
                    Features::Dense(Tensor::from_data(data, device))
                }
            };
            (name.clone(), features)
        });
        CellBatch {
            rows: rows.to_vec(),
            features: features.collect(),
            draw,
            progress: 1.0,
        }
    }
}

/// Counts of some cells on a device.
fn sparse(m: &Csr, device: &Device) -> CsrTensor {
    let dims = [m.n_rows(), m.n_cols()];
    let device = device.clone().without_autodiff();
    match CsrTensor::from_slices(dims, m.indptr(), m.indices(), m.values(), &device) {
        Ok(x) => x,
        // `Csr` holds the same rules.
        Err(e) => panic!("a valid matrix is refused: {e}"),
    }
}
