//! Why training failed.

use fusion_core::ConfigError;

use crate::{CheckpointError, DataError};

/// Why training failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// Settings that cannot work.
    #[error("settings: {0}")]
    Config(#[from] ConfigError),
    /// Modalities that do not fit together.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Too few cells.
    #[error("training needs at least 3 cells (2 to train on, 1 to validate on), there are {0}")]
    TooFewCells(usize),
    /// Fewer training cells than a batch holds.
    #[error(
        "{training} training cells are fewer than one batch of {batch_size}; lower `batch_size` in the [train] settings"
    )]
    SmallerThanBatch {
        /// Training cells.
        training: usize,
        /// Cells of a batch.
        batch_size: usize,
    },
    /// A loss that is not a finite number.
    #[error(
        "the loss '{term}' became {value} in epoch {epoch}, step {step}; cells of the batch by row: {}. The weights of the last checkpoint are intact; lower `learning_rate`, or look at these cells", preview(.rows)
    )]
    NotFinite {
        /// Name of the loss.
        term: String,
        /// Its value.
        value: f64,
        /// Epoch, from 0.
        epoch: usize,
        /// Step, from 0.
        step: usize,
        /// Rows of the batch.
        rows: Vec<usize>,
    },
    /// A checkpoint that cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

fn preview(rows: &[usize]) -> String {
    let shown: Vec<String> = rows.iter().take(8).map(usize::to_string).collect();
    let more = if rows.len() > 8 {
        format!(" and {} more", rows.len() - 8)
    } else {
        String::new()
    };
    shown.join(", ") + &more
}
