//! The traits and small types that every block and model of cellweave implements.
//!
//! A fusion model is assembled from blocks: an [`Encoder`] per modality, a [`Fusion`] that joins
//! hidden states, a [`Decoder`] per modality, all held by a struct that implements
//! [`FusionModel`]. The training loop, checkpoints and evaluation know only that trait, so a model
//! written outside this workspace trains, resumes and embeds exactly as the shipped ones.
//!
//! Below this crate there are only burn and small helpers (serde, indexmap, thiserror); it changes slowly. It knows no file format and no
//! concrete model.

mod batch;
mod block;
mod config;
mod draw;
mod graph;
mod loss;
mod model;

pub use batch::{CellBatch, Features};
pub use block::{Decoder, Encoder, Fusion, Hidden};
pub use config::ConfigError;
pub use draw::Draw;
pub use graph::{BlockNode, ModelGraph};
pub use loss::{LossTerm, LossTerms};
pub use model::{EachBatch, EpochStart, FusionModel, Stage};
