//! A stack of TTT blocks as an encoder.

use burn::module::Module;
use burn::tensor::Device;
use fusion_core::{Encoder, Hidden};
use serde::{Deserialize, Serialize};
use ttt_layer::{LayerNorm, LayerNormConfig, TttBlock, TttBlockConfig};

/// Settings of a [`TttStack`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TttStackConfig {
    /// The block that is repeated.
    pub block: TttBlockConfig,
    /// How often.
    pub depth: usize,
    /// Whether a LayerNorm follows the last block (encoders: yes, decoders: no, as in the lineage).
    pub final_norm: bool,
}

impl TttStackConfig {
    /// An encoder: that many blocks and a final norm.
    pub fn encoder(block: TttBlockConfig, depth: usize) -> Self {
        Self {
            block,
            depth,
            final_norm: true,
        }
    }

    /// A new stack.
    pub fn init(&self, device: &Device) -> TttStack {
        TttStack {
            blocks: (0..self.depth).map(|_| self.block.init(device)).collect(),
            norm: self
                .final_norm
                .then(|| LayerNormConfig::new(self.block.ttt.d_model).init(device)),
        }
    }
}

/// Blocks applied one after the other, `[cells, tokens, d_model]` in and out. Causal: a token sees
/// itself and the tokens before it.
#[derive(Module, Debug)]
pub struct TttStack {
    blocks: Vec<TttBlock>,
    norm: Option<LayerNorm>,
}

impl Encoder for TttStack {
    fn encode(&self, tokens: Hidden) -> Hidden {
        let hidden = self.blocks.iter().fold(tokens, |h, block| block.forward(h));
        match &self.norm {
            Some(norm) => norm.forward(hidden),
            None => hidden,
        }
    }
}
