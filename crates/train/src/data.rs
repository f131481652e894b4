//! Cells in memory, cut into batches on a device.

use burn::tensor::{Device, Tensor, TensorData};
use fusion_core::{CellBatch, Draw, Features};
use indexmap::IndexMap;
use sc_io::{Csr, Matrix};
use sparse_ops::CsrTensor;

use crate::CellNetwork;

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
    /// Sources of other cells.
    #[error("there are sources for {found} cells, the data have {expected}")]
    Sources {
        /// Sources.
        found: usize,
        /// Cells of the data.
        expected: usize,
    },
    /// A graph of other cells.
    #[error("the graph has {found} cells, the data {expected}")]
    Graph {
        /// Cells of the graph.
        found: usize,
        /// Cells of the data.
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
    network: Option<CellNetwork>,
    sources: Vec<u32>,
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
            network: None,
            sources: vec![0; expected],
        })
    }

    /// The same cells, each batch of which brings its neighbours along.
    ///
    /// # Errors
    /// A graph of another number of cells.
    pub fn with_network(mut self, network: CellNetwork) -> Result<Self, DataError> {
        let (found, expected) = (network.n_cells(), self.n_cells);
        if found != expected {
            return Err(DataError::Graph { found, expected });
        }
        self.network = Some(network);
        Ok(self)
    }

    /// The same cells, each of which belongs to a source: a place in the list that the model knows. All belong to the first otherwise.
    ///
    /// # Errors
    /// Another number of cells.
    pub fn with_sources(mut self, sources: Vec<u32>) -> Result<Self, DataError> {
        let (found, expected) = (sources.len(), self.n_cells);
        if found != expected {
            return Err(DataError::Sources { found, expected });
        }
        self.sources = sources;
        Ok(self)
    }

    /// The source of each cell.
    pub fn sources(&self) -> &[u32] {
        &self.sources
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
        if let Some(network) = &self.network {
            network.digest(&mut add);
        }
        if self.sources.iter().any(|&s| s != 0) {
            self.sources.iter().for_each(|&s| add(s as usize));
        }
        crc.finalize()
    }

    /// Some cells on a device, with every modality as it is stored: sparse values stay sparse. With a network their
    /// neighbours follow them.
    ///
    /// # Panics
    /// If a row does not exist.
    pub fn batch(&self, rows: &[usize], draw: Draw, device: &Device) -> CellBatch {
        let n_targets = rows.len();
        let rows = match &self.network {
            Some(network) => network.with_neighbours(rows, draw),
            None => rows.to_vec(),
        };
        let graph = self.network.as_ref().map(|network| {
            let dims = [rows.len(), rows.len()];
            let (indptr, indices, values) = network.among(&rows);
            csr_tensor(dims, &indptr, &indices, &values, device)
        });
        let features = self.features.iter().map(|(name, m)| {
            let features = match m.select_rows(&rows) {
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
            features: features.collect(),
            sources: rows.iter().map(|&r| self.sources[r]).collect(),
            rows,
            n_targets,
            graph,
            draw,
            progress: 1.0,
        }
    }
}

/// Counts of some cells on a device.
fn sparse(m: &Csr, device: &Device) -> CsrTensor {
    let dims = [m.n_rows(), m.n_cols()];
    csr_tensor(dims, m.indptr(), m.indices(), m.values(), device)
}

fn csr_tensor(
    dims: [usize; 2],
    indptr: &[usize],
    indices: &[u32],
    values: &[f32],
    device: &Device,
) -> CsrTensor {
    let device = device.clone().without_autodiff();
    match CsrTensor::from_slices(dims, indptr, indices, values, &device) {
        Ok(x) => x,
        // The containers hold the same rules.
        Err(e) => panic!("a valid matrix is refused: {e}"),
    }
}
