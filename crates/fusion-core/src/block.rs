//! The exchangeable parts of a model.

use burn::tensor::Tensor;

/// Hidden states of a batch: one vector per token, `[cells, tokens, width]`.
pub type Hidden = Tensor<3>;

/// Tokens of a modality -> hidden states of the same tokens.
pub trait Encoder {
    /// `tokens` and the result are `[cells, tokens, width]`.
    fn encode(&self, tokens: Hidden) -> Hidden;
}

/// Hidden states of one modality, informed by another.
pub trait Fusion {
    /// `own` is `[cells, own tokens, width]`, `other` `[cells, other tokens, width]`; the result has
    /// the shape of `own`.
    fn fuse(&self, own: Hidden, other: Hidden) -> Hidden;
}

/// Hidden states -> values of the features.
pub trait Decoder {
    /// `hidden` is `[cells, tokens, width]`, `cell` the cell's vector `[cells, width]`; the result is
    /// `[cells, tokens, values per token]`.
    fn decode(&self, hidden: Hidden, cell: Tensor<2>) -> Tensor<3>;
}
