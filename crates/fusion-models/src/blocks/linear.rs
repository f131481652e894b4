//! The linear map of burn's layer.

use burn::nn::Linear;
use burn::tensor::Tensor;
use sparse_ops::dense_linear;

/// What `layer.forward(x)` gives, `[rows, d_input] -> [rows, d_output]`, in fewer passes over memory.
pub(crate) fn linear(layer: &Linear, x: Tensor<2>) -> Tensor<2> {
    dense_linear(x, layer.weight.val(), layer.bias.as_ref().map(|b| b.val()))
}
