//! Dense layers, the first of which may eat sparse counts.

use burn::module::Module;
use burn::nn::{
    BatchNorm, BatchNormConfig, Dropout, DropoutConfig, LayerNorm, LayerNormConfig, Linear,
    LinearConfig,
};
use burn::tensor::{Device, Tensor, activation};
use serde::{Deserialize, Serialize};
use sparse_ops::{CsrTensor, SparseLinear, SparseLinearConfig};

use super::dropout::dropout;
use super::linear::linear as apply;
use crate::ops::batch_norm;

/// Which values share a mean and a variance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalization {
    /// Those of a feature in the batch; running values where nothing is trained (epsilon 1e-3: scVI).
    #[default]
    Batch,
    /// Those of a cell, so that a cell is treated alike whatever batch it is in.
    Layer,
    /// None.
    None,
}

/// What follows a normalisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// `max(0, x)`
    #[default]
    Relu,
    /// Hyperbolic tangent.
    Tanh,
}

/// [`Normalization`] with its parameters.
#[derive(Module, Debug)]
pub enum Norm {
    /// Of a feature.
    Batch(BatchNorm),
    /// Of a cell.
    Layer(LayerNorm),
}

impl Norm {
    /// Normalisation of that many features; each batch moves the running values by `momentum` of the way.
    pub fn new(kind: Normalization, width: usize, momentum: f64, device: &Device) -> Option<Self> {
        match kind {
            Normalization::Batch => Some(Self::Batch(
                BatchNormConfig::new(width)
                    .with_momentum(momentum)
                    .with_epsilon(1e-3)
                    .init(device),
            )),
            Normalization::Layer => Some(Self::Layer(LayerNormConfig::new(width).init(device))),
            Normalization::None => None,
        }
    }

    /// Normalises `[cells, width]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Batch(norm) => batch_norm(norm, x),
            Self::Layer(norm) => norm.forward(x),
        }
    }
}

/// Normalisation, activation and dropout behind a linear map.
#[derive(Module, Debug)]
pub struct DenseLayer {
    norm: Option<Norm>,
    #[module(skip)]
    activation: Activation,
    dropout: Dropout,
}

impl DenseLayer {
    /// A new layer.
    pub fn new(norm: Option<Norm>, activation: Activation, dropout: f64) -> Self {
        Self {
            norm,
            activation,
            dropout: DropoutConfig::new(dropout).init(),
        }
    }

    /// `[cells, width]` in and out.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = match &self.norm {
            Some(norm) => norm.forward(x),
            None => x,
        };
        let x = match self.activation {
            Activation::Relu => activation::relu(x),
            Activation::Tanh => x.tanh(),
        };
        dropout(&self.dropout, x)
    }
}

/// Settings of [`DenseStack`].
#[derive(Clone, Debug, PartialEq)]
pub struct DenseStackConfig {
    /// Width of the input.
    pub d_input: usize,
    /// Widths of the layers; at least one.
    pub widths: Vec<usize>,
    /// What is normalised.
    pub normalization: Normalization,
    /// How far each batch moves running values; [`Norm::new`].
    pub momentum: f64,
    /// What follows it.
    pub activation: Activation,
    /// Dropout behind every layer.
    pub dropout: f64,
}

/// Layers of `dropout(relu(norm(x W + b)))`, `[cells, d_input] -> [cells, last width]`; no `b` where the norm is over the
/// batch.
#[derive(Module, Debug)]
pub struct DenseStack {
    first: SparseLinear,
    tail: DenseTail,
}

/// A stack without its first linear map, for those who have another.
#[derive(Module, Debug)]
pub struct DenseTail {
    rest: Vec<Linear>,
    layers: Vec<DenseLayer>,
}

impl DenseStackConfig {
    /// A new stack.
    ///
    /// # Panics
    /// Without any width.
    pub fn init(&self, device: &Device) -> DenseStack {
        assert!(!self.widths.is_empty(), "a stack needs at least one layer");
        DenseStack {
            first: SparseLinearConfig::new(self.d_input, self.widths[0])
                .with_bias(self.has_bias())
                .init(device),
            tail: self.tail(device),
        }
    }

    /// Whether linear maps have a bias: taking the mean over the batch away takes any bias away.
    pub fn has_bias(&self) -> bool {
        self.normalization != Normalization::Batch
    }

    /// The stack behind its first linear map.
    pub fn tail(&self, device: &Device) -> DenseTail {
        let linear = |w: &[usize]| {
            LinearConfig::new(w[0], w[1])
                .with_bias(self.has_bias())
                .init(device)
        };
        let layer = |&w: &usize| {
            let norm = Norm::new(self.normalization, w, self.momentum, device);
            DenseLayer::new(norm, self.activation, self.dropout)
        };
        DenseTail {
            rest: self.widths.windows(2).map(linear).collect(),
            layers: self.widths.iter().map(layer).collect(),
        }
    }
}

impl DenseStack {
    /// Dense rows.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.tail.forward(self.first.forward_dense(x))
    }

    /// Sparse rows: zeros are not multiplied.
    pub fn forward_sparse(&self, x: &CsrTensor) -> Tensor<2> {
        self.tail.forward(self.first.forward(x))
    }
}

impl DenseTail {
    /// What the first linear map gave, `[cells, first width] -> [cells, last width]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = self.layers[0].forward(x);
        let pairs = self.rest.iter().zip(&self.layers[1..]);
        pairs.fold(x, |x, (linear, layer)| layer.forward(apply(linear, x)))
    }
}
