//! The network.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use fusion_core::{CellBatch, Features, FusionModel, LossTerms, ModelGraph, Stage};
use sparse_ops::CsrTensor;
use zinb::tensor::{BatchLikelihood, CountOutput, Targets, Weights};

use super::ZinbAutoencoderConfig;
use crate::blocks::{
    Activation, DenseStack, DenseStackConfig, GroupHead, GroupLikelihood, Normalization,
    normal_noise,
};

/// Name of the modality that a batch must hold: raw counts, sparse or dense.
const RNA: &str = "rna";

/// How far a batch moves the running values of the normalisation (scVI).
const MOMENTUM: f64 = 0.01;

/// Purposes that random choices of one pass are keyed by.
mod purpose {
    pub const LATENT: u64 = 0;
}

/// The count autoencoder.
///
/// ```text
/// z ~ N(m(x), s(x)²),  x = ln(1 + target_sum counts / library)        or z = m(x) without noise
/// counts ~ ZINB(library softmax(f(z)), theta, logit(f(z)))
/// loss = mean over cells of [ -ln p(counts | z) + kl_weight min(1, progress / kl_warmup) KL(N(m, s²) | N(0, 1)) ]
/// ```
///
/// The embedding is `m(x)`, `[cells, n_latent]`. Counts that are sparse stay so from the first layer to the
/// likelihood.
#[derive(Module, Debug)]
pub struct ZinbAutoencoder {
    encoder: DenseStack,
    latent_mean: Linear,
    latent_log_var: Option<Linear>,
    decoder: DenseStack,
    head: GroupHead,
    #[module(skip)]
    config: ZinbAutoencoderConfig,
    #[module(skip)]
    n_genes: usize,
}

impl ZinbAutoencoder {
    pub(super) fn new(config: &ZinbAutoencoderConfig, n_genes: usize, device: &Device) -> Self {
        let backwards: Vec<usize> = config.hidden.iter().rev().copied().collect();
        let (first, last) = (config.hidden[0], backwards[0]);
        let to_latent = || LinearConfig::new(last, config.n_latent).init(device);
        Self {
            encoder: DenseStackConfig {
                d_input: n_genes,
                widths: config.hidden.clone(),
                normalization: config.normalization,
                momentum: MOMENTUM,
                activation: Activation::Relu,
                dropout: config.dropout,
            }
            .init(device),
            latent_mean: to_latent(),
            latent_log_var: (config.kl_weight > 0.0).then(to_latent),
            decoder: DenseStackConfig {
                d_input: config.n_latent,
                widths: backwards,
                normalization: config.normalization,
                momentum: MOMENTUM,
                activation: Activation::Relu,
                dropout: 0.0,
            }
            .init(device),
            head: GroupHead::new(
                match config.extra_zeros {
                    true => GroupLikelihood::Zinb,
                    false => GroupLikelihood::Nb,
                },
                first,
                n_genes,
                device,
            ),
            config: config.clone(),
            n_genes,
        }
    }

    /// The settings that the model was made with.
    pub fn config(&self) -> &ZinbAutoencoderConfig {
        &self.config
    }

    /// Counts -> the encoder's last hidden state, and library sizes.
    fn encode(&self, counts: &Features) -> (Tensor<2>, Tensor<1>) {
        match counts {
            Features::Sparse(x) => (self.encoder.forward_sparse(&self.logged(x)), x.row_sums()),
            Features::Dense(x) => {
                let library = x.clone().sum_dim(1);
                let logged = match self.config.target_sum > 0.0 {
                    false => x.clone().log1p(),
                    true => {
                        let sums = library.clone().clamp_min(f32::MIN_POSITIVE);
                        (x.clone() / sums * self.config.target_sum).log1p()
                    }
                };
                (self.encoder.forward(logged), library.squeeze_dim(1))
            }
        }
    }

    fn logged(&self, x: &CsrTensor) -> CsrTensor {
        match self.config.target_sum > 0.0 {
            true => x.log_normalize(self.config.target_sum),
            false => x.log1p(),
        }
    }

