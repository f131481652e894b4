//! Watching a run.

use indexmap::IndexMap;

use crate::EpochRecord;

/// Where a run stands after an optimiser step.
#[derive(Clone, Debug)]
pub struct StepReport {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Epochs at most.
    pub epochs: usize,
    /// Steps done in this epoch.
    pub step: usize,
    /// Steps per epoch.
    pub steps: usize,
    /// Mean of each loss over the cells of this epoch so far.
    pub losses: IndexMap<String, f64>,
    /// Cells trained on in this call so far.
    pub cells_seen: usize,
}

/// Somebody who watches a run and may stop it.
pub trait Observer {
    /// After each optimiser step.
    fn on_step(&mut self, _report: &StepReport) {}
    /// After each epoch; `is_best` says whether its validation loss is the lowest so far.
    fn on_epoch(&mut self, _record: &EpochRecord, _is_best: bool) {}
    /// Something that the user should know.
    fn on_notice(&mut self, _notice: &str) {}
    /// Asked after each step; `true` makes the run save a checkpoint and return.
    fn should_stop(&mut self) -> bool {
        false
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}

/// Watches nothing and stops the run after some steps, as a user might.
///
/// ```
/// use train::{Observer, StopAfter};
/// assert!(StopAfter(0).should_stop() && !StopAfter(1).should_stop());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StopAfter(
    /// Steps that are left.
    pub usize,
);

impl Observer for StopAfter {
    fn on_step(&mut self, _report: &StepReport) {
        self.0 = self.0.saturating_sub(1);
    }

    fn should_stop(&mut self) -> bool {
        self.0 == 0
    }
}
