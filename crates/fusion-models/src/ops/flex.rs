//! Slices of Flex tensors.

use burn::backend::{DispatchDevice, flex::FlexTensor};
use burn::tensor::{DType, Element, Shape, Tensor, TensorData};

use super::kernel::Real;

/// Whether the kernels of this crate serve a tensor.
pub(super) fn fused<const D: usize>(x: &Tensor<D>) -> bool {
    let device = x.device().inner();
    matches!(device.as_dispatch(), DispatchDevice::Flex(_))
        && matches!(x.dtype(), DType::F32 | DType::F64)
}

/// A contiguous tensor: views have no plain slice.
pub(super) fn dense(tensor: FlexTensor) -> FlexTensor {
    match tensor.is_contiguous() {
        true => tensor,
        false => tensor.to_contiguous(),
    }
}

/// Element types with a kernel.
pub(super) trait Item: Real + Element {
    fn elements(tensor: &FlexTensor) -> Option<&[Self]>;
}

impl Item for f32 {
    fn elements(tensor: &FlexTensor) -> Option<&[f32]> {
        tensor.as_slice()
    }
}

impl Item for f64 {
    fn elements(tensor: &FlexTensor) -> Option<&[f64]> {
        tensor.as_slice()
    }
}

pub(super) fn slice<T: Item>(tensor: &FlexTensor) -> &[T] {
    match T::elements(tensor) {
        Some(slice) => slice,
        None => panic!("expected a contiguous tensor of floats"),
    }
}

pub(super) fn tensor<T: Item>(data: Vec<T>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(data, shape.into()))
}
