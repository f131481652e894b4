//! scDEFR: expression and the cell graph fused layer by layer, for clustering.
//!
//! Source: Cheng et al., "Unsupervised deep embedded fusion representation of single-cell transcriptomics", AAAI 2023. What is
//! built is the model that the paper describes; where its published program does something else, [`Faults`] says
//! what, and switches it on.

mod centres;
mod config;
mod joint;
mod model;
mod partition;

pub use config::{Branches, Faults, GraphLoss, Initial, LossWeights, ScDefrConfig};
pub use joint::{JointClusters, JointSpace, Mixture, Part};
pub use model::{COUNTS, Embeddings, RNA, SIZE_FACTOR, ScDefr};
pub use partition::{PartitionError, SpectralClusters};
