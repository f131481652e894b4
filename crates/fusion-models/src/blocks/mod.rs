//! The parts that models are made of.

mod decoder;
mod fusion;
mod patches;
mod stack;

pub use decoder::{TokenDecoder, TokenDecoderConfig};
pub use fusion::{AnyFusion, FusionKind, SumFusion, TttFusion};
pub use patches::{PatchEmbed, PatchHead, Patches, TokenWeights};
pub use stack::{TttStack, TttStackConfig};

use burn::module::Param;
use burn::tensor::{Device, Distribution, Tensor};

/// A learned tensor drawn from `N(0, 0.02^2)`, the initialisation of every table here.
fn normal<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::random(shape, Distribution::Normal(0.0, 0.02), device))
}
