//! A training step of the autoencoder 2000-256-64-256-2000 with ZINB loss and AdamW, batch 256: sparse counts in, loss,
//! backward, optimiser. `benches/torch_peers.py step` does the same in PyTorch. `products` are the dense matrix products of a
//! step alone, which no implementation can do without.
//!
//! `RAYON_NUM_THREADS=2 cargo bench -p fusion-models`

mod step;

use std::hint::black_box;

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};
use fused_optim::FusedAdamW;
use sparse_ops::CsrTensor;
use step::{Autoencoder, CELLS, GENES, counts};

fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("autoencoder_step/256x2000");
    let plain = Device::flex();
    let device = plain.clone().autodiff();
    for zeros in [0.75, 0.95] {
        let mut model = Some(Autoencoder::new(&device));
        let mut optimizer = FusedAdamW::new().with_weight_decay(0.0).init();
        let batches: Vec<CsrTensor> = (0..8).map(|i| counts(zeros, i, &plain)).collect();
        let mut i = 0;
        group.bench_function(format!("{}%_zeros", zeros * 100.0), |b| {
            b.iter(|| {
                i += 1;
                let m = model.take().expect("put back after each step");
                let gradients = m.loss(&batches[i % 8]).backward();
                let gradients = GradientsParams::from_grads(gradients, &m);
                model = Some(optimizer.step(1e-3, m, gradients));
            });
        });
    }
    let shapes = [[256, 64], [64, 256], [256, GENES], [256, GENES]];
    let ones = |rows: usize, cols: usize| Tensor::<2>::ones([rows, cols], &plain);
    let layers: Vec<_> = shapes
        .iter()
        .map(|&[from, to]| (ones(CELLS, from), ones(from, to), ones(CELLS, to)))
        .collect();
    group.bench_function("products", |b| {
        b.iter(|| {
            for (x, weight, gradient) in &layers {
                black_box(x.clone().matmul(weight.clone()));
                black_box(x.clone().transpose().matmul(gradient.clone()));
                black_box(gradient.clone().matmul(weight.clone().transpose()));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
