//! A training step of the autoencoder 2000-256-64-256-2000 with ZINB loss and AdamW, batch 256: sparse counts in, loss,
//! backward, optimiser. `benches/torch_peers.py step` does the same in PyTorch.
//!
//! `RAYON_NUM_THREADS=2 cargo bench -p fusion-models`

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, activation::relu};
use criterion::{Criterion, criterion_group, criterion_main};
use fused_optim::FusedAdamW;
use sparse_ops::{CsrTensor, SparseLinear, SparseLinearConfig};
use zinb::kernel::MeanLink;
use zinb::tensor::{BatchLikelihood, CountOutput, Dispersion, Targets, Weights};

const CELLS: usize = 256;
const GENES: usize = 2000;

#[derive(Module, Debug)]
struct Autoencoder {
    first: SparseLinear,
    second: Linear,
    third: Linear,
    mean: Linear,
    logit: Linear,
    log_theta: Param<Tensor<1>>,
}

impl Autoencoder {
    fn new(device: &Device) -> Self {
        let linear = |from, to| LinearConfig::new(from, to).init(device);
        Self {
            first: SparseLinearConfig::new(GENES, 256).init(device),
            second: linear(256, 64),
            third: linear(64, 256),
            mean: linear(256, GENES),
            logit: linear(256, GENES),
            log_theta: Param::from_tensor(Tensor::zeros([GENES], device)),
        }
    }

    fn loss(&self, counts: &CsrTensor) -> Tensor<1> {
        let hidden = relu(self.first.forward(&counts.log1p()));
        let hidden = relu(self.third.forward(self.second.forward(hidden)));
        let output = CountOutput {
            h: self.mean.forward(hidden.clone()),
            mean_link: MeanLink::Exp,
            scale: Tensor::ones([CELLS], &counts.device()),
            dispersion: Some(Dispersion::per_feature(self.log_theta.val())),
            logit: Some(self.logit.forward(hidden)),
        };
        let targets = Targets::Sparse(counts.clone());
        output.nll(&targets, &Weights::mean_over_cells()).loss
    }
}

/// Counts with that share of zeros, the rest small whole numbers.
fn counts(zeros: f64, seed: u64, device: &Device) -> CsrTensor {
    let mut state = seed;
    let mut uniform = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    };
    let (mut indptr, mut indices, mut values) = (vec![0], vec![], vec![]);
    for _ in 0..CELLS {
        for gene in 0..GENES as u32 {
            if uniform() >= zeros {
                indices.push(gene);
                values.push((1.0 - 2.0 * uniform().ln() * uniform()).floor() as f32);
            }
        }
        indptr.push(values.len());
    }
    match CsrTensor::from_slices([CELLS, GENES], &indptr, &indices, &values, device) {
        Ok(x) => x,
        Err(e) => panic!("{e}"),
    }
}

fn step(c: &mut Criterion) {
    let mut group = c.benchmark_group("autoencoder_step/256x2000");
    let plain = Device::flex();
    let device = plain.clone().autodiff();
    for zeros in [0.75, 0.95] {
        plain.seed(1);
        let mut model = Some(Autoencoder::new(&device));
        let mut optimizer = FusedAdamW::new().init();
        let batches: Vec<CsrTensor> = (0..8).map(|i| counts(zeros, i + 1, &plain)).collect();
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
    group.finish();
}

criterion_group!(benches, step);
criterion_main!(benches);
