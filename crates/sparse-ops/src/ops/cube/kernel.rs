//! The kernel and its launch.

use burn::backend::TensorMetadata;
use burn::tensor::Shape;
use burn_cubecl::{
    CubeBackend, kernel::into_contiguous, ops::numeric::empty_device_contiguous_dtype,
    tensor::CubeTensor,
};
use cubecl::{calculate_cube_count_elemwise, prelude::*};

use super::CubeSparseOps;

/// One thread per element of the result: neighbours read neighbouring columns of a row.
#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn weighted_rows(
    values: &Tensor<f32>,
    offsets: &Tensor<i32>,
    index: &Tensor<i32>,
    order: &Tensor<i32>,
    dense: &Tensor<f32>,
    start: &Tensor<f32>,
    out: &mut Tensor<f32>,
    #[comptime] ordered: bool,
    #[comptime] started: bool,
) {
    let i = ABSOLUTE_POS;
    if i >= out.len() {
        terminate!();
    }
    let width = out.shape(1);
    let row = i / width;
    let column = i % width;
    let mut sum = 0.0f32;
    if comptime!(started) {
        sum += start[column];
    }
    let first = usize::cast_from(offsets[row]);
    let end = usize::cast_from(offsets[row + 1]);
    for k in first..end {
        let mut place = k;
        if comptime!(ordered) {
            place = usize::cast_from(order[k]);
        }
        sum += values[place] * dense[usize::cast_from(index[k]) * width + column];
    }
    out[i] = sum;
}

impl CubeSparseOps for CubeBackend {
    fn weighted_rows(
        values: CubeTensor,
        offsets: CubeTensor,
        index: CubeTensor,
        order: CubeTensor,
        dense: CubeTensor,
        start: CubeTensor,
        ordered: bool,
        started: bool,
    ) -> CubeTensor {
        let [values, offsets, index, order, dense, start] =
            [values, offsets, index, order, dense, start].map(into_contiguous);
        let shape = Shape::new([offsets.shape()[0] - 1, dense.shape()[1]]);
        let (client, device) = (dense.client.clone(), dense.device.clone());
        let out = empty_device_contiguous_dtype(client.clone(), device, shape, dense.dtype);
        let n = out.shape().num_elements();
        if n == 0 {
            return out;
        }
        let dim = CubeDim::new(&client, n);
        weighted_rows::launch(
            &client,
            calculate_cube_count_elemwise(&client, n, dim),
            dim,
            values.into_tensor_arg(),
            offsets.into_tensor_arg(),
            index.into_tensor_arg(),
            order.into_tensor_arg(),
            dense.into_tensor_arg(),
            start.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            ordered,
            started,
        );
        out
    }

    fn cube_sparse_linear(
        values: CubeTensor,
        offsets: CubeTensor,
        index: CubeTensor,
        _by_column: CubeTensor,
        _rows: CubeTensor,
        _order: CubeTensor,
        dense: CubeTensor,
        start: CubeTensor,
        started: bool,
    ) -> CubeTensor {
        let unused = index.clone();
        Self::weighted_rows(values, offsets, index, unused, dense, start, false, started)
    }
}
