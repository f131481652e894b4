//! An autoencoder of counts with a zero-inflated negative binomial likelihood.
//!
//! Eraslan et al., "Single-cell RNA-seq denoising using a deep count autoencoder", Nat Commun 10, 390 (2019), in the
//! shape of scVI (Lopez et al., Nat Methods 15, 1053 (2018)): dispersion per gene, mean as library size times softmax, a
//! normal latent variable by default.

mod config;
mod model;

pub use config::ZinbAutoencoderConfig;
pub use model::ZinbAutoencoder;