    /// Weight of the divergence when that share of the training lies behind.
    fn kl_weight(&self, progress: f64) -> f64 {
        let c = &self.config;
        match progress < c.kl_warmup {
            true => c.kl_weight * progress / c.kl_warmup,
            false => c.kl_weight,
        }
    }

    fn decode(&self, z: Tensor<2>, library: Tensor<1>) -> CountOutput {
        self.head.counts(self.decoder.forward(z), library, None)
    }

    /// The distributions of the counts at the mean of the latent variable.
    pub fn reconstruct(&self, batch: &CellBatch) -> CountOutput {
        let (hidden, library) = self.encode(batch.features_of(RNA));
        self.decode(self.latent_mean.forward(hidden), library)
    }

    /// Denoised counts, `[cells, genes]`: the mean of the count part for a cell of that library size.
    pub fn denoise(&self, batch: &CellBatch, library: f64) -> Tensor<2> {
        let (hidden, own) = self.encode(batch.features_of(RNA));
        let z = self.latent_mean.forward(hidden);
        self.head
            .rates(self.decoder.forward(z), own.full_like(library))
    }
}

impl FusionModel for ZinbAutoencoder {
    fn stages(&self) -> Vec<Stage> {
        vec![Stage {
            name: "autoencoder".to_owned(),
            modalities: vec![RNA.to_owned()],
        }]
    }

    fn losses(&self, batch: &CellBatch, _stage: &Stage) -> LossTerms {
        let counts = batch.features_of(RNA);
        let (hidden, library) = self.encode(counts);
        let mean = self.latent_mean.forward(hidden.clone());
        let (z, kl) = match &self.latent_log_var {
            None => (mean, None),
            Some(layer) => {
                // The logarithm of the variance is kept where its exponential is harmless.
                let log_var = layer.forward(hidden).clamp(-15.0, 15.0);
                let noise = normal_noise(
                    &batch.rows,
                    self.config.n_latent,
                    batch.draw.for_use(purpose::LATENT),
                    &mean.device(),
                );
                let z = mean.clone() + (log_var.clone() * 0.5).exp() * noise;
                let kl = (mean.clone() * mean + log_var.clone().exp() - log_var - 1.0) * 0.5;
                (z, Some(kl.sum_dim(1).mean()))
            }
        };
        let targets = match counts {
            Features::Dense(x) => Targets::Dense(x.clone()),
            Features::Sparse(x) => Targets::Sparse(x.clone()),
        };
        let nll = self
            .decode(z, library)
            .into_nll(&targets, &Weights::mean_over_cells());
        let terms = LossTerms::new().with("reconstruction", 1.0, nll.loss);
        match kl {
            None => terms,
            Some(kl) => terms.with("kl", self.kl_weight(batch.progress), kl),
        }
    }

    fn independent_parts(&self) -> bool {
        self.config.normalization != Normalization::Batch
    }

    fn embed(&self, batch: &CellBatch) -> Tensor<2> {
        self.latent_mean
            .forward(self.encode(batch.features_of(RNA)).0)
    }

    fn describe(&self) -> ModelGraph {
        let c = &self.config;
        let mut g = ModelGraph::default();
        let hidden = |w: usize| format!("[cells, {w}]");
        let counts = g.node("rna", hidden(self.n_genes), 0, &[]);
        let last = c.hidden[c.hidden.len() - 1];
        let encoded = g.block("encoder", hidden(last), &self.encoder, &[counts]);
        let mut z = g.block(
            "latent mean",
            hidden(c.n_latent),
            &self.latent_mean,
            &[encoded],
        );
        if let Some(layer) = &self.latent_log_var {
            let v = g.block("latent log variance", hidden(c.n_latent), layer, &[encoded]);
            z = g.node("latent", hidden(c.n_latent), 0, &[z, v]);
        }
        let decoded = g.block("decoder", hidden(c.hidden[0]), &self.decoder, &[z]);
        let name = if c.extra_zeros { "ZINB" } else { "NB" };
        g.block(name, hidden(self.n_genes), &self.head, &[decoded, counts]);
        g
    }
}
