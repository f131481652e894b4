//! Dense layers, the first of which may eat sparse counts.

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig, Relu};
use burn::tensor::{Device, Tensor};
use sparse_ops::{CsrTensor, SparseLinear, SparseLinearConfig};

/// Normalisation, ReLU and dropout behind a linear map.
#[derive(Module, Debug)]
pub struct DenseLayer {
    norm: LayerNorm,
    activation: Relu,
    dropout: Dropout,
}

impl DenseLayer {
    fn new(width: usize, dropout: f64, device: &Device) -> Self {
        Self {
            norm: LayerNormConfig::new(width).init(device),
            activation: Relu::new(),
            dropout: DropoutConfig::new(dropout).init(),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = self.activation.forward(self.norm.forward(x));
        self.dropout.forward(x)
    }
}

/// Settings of [`DenseStack`].
#[derive(Clone, Debug, PartialEq)]
pub struct DenseStackConfig {
    /// Width of the input.
    pub d_input: usize,
    /// Widths of the layers; at least one.
    pub widths: Vec<usize>,
    /// Dropout behind every layer.
    pub dropout: f64,
}

/// Layers of `dropout(relu(norm(x W + b)))`, `[cells, d_input] -> [cells, last width]`.
///
/// The normalisation is over the features of a cell, so that a cell is treated alike whatever batch it is in.
#[derive(Module, Debug)]
pub struct DenseStack {
    first: SparseLinear,
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
        let linear = |w: &[usize]| LinearConfig::new(w[0], w[1]).init(device);
        DenseStack {
            first: SparseLinearConfig::new(self.d_input, self.widths[0]).init(device),
            rest: self.widths.windows(2).map(linear).collect(),
            layers: self
                .widths
                .iter()
                .map(|&w| DenseLayer::new(w, self.dropout, device))
                .collect(),
        }
    }
}

impl DenseStack {
    /// Dense rows.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.go_on(self.first.forward_dense(x))
    }

    /// Sparse rows: zeros are not multiplied.
    pub fn forward_sparse(&self, x: &CsrTensor) -> Tensor<2> {
        self.go_on(self.first.forward(x))
    }

    fn go_on(&self, x: Tensor<2>) -> Tensor<2> {
        let x = self.layers[0].forward(x);
        let pairs = self.rest.iter().zip(&self.layers[1..]);
        pairs.fold(x, |x, (linear, layer)| layer.forward(linear.forward(x)))
    }
}
