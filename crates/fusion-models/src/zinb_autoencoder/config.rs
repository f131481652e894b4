//! Settings of the count autoencoder.

use burn::tensor::Device;
use fusion_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::ZinbAutoencoder;
use crate::blocks::Normalization;

/// Settings of the count autoencoder. Defaults are those of scVI where it has the setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZinbAutoencoderConfig {
    /// Width of the latent vector. Default 10.
    pub n_latent: usize,
    /// Widths of the encoder's hidden layers; the decoder has them backwards. Default one of 128.
    pub hidden: Vec<usize>,
    /// Dropout in the encoder. Default 0.1.
    pub dropout: f64,
    /// What the hidden layers normalise. Default `batch`.
    pub normalization: Normalization,
    /// Whether zeros may come from elsewhere than the counts (ZINB instead of NB). Default `true`.
    pub extra_zeros: bool,
    /// Weight of the Kullback-Leibler divergence of the latent normal from N(0, 1); 0 makes a plain
    /// autoencoder without noise. Default 1.
    pub kl_weight: f64,
    /// Share of the training over which the weight of the divergence grows from 0 to `kl_weight`, so that
    /// the latent variable is not given up before it is of use. Default 1 (scVI: 400 epochs).
    pub kl_warmup: f64,
    /// Sum that counts are scaled to before `ln(1 + x)` in front of the encoder; 0 takes the
    /// logarithm of the counts as they are (scVI). Default 10,000.
    pub target_sum: f64,
}

impl Default for ZinbAutoencoderConfig {
    fn default() -> Self {
        Self {
            n_latent: 10,
            hidden: vec![128],
            dropout: 0.1,
            normalization: Normalization::Batch,
            extra_zeros: true,
            kl_weight: 1.0,
            kl_warmup: 1.0,
            target_sum: 1e4,
        }
    }
}

impl ZinbAutoencoderConfig {
    /// All violations at once.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut wrong = ConfigError::default();
        wrong.require(self.n_latent > 0, "n_latent must be at least 1");
        wrong.require(
            !self.hidden.is_empty() && self.hidden.iter().all(|&w| w > 0),
            "hidden needs at least one width, each at least 1",
        );
        wrong.require(
            (0.0..1.0).contains(&self.dropout),
            format!("dropout = {} must be in 0..1", self.dropout),
        );
        wrong.require(
            (0.0..=1.0).contains(&self.kl_warmup),
            format!("kl_warmup = {} must be in 0..=1", self.kl_warmup),
        );
        for (name, value) in [
            ("kl_weight", self.kl_weight),
            ("target_sum", self.target_sum),
        ] {
            wrong.require(
                value.is_finite() && value >= 0.0,
                format!("{name} = {value} must be finite and not negative"),
            );
        }
        wrong.into_result()
    }

    /// A new model for that many genes.
    ///
    /// # Errors
    /// All violations of [`validate`](Self::validate), and no genes.
    pub fn init(&self, n_genes: usize, device: &Device) -> Result<ZinbAutoencoder, ConfigError> {
        self.validate()?;
        let mut wrong = ConfigError::default();
        wrong.require(n_genes > 0, "there are no genes");
        wrong.into_result()?;
        Ok(ZinbAutoencoder::new(self, n_genes, device))
    }
}
