//! The kernels on the slices of Flex tensors.

use std::sync::Arc;

use burn::backend::{Flex, TensorMetadata, flex::FlexTensor};
use burn::tensor::{DType, Element, Shape, TensorData};

use super::SparseOps;
use crate::CsrPattern;
use crate::kernel::{self, Real, WeightedRows};

/// A contiguous tensor: transposed, sliced or expanded views have no plain slice.
pub(super) fn dense(tensor: FlexTensor) -> FlexTensor {
    if tensor.is_contiguous() {
        tensor
    } else {
        tensor.to_contiguous()
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
        None => panic!(
            "expected a contiguous tensor of {}",
            std::any::type_name::<T>()
        ),
    }
}

pub(super) fn tensor<T: Item>(data: Vec<T>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(data, shape.into()))
}

/// Runs a generic function for the element type of a tensor.
macro_rules! by_type {
    ($tensor:expr, $f:ident($($arg:expr),*)) => {
        match $tensor.dtype() {
            burn::tensor::DType::F64 => $f::<f64>($($arg),*),
            _ => $f::<f32>($($arg),*),
        }
    };
}
pub(super) use by_type;

/// Whether there are kernels for an element type.
pub(crate) fn has_kernel(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F64)
}

fn product<T: Item>(
    [values, weight]: [&FlexTensor; 2],
    bias: Option<&FlexTensor>,
    pattern: &CsrPattern,
) -> FlexTensor {
    let width = weight.shape()[1];
    let out = kernel::weighted_rows::<T>(&WeightedRows {
        offsets: pattern.offsets(),
        index: pattern.indices(),
        values: slice(values),
        order: None,
        dense: slice(weight),
        width,
        start: bias.map(|bias| slice(bias)),
    });
    tensor(out, [pattern.rows(), width])
}

fn weight_grad<T: Item>(
    values: &FlexTensor,
    grad: &FlexTensor,
    pattern: &CsrPattern,
) -> FlexTensor {
    let width = grad.shape()[1];
    let columns = pattern.transposed();
    let out = kernel::weighted_rows::<T>(&WeightedRows {
        offsets: &columns.offsets,
        index: &columns.rows,
        values: slice(values),
        order: Some(&columns.entries),
        dense: slice(grad),
        width,
        start: None,
    });
    tensor(out, [pattern.cols(), width])
}

fn bias_grad<T: Item>(grad: &FlexTensor) -> FlexTensor {
    let width = grad.shape()[1];
    tensor(kernel::column_sums::<T>(slice(grad), width), [width])
}

impl SparseOps for Flex {
    fn sparse_linear(
        values: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        has_bias: bool,
        pattern: Arc<CsrPattern>,
    ) -> FlexTensor {
        let (values, weight, bias) = (dense(values), dense(weight), dense(bias));
        let bias = has_bias.then_some(&bias);
        by_type!(weight, product([&values, &weight], bias, &pattern))
    }

    fn sparse_linear_weight_grad(
        values: FlexTensor,
        grad: FlexTensor,
        pattern: Arc<CsrPattern>,
    ) -> FlexTensor {
        let (values, grad) = (dense(values), dense(grad));
        by_type!(grad, weight_grad(&values, &grad, &pattern))
    }

    fn sparse_linear_bias_grad(grad: FlexTensor) -> FlexTensor {
        let grad = dense(grad);
        by_type!(grad, bias_grad(&grad))
    }
}
