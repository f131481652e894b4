//! What a model sees of some cells.

use burn::tensor::{Device, Int, Tensor, TensorData};
use indexmap::IndexMap;
use sparse_ops::CsrTensor;

use crate::Draw;

/// Values of one modality, `[cells, features]`, as the data set holds them.
#[derive(Clone, Debug)]
pub enum Features {
    /// All values.
    Dense(Tensor<2>),
    /// Those that are not zero.
    Sparse(CsrTensor),
}

impl Features {
    /// These rows, in this order: of data, through which no gradient goes.
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        match self {
            Self::Sparse(x) => Self::Sparse(x.select_rows(rows)),
            Self::Dense(x) if rows.iter().copied().eq(0..x.dims()[0]) => Self::Dense(x.clone()),
            Self::Dense(x) => {
                let places: Vec<i64> = rows.iter().map(|&r| r as i64).collect();
                let data = TensorData::new(places, [rows.len()]);
                let places = Tensor::<1, Int>::from_data(data, &x.device());
                Self::Dense(x.clone().select(0, places))
            }
        }
    }

    /// All values, `[cells, features]`.
    pub fn to_dense(&self) -> Tensor<2> {
        match self {
            Self::Dense(x) => x.clone(),
            Self::Sparse(x) => x.to_dense(),
        }
    }

    /// The device that the values live on.
    pub fn device(&self) -> Device {
        match self {
            Self::Dense(x) => x.device(),
            Self::Sparse(x) => x.device(),
        }
    }
}

/// Some cells on a device, ready for a model.
#[derive(Clone, Debug)]
pub struct CellBatch {
    /// Row of each cell in the data set. Per-cell choices (masks) depend on it, not on the place
    /// in the batch, so that a cell is treated alike however the batch is cut.
    pub rows: Vec<usize>,
    /// Values per modality, `[cells, features]`, in the order that the model was built for.
    pub features: IndexMap<String, Features>,
    /// How many cells, from the first on, the batch is about. The rest are neighbours that lend their values
    /// and count in no loss.
    pub n_targets: usize,
    /// The source (a data set, or a part of one in which the same was measured) of each cell, as a place in the model's list of sources.
    pub sources: Vec<u32>,
    /// Normalised graph among the cells, `[cells, cells]`, for models that want one.
    pub graph: Option<CsrTensor>,
    /// Key of all random choices of this pass.
    pub draw: Draw,
    /// Share of the stage's training that lies behind, 0 to 1: for terms that come in slowly. 1 where nothing is
    /// trained, so that validation losses can be compared.
    pub progress: f64,
}

impl CellBatch {
    /// Number of cells, neighbours included.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no cells.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All values of one modality, `[cells, features]`.
    ///
    /// # Panics
    /// If the batch was made without that modality: a mistake in the program, not in the data.
    pub fn modality(&self, name: &str) -> Tensor<2> {
        self.features_of(name).to_dense()
    }

    /// Values that come with the batch only where there is use for them, such as labels.
    pub fn find(&self, name: &str) -> Option<&Features> {
        self.features.get(name)
    }

    /// The values of one modality as the data set holds them.
    ///
    /// # Panics
    /// If the batch was made without that modality.
    pub fn features_of(&self, name: &str) -> &Features {
        match self.features.get(name) {
            Some(features) => features,
            None => panic!(
                "the batch has no modality '{name}'; it has: {:?}",
                self.features.keys().collect::<Vec<_>>()
            ),
        }
    }

    /// The sparse values of one modality.
    ///
    /// # Panics
    /// If the batch was made without that modality, or if its values are dense.
    pub fn sparse(&self, name: &str) -> &CsrTensor {
        match self.features_of(name) {
            Features::Sparse(x) => x,
            Features::Dense(_) => panic!("modality '{name}' is dense; the model wants it sparse"),
        }
    }

    /// The graph among the cells.
    ///
    /// # Panics
    /// If the data set has none.
    pub fn cell_graph(&self) -> &CsrTensor {
        match &self.graph {
            Some(graph) => graph,
            None => panic!("the batch has no graph of cells; the data set was made without one"),
        }
    }

    /// The device that the values live on.
    ///
    /// # Panics
    /// If the batch has no modality at all.
    pub fn device(&self) -> Device {
        match self.features.values().next() {
            Some(features) => features.device(),
            None => panic!("a batch without any modality has no device"),
        }
    }
}
