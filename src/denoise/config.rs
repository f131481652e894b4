//! Settings of `cellweave denoise`.

use fusion_core::ConfigError;
use fusion_models::ZinbAutoencoderConfig;
use fusion_models::blocks::Normalization;
use serde::{Deserialize, Serialize};
use train::TrainConfig;

use crate::Error;
use crate::settings::{merge, parse_single};

/// Settings of `cellweave denoise`.
///
/// ```
/// use cellweave::denoise::DenoiseConfig;
/// let config = DenoiseConfig::from_toml("[model]\nn_latent = 20", &[]).unwrap();
/// assert_eq!((config.model.n_latent, config.train.batch_size), (20, 128));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DenoiseConfig {
    /// The matrix of raw counts: `X`, `layers/NAME` or `raw/X`. Default `X`.
    pub element: String,
    /// Whether values that are not whole numbers are taken as counts. Default `false`.
    pub allow_non_integer: bool,
    /// Highly variable genes (flavour `seurat_v3`) that are kept; 0 keeps all. Default 0.
    pub n_top_genes: usize,
    /// Library size that the denoised means are given for; 0 stands for the median of the cells.
    /// Default 0.
    pub library: f64,
    /// Whether the denoised means are written: a dense matrix of cells x genes. Without them the
    /// result holds the latent vectors. Default `true`.
    pub means: bool,
    /// The network.
    pub model: ZinbAutoencoderConfig,
    /// The training loop. Normalisation over the batch needs each batch in one part (`micro_batch` not below
    /// `batch_size`). Default: batches of 128 in one part, learning rate 1e-3, no clipping,
    /// 10 % of the cells for validation, no early stopping; 0 epochs stand for as many as see 8
    /// million cells, at least 10 and at most 400 (scVI's rule).
    pub train: TrainConfig,
}

impl Default for DenoiseConfig {
    fn default() -> Self {
        Self {
            element: "X".into(),
            allow_non_integer: false,
            n_top_genes: 0,
            library: 0.0,
            means: true,
            model: ZinbAutoencoderConfig::default(),
            train: TrainConfig {
                epochs: 0,
                batch_size: 128,
                micro_batch: 128,
                learning_rate: 1e-3,
                warmup_epochs: 1,
                weight_decay: 1e-6,
                clip_norm: 0.0,
                validation_fraction: 0.1,
                patience: 0,
                checkpoint_every: 10,
                ..TrainConfig::default()
            },
        }
    }
}

impl DenoiseConfig {
    /// The defaults, then TOML, then single settings such as `train.epochs=20`.
    ///
    /// # Errors
    /// What is no TOML, unknown fields, and all violations of [`validate`](Self::validate).
    pub fn from_toml(text: &str, single: &[String]) -> Result<Self, Error> {
        let wrong = |e: &dyn std::fmt::Display| Error::Settings(e.to_string());
        let mut table = toml::Table::try_from(Self::default()).map_err(|e| wrong(&e))?;
        merge(&mut table, text.parse().map_err(|e| wrong(&e))?);
        for setting in single {
            merge(&mut table, parse_single(setting)?);
        }
        let config: Self = table.try_into().map_err(|e| wrong(&e))?;
        config.validate()?;
        Ok(config)
    }

    /// The settings as TOML.
    pub fn to_toml(&self) -> Result<String, Error> {
        toml::to_string_pretty(self).map_err(|e| Error::Settings(e.to_string()))
    }

    /// All violations at once.
    pub fn validate(&self) -> Result<(), Error> {
        let mut wrong = ConfigError::default();
        wrong.require(
            self.library.is_finite() && self.library >= 0.0,
            format!("library = {} must be finite and not negative", self.library),
        );
        let (part, batch) = (self.train.micro_batch, self.train.batch_size);
        wrong.require(
            self.model.normalization != Normalization::Batch || part >= batch,
            format!(
                "train.micro_batch = {part} must be at least train.batch_size = {batch}: \
                 model.normalization = \"batch\" needs a batch in one part"
            ),
        );
        wrong.include("model", self.model.validate());
        wrong.include("train", self.train.validate());
        wrong
            .into_result()
            .map_err(|e| Error::Settings(e.to_string()))
    }

    /// These settings with the number of epochs for that many cells.
    pub(super) fn for_cells(&self, n_cells: usize) -> Self {
        let mut config = self.clone();
        if config.train.epochs == 0 {
            config.train.epochs = (8_000_000 / n_cells.max(1)).clamp(10, 400);
        }
        config
    }
}
