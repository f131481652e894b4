//! Masks for training on partly hidden cells.
//!
//! [`TokenMask`] hides random tokens of each cell, as masked autoencoders do: the encoder sees the
//! visible tokens in their own order, the decoder gets them back in place, the loss is scored
//! where tokens were hidden.

mod token_mask;

pub use token_mask::{MaskConfig, MaskError, TokenMask};
