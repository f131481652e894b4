//! inClust+: one generative model with masks on what goes in and on what is scored.
//!
//! Wang et al., "inClust+: the deep generative framework with mask modules for multimodal data integration, imputation, and cross-modal
//! generation", BMC Bioinformatics 25, 41 (2024), and its parent inClust (Cell Reports Methods 2023).

mod config;
mod model;

pub use config::{GroupConfig, InclustConfig, InclustWeights, Shift};
pub use model::{COVARIATES, Encoded, Inclust, LABELS};
