//! Normalisation over the last axis: [`RmsNorm`] and [`LayerNorm`].

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};

use crate::ops::{layer_norm, rms_norm};

/// Configuration of [`RmsNorm`].
#[derive(Config, Debug)]
pub struct RmsNormConfig {
    /// Length of the last axis.
    pub d_model: usize,
    /// Added to the mean square inside the root.
    #[config(default = 1e-6)]
    pub eps: f64,
}

impl RmsNormConfig {
    /// Initialises the scale with ones.
    pub fn init(&self, device: &Device) -> RmsNorm {
        RmsNorm {
            scale: Initializer::Ones.init([self.d_model], device),
            eps: self.eps,
        }
    }
}

/// `scale * x / sqrt(mean(x²) + eps)` over the last axis; see [`rms_norm`].
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// `[d_model]`
    pub scale: Param<Tensor<1>>,
    eps: f64,
}

impl RmsNorm {
    /// # Shapes
    ///
    /// - input and output: `[.., d_model]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        rms_norm(x, self.scale.val(), self.eps)
    }
}

/// Configuration of [`LayerNorm`].
#[derive(Config, Debug)]
pub struct LayerNormConfig {
    /// Length of the last axis.
    pub d_model: usize,
    /// Added to the variance inside the root.
    #[config(default = 1e-6)]
    pub eps: f64,
}

impl LayerNormConfig {
    /// Initialises the scale with ones and the shift with zeros.
    pub fn init(&self, device: &Device) -> LayerNorm {
        LayerNorm {
            scale: Initializer::Ones.init([self.d_model], device),
            shift: Initializer::Zeros.init([self.d_model], device),
            eps: self.eps,
        }
    }
}

/// `scale * (x - mean) / sqrt(var + eps) + shift` over the last axis, with the biased variance;
/// see [`layer_norm`].
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[d_model]`
    pub scale: Param<Tensor<1>>,
    /// `[d_model]`
    pub shift: Param<Tensor<1>>,
    eps: f64,
}

impl LayerNorm {
    /// # Shapes
    ///
    /// - input and output: `[.., d_model]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        layer_norm(x, self.scale.val(), self.shift.val(), self.eps)
    }
}
