//! Seconds per phase of a run.

use std::time::Instant;

use indexmap::IndexMap;

/// Measures phases that follow each other.
pub(crate) struct Clock {
    last: Instant,
    seconds: IndexMap<String, f64>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            last: Instant::now(),
            seconds: IndexMap::new(),
        }
    }

    /// Ends a phase.
    pub(crate) fn lap(&mut self, phase: &str) {
        self.seconds
            .insert(phase.to_owned(), self.last.elapsed().as_secs_f64());
        self.last = Instant::now();
    }

    /// The phases so far.
    pub(crate) fn seconds(&self) -> IndexMap<String, f64> {
        self.seconds.clone()
    }

    pub(crate) fn into_seconds(self) -> IndexMap<String, f64> {
        self.seconds
    }
}
