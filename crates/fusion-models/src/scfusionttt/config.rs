//! Settings of scFusionTTT.

use burn::tensor::Device;
use fusion_core::ConfigError;
use mask_modules::MaskConfig;
use serde::{Deserialize, Serialize};
use ttt_layer::{TttBlockConfig, TttLinearConfig};

use super::ScFusionTtt;
use crate::blocks::{FusionKind, Patches, TokenDecoderConfig, TokenWeights, TttStackConfig};

/// How the tokens of a cell become its vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadOut {
    /// The mean of both modalities' means over tokens, `d_model` wide (lineage).
    #[default]
    Mean,
    /// Both means side by side, `2 d_model` wide.
    Concat,
}

/// Settings of scFusionTTT, stage 1.
///
/// Origin of a value: *lineage* = scMMAE, by the same first and last author; *review* = the public
/// review of the paper; *ours* = a choice of this project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScFusionTttConfig {
    /// Neighbouring genes per token. Default 10 (lineage).
    pub gene_patch: usize,
    /// Proteins per token; 0 stands for 1 on panels of up to 50 proteins and 10 above (lineage).
    pub protein_patch: usize,
    /// Width of the hidden states. Default 128 (lineage).
    pub d_model: usize,
    /// Heads of a TTT layer. Default 2 (lineage).
    pub n_heads: usize,
    /// Hidden width of SwiGLU; 0 stands for 2.67 `d_model` rounded up to a multiple of 32 (lineage
    /// of the TTT layer: 352 at 128).
    pub d_hidden: usize,
    /// Tokens per inner mini-batch. Default 16 (published TTT code).
    pub chunk: usize,
    /// Inner learning rate. Default 1 (published TTT code).
    pub base_lr: f64,
    /// Blocks per encoder. Default 6 (lineage).
    pub encoder_depth: usize,
    /// Blocks per decoder. Default 4 (lineage).
    pub decoder_depth: usize,
    /// Dropout on the output of the TTT layer and of SwiGLU. Default 0.1 (lineage).
    pub dropout: f64,
    /// Share of hidden tokens in both modalities. Default 0.15 (lineage).
    pub mask_ratio: f64,
    /// How the modalities are joined. Default `ttt` (review).
    pub fusion: FusionKind,
    /// Weight of the other modality in the fused states. Default 1 (lineage adds plainly).
    pub lambda: f64,
    /// Weight of the RNA loss. Default 0.7 (lineage).
    pub rna_weight: f64,
    /// Weight of the protein loss. Default 0.3 (lineage).
    pub protein_weight: f64,
    /// Weights of the token embedding and of the decoders' heads. Default `shared` (lineage).
    pub token_weights: TokenWeights,
    /// How the fused tokens of a cell become its vector. Default `mean` (lineage).
    pub read_out: ReadOut,
    /// Whether the decoders are told the cell's vector. Default `false`: scMMAE hands its class
    /// token to the decoder, which has no counterpart in a causal layer without one; `true` is our
    /// replacement and what [`small`](Self::small) uses.
    pub cell_context: bool,
    /// Weight of a second reconstruction of the hidden features, from the cell's vector alone by a
    /// linear map per modality, relative to the first. It makes the vector that is handed out as the
    /// embedding carry what the tokens know. Default 0; ours.
    pub cell_loss: f64,
}

impl Default for ScFusionTttConfig {
    fn default() -> Self {
        Self::paper()
    }
}

impl ScFusionTttConfig {
    /// The published system as far as it is known; every field's documentation names its origin.
    pub fn paper() -> Self {
        Self {
            gene_patch: 10,
            protein_patch: 0,
            d_model: 128,
            n_heads: 2,
            d_hidden: 0,
            chunk: 16,
            base_lr: 1.0,
            encoder_depth: 6,
            decoder_depth: 4,
            dropout: 0.1,
            mask_ratio: 0.15,
            fusion: FusionKind::Ttt,
            lambda: 1.0,
            rna_weight: 0.7,
            protein_weight: 0.3,
            token_weights: TokenWeights::Shared,
            read_out: ReadOut::Mean,
            cell_context: false,
            cell_loss: 0.0,
        }
    }

    /// A model that two CPU cores train in minutes: width 32, depths 2 and 1, half of the tokens
    /// hidden, one vector per feature, and a cell's vector that the decoders are told and that has a
    /// loss of its own (all ours; the reasons stand in `docs/models.md`).
    pub fn small() -> Self {
        Self {
            gene_patch: 20,
            d_model: 32,
            n_heads: 1,
            encoder_depth: 2,
            decoder_depth: 1,
            dropout: 0.0,
            mask_ratio: 0.5,
            protein_weight: 1.0,
            token_weights: TokenWeights::PerFeature,
            read_out: ReadOut::Concat,
            cell_context: true,
            cell_loss: 1.0,
            ..Self::paper()
        }
    }

