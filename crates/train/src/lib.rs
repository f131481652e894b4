//! Where data, model and disk meet: batches, the training loop, checkpoints, history, devices.
//!
//! [`train`] runs any [`FusionModel`](fusion_core::FusionModel) on a [`CellData`], and
//! [`embed`] reads the trained model out. Order, masks and dropout are pure functions of
//! (seed, epoch, step), so a run on the CPU that is interrupted and resumed ends with the same
//! bytes as one that was not.

mod ahead;
mod checkpoint;
mod config;
mod data;
mod device;
mod embed;
mod error;
mod history;
mod init;
mod network;
mod observer;
mod part;
mod sampler;
mod split;
mod trainer;

pub use checkpoint::{Checkpoint, CheckpointError, Checkpoints, Progress};
pub use config::{Schedule, StageTraining, TrainConfig};
pub use data::{CellData, DataError};
pub use device::{DeviceChoice, DeviceError};
pub use embed::embed;
pub use error::TrainError;
pub use fused_optim::clip_global_norm;
pub use history::{EpochRecord, History};
pub use init::seeded_init;
pub use network::{CellNetwork, NeighbourSampling};
pub use observer::{Observer, Silent, StepReport, StopAfter};
pub use sampler::Sampler;
pub use split::Split;
pub use trainer::{Outcome, Run, Trained, split, train, trained};
