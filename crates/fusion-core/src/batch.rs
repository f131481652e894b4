//! What a model sees of some cells.

use burn::tensor::{Device, Tensor};
use indexmap::IndexMap;

use crate::Draw;

/// Some cells on a device, ready for a model.
#[derive(Clone, Debug)]
pub struct CellBatch {
    /// Row of each cell in the data set. Per-cell choices (masks) depend on it, not on the place
    /// in the batch, so that a cell is treated alike however the batch is cut.
    pub rows: Vec<usize>,
    /// Values per modality, `[cells, features]`, in the order that the model was built for.
    pub features: IndexMap<String, Tensor<2>>,
    /// Key of all random choices of this pass.
    pub draw: Draw,
}

impl CellBatch {
    /// Number of cells.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no cells.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Values of one modality, `[cells, features]`.
    ///
    /// # Panics
    /// If the batch was made without that modality: a mistake in the program, not in the data.
    pub fn modality(&self, name: &str) -> Tensor<2> {
        match self.features.get(name) {
            Some(t) => t.clone(),
            None => panic!(
                "the batch has no modality '{name}'; it has: {:?}",
                self.features.keys().collect::<Vec<_>>()
            ),
        }
    }

    /// The device that the values live on.
    ///
    /// # Panics
    /// If the batch has no modality at all.
    pub fn device(&self) -> Device {
        match self.features.values().next() {
            Some(t) => t.device(),
            None => panic!("a batch without any modality has no device"),
        }
    }
}
