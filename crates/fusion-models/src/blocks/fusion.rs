//! Joining two modalities.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use fusion_core::{Fusion, Hidden};
use serde::{Deserialize, Serialize};
use ttt_layer::{TttBlock, TttBlockConfig};

/// The ways to join two modalities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FusionKind {
    /// [`TttFusion`].
    #[default]
    Ttt,
    /// [`SumFusion`].
    Sum,
}

/// FusionTTT: one TTT block over the joined sequence, foreign tokens first.
///
/// `F_own = own + lambda * block([other ; own])[own positions]`: the inner weights absorb the other
/// modality, then the own tokens query them.
///
/// Shapes: `own [cells, n, d]`, `other [cells, m, d]` -> `[cells, n, d]`.
///
/// Source: scFusionTTT (arXiv 2410.13257), section 2.2 as reviewed; that the sequences are joined
/// along the token axis is our reading.
#[derive(Module, Debug)]
pub struct TttFusion {
    block: TttBlock,
    #[module(skip)]
    lambda: f64,
}

impl TttFusion {
    /// A new block; `lambda` weighs the other modality.
    pub fn new(block: &TttBlockConfig, lambda: f64, device: &Device) -> Self {
        Self {
            block: block.init(device),
            lambda,
        }
    }
}

impl Fusion for TttFusion {
    fn fuse(&self, own: Hidden, other: Hidden) -> Hidden {
        let [_, n_own, _] = own.dims();
        let [_, n_other, _] = other.dims();
        let joined = Tensor::cat(vec![other, own.clone()], 1);
        let mixed = self.block.forward(joined).narrow(1, n_other, n_own);
        own + mixed.mul_scalar(self.lambda)
    }
}

/// Fusion by a plain sum, the baseline of the paper's ablation: every own token gets the mean of
/// the other modality's tokens, `F_own = own + lambda * mean(other)`. Nothing is learned.
#[derive(Module, Debug)]
pub struct SumFusion {
    #[module(skip)]
    lambda: f64,
}

impl SumFusion {
    /// A sum in which the other modality weighs `lambda`.
    pub fn new(lambda: f64) -> Self {
        Self { lambda }
    }
}

impl Fusion for SumFusion {
    fn fuse(&self, own: Hidden, other: Hidden) -> Hidden {
        own + other.mean_dim(1).mul_scalar(self.lambda)
    }
}

/// A fusion chosen by the settings.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum AnyFusion {
    /// By a TTT block.
    Ttt(TttFusion),
    /// By a sum.
    Sum(SumFusion),
}

impl AnyFusion {
    /// The fusion of that kind.
    pub fn new(kind: FusionKind, block: &TttBlockConfig, lambda: f64, device: &Device) -> Self {
        match kind {
            FusionKind::Ttt => Self::Ttt(TttFusion::new(block, lambda, device)),
            FusionKind::Sum => Self::Sum(SumFusion::new(lambda)),
        }
    }
}

impl Fusion for AnyFusion {
    fn fuse(&self, own: Hidden, other: Hidden) -> Hidden {
        match self {
            Self::Ttt(f) => f.fuse(own, other),
            Self::Sum(f) => f.fuse(own, other),
        }
    }
}
