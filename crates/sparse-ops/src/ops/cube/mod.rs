//! The product on the devices of CubeCL.

mod autodiff;
mod kernel;
mod lists;

use burn::backend::{
    Backend, Dispatch, DispatchDevice, backend_extension,
    tensor::{FloatTensor, IntTensor},
};
use burn::tensor::{DType, Device, Shape, Tensor};

pub(crate) use lists::DeviceLists;
use lists::Lists;

use crate::CsrTensor;

/// Weighted sums of rows with a kernel. A tensor that an operation does not need may be anything.
#[backend_extension(Cube, Fusion, Autodiff)]
#[allow(clippy::too_many_arguments)]
pub trait CubeSparseOps: Backend {
    /// Row `r` is `start + Σ_k values[order[k]] dense[index[k], :]` over `k` in `offsets[r] .. offsets[r + 1]`; without
    /// `ordered` `values[k]`, without `started` no `start`.
    #[fusion(dtype = dense, shape = sums(offsets, dense))]
    fn weighted_rows(
        values: FloatTensor<Self>,
        offsets: IntTensor<Self>,
        index: IntTensor<Self>,
        order: IntTensor<Self>,
        dense: FloatTensor<Self>,
        start: FloatTensor<Self>,
        ordered: bool,
        started: bool,
    ) -> FloatTensor<Self>;

    /// `start + x dense`, differentiable in both: `offsets` and `index` list the entries of `x` by rows, `by_column`, `rows` and
    /// `order` by columns.
    #[fusion(dtype = dense, shape = sums(offsets, dense))]
    fn cube_sparse_linear(
        values: FloatTensor<Self>,
        offsets: IntTensor<Self>,
        index: IntTensor<Self>,
        by_column: IntTensor<Self>,
        rows: IntTensor<Self>,
        order: IntTensor<Self>,
        dense: FloatTensor<Self>,
        start: FloatTensor<Self>,
        started: bool,
    ) -> FloatTensor<Self>;
}

fn sums(offsets: &Shape, dense: &Shape) -> Shape {
    Shape::new([offsets[0] - 1, dense[1]])
}

/// Whether the kernels serve this product: not empty ones, for which devices need not have buffers, nor
/// more entries than their indices can name.
pub(super) fn serves(x: &CsrTensor, device: &Device, dtype: DType, width: usize) -> bool {
    let device = device.clone().inner();
    let [rows, _] = x.dims();
    matches!(device.as_dispatch(), DispatchDevice::Cube(_))
        && dtype == DType::F32
        && rows * width > 0
        && (1..i32::MAX as usize).contains(&x.nnz())
}

/// As [`sparse_linear`](crate::sparse_linear).
pub(super) fn sparse_linear(
    x: &CsrTensor,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<2> {
    let (pattern, device) = (x.pattern(), x.device());
    let Lists { offsets, index } = x.device_lists().rows(pattern, &device).clone();
    // Without gradients the entries by columns are never read.
    let (columns, order) = if weight.device().is_autodiff() {
        x.device_lists().columns(pattern, &device).clone()
    } else {
        let unused = (offsets.clone(), index.clone());
        (
            Lists {
                offsets: unused.0,
                index: unused.1,
            },
            index.clone(),
        )
    };
    let values = x.values();
    let started = bias.is_some();
    let start = bias.unwrap_or_else(|| values.clone());
    Tensor::from_dispatch(<Dispatch as CubeSparseOps>::cube_sparse_linear(
        values.into_dispatch(),
        offsets.into_dispatch(),
        index.into_dispatch(),
        columns.offsets.into_dispatch(),
        columns.index.into_dispatch(),
        order.into_dispatch(),
        weight.into_dispatch(),
        start.into_dispatch(),
        started,
    ))
}
