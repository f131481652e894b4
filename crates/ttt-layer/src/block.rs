//! The residual block around a TTT layer.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Initializer, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

use crate::ops::{dropout_add, silu_mul};
use crate::{RmsNorm, RmsNormConfig, TttLinear, TttLinearConfig};

/// Configuration of [`TttBlock`].
#[derive(Config, Debug)]
pub struct TttBlockConfig {
    /// The sequence layer; it gives the width of the block.
    pub ttt: TttLinearConfig,
    /// Hidden width of the SwiGLU part; `None`: 2.67 times the width, rounded up to a multiple of
    /// 32.
    #[config(default = "None")]
    pub d_hidden: Option<usize>,
    /// Share of the entries of both sub-layers' outputs that are zeroed in training.
    #[config(default = 0.1)]
    pub dropout: f64,
}

impl TttBlockConfig {
    /// Hidden width that [`init`](Self::init) uses.
    pub fn hidden(&self) -> usize {
        let rule = || (self.ttt.d_model * 267).div_ceil(100).next_multiple_of(32);
        self.d_hidden.unwrap_or_else(rule)
    }

    /// Initialises the block; matrices from a normal distribution of deviation 0.02.
    ///
    /// # Panics
    ///
    /// As [`TttLinearConfig::init`], and when the hidden width is zero or `dropout` is not in
    /// `[0, 1)`.
    pub fn init(&self, device: &Device) -> TttBlock {
        let d = self.ttt.d_model;
        let norm = || RmsNormConfig::new(d).with_eps(self.ttt.eps).init(device);
        TttBlock {
            ttt_norm: norm(),
            ttt: self.ttt.init(device),
            mlp_norm: norm(),
            mlp: SwiGluConfig::new(d, self.hidden()).init(device),
            dropout: DropoutConfig::new(self.dropout).init(),
        }
    }
}

/// Pre-norm residual block:
///
/// ```text
/// x1 = dropout(TTT(rms(x))) + x
/// y  = dropout(SwiGLU(rms(x1))) + x1
/// ```
#[derive(Module, Debug)]
pub struct TttBlock {
    /// Normalisation before the sequence layer.
    pub ttt_norm: RmsNorm,
    /// Sequence layer.
    pub ttt: TttLinear,
    /// Normalisation before the SwiGLU part.
    pub mlp_norm: RmsNorm,
    /// Token-wise part.
    pub mlp: SwiGlu,
    /// Active on autodiff devices only.
    pub dropout: Dropout,
}

impl TttBlock {
    /// # Shapes
    ///
    /// - input and output: `[batch, length, d_model]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let change = self.ttt.forward(self.ttt_norm.forward(x.clone()));
        let x = self.add(change, x);
        let change = self.mlp.forward(self.mlp_norm.forward(x.clone()));
        self.add(change, x)
    }

    /// `dropout(change) + x`; drops on autodiff devices only, and not when frozen.
    fn add(&self, change: Tensor<3>, x: Tensor<3>) -> Tensor<3> {
        let training = self.dropout.training.is_enabled() && x.device().is_autodiff();
        dropout_add(change, x, if training { self.dropout.prob } else { 0.0 })
    }
}

/// Configuration of [`SwiGlu`].
#[derive(Config, Debug)]
pub struct SwiGluConfig {
    /// Width of the tokens.
    pub d_model: usize,
    /// Hidden width.
    pub d_hidden: usize,
}

impl SwiGluConfig {
    /// Initialises the matrices from a normal distribution of deviation 0.02.
    ///
    /// # Panics
    ///
    /// When a width is zero.
    pub fn init(&self, device: &Device) -> SwiGlu {
        assert!(
            self.d_model > 0 && self.d_hidden > 0,
            "SwiGluConfig: d_model ({}) and d_hidden ({}) must be positive",
            self.d_model,
            self.d_hidden
        );
        let matrix = |from, to| {
            LinearConfig::new(from, to)
                .with_bias(false)
                .with_initializer(Initializer::Normal {
                    mean: 0.0,
                    std: 0.02,
                })
                .init(device)
        };
        SwiGlu {
            gate: matrix(self.d_model, self.d_hidden),
            up: matrix(self.d_model, self.d_hidden),
            down: matrix(self.d_hidden, self.d_model),
        }
    }
}

/// `(silu(x W_gate) * (x W_up)) W_down`, no biases.
#[derive(Module, Debug)]
pub struct SwiGlu {
    /// `[d_model, d_hidden]`
    pub gate: Linear,
    /// `[d_model, d_hidden]`
    pub up: Linear,
    /// `[d_hidden, d_model]`
    pub down: Linear,
}

impl SwiGlu {
    /// # Shapes
    ///
    /// - input and output: `[batch, length, d_model]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let dims = x.dims();
        let x = x.reshape([dims[0] * dims[1], dims[2]]);
        let hidden = silu_mul(self.gate.forward(x.clone()), self.up.forward(x));
        self.down.forward(hidden).reshape(dims)
    }
}
