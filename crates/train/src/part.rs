//! What the parts of a batch give.

use burn::optim::GradientsParams;
use flex_slices::with_stream;
use fusion_core::{CellBatch, FusionModel, Stage};
use indexmap::IndexMap;
use rayon::prelude::*;

/// Losses and gradients of a part of a batch.
pub(crate) struct Part {
    /// The cells that it is about.
    pub rows: Vec<usize>,
    /// Weight and value of each loss.
    pub losses: IndexMap<String, (f64, f64)>,
    /// Its share in the gradients of the batch.
    pub gradients: GradientsParams,
}

impl Part {
    /// Parts of a batch of `n_cells` with their seeds, in their order; several of them at the same time.
    pub fn of_all<M: FusionModel>(
        model: &M,
        mut parts: Vec<(u64, CellBatch)>,
        n_cells: usize,
        stage: &Stage,
    ) -> Vec<Self> {
        if let [_] = parts[..]
            && let Some((seed, batch)) = parts.pop()
        {
            // Layers other than ours draw from the device's generator.
            batch.device().inner().seed(seed);
            return vec![Self::of(model, seed, batch, n_cells, stage)];
        }
        // Each by leaves of its own, or all were one graph, which one thread has at a time. Not by `fork`, which ties these leaves to the
        // model's, whose graph then grows for ever where a parameter has no gradient.
        let of_own: Vec<_> = parts
            .into_iter()
            .map(|(seed, batch)| (model.valid().train(), seed, batch))
            .collect();
        of_own
            .into_par_iter()
            .map(|(model, seed, batch)| Self::of(&model, seed, batch, n_cells, stage))
            .collect()
    }

    fn of<M: FusionModel>(
        model: &M,
        seed: u64,
        mut batch: CellBatch,
        n_cells: usize,
        stage: &Stage,
    ) -> Self {
        let losses = with_stream(seed, || model.losses(&batch, stage));
        let terms = losses.values().into_iter().zip(losses.terms().values());
        let terms = terms.map(|((name, value), term)| (name, (term.weight, value)));
        let share = batch.n_targets as f64 / n_cells as f64;
        let backward = losses.total().mul_scalar(share).backward();
        batch.rows.truncate(batch.n_targets);
        Self {
            rows: batch.rows,
            losses: terms.collect(),
            gradients: GradientsParams::from_grads(backward, model),
        }
    }
}
