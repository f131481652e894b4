//! The layer against burn's `Linear`.

mod common;

use std::sync::Mutex;

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::optim::GradientsParams;
use burn::store::ModuleRecord;
use burn::tensor::{DType, Device};
use common::*;
use sparse_ops::{CsrTensor, SparseLinear, SparseLinearConfig};

/// The device's generator is global: tests that draw take turns.
static GENERATOR: Mutex<()> = Mutex::new(());

/// Parameters are drawn when they are first read: now.
fn drawn<M: Module>(layer: M) -> M {
    assert!(!layer.clone().into_record().is_empty());
    layer
}

fn linear(bias: bool, seed: u64) -> Linear {
    device().seed(seed);
    drawn(LinearConfig::new(40, 19).with_bias(bias).init(&device()))
}

fn sparse(bias: bool, seed: u64) -> SparseLinear {
    device().seed(seed);
    let config = SparseLinearConfig::new(40, 19).with_bias(bias);
    drawn(config.init(&device()))
}

fn cast(layer: Linear, dtype: DType) -> Linear {
    let weight = layer.weight.val().inner().cast(dtype).autodiff();
    let bias = layer
        .bias
        .map(|bias| bias.val().inner().cast(dtype).autodiff());
    Linear {
        weight: Param::from_tensor(weight),
        bias: bias.map(Param::from_tensor),
    }
}

#[test]
fn starts_as_linear_does() {
    let _turn = GENERATOR.lock();
    for bias in [true, false] {
        let (a, b) = (linear(bias, 3), sparse(bias, 3));
        assert!(values(a.weight.val()) == values(b.weight.val()), "weight");
        let biases = [a.bias, b.bias].map(|bias| bias.map(|bias| values(bias.val())));
        assert_eq!(biases[0], biases[1]);
        assert_eq!(biases[0].is_some(), bias);
        let other = sparse(bias, 4).weight.val();
        assert!(values(other) != values(b.weight.val()), "another seed");
    }
    let default = (LinearConfig::new(3, 2), SparseLinearConfig::new(3, 2));
    assert_eq!(default.0.initializer, default.1.initializer);
    assert_eq!(default.0.bias, default.1.bias);
}

#[test]
fn records_load_into_the_other() {
    let _turn = GENERATOR.lock();
    let case = Case::fixed([30, 40], 6);
    for bias in [true, false] {
        for (dtype, tolerance) in TYPES {
            let x = case.tensor(dtype);
            let close = |a: &Linear, b: &SparseLinear| {
                let wanted = values(a.forward(x.to_dense()));
                assert_close("sparse", &values(b.forward(&x)), &wanted, tolerance);
                let dense = values(b.forward_dense(x.to_dense()));
                assert_close("dense", &dense, &wanted, tolerance);
            };
            // Through bytes, as through a file.
            let pass = |record: ModuleRecord| {
                let bytes = record.into_bytes().expect("bytes");
                ModuleRecord::from_bytes(bytes).expect("a record")
            };
            let a = cast(linear(bias, 1), dtype);
            let b = SparseLinear::from(cast(sparse(bias, 2).into(), dtype));
            let loaded = b.clone().load_record(pass(a.clone().into_record()));
            close(&a, &loaded);
            let loaded = a.load_record(pass(b.clone().into_record()));
            close(&loaded, &b);
            close(&loaded, &SparseLinear::from(loaded.clone()));
            close(&Linear::from(b.clone()), &b);
        }
    }
}

#[test]
fn gradients_equal_those_of_linear() {
    let _turn = GENERATOR.lock();
    let case = Case::fixed([30, 40], 6);
    for (dtype, tolerance) in TYPES {
        let x = case.tensor(dtype);
        let b = SparseLinear::from(cast(sparse(true, 5).into(), dtype));
        let a = Linear::from(b.clone());
        let y = a.forward(x.to_dense());
        let grads = GradientsParams::from_grads(y.tanh().sum().backward(), &a);
        let found = GradientsParams::from_grads(b.forward(&x).tanh().sum().backward(), &b);
        let id = a.weight.id;
        let pair = [&grads, &found].map(|g| values(g.get::<2>(id).expect("weight")));
        assert_close("weight", &pair[1], &pair[0], tolerance);
        let id = a.bias.expect("bias").id;
        let pair = [&grads, &found].map(|g| values(g.get::<1>(id).expect("bias")));
        assert_close("bias", &pair[1], &pair[0], tolerance);
    }
}

#[test]
fn configuration_survives_a_file() {
    let config = SparseLinearConfig::new(7, 3).with_bias(false);
    let text = serde_json::to_string(&config).expect("text");
    let read: SparseLinearConfig = serde_json::from_str(&text).expect("a configuration");
    assert_eq!((read.d_input, read.d_output, read.bias), (7, 3, false));
    let layer = read.init(&Device::flex());
    assert_eq!(layer.num_params(), 21);
    assert!(layer.weight.val().dtype() == DType::F32);
}

/// Neither with one thread, where nothing is ever idle, nor with several.
#[test]
fn a_batch_leaves_with_its_step() {
    for n_threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads);
        let kept = pool.build().unwrap().install(|| {
            let device = Device::flex().autodiff();
            let layer = SparseLinearConfig::new(5, 3).init(&device);
            let step = || {
                let x = CsrTensor::from_slices(
                    [2, 5],
                    &[0, 2, 3],
                    &[0, 3, 1],
                    &[1.0, 2.0, 3.0],
                    &device.clone().without_autodiff(),
                )
                .unwrap();
                let _ = layer.forward(&x).sum().backward();
                std::sync::Arc::downgrade(x.pattern())
            };
            let batches: Vec<_> = (0..50).map(|_| step()).collect();
            batches.iter().filter(|b| b.upgrade().is_some()).count()
        });
        // The last one may just be sorted by another thread.
        assert!(kept < n_threads, "{kept} batches of {n_threads} threads");
    }
}
