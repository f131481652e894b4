//! Tensors of the Flex backend as slices.

use burn::backend::{DispatchDevice, Flex, flex::FlexTensor};
use burn::tensor::{DType, Tensor};

use crate::kernel::Real;

/// Whether the kernels serve a tensor: on Flex, not tracked, `f32` or `f64`.
pub(crate) fn served<const D: usize>(tensor: &Tensor<D>) -> bool {
    matches!(tensor.device().as_dispatch(), DispatchDevice::Flex(_))
        && matches!(tensor.dtype(), DType::F32 | DType::F64)
}

/// Element types with a kernel.
pub(crate) trait Item: Real {
    fn elements(tensor: &FlexTensor) -> Option<&[Self]>;
    fn elements_mut(tensor: &mut FlexTensor) -> &mut [Self];
}

impl Item for f32 {
    fn elements(tensor: &FlexTensor) -> Option<&[f32]> {
        tensor.as_slice()
    }
    fn elements_mut(tensor: &mut FlexTensor) -> &mut [f32] {
        tensor.storage_mut()
    }
}

impl Item for f64 {
    fn elements(tensor: &FlexTensor) -> Option<&[f64]> {
        tensor.as_slice()
    }
    fn elements_mut(tensor: &mut FlexTensor) -> &mut [f64] {
        tensor.storage_mut()
    }
}

/// Runs a generic function for the element type of a served tensor.
macro_rules! by_type {
    ($dtype:expr, $f:ident($($arg:expr),* $(,)?)) => {
        match $dtype {
            burn::tensor::DType::F64 => $f::<f64>($($arg),*),
            _ => $f::<f32>($($arg),*),
        }
    };
}
pub(crate) use by_type;

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

/// A tensor to read: [`slice`] sees all of it.
pub(crate) fn readable(tensor: FlexTensor) -> FlexTensor {
    if tensor.is_contiguous() {
        tensor
    } else {
        tensor.to_contiguous()
    }
}

/// A tensor to write: its storage is its elements in order. Copies views here; shared buffers are
/// copied by `elements_mut`.
pub(crate) fn writable(tensor: FlexTensor) -> FlexTensor {
    // Not `readable`: a contiguous view may start or end inside its buffer. `tensor` is dropped
    // when this returns, so that a buffer without other holders is unique again.
    tensor.to_contiguous()
}

/// The elements of a [`readable`] tensor.
pub(crate) fn slice<T: Item>(tensor: &FlexTensor) -> &[T] {
    match T::elements(tensor) {
        Some(slice) => slice,
        None => panic!(
            "expected a contiguous tensor of {}",
            std::any::type_name::<T>()
        ),
    }
}
