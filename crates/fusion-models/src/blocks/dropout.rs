//! Dropout of burn's layer, with the mask made by all threads.

use burn::nn::Dropout;
use burn::tensor::Tensor;

/// What `layer.forward(x)` gives, from another stream of random numbers.
pub(crate) fn dropout<const D: usize>(layer: &Dropout, x: Tensor<D>) -> Tensor<D> {
    match layer.training.is_enabled() && x.device().is_autodiff() {
        true => ttt_layer::dropout(x, layer.prob),
        false => x,
    }
}
