//! The autoencoder 2000-256-64-256-2000 that bench, test and `benches/torch_peers.py` train, with weights and counts from one
//! hash function, so that all of them start from the same numbers.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData, activation::relu};
use sparse_ops::{CsrTensor, SparseLinear};
use zinb::kernel::MeanLink;
use zinb::tensor::{BatchLikelihood, CountOutput, Dispersion, Targets, Weights};

/// Cells of a batch.
pub const CELLS: usize = 256;
/// Genes.
pub const GENES: usize = 2000;

/// Uniform in [0, 1): number `i` of a stream, by the finaliser of SplitMix64.
fn uniform(stream: u64, i: u64) -> f64 {
    let mut z = (stream << 32)
        .wrapping_add(i)
        .wrapping_add(1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Uniform in ±1/sqrt(from), as layers of PyTorch begin.
fn linear(stream: u64, from: usize, to: usize, device: &Device) -> Linear {
    let bound = 1.0 / (from as f64).sqrt();
    let numbers = |stream: u64, n: usize| -> Vec<f32> {
        let number = |i| (bound * (2.0 * uniform(stream, i) - 1.0)) as f32;
        (0..n as u64).map(number).collect()
    };
    let weight = TensorData::new(numbers(2 * stream, from * to), [from, to]);
    let bias = TensorData::new(numbers(2 * stream + 1, to), [to]);
    let mut layer = LinearConfig::new(from, to).init(device);
    layer.weight = Param::from_tensor(Tensor::from_data(weight, device));
    layer.bias = Some(Param::from_tensor(Tensor::from_data(bias, device)));
    layer
}

/// The network, with an inverse dispersion per gene.
#[derive(Module, Debug)]
pub struct Autoencoder {
    first: SparseLinear,
    second: Linear,
    third: Linear,
    mean: Linear,
    logit: Linear,
    log_theta: Param<Tensor<1>>,
}

impl Autoencoder {
    /// As at the start.
    pub fn new(device: &Device) -> Self {
        Self {
            first: linear(1, GENES, 256, device).into(),
            second: linear(2, 256, 64, device),
            third: linear(3, 64, 256, device),
            mean: linear(4, 256, GENES, device),
            logit: linear(5, 256, GENES, device),
            log_theta: Param::from_tensor(Tensor::zeros([GENES], device)),
        }
    }

    /// Mean over cells of the negative log-likelihood.
    pub fn loss(&self, counts: &CsrTensor) -> Tensor<1> {
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
        output.into_nll(&targets, &Weights::mean_over_cells()).loss
    }
}

/// Batch `k` of counts with that share of zeros, the rest small whole numbers.
pub fn counts(zeros: f64, k: u64, device: &Device) -> CsrTensor {
    let (mut indptr, mut indices, mut values) = (vec![0], vec![], vec![]);
    for cell in 0..CELLS as u64 {
        for gene in 0..GENES as u64 {
            let number = |which: u64| uniform(100 + 3 * k + which, cell * GENES as u64 + gene);
            if number(0) >= zeros {
                indices.push(gene as u32);
                values.push((1.0 - 2.0 * (1.0 - number(1)).ln() * number(2)).floor() as f32);
            }
        }
        indptr.push(values.len());
    }
    match CsrTensor::from_slices([CELLS, GENES], &indptr, &indices, &values, device) {
        Ok(x) => x,
        Err(e) => panic!("{e}"),
    }
}
