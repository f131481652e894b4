//! The graph from the cells' vectors.

use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use fusion_core::Draw;
use sparse_ops::CsrTensor;

/// Pairs of cells with what the decoder should say of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pairs {
    /// One cell of each pair.
    pub first: Vec<i32>,
    /// The other one.
    pub second: Vec<i32>,
    /// What the decoder should say: 1 for an edge, 0 for none.
    pub target: Vec<f32>,
    /// Weight of the pair in the loss.
    pub weight: Vec<f32>,
}

impl Pairs {
    /// Every pair of cells, the same cell twice included, weighing the same: the graph as a whole. Of size cells x cells.
    pub fn all(graph: &CsrTensor) -> Self {
        let [n, _] = graph.dims();
        let weight = 1.0 / (n * n).max(1) as f32;
        let mut pairs = Self::default();
        for i in 0..n {
            let mut row = vec![0.0; n];
            row_of(graph, i).iter().for_each(|&j| row[j as usize] = 1.0);
            for (j, target) in row.into_iter().enumerate() {
                pairs.push(i, j, target, weight);
            }
        }
        pairs
    }

    /// Every edge from the first `n_targets` cells with what the graph says of it, and nothing else, weighing `1 / n_targets`:
    /// the published loss, whose target is the normalised weight.
    pub fn published(graph: &CsrTensor, n_targets: usize) -> Self {
        let values: Vec<f32> = graph.values().into_data().iter::<f32>().collect();
        let offsets = graph.pattern().offsets();
        let mut pairs = Self::default();
        for i in 0..n_targets {
            let row = &values[offsets[i]..offsets[i + 1]];
            for (&j, &value) in row_of(graph, i).iter().zip(row) {
                pairs.push(i, j as usize, value, 1.0 / n_targets as f32);
            }
        }
        pairs
    }

    /// Every edge from the first `n_targets` cells and as many times `negatives` random pairs that are none. Edges weigh one
    /// half together, and so do the others: in a sparse graph the mean over all pairs would be about the absent edges
    /// alone.
    pub fn sampled(graph: &CsrTensor, n_targets: usize, negatives: usize, draw: Draw) -> Self {
        let [n, _] = graph.dims();
        let mut pairs = Self::default();
        for i in 0..n_targets {
            for &j in row_of(graph, i).iter().filter(|&&j| j as usize != i) {
                pairs.push(i, j as usize, 1.0, 0.0);
            }
        }
        let n_edges = pairs.first.len();
        for i in 0..n_targets {
            let row = row_of(graph, i);
            let draw = draw.for_use(i as u64);
            for k in 0..(row.len() * negatives) as u64 {
                let j = (draw.for_use(k).seed() % n as u64) as usize;
                if j != i && !row.contains(&(j as u32)) {
                    pairs.push(i, j, 0.0, 0.0);
                }
            }
        }
        let n_absent = pairs.first.len() - n_edges;
        for (place, weight) in pairs.weight.iter_mut().enumerate() {
            let n = if place < n_edges { n_edges } else { n_absent };
            *weight = 0.5 / n as f32;
        }
        pairs
    }

    fn push(&mut self, i: usize, j: usize, target: f32, weight: f32) {
        self.first.push(i as i32);
        self.second.push(j as i32);
        self.target.push(target);
        self.weight.push(weight);
    }
}

fn row_of(graph: &CsrTensor, i: usize) -> &[u32] {
    let offsets = graph.pattern().offsets();
    &graph.pattern().indices()[offsets[i]..offsets[i + 1]]
}

/// How far the decoder is from the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairLoss {
    /// `(sigmoid(z_i z_j) - target)²`
    Squared,
    /// `ln(1 + e^(z_i z_j)) - target z_i z_j`: the cross-entropy, from logits.
    CrossEntropy,
}

/// Weighted loss of the inner-product decoder `sigmoid(z_i z_j)` over pairs of rows of `z [cells, n_latent]`; 0 without pairs.
pub fn graph_loss(z: Tensor<2>, pairs: &Pairs, loss: PairLoss) -> Tensor<1> {
    let device = z.device();
    if pairs.first.is_empty() {
        return Tensor::zeros([1], &device);
    }
    let cells = |places: &[i32]| z.clone().select(0, indices(places, &device));
    let numbers = |values: &[f32]| {
        let data = TensorData::new(values.to_vec(), [values.len()]);
        Tensor::<1>::from_data(data, &device)
    };
    let logit: Tensor<1> = (cells(&pairs.first) * cells(&pairs.second))
        .sum_dim(1)
        .squeeze_dim(1);
    let target = numbers(&pairs.target);
    let each = match loss {
        PairLoss::Squared => (activation::sigmoid(logit) - target).square(),
        PairLoss::CrossEntropy => softplus(logit.clone()) - target * logit,
    };
    (each * numbers(&pairs.weight)).sum()
}

/// `ln(1 + e^x)` without overflow.
fn softplus(x: Tensor<1>) -> Tensor<1> {
    x.clone().clamp_min(0.0) + x.abs().neg().exp().log1p()
}

fn indices(places: &[i32], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(places.to_vec(), [places.len()]), device)
}