    /// All violations at once.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut wrong = ConfigError::default();
        for (name, value) in [
            ("gene_patch", self.gene_patch),
            ("d_model", self.d_model),
            ("n_heads", self.n_heads),
            ("chunk", self.chunk),
            ("encoder_depth", self.encoder_depth),
            ("decoder_depth", self.decoder_depth),
        ] {
            wrong.require(value > 0, format!("{name} must be at least 1"));
        }
        wrong.require(
            self.n_heads == 0 || self.d_model.is_multiple_of(2 * self.n_heads),
            format!(
                "d_model = {} must be a multiple of 2 n_heads = {} (heads of even width)",
                self.d_model,
                2 * self.n_heads
            ),
        );
        wrong.require(
            (0.0..1.0).contains(&self.dropout),
            format!("dropout = {} must be in 0..1", self.dropout),
        );
        wrong.require(
            self.mask_ratio > 0.0 && self.mask_ratio < 1.0,
            format!(
                "mask_ratio = {} must be above 0 and below 1",
                self.mask_ratio
            ),
        );
        for (name, value) in [
            ("base_lr", self.base_lr),
            ("lambda", self.lambda),
            ("rna_weight", self.rna_weight),
            ("protein_weight", self.protein_weight),
            ("cell_loss", self.cell_loss),
        ] {
            wrong.require(
                value.is_finite() && value >= 0.0,
                format!("{name} = {value} must be finite and not negative"),
            );
        }
        wrong.into_result()
    }

    /// A new model for that many genes and proteins, in the order of the batches to come.
    ///
    /// # Errors
    /// All violations of [`validate`](Self::validate), and too few features for two tokens of each
    /// modality.
    pub fn init(
        &self,
        n_genes: usize,
        n_proteins: usize,
        device: &Device,
    ) -> Result<ScFusionTtt, ConfigError> {
        self.validate()?;
        let mut wrong = ConfigError::default();
        let (genes, proteins) = (self.genes(n_genes), self.proteins(n_proteins));
        for (what, p) in [("genes", genes), ("proteins", proteins)] {
            wrong.require(
                p.n_tokens() >= 2,
                format!(
                    "{} {what} in tokens of {} make {} token(s); masking needs at least 2",
                    p.n_features,
                    p.width,
                    p.n_tokens()
                ),
            );
        }
        wrong.into_result()?;
        Ok(ScFusionTtt::new(self, genes, proteins, device))
    }

    /// How genes are cut into tokens.
    pub fn genes(&self, n_genes: usize) -> Patches {
        Patches {
            n_features: n_genes,
            width: self.gene_patch,
        }
    }

    /// How proteins are cut into tokens.
    pub fn proteins(&self, n_proteins: usize) -> Patches {
        let width = match self.protein_patch {
            0 if n_proteins > 50 => 10,
            0 => 1,
            w => w,
        };
        Patches {
            n_features: n_proteins,
            width,
        }
    }

    /// Width of the cell's vector.
    pub fn n_latent(&self) -> usize {
        match self.read_out {
            ReadOut::Mean => self.d_model,
            ReadOut::Concat => 2 * self.d_model,
        }
    }

    pub(super) fn mask(&self) -> MaskConfig {
        MaskConfig {
            ratio: self.mask_ratio,
        }
    }

    pub(super) fn block(&self) -> TttBlockConfig {
        let ttt = TttLinearConfig::new(self.d_model)
            .with_n_heads(self.n_heads)
            .with_chunk(self.chunk)
            .with_base_lr(self.base_lr);
        let d_hidden = (self.d_hidden > 0).then_some(self.d_hidden);
        TttBlockConfig::new(ttt)
            .with_d_hidden(d_hidden)
            .with_dropout(self.dropout)
    }

    pub(super) fn encoder(&self) -> TttStackConfig {
        TttStackConfig {
            block: self.block(),
            depth: self.encoder_depth,
            final_norm: true,
        }
    }

    pub(super) fn decoder(&self) -> TokenDecoderConfig {
        TokenDecoderConfig {
            stack: TttStackConfig {
                block: self.block(),
                depth: self.decoder_depth,
                final_norm: false,
            },
            weights: self.token_weights,
            cell_context: self.cell_context.then(|| self.n_latent()),
        }
    }
}
