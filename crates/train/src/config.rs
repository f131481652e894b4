//! Settings of the training loop.

use fusion_core::ConfigError;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// How the learning rate goes on after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Falls as half a cosine.
    #[default]
    Cosine,
    /// Stays.
    Constant,
}

/// What a stage does differently.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StageTraining {
    /// Epochs of this stage. Default: those of all stages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Peak learning rate of this stage. Default: that of all stages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
}

/// Settings of the training loop.
///
/// The learning rate of epoch `e` (from 0) is
/// `learning_rate * min((e + 1) / warmup_epochs, (1 + cos(pi e / epochs)) / 2)`, the last factor 1 with a constant schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Epochs at most; 0 stands for as many as make 2,400 optimiser steps, at least 10 and at most
    /// 40 (ours). Default 500 (scMMAE).
    pub epochs: usize,
    /// Cells per optimiser step. Default 128 (scMMAE).
    pub batch_size: usize,
    /// Cells per forward and backward pass; gradients of the parts of a batch are added up, so this
    /// changes memory and speed, not the method. On the CPU as many parts as there are threads are
    /// computed at the same time, if the model says that it can be
    /// ([`independent_parts`](fusion_core::FusionModel::independent_parts)). Default 32; at least 1.
    pub micro_batch: usize,
    /// Peak learning rate. Default 2.5e-4 (scMMAE: 5e-4 x batch / 256).
    pub learning_rate: f64,
    /// Epochs of linear warm-up. Default 10 (scMMAE).
    pub warmup_epochs: usize,
    /// How the learning rate goes on after the warm-up. Default `cosine` (scMMAE).
    pub schedule: Schedule,
    /// Decoupled weight decay of AdamW. Default 1e-4 (scMMAE).
    pub weight_decay: f64,
    /// Gradients are scaled down to this global norm; 0 switches clipping off. Default 1 (ours: the
    /// inner loop of a TTT layer is recurrent).
    pub clip_norm: f64,
    /// Share of the cells that the validation loss is measured on; 0, which needs `patience = 0`, trains on all.
    /// Default 0.25 (scMMAE).
    pub validation_fraction: f64,
    /// Stop after this many epochs without a better validation loss; the best weights are restored.
    /// 0 trains all epochs and keeps the last weights. Default 5 (scMMAE).
    pub patience: usize,
    /// Epochs between checkpoints. Default 1.
    pub checkpoint_every: usize,
    /// What single stages do differently, by their names. Default none.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub stages: IndexMap<String, StageTraining>,
}

/// Optimiser steps that `epochs = 0` aims at.
const AUTO_STEPS: usize = 2400;

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 500,
            batch_size: 128,
            micro_batch: 32,
            learning_rate: 2.5e-4,
            warmup_epochs: 10,
            schedule: Schedule::Cosine,
            weight_decay: 1e-4,
            clip_norm: 1.0,
            validation_fraction: 0.25,
            patience: 5,
            checkpoint_every: 1,
            stages: IndexMap::new(),
        }
    }
}

impl TrainConfig {
    /// All violations at once.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut wrong = ConfigError::default();
        wrong.require(self.batch_size >= 2, "batch_size must be at least 2");
        wrong.require(self.micro_batch > 0, "micro_batch must be at least 1");
        wrong.require(
            self.checkpoint_every > 0,
            "checkpoint_every must be at least 1",
        );
        wrong.require(
            self.learning_rate.is_finite() && self.learning_rate > 0.0,
            format!(
                "learning_rate = {} must be finite and above 0",
                self.learning_rate
            ),
        );
        for (name, value) in [
            ("weight_decay", self.weight_decay),
            ("clip_norm", self.clip_norm),
        ] {
            wrong.require(
                value.is_finite() && value >= 0.0,
                format!("{name} = {value} must be finite and not negative"),
            );
        }
        wrong.require(
            (0.0..1.0).contains(&self.validation_fraction),
            format!(
                "validation_fraction = {} must be in 0..1",
                self.validation_fraction
            ),
        );
        wrong.require(
            self.validation_fraction > 0.0 || self.patience == 0,
            "validation_fraction = 0 leaves nothing to stop early by: set patience = 0",
        );
        for (name, stage) in &self.stages {
            let rate = stage.learning_rate.unwrap_or(self.learning_rate);
            wrong.require(
                rate.is_finite() && rate > 0.0,
                format!("stages.{name}.learning_rate = {rate} must be finite and above 0"),
            );
            wrong.require(
                stage.epochs != Some(0),
                format!("stages.{name}.epochs must be at least 1"),
            );
        }
        wrong.into_result()
    }

    /// These settings with the number of epochs for that many batches per epoch.
    pub fn for_batches(&self, n_batches: usize) -> Self {
        let epochs = match self.epochs {
            0 => (AUTO_STEPS / n_batches.max(1)).clamp(10, 40),
            epochs => epochs,
        };
        Self {
            epochs,
            ..self.clone()
        }
    }

    /// These settings with what a stage does differently.
    pub fn for_stage(&self, name: &str) -> Self {
        let mut config = self.clone();
        if let Some(stage) = self.stages.get(name) {
            config.epochs = stage.epochs.unwrap_or(config.epochs);
            config.learning_rate = stage.learning_rate.unwrap_or(config.learning_rate);
        }
        config
    }

    /// The learning rate of an epoch, counted from 0.
    pub fn learning_rate_of(&self, epoch: usize) -> f64 {
        let e = epoch as f64;
        let warmup = (e + 1.0) / self.warmup_epochs.max(1) as f64;
        let after = match self.schedule {
            Schedule::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * e / self.epochs as f64).cos()),
            Schedule::Constant => 1.0,
        };
        self.learning_rate * warmup.min(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedule_of_the_lineage() {
        let c = TrainConfig {
            learning_rate: 1.0,
            ..TrainConfig::default()
        };
        assert!((c.learning_rate_of(0) - 0.1).abs() < 1e-12);
        assert!((c.learning_rate_of(4) - 0.5).abs() < 1e-12);
        let after = 0.5 * (1.0 + (std::f64::consts::PI * 250.0 / 500.0).cos());
        assert!((c.learning_rate_of(250) - after).abs() < 1e-12);
        assert!(c.learning_rate_of(499) > 0.0);
    }

    #[test]
    fn epochs_by_steps() {
        let c = TrainConfig {
            epochs: 0,
            ..TrainConfig::default()
        };
        assert_eq!(
            [1, 100, 193, 1000].map(|n| c.for_batches(n).epochs),
            [40, 24, 12, 10]
        );
        assert_eq!(TrainConfig::default().for_batches(7).epochs, 500);
    }

    #[test]
    fn all_violations_are_named() {
        let c = TrainConfig {
            micro_batch: 0,
            batch_size: 1,
            clip_norm: f64::NAN,
            ..Default::default()
        };
        let message = c.validate().unwrap_err().to_string();
        for word in ["micro_batch", "batch_size", "clip_norm"] {
            assert!(message.contains(word), "{message}");
        }
    }
}
