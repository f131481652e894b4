//! The exchangeable parts of a model.

use burn::tensor::Tensor;

use crate::Draw;

/// Hidden states of a batch: one vector per token, `[cells, tokens, width]`.
pub type Hidden = Tensor<3>;

/// Tokens of a modality -> hidden states of the same tokens.
pub trait Encoder {
    /// `tokens` and the result are `[cells, tokens, width]`. `draw` decides dropout.
    fn encode(&self, tokens: Hidden, draw: Draw) -> Hidden;
}

/// Hidden states of one modality, informed by another.
pub trait Fusion {
    /// `own` is `[cells, own tokens, width]`, `other` `[cells, other tokens, width]`; the result has
    /// the shape of `own`.
    fn fuse(&self, own: Hidden, other: Hidden, draw: Draw) -> Hidden;
}

/// Hidden states -> values of the features.
pub trait Decoder {
    /// `hidden` is `[cells, tokens, width]`, the result `[cells, features]`.
    fn decode(&self, hidden: Hidden, draw: Draw) -> Tensor<2>;
}
