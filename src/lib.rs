//! cellweave fuses the modalities of single cells with deep models.
//!
//! This crate is the facade over the workspace's crates, and what the command `cellweave` is made
//! of: [`fuse`], [`denoise`], [`cluster`], [`inclust`], [`mod@describe`], [`evaluate`], [`inspect`], the [`simulate`]d data, [`plot`]s and the [`report`].

pub mod cluster;
pub mod denoise;
pub mod describe;
pub mod evaluate;
pub mod fuse;
pub mod inclust;
pub mod inspect;
pub mod plot;
pub mod report;
pub mod simulate;

mod atomic;
mod clock;
mod error;
mod layout;
mod resources;
mod settings;

pub use error::Error;

pub use fusion_core;
pub use fusion_models;
pub use mask_modules;
pub use sc_graph;
pub use sc_io;
pub use sc_metrics;
pub use sc_prep;
pub use sparse_ops;
pub use train;
pub use ttt_layer;
pub use zinb;
