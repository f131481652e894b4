//! Features to tokens and back.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::{POSITION_STD, normal};

/// Whether neighbouring features share the weights that make a token of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenWeights {
    /// One linear map for all patches, as in the lineage of scFusionTTT: a gene is known only by
    /// its place in the patch and the patch's position vector.
    Shared,
    /// Every feature has its own vector: a token is the sum of its features' vectors, each times
    /// its value.
    #[default]
    PerFeature,
}

/// How features in a fixed order are cut into tokens of `width` neighbours.
///
/// The last token is padded with zeros when the width does not divide the number of features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patches {
    /// Features.
    pub n_features: usize,
    /// Features per token.
    pub width: usize,
}

impl Patches {
    /// That many features in tokens of `width`.
    pub fn new(n_features: usize, width: usize) -> Self {
        Self { n_features, width }
    }

    /// Number of tokens.
    pub fn n_tokens(&self) -> usize {
        self.n_features.div_ceil(self.width)
    }

    /// Features in one token: `width`, or what is left for the last one.
    pub fn n_features_of(&self, token: usize) -> usize {
        self.width.min(self.n_features - token * self.width)
    }

    /// `[cells, features] -> [cells, tokens, width]`.
    pub fn cut(&self, features: Tensor<2>) -> Tensor<3> {
        let [n_cells, n_features] = features.dims();
        assert_eq!(
            n_features, self.n_features,
            "features of the batch and of the model"
        );
        let pad = self.n_tokens() * self.width - n_features;
        let padded = match pad {
            0 => features,
            _ => {
                let zeros = Tensor::zeros([n_cells, pad], &features.device());
                Tensor::cat(vec![features, zeros], 1)
            }
        };
        padded.reshape([n_cells, self.n_tokens(), self.width])
    }

    /// `[cells, tokens, width] -> [cells, features]`; drops the padding.
    pub fn join(&self, patches: Tensor<3>) -> Tensor<2> {
        let n_cells = patches.dims()[0];
        let flat = patches.reshape([n_cells, self.n_tokens() * self.width]);
        flat.narrow(1, 0, self.n_features)
    }

    /// 1 where a place of a token holds a feature, 0 where it is padding: `[1, tokens, width]`.
    pub fn is_feature(&self, device: &Device) -> Tensor<3> {
        let n = self.n_tokens() * self.width;
        let flags: Vec<f32> = (0..n).map(|i| f32::from(i < self.n_features)).collect();
        Tensor::from_data(
            TensorData::new(flags, [1, self.n_tokens(), self.width]),
            device,
        )
    }
}

/// Patches of values to tokens.
///
/// `token_t = sum_j x_tj E_tj + p_t` with a position vector `p_t`; `E_tj` is shared over `t` for
/// [`TokenWeights::Shared`].
///
/// Shapes: `[cells, tokens, width] -> [cells, tokens, d_model]`.
#[derive(Module, Debug)]
pub struct PatchEmbed {
    /// `[1 or tokens, width, d_model]`.
    weight: Param<Tensor<3>>,
    /// `[tokens, d_model]`.
    position: Param<Tensor<2>>,
}

impl PatchEmbed {
    /// A new embedding; weights are drawn from `N(0, 1 / d_model)`, so that a feature's vector has
    /// length 1 on average, positions from `N(0, 0.02^2)`.
    pub fn new(patches: Patches, d_model: usize, kind: TokenWeights, device: &Device) -> Self {
        let n_tokens = patches.n_tokens();
        Self {
            weight: normal(
                [n_weights(kind, n_tokens), patches.width, d_model],
                unit_rows(d_model),
                device,
            ),
            position: normal([n_tokens, d_model], POSITION_STD, device),
        }
    }

    /// `[cells, tokens, width] -> [cells, tokens, d_model]`.
    pub fn forward(&self, patches: Tensor<3>) -> Tensor<3> {
        per_token_matmul(patches, self.weight.val()) + self.position.val().unsqueeze()
    }
}

/// Tokens to patches of values: `x_tj = h_t U_tj + b_tj`.
///
/// Shapes: `[cells, tokens, d_model] -> [cells, tokens, width]`.
#[derive(Module, Debug)]
pub struct PatchHead {
    /// `[1 or tokens, d_model, width]`.
    weight: Param<Tensor<3>>,
    /// `[1 or tokens, width]`.
    bias: Param<Tensor<2>>,
}

impl PatchHead {
    /// A new head; weights are drawn from `N(0, 1 / d_model)`, biases are 0.
    pub fn new(patches: Patches, d_model: usize, kind: TokenWeights, device: &Device) -> Self {
        let n = n_weights(kind, patches.n_tokens());
        Self {
            weight: normal([n, d_model, patches.width], unit_rows(d_model), device),
            bias: Param::from_tensor(Tensor::zeros([n, patches.width], device)),
        }
    }

    /// `[cells, tokens, d_model] -> [cells, tokens, width]`.
    pub fn forward(&self, hidden: Tensor<3>) -> Tensor<3> {
        per_token_matmul(hidden, self.weight.val()) + self.bias.val().unsqueeze()
    }
}

/// Deviation at which a vector of that width has length 1 on average.
fn unit_rows(d_model: usize) -> f64 {
    (d_model as f64).sqrt().recip()
}

fn n_weights(kind: TokenWeights, n_tokens: usize) -> usize {
    match kind {
        TokenWeights::Shared => 1,
        TokenWeights::PerFeature => n_tokens,
    }
}

/// `y_ct = x_ct W_t`: one matrix per token, or one for all.
fn per_token_matmul(x: Tensor<3>, weight: Tensor<3>) -> Tensor<3> {
    let [n_cells, n_tokens, d_in] = x.dims();
    let [n_weights, _, d_out] = weight.dims();
    if n_weights == 1 {
        let flat = x.reshape([n_cells * n_tokens, d_in]);
        return flat
            .matmul(weight.reshape([d_in, d_out]))
            .reshape([n_cells, n_tokens, d_out]);
    }
    x.swap_dims(0, 1).matmul(weight).swap_dims(0, 1)
}
