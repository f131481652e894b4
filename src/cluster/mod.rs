//! `cellweave cluster`: from a file of counts to clusters by [scDEFR](fusion_models::ScDefr).
//!
//! Expression and the graph of neighbouring cells are fused layer by layer; the embedding, its clusters and how sure they are
//! go back into the file. Labels reach the scores and the pictures only.

mod config;
mod grouping;
mod leak;
mod place;
mod prepare;
mod run;
mod show;
mod summary;

pub use config::{CellGraphConfig, ClusteringConfig, ClusteringPreset, Partition};
pub use place::{PlaceOptions, PlacedSummary, place};
pub use prepare::{Expression, prepare};
pub use run::{ClusterOptions, Clustered, cluster};
pub use summary::ClusteringSummary;
