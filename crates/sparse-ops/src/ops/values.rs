//! Operations on the stored values: kernels on Flex, `None` where there is none.

use burn::backend::{Flex, TensorMetadata, flex::FlexTensor};
use burn::tensor::Tensor;
use flex_slices::{FlexFloat, by_type, dense, served, slice, tensor};

use crate::CsrPattern;
use crate::kernel::{self, Real};

/// The tensor of the Flex backend inside, if it has an element type with kernels.
fn flex<const D: usize>(x: &Tensor<D>) -> Option<FlexTensor> {
    if !served(&x.device(), x.dtype()) {
        return None;
    }
    let x = x.clone().inner().try_into_primitive::<Flex>().ok()?;
    Some(dense(x))
}

pub(crate) fn row_sums(pattern: &CsrPattern, values: &Tensor<1>) -> Option<Tensor<1>> {
    fn run<T: Real + FlexFloat>(pattern: &CsrPattern, values: &FlexTensor) -> FlexTensor {
        let sums = kernel::row_sums::<T>(pattern, slice(values));
        tensor(sums, [pattern.rows()])
    }
    let values = flex(values)?;
    let out = by_type!(values.dtype(), run(pattern, &values));
    Some(Tensor::from_primitive::<Flex>(out))
}

pub(crate) fn scale_rows(
    pattern: &CsrPattern,
    values: &Tensor<1>,
    scale: &Tensor<1>,
) -> Option<Tensor<1>> {
    fn run<T: Real + FlexFloat>(
        pattern: &CsrPattern,
        values: &FlexTensor,
        scale: &FlexTensor,
    ) -> FlexTensor {
        let out = kernel::scale_rows::<T>(pattern, slice(values), slice(scale));
        tensor(out, [pattern.nnz()])
    }
    let (values, scale) = (flex(values)?, flex(scale)?);
    let out = by_type!(values.dtype(), run(pattern, &values, &scale));
    Some(Tensor::from_primitive::<Flex>(out))
}

pub(crate) fn log1p(values: &Tensor<1>) -> Option<Tensor<1>> {
    fn run<T: Real + FlexFloat>(values: &FlexTensor) -> FlexTensor {
        tensor(kernel::log1p::<T>(slice(values)), values.shape())
    }
    let values = flex(values)?;
    let out = by_type!(values.dtype(), run(&values));
    Some(Tensor::from_primitive::<Flex>(out))
}

pub(crate) fn to_dense(pattern: &CsrPattern, values: &Tensor<1>) -> Option<Tensor<2>> {
    fn run<T: Real + FlexFloat>(pattern: &CsrPattern, values: &FlexTensor) -> FlexTensor {
        let out = kernel::to_dense::<T>(pattern, slice(values));
        tensor(out, [pattern.rows(), pattern.cols()])
    }
    let values = flex(values)?;
    let out = by_type!(values.dtype(), run(pattern, &values));
    Some(Tensor::from_primitive::<Flex>(out))
}
