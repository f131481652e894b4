//! A batch of 256 cells and 2000 genes, 4.9 % of them not zero, times a dense matrix: sparse against
//! burn's dense product, in `f32` on Flex.
//!
//! `RAYON_NUM_THREADS=1 cargo bench -p sparse-ops`
//!
//! `forward_backward` is the gradient of weight and bias. `new_batch` also makes the sparse matrix from
//! slices first, and with it the transposed structure, as a training step does with each batch.

use std::hint::black_box;
use std::time::Duration;

use burn::tensor::{Device, Distribution, Tensor, module::linear};
use criterion::{Criterion, criterion_group, criterion_main};
use sparse_ops::{CsrTensor, sparse_linear};

const CELLS: usize = 256;
const GENES: usize = 2000;

/// Offsets, columns and counts; which entries are stored follows from a fixed generator.
struct Batch {
    offsets: Vec<usize>,
    columns: Vec<u32>,
    counts: Vec<f32>,
}

impl Batch {
    fn new() -> Self {
        let mut state = 1u64;
        let mut uniform = || {
            // splitmix64
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let x = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        };
        let (mut offsets, mut columns, mut counts) = (vec![0], vec![], vec![]);
        for _ in 0..CELLS {
            for gene in 0..GENES as u32 {
                if uniform() < 0.049 {
                    columns.push(gene);
                    counts.push(1.0 + (uniform() * 4.0).floor() as f32);
                }
            }
            offsets.push(columns.len());
        }
        Self {
            offsets,
            columns,
            counts,
        }
    }

    fn tensor(&self, device: &Device) -> CsrTensor {
        let (offsets, columns) = (&self.offsets, &self.columns);
        CsrTensor::from_slices([CELLS, GENES], offsets, columns, &self.counts, device)
            .expect("a valid matrix")
    }
}

/// The gradient of the weight for a gradient of ones in the output.
fn step(forward: impl FnOnce(Tensor<2>, Tensor<1>) -> Tensor<2>, w: &Tensor<2>, b: &Tensor<1>) {
    let (w, b) = (w.clone().require_grad(), b.clone().require_grad());
    let grads = forward(w.clone(), b.clone()).sum().backward();
    black_box((w.grad(&grads), b.grad(&grads)));
}

fn products(c: &mut Criterion) {
    let batch = Batch::new();
    let plain = Device::flex();
    plain.seed(1);
    let x = batch.tensor(&plain);
    let dense = x.to_dense();
    println!("{} entries", x.nnz());
    for width in [256, 128] {
        let normal = Distribution::Normal(0.0, 1.0);
        let w = Tensor::<2>::random([GENES, width], normal, &plain);
        let b = Tensor::<1>::random([width], normal, &plain);
        let [y, wanted] = [
            sparse_linear(&x, w.clone(), Some(b.clone())),
            linear(dense.clone(), w.clone(), Some(b.clone())),
        ];
        let error = (y - wanted).abs().max().into_scalar::<f32>();
        assert!(error < 1e-3, "{error}");

        let mut group = c.benchmark_group(format!("{CELLS}x{GENES}_4.9%/out_{width}"));
        group
            .sample_size(50)
            .measurement_time(Duration::from_secs(3));
        group.bench_function("sparse/forward", |t| {
            t.iter(|| black_box(sparse_linear(&x, w.clone(), Some(b.clone()))));
        });
        group.bench_function("dense/forward", |t| {
            t.iter(|| black_box(linear(dense.clone(), w.clone(), Some(b.clone()))));
        });
        let (w, b) = (Tensor::from_inner(w), Tensor::from_inner(b));
        group.bench_function("sparse/forward_backward", |t| {
            t.iter(|| step(|w, b| sparse_linear(&x, w, Some(b)), &w, &b));
        });
        group.bench_function("sparse/new_batch_forward_backward", |t| {
            t.iter(|| {
                let x = batch.tensor(&plain);
                step(|w, b| sparse_linear(&x, w, Some(b)), &w, &b);
            });
        });
        let dense = Tensor::from_inner(dense.clone());
        group.bench_function("dense/forward_backward", |t| {
            t.iter(|| step(|w, b| linear(dense.clone(), w, Some(b)), &w, &b));
        });
        group.finish();
    }
}

criterion_group!(benches, products);
criterion_main!(benches);
