//! Helpers of the tests: golden arrays, comparison, closed-form inputs.
//!
//! The golden files hold arrays as shape and flat, row-major data.
#![allow(dead_code)]

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{DType, Device, Tensor, TensorData};
use serde_json::Value;
use ttt_layer::*;

/// Configuration, parameters, inputs and all cases of the layer.
pub fn golden() -> Value {
    let mut golden = parse(include_str!("../golden/ttt_linear.json"));
    let more = parse(include_str!("../golden/ttt_linear_noncausal.json"));
    let more = more["cases"].as_array().expect("cases").clone();
    golden["cases"].as_array_mut().expect("cases").extend(more);
    golden
}

/// The block around the layer of [`golden`].
pub fn golden_block() -> Value {
    parse(include_str!("../golden/ttt_block.json"))
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("valid JSON")
}

pub fn numbers(array: &Value) -> Vec<f64> {
    let data = array["data"].as_array().expect("an array");
    data.iter().map(|x| x.as_f64().expect("a number")).collect()
}

fn shape(array: &Value) -> Vec<usize> {
    let shape = array["shape"].as_array().expect("a shape");
    shape
        .iter()
        .map(|x| x.as_u64().expect("a length") as usize)
        .collect()
}

pub fn device() -> Device {
    Device::flex().autodiff()
}

pub fn tensor<const D: usize>(array: &Value, dtype: DType) -> Tensor<D> {
    let mut shape = shape(array);
    // c0 is stored as [heads, 1, width].
    while shape.len() > D {
        let one = shape
            .iter()
            .position(|&n| n == 1)
            .expect("an axis of length one");
        shape.remove(one);
    }
    Tensor::from_data(TensorData::new(numbers(array), shape), (&device(), dtype))
}

/// `amp sin(0.7 m + 0.013 m² + 0.9 k) + off` with `m = 1 + index`.
pub fn wave(n: usize, k: f64, amp: f64, off: f64) -> Vec<f64> {
    (1..=n)
        .map(|m| off + amp * (0.7 * m as f64 + 0.013 * (m * m) as f64 + 0.9 * k).sin())
        .collect()
}

pub fn wave_tensor<const D: usize>(
    dims: [usize; D],
    dtype: DType,
    [k, amp, off]: [f64; 3],
) -> Tensor<D> {
    let data = wave(dims.iter().product(), k, amp, off);
    Tensor::from_data(TensorData::new(data, dims), (&device(), dtype))
}

/// `cos(0.3 m + 0.1)`, the weights of the scalar test loss.
pub fn weights<const D: usize>(dims: [usize; D], dtype: DType) -> Tensor<D> {
    let n: usize = dims.iter().product();
    let data: Vec<f64> = (1..=n).map(|m| (0.3 * m as f64 + 0.1).cos()).collect();
    Tensor::from_data(TensorData::new(data, dims), (&device(), dtype))
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    let data = tensor.into_data().convert::<f64>();
    data.try_to_vec::<f64>().expect("doubles")
}

/// Largest difference, relative to the largest wanted value.
pub fn error(found: &[f64], wanted: &[f64]) -> f64 {
    assert_eq!(found.len(), wanted.len(), "length");
    let scale = wanted.iter().fold(0.0f64, |a, x| a.max(x.abs()));
    let largest = found.iter().zip(wanted).fold(0.0f64, |a, (x, y)| {
        assert!(x.is_finite(), "not finite");
        a.max((x - y).abs())
    });
    if scale == 0.0 {
        largest
    } else {
        largest / scale
    }
}

pub fn assert_close(what: &str, found: &[f64], wanted: &[f64], tolerance: f64) {
    let e = error(found, wanted);
    assert!(
        e <= tolerance,
        "{what}: relative error {e:.2e} above {tolerance:.0e}"
    );
}

/// The layer of a golden case.
pub fn layer(case: &Value, params: &Value, dtype: DType) -> TttLinear {
    let chunk = case["chunk"].as_u64().expect("chunk") as usize;
    let gate = case["gate"].as_bool().unwrap_or(false);
    let mut layer = TttLinearConfig::new(16)
        .with_chunk(chunk)
        .with_base_lr(case["base_lr"].as_f64().unwrap_or(1.0))
        .with_rope(case["rope"].as_bool().unwrap_or(true))
        .with_causal(case["causal"].as_bool().unwrap_or(true))
        .with_gate(gate)
        .init(&device());
    let matrix = |name: &str| linear(&params[name], dtype);
    layer.wq = matrix("wq");
    layer.wk = matrix("wk");
    layer.wv = matrix("wv");
    layer.wo = matrix("wo");
    layer.wg = gate.then(|| matrix("wg"));
    layer.rate_weight = Param::from_tensor(tensor::<2>(&params["lr_weight"], dtype).transpose());
    layer.rate_bias = Param::from_tensor(tensor(&params["lr_bias"], dtype));
    let tau = tensor::<1>(&params["tau"], dtype).narrow(0, 0, chunk);
    layer.tau = Param::from_tensor(tau);
    layer.w0 = Param::from_tensor(tensor(&params["w0"], dtype));
    layer.c0 = Param::from_tensor(tensor(&params["c0"], dtype));
    layer.gamma = Param::from_tensor(tensor(&params["ttt_norm_gamma"], dtype));
    layer.beta = Param::from_tensor(tensor(&params["ttt_norm_beta"], dtype));
    layer.post_norm.scale = Param::from_tensor(tensor(&params["post_norm_gamma"], dtype));
    layer.post_norm.shift = Param::from_tensor(tensor(&params["post_norm_beta"], dtype));
    layer
}

pub fn linear(array: &Value, dtype: DType) -> Linear {
    Linear {
        weight: Param::from_tensor(tensor(array, dtype)),
        bias: None,
    }
}

/// Tensors of a scan of `[batch, length]` tokens, with `length` a part of whole inputs of
/// `longest` tokens, so that shorter sequences are prefixes of longer ones.
pub fn scan_tensors(dims: [usize; 4], chunk: usize, dtype: DType) -> ScanTensors {
    let [batch, length, heads, f] = dims;
    let d = heads * f;
    let rates: Vec<f64> = (1..=chunk).map(|i| 1.0 / i as f64).collect();
    let t = Tensor::from_data(TensorData::new(rates, [chunk]), (&device(), dtype));
    ScanTensors {
        qkv: Tensor::cat(
            vec![
                wave_tensor([batch, length, d], dtype, [1.0, 1.1, 0.0]),
                wave_tensor([batch, length, d], dtype, [2.0, 0.9, 0.0]),
                wave_tensor([batch, length, d], dtype, [3.0, 1.2, 0.1]),
            ],
            2,
        ),
        eta: wave_tensor(
            [batch, length, heads],
            dtype,
            [4.0, 0.4 / f as f64, 0.6 / f as f64],
        ),
        t: t + wave_tensor([chunk], dtype, [5.0, 0.01, 0.0]),
        w0: wave_tensor([heads, f, f], dtype, [6.0, 0.3, 0.0]),
        c0: wave_tensor([heads, f], dtype, [7.0, 0.1, 0.0]),
        gamma: wave_tensor([heads, f], dtype, [8.0, 0.2, 1.0]),
        beta: wave_tensor([heads, f], dtype, [9.0, 0.15, 0.0]),
    }
}

pub fn options(heads: usize, chunk: usize, causal: bool) -> ScanOptions {
    ScanOptions {
        heads,
        chunk,
        causal,
        rope: Some(10000.0),
        eps: 1e-6,
        group: 2,
    }
}
