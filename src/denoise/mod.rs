//! From a file of counts to denoised means: `cellweave denoise`.
//!
//! A [count autoencoder](fusion_models::ZinbAutoencoder) is fitted to the counts of an `.h5ad`. The result is the same
//! cells with the latent vectors in `obsm["X_zinb_ae"]` and the means of the count part in `layers["denoised"]`,
//! which are written by blocks of rows: the dense matrix never exists in memory.

mod config;
mod counts;
mod run;
mod summary;

pub use config::DenoiseConfig;
pub(crate) use counts::median_library;
pub use run::{DenoiseOptions, Denoised, denoise};
pub use summary::DenoiseSummary;
