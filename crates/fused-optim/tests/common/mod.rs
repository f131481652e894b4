//! Helpers of the tests.
#![allow(dead_code)]

use burn::tensor::{DType, Device, Tensor, TensorData};

pub fn device() -> Device {
    Device::flex()
}

/// Numbers of both signs between 1e-6 and 8, from splitmix64.
pub fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut draw = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..n)
        .map(|_| {
            let size = 2f64.powf(-20.0 + 23.0 * draw());
            if draw() < 0.5 { size } else { -size }
        })
        .collect()
}

pub fn tensor<const D: usize>(values: &[f64], shape: [usize; D], dtype: DType) -> Tensor<D> {
    let data = TensorData::new(values.to_vec(), shape).convert_dtype(dtype);
    Tensor::from_data(data, (&device(), dtype))
}

/// `noise` as a tensor.
pub fn random<const D: usize>(shape: [usize; D], seed: u64, dtype: DType) -> Tensor<D> {
    tensor(&noise(shape.iter().product(), seed), shape, dtype)
}

pub fn bytes<const D: usize>(x: &Tensor<D>) -> Vec<u8> {
    x.clone().into_data().as_bytes().to_vec()
}

/// Runs a function on pools of 1, 2 and 3 threads.
pub fn on_pools<T: Send>(run: impl Fn() -> T + Sync) -> [T; 3] {
    [1, 2, 3].map(|threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool")
            .install(&run)
    })
}
