//! Visible tokens to values of all features.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use fusion_core::{Decoder, Encoder, Hidden};
use mask_modules::TokenMask;
use serde::{Deserialize, Serialize};

use super::{POSITION_STD, PatchHead, Patches, TokenWeights, TttStack, TttStackConfig, normal};

/// Settings of a [`TokenDecoder`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenDecoderConfig {
    /// The blocks.
    pub stack: TttStackConfig,
    /// Whether tokens share the weights of the head.
    pub weights: TokenWeights,
    /// Width of the cell's vector that every token is told; `None` for decoders without. A TTT block is
    /// causal: without it, a hidden token at the start of the sequence has nothing to be predicted
    /// from.
    pub cell_context: Option<usize>,
}

impl TokenDecoderConfig {
    /// A new decoder.
    pub fn init(&self, patches: Patches, device: &Device) -> TokenDecoder {
        let d_model = self.stack.block.ttt.d_model;
        TokenDecoder {
            mask_token: normal([d_model], POSITION_STD, device),
            position: normal([patches.n_tokens(), d_model], POSITION_STD, device),
            context: self
                .cell_context
                .map(|n_latent| LinearConfig::new(n_latent, d_model).init(device)),
            stack: self.stack.init(device),
            head: PatchHead::new(patches, d_model, self.weights, device),
        }
    }
}

/// The decoder of a masked autoencoder: mask tokens at hidden places, a position vector per token,
/// TTT blocks, a linear head.
///
/// Shapes: hidden states `[cells, tokens, d_model]` and the cell vector `[cells, n_latent]` ->
/// `[cells, tokens, patch width]`.
#[derive(Module, Debug)]
pub struct TokenDecoder {
    mask_token: Param<Tensor<1>>,
    position: Param<Tensor<2>>,
    context: Option<Linear>,
    stack: TttStack,
    head: PatchHead,
}

impl TokenDecoder {
    /// Reconstructs every token from the visible ones, `[cells, visible, d_model]`.
    pub fn reconstruct(&self, visible: Hidden, cell: Tensor<2>, mask: &TokenMask) -> Tensor<3> {
        self.decode(mask.restore(visible, self.mask_token.val()), cell)
    }
}

impl Decoder for TokenDecoder {
    fn decode(&self, tokens: Hidden, cell: Tensor<2>) -> Tensor<3> {
        let mut shift = self.position.val().unsqueeze::<3>();
        if let Some(context) = &self.context {
            shift = shift + context.forward(cell.unsqueeze_dim::<3>(1));
        }
        self.head.forward(self.stack.encode(tokens + shift))
    }
}
