//! Gradients and parameters of the Flex backend.

use burn::backend::{Flex, flex::FlexTensor};
use burn::tensor::Tensor;

/// Whether the kernels serve a tensor: on Flex, not tracked, `f32` or `f64`.
pub(crate) fn served<const D: usize>(tensor: &Tensor<D>) -> bool {
    let device = tensor.device();
    !device.is_autodiff() && flex_slices::served(&device, tensor.dtype())
}

/// The primitive of a [`served`] tensor.
pub(crate) fn primitive<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    match tensor.try_into_primitive::<Flex>() {
        Ok(primitive) => primitive,
        Err(e) => panic!("a tensor of the flex device has a flex primitive: {e:?}"),
    }
}

/// The tensor of a primitive.
pub(crate) fn tensor<const D: usize>(primitive: FlexTensor) -> Tensor<D> {
    Tensor::from_primitive::<Flex>(primitive)
}
