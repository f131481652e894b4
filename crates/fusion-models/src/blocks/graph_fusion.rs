//! Two views of a cell, then its neighbours, then all cells.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use sparse_ops::{CsrTensor, sparse_linear};

use crate::ops::{anchored_correlation, self_correlation};

/// How a cell is mixed with all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GlobalFusion {
    /// [`Exact`](Self::Exact) in batches of up to 2,048 cells, `Anchors(512)` in larger ones, so that time stays linear in
    /// the cells.
    #[default]
    BySize,
    /// Not at all.
    None,
    /// With every cell of the batch, in tiles; time grows with the square of the cells.
    Exact,
    /// With so many cells, evenly spread over the batch: linear in the cells.
    Anchors(usize),
}

/// Cells of a batch up to which [`GlobalFusion::BySize`] is exact, and its anchors beyond.
const EXACT_UP_TO: usize = 2048;
const ANCHORS: usize = 512;

/// Local and global fusion of an expression and a graph embedding.
///
/// ```text
/// z_i = a z_expression + b z_graph         a, b [1, width], or [cells, width] as published; start 1/2
/// z_l = S z_i                              over the graph
/// z = z_l + alpha softmax(z_l z_l^T) z_l   over all cells; alpha starts at 0
/// ```
///
/// Gates per cell tie the model to the training cells: batches must then hold all of them.
///
/// Source: scDEFR (Cheng et al., AAAI 2023), after the structure fusion of DFCN (Tu et al., AAAI 2021).
#[derive(Module, Debug)]
pub struct GraphFusion {
    expression_gate: Param<Tensor<2>>,
    graph_gate: Param<Tensor<2>>,
    alpha: Param<Tensor<1>>,
    #[module(skip)]
    global: GlobalFusion,
}

impl GraphFusion {
    /// New gates; `n_cells` for gates per cell, `None` for gates that all cells share.
    pub fn new(
        width: usize,
        n_cells: Option<usize>,
        global: GlobalFusion,
        device: &Device,
    ) -> Self {
        let gate = || {
            let shape = [n_cells.unwrap_or(1), width];
            Param::from_tensor(Tensor::full(shape, 0.5, device))
        };
        Self {
            expression_gate: gate(),
            graph_gate: gate(),
            alpha: Param::from_tensor(Tensor::zeros([1], device)),
            global,
        }
    }

    /// Fuses; `expression`, `graph` and the result are `[cells, width]`, `operator` `[cells, cells]`, `rows` the cells'
    /// places in the data set.
    pub fn forward(
        &self,
        expression: Tensor<2>,
        graph: Tensor<2>,
        operator: &CsrTensor,
        rows: &[usize],
    ) -> Tensor<2> {
        let gate = |gate: &Param<Tensor<2>>| match gate.shape().dims::<2>()[0] {
            1 => gate.val(),
            _ => gate.val().select(0, places(rows, &gate.val().device())),
        };
        let joined = expression * gate(&self.expression_gate) + graph * gate(&self.graph_gate);
        let local = sparse_linear(operator, joined, None);
        let n = rows.len();
        let n_anchors = match self.global {
            GlobalFusion::None => return local,
            GlobalFusion::BySize => (n > EXACT_UP_TO).then_some(ANCHORS),
            GlobalFusion::Exact => None,
            GlobalFusion::Anchors(m) => Some(m.clamp(1, n)),
        };
        let global = match n_anchors {
            None => self_correlation(local.clone()),
            Some(m) => {
                let spread: Vec<usize> = (0..m).map(|i| i * n / m).collect();
                let anchors = local.clone().select(0, places(&spread, &local.device()));
                anchored_correlation(local.clone(), anchors)
            }
        };
        local + global * self.alpha.val().unsqueeze_dim::<2>(0)
    }
}

fn places(rows: &[usize], device: &Device) -> Tensor<1, Int> {
    let rows: Vec<i32> = rows.iter().map(|&r| r as i32).collect();
    let n = rows.len();
    Tensor::from_data(TensorData::new(rows, [n]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every cell its own neighbour alone.
    fn fused(n: usize, global: GlobalFusion) -> Tensor<2> {
        let device = Device::flex();
        let (offsets, cells): (Vec<usize>, Vec<u32>) = ((0..=n).collect(), (0..n as u32).collect());
        let alone = CsrTensor::from_slices([n, n], &offsets, &cells, &vec![1.0; n], &device);
        let values: Vec<f32> = (0..2 * n).map(|i| (i as f32 * 0.37).sin()).collect();
        let z = Tensor::<2>::from_data(TensorData::new(values, [n, 2]), &device);
        let mut fusion = GraphFusion::new(2, None, global, &device);
        fusion.alpha = Param::from_tensor(Tensor::ones([1], &device));
        let rows: Vec<usize> = (0..n).collect();
        fusion.forward(z.clone(), z, &alone.unwrap(), &rows)
    }

    fn same(n: usize, a: GlobalFusion, b: GlobalFusion) -> bool {
        fused(n, a).into_data() == fused(n, b).into_data()
    }

    #[test]
    fn large_batches_meet_anchors() {
        use GlobalFusion::{Anchors, BySize, Exact};
        assert!(same(60, BySize, Exact));
        assert!(!same(60, BySize, Anchors(20)));
        assert!(same(EXACT_UP_TO + 1, BySize, Anchors(ANCHORS)));
        // All cells as anchors are exact to rounding.
        let error = (fused(60, Anchors(60)) - fused(60, Exact)).abs().max();
        assert!(error.into_scalar::<f32>() < 1e-5);
    }
}
