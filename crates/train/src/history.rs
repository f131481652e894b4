//! What happened, epoch by epoch.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// One epoch. Holds nothing that depends on the clock, so that equal runs have equal histories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 0.
    pub epoch: usize,
    /// Name of the stage.
    pub stage: String,
    /// Learning rate of the epoch.
    pub learning_rate: f64,
    /// Weighted sum of the training losses, mean over cells.
    pub training_loss: f64,
    /// Each training loss, unweighted, mean over cells.
    pub training: IndexMap<String, f64>,
    /// Weighted sum of the validation losses, mean over cells; none without validation cells.
    pub validation_loss: Option<f64>,
    /// Each validation loss, unweighted, mean over cells.
    pub validation: IndexMap<String, f64>,
}

/// All epochs of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// In the order they ran.
    pub epochs: Vec<EpochRecord>,
    /// Epoch whose weights were kept, as a place in `epochs`.
    pub best: Option<usize>,
}

impl History {
    /// The record of the epoch whose weights were kept.
    pub fn best_record(&self) -> Option<&EpochRecord> {
        self.epochs.get(self.best?)
    }

    /// This history and a later run's behind it.
    pub fn then(mut self, later: Self) -> Self {
        self.best = later
            .best
            .map(|place| self.epochs.len() + place)
            .or(self.best);
        self.epochs.extend(later.epochs);
        self
    }

    /// The losses of that epoch by name, `training/` and `validation/` in front.
    pub fn final_losses(&self) -> IndexMap<String, f64> {
        let Some(e) = self.best_record() else {
            return IndexMap::new();
        };
        let training = e
            .training
            .iter()
            .map(|(k, v)| (format!("training/{k}"), *v));
        let validation = e.validation.iter();
        training
            .chain(validation.map(|(k, v)| (format!("validation/{k}"), *v)))
            .collect()
    }

    /// One value per epoch of a named loss, training and validation.
    pub fn series(&self, term: &str) -> (Vec<f64>, Vec<f64>) {
        let of = |m: &IndexMap<String, f64>| m.get(term).copied().unwrap_or(f64::NAN);
        self.epochs
            .iter()
            .map(|e| (of(&e.training), of(&e.validation)))
            .unzip()
    }
}
