//! Blocks and models that fuse the modalities of single cells.
//!
//! [`blocks`] holds the exchangeable parts; each model is a struct of blocks that implements
//! [`fusion_core::FusionModel`]. Models take tensors and settings, never a file.

pub mod blocks;
pub mod inclust;
pub mod ops;
pub mod scdefr;
pub mod scfusionttt;
pub mod zinb_autoencoder;

mod graph;

pub use graph::to_petgraph;
pub use inclust::{Inclust, InclustConfig};
pub use scdefr::{ScDefr, ScDefrConfig};
pub use scfusionttt::{ScFusionTtt, ScFusionTttConfig};
pub use zinb_autoencoder::{ZinbAutoencoder, ZinbAutoencoderConfig};
