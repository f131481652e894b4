//! The kernels on the slices of Flex tensors.

use std::sync::Arc;

use burn::backend::{Flex, TensorMetadata, flex::FlexTensor};
use flex_slices::{FlexFloat, by_type, dense, slice, tensor};

use super::SparseOps;
use crate::CsrPattern;
use crate::kernel::{self, Real, WeightedRows};

fn product<T: Real + FlexFloat>(
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

fn weight_grad<T: Real + FlexFloat>(
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

fn bias_grad<T: Real + FlexFloat>(grad: &FlexTensor) -> FlexTensor {
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
        by_type!(weight.dtype(), product([&values, &weight], bias, &pattern))
    }

    fn sparse_linear_weight_grad(
        values: FlexTensor,
        grad: FlexTensor,
        pattern: Arc<CsrPattern>,
    ) -> FlexTensor {
        let (values, grad) = (dense(values), dense(grad));
        by_type!(grad.dtype(), weight_grad(&values, &grad, &pattern))
    }

    fn sparse_linear_bias_grad(grad: FlexTensor) -> FlexTensor {
        let grad = dense(grad);
        by_type!(grad.dtype(), bias_grad(&grad))
    }
}
