//! scFusionTTT: a masked autoencoder of TTT layers over features in genome order.
//!
//! Meng et al., "scFusionTTT: Single-cell transcriptomics and proteomics fusion with Test-Time
//! Training layers", arXiv 2410.13257. The method has no public code; what its text leaves open is
//! filled from the same authors' scMMAE or by a choice of ours, marked in [`ScFusionTttConfig`].

mod config;
mod model;

pub use config::{ReadOut, ScFusionTttConfig};
pub use model::ScFusionTtt;
