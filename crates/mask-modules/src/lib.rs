//! Masks for training on partly hidden or partly measured cells.
//!
//! - [`TokenMask`] hides random tokens of each cell, as masked autoencoders do: the encoder sees the visible tokens in their own order, the
//!   decoder gets them back in place, the loss is scored where tokens were hidden.
//! - [`MaskPlan`] says which groups of features (modalities, or parts of them) an encoder sees and a loss scores, for which cells: data sets
//!   may each have measured something else.

mod plan;
mod token_mask;

pub use plan::{FeatureGroup, GroupSet, MaskPlan, Pass, PlanError, PlanRows, Source};
pub use token_mask::{MaskConfig, MaskError, TokenMask};
