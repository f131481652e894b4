//! Topology-adaptive graph convolution.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use fusion_core::Features;
use sparse_ops::{CsrTensor, SparseLinear, SparseLinearConfig, sparse_linear};

/// Settings of [`TagConv`].
#[derive(Clone, Debug, PartialEq)]
pub struct TagConvConfig {
    /// Width of the input.
    pub d_input: usize,
    /// Width of the output.
    pub d_output: usize,
    /// Steps along edges, `K`; 0 makes a linear layer.
    pub n_hops: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

impl TagConvConfig {
    /// From and to that many features, over that many steps along edges, with a bias.
    pub fn new(d_input: usize, d_output: usize, n_hops: usize) -> Self {
        Self {
            d_input,
            d_output,
            n_hops,
            bias: true,
        }
    }

    /// A new layer.
    pub fn init(&self, device: &Device) -> TagConv {
        let layer = |hop: usize| {
            SparseLinearConfig::new(self.d_input, self.d_output)
                .with_bias(self.bias && hop == 0)
                .init(device)
        };
        TagConv {
            hops: (0..=self.n_hops).map(layer).collect(),
        }
    }
}

/// `y = sum_{k=0..K} S^k X W_k + b` for a normalised graph `S`, `[cells, cells]`.
///
/// Shapes: `X [cells, d_input]`, sparse or dense -> `[cells, d_output]`. The powers of `S` are applied one after the other on
/// the narrower side: behind the weights, `X W_0 + S (X W_1 + S (X W_2 + ...))`, where the output is not wider than the
/// input or the input is sparse, before them otherwise.
///
/// Source: Du et al., "Topology adaptive graph convolutional networks", arXiv:1710.10370, as in torch_geometric's `TAGConv`;
/// self loops are those of `S`.
#[derive(Module, Debug)]
pub struct TagConv {
    /// `W_k`; the bias belongs to the first.
    hops: Vec<SparseLinear>,
}

impl TagConv {
    /// Convolves.
    pub fn forward(&self, x: &Features, graph: &CsrTensor) -> Tensor<2> {
        match x {
            Features::Sparse(x) => self.weights_first(|layer| layer.forward(x), graph),
            Features::Dense(x) => self.forward_dense(x.clone(), graph),
        }
    }

    /// Convolves dense rows.
    pub fn forward_dense(&self, x: Tensor<2>, graph: &CsrTensor) -> Tensor<2> {
        let [d_input, d_output] = self.hops[0].weight.shape().dims();
        if d_output <= d_input {
            return self.weights_first(|layer| layer.forward_dense(x.clone()), graph);
        }
        let mut spread = x;
        let mut y = self.hops[0].forward_dense(spread.clone());
        for layer in &self.hops[1..] {
            spread = sparse_linear(graph, spread, None);
            y = y + layer.forward_dense(spread.clone());
        }
        y
    }

    fn weights_first(
        &self,
        weigh: impl Fn(&SparseLinear) -> Tensor<2>,
        graph: &CsrTensor,
    ) -> Tensor<2> {
        let mut layers = self.hops.iter().rev().map(weigh);
        match layers.next() {
            Some(last) => layers.fold(last, |y, h| h + sparse_linear(graph, y, None)),
            None => panic!("a TAG convolution has at least the weights of hop 0"),
        }
    }
}
