//! The contract between a model and the training loop.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{CellBatch, Draw, LossTerms, ModelGraph};

/// One stage of training: which losses, on which modalities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Stable name, used in checkpoints and history.
    pub name: String,
    /// Modalities that a batch of this stage must hold.
    pub modalities: Vec<String>,
}

impl Stage {
    /// A stage of that name, on these modalities.
    pub fn new<'a>(name: &str, modalities: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            name: name.to_owned(),
            modalities: modalities.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// Shows batches to a function.
pub type EachBatch<'a> = dyn Fn(&mut dyn FnMut(&CellBatch)) + 'a;

/// An epoch that is about to begin.
pub struct EpochStart<'a> {
    /// The stage.
    pub stage: &'a Stage,
    /// Counted from 0 in every stage.
    pub epoch: usize,
    /// Key of random choices.
    pub draw: Draw,
    /// Shows all training cells to a function, batch by batch in the order of the data, without autodiff.
    pub each_batch: &'a EachBatch<'a>,
}

/// A model that the training loop can train, save, resume, embed with and draw.
///
/// A model holds blocks and nothing else: no loop, no file, no layer that another model could use.
pub trait FusionModel: Module {
    /// The stages in the order they run.
    fn stages(&self) -> Vec<Stage>;

    /// The losses of a batch. Each value is a mean in which every cell weighs the same, so that the
    /// loss of a batch is the cell-weighted mean of the losses of its parts.
    fn losses(&self, batch: &CellBatch, stage: &Stage) -> LossTerms;

    /// Whether parts of a batch may be computed at the same time: `losses` draw from the batch's key and through `ttt_layer`'s dropout
    /// alone, not from the device's generator, and leave no running values behind. Not by default.
    fn independent_parts(&self) -> bool {
        false
    }

    /// The embedding of the batch's targets, `[targets, n_latent]`; nothing is masked or dropped.
    fn embed(&self, batch: &CellBatch) -> Tensor<2>;

    /// The model as an epoch begins: the place to set from all cells what no gradient reaches, such as the first centres
    /// of clusters. As it stands by default.
    fn begin_epoch(self, _start: &EpochStart<'_>) -> Self {
        self
    }

    /// The model as a graph of named blocks.
    fn describe(&self) -> ModelGraph;
}
