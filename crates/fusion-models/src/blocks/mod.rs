//! The parts that models are made of.

mod covariates;
mod decoder;
mod dense;
pub(crate) mod dropout;
mod fusion;
mod graph_decoder;
mod graph_fusion;
mod group_encoder;
mod group_head;
pub(crate) mod linear;
mod mixture_prior;
mod noise;
mod patches;
mod soft_assignment;
mod stack;
mod tag_conv;
mod zinb_head;

pub use covariates::{Arithmetic, CovariateEmbedding};
pub use decoder::{TokenDecoder, TokenDecoderConfig};
pub use dense::{
    Activation, DenseLayer, DenseStack, DenseStackConfig, DenseTail, Norm, Normalization,
};
pub use fusion::{AnyFusion, FusionKind, SumFusion, TttFusion};
pub use graph_decoder::{PairLoss, Pairs, graph_loss};
pub use graph_fusion::{GlobalFusion, GraphFusion};
pub use group_encoder::{GroupEncoder, GroupInput};
pub(crate) use group_head::library_of;
pub use group_head::{GroupHead, GroupLikelihood, Predicted};
pub use mixture_prior::MixturePrior;
pub use noise::normal_noise;
pub use patches::{PatchEmbed, PatchHead, Patches, TokenWeights};
pub use soft_assignment::{SoftAssignment, cross_entropy, divergence, sharpen};
pub use stack::{TttStack, TttStackConfig};
pub use tag_conv::{TagConv, TagConvConfig};
pub use zinb::kernel::ValueLink;
pub use zinb_head::{ZinbHead, ZinbHeads};

use burn::module::Param;
use burn::tensor::{Device, Distribution, Tensor};

/// A learned tensor drawn from `N(0, std^2)`.
fn normal<const D: usize>(shape: [usize; D], std: f64, device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::random(
        shape,
        Distribution::Normal(0.0, std),
        device,
    ))
}

/// Deviation of position vectors and mask tokens.
const POSITION_STD: f64 = 0.02;
