//! The CubeCL kernel against the tensor operations in double precision on the CPU.
#![cfg(feature = "wgpu")]

mod common;

use burn::tensor::{Device, DeviceKind, Tensor, TensorData};
use common::{Case, assert_close, values, wave};
use sparse_ops::{CsrTensor, SparseLinearConfig, reference, sparse_linear};

/// Product, and gradients of weight and bias of a weighted sum of it.
fn run(
    case: &Case,
    width: usize,
    bias: bool,
    device: &Device,
    product: impl Fn(&CsrTensor, Tensor<2>, Option<Tensor<1>>) -> Tensor<2>,
) -> [Vec<f64>; 3] {
    let [rows, cols] = case.dims;
    let numbers =
        |n: usize, k: f64| -> Vec<f32> { wave(n, k, 1.0).into_iter().map(|x| x as f32).collect() };
    let counts: Vec<f32> = case.values.iter().map(|&x| x as f32).collect();
    let plain = device.clone().inner();
    let x = CsrTensor::from_slices(case.dims, &case.offsets, &case.indices, &counts, &plain)
        .expect("a matrix");
    let data = |n: usize, k: f64, dims: [usize; 2]| {
        Tensor::<2>::from_data(TensorData::new(numbers(n, k), dims), device)
    };
    let weight = data(cols * width, 1.0, [cols, width]).require_grad();
    let start = data(width, 2.0, [1, width]).squeeze_dim::<1>(0);
    let start = bias.then(|| start.require_grad());
    let y = product(&x, weight.clone(), start.clone());
    let grads = (y.clone() * data(rows * width, 3.0, [rows, width]))
        .sum()
        .backward();
    [
        values(y),
        values(weight.grad(&grads).expect("tracked")),
        start.map_or(vec![], |b| values(b.grad(&grads).expect("tracked"))),
    ]
}

#[test]
fn product_and_gradients_equal_those_of_the_cpu() {
    let cpu = Device::flex().autodiff();
    let gpu = Device::wgpu(DeviceKind::DefaultDevice).autodiff();
    for (dims, per_row) in [([23, 41], 6), ([70, 300], 40), ([1, 5], 2)] {
        let case = Case::fixed(dims, per_row);
        for (width, bias) in [(1, false), (19, true), (64, true)] {
            let wanted = run(&case, width, bias, &cpu, reference::sparse_linear);
            let found = run(&case, width, bias, &gpu, sparse_linear);
            for (what, (found, wanted)) in ["product", "weight", "bias"]
                .iter()
                .zip(found.iter().zip(&wanted))
            {
                assert_close(what, found, wanted, 1e-5);
            }
        }
    }
}

#[test]
fn a_layer_without_gradients_and_one_without_entries() {
    let gpu = Device::wgpu(DeviceKind::DefaultDevice);
    let layer = SparseLinearConfig::new(5, 3).init(&gpu);
    let x = CsrTensor::from_slices([2, 5], &[0, 2, 3], &[4, 1, 0], &[1.0f32, 2.0, 3.0], &gpu)
        .expect("a matrix");
    let dense = values(layer.forward_dense(x.to_dense()));
    assert_close("layer", &values(layer.forward(&x)), &dense, 1e-6);
    let empty = CsrTensor::from_slices::<f32>([2, 5], &[0, 0, 0], &[], &[], &gpu).expect("empty");
    let bias = values(layer.bias.as_ref().expect("a bias").val());
    assert_close(
        "empty",
        &values(layer.forward(&empty)),
        &bias.repeat(2),
        1e-6,
    );
}
