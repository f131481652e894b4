//! What is known of a cell beside its features, as a shift of its latent vector.

use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::linear::linear;

/// How the shift of a cell's covariates is taken out of its latent vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arithmetic {
    /// By subtraction: `free = z - e(c)`.
    #[default]
    Minus,
    /// By addition: `free = z + e(c)`; the same model with another sign.
    Plus,
}

/// Covariates (batch, condition, values) as a shift in the latent space.
///
/// ```text
/// e(c) = c W + b                      free = z - s e(c), back: z = free + s e(c)          s = 1 (minus), -1 (plus)
/// ```
///
/// Shapes: `c` `[cells, n_covariates]`, several may be on; `z` `[cells, n_latent]`. `b` cannot be told from the prior means; without it is the
/// default of models. Source: inClust+ (Wang et al. 2024), public code.
#[derive(Module, Debug)]
pub struct CovariateEmbedding {
    /// `[n_covariates, n_latent]`
    pub shift: Linear,
    #[module(skip)]
    arithmetic: Arithmetic,
}

impl CovariateEmbedding {
    /// A new embedding; its shifts start at 0, so that cells of all batches are alike until something says that they are not (published:
    /// Glorot).
    pub fn new(
        n_covariates: usize,
        n_latent: usize,
        bias: bool,
        arithmetic: Arithmetic,
        device: &Device,
    ) -> Self {
        Self {
            shift: LinearConfig::new(n_covariates, n_latent)
                .with_bias(bias)
                .with_initializer(Initializer::Zeros)
                .init(device),
            arithmetic,
        }
    }

    /// `s e(c)`: what a cell's latent vector has of its covariates.
    pub fn share(&self, covariates: Tensor<2>) -> Tensor<2> {
        let shift = linear(&self.shift, covariates);
        match self.arithmetic {
            Arithmetic::Minus => shift,
            Arithmetic::Plus => -shift,
        }
    }

    /// The latent vector without its covariates.
    pub fn remove(&self, z: Tensor<2>, covariates: Tensor<2>) -> Tensor<2> {
        z - self.share(covariates)
    }

    /// The latent vector with other covariates in place of its own.
    pub fn swap(&self, z: Tensor<2>, own: Tensor<2>, other: Tensor<2>) -> Tensor<2> {
        self.remove(z, own) + self.share(other)
    }
}
