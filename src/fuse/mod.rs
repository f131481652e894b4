//! `cellweave fuse`: from a CITE-seq file to a fused embedding, clusters and a report.

mod config;
pub mod genome_cache;
mod prepare;
mod record;
mod result;
mod run;
mod show;
mod summary;

pub use config::{ClusterConfig, FuseConfig, InputConfig, PrepConfig, Preset, SequenceOrder};
pub use prepare::{Prepared, prepare};
pub use record::RunRecord;
pub(crate) use result::BURN_VERSION;
pub(crate) use run::refuse_same_file;
pub use run::{FuseObserver, FuseOptions, Fused, fuse};
pub use summary::Summary;
