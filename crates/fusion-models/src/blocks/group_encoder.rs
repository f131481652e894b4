//! An encoder that sees some of the groups of features of a cell.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use fusion_core::{CellBatch, Features};
use mask_modules::PlanRows;
use serde::{Deserialize, Serialize};
use sparse_ops::{SparseLinear, SparseLinearConfig};
use ttt_layer::dropout;

use super::{DenseStackConfig, DenseTail};

/// What an encoder is given of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupInput {
    /// The values as the data set holds them.
    #[default]
    AsIs,
    /// `ln(1 + target x / total)` of counts, the total over the group.
    LogNormalized(f64),
    /// `ln(1 + x)` of counts.
    Log1p,
}

impl GroupInput {
    fn of(self, x: &Features) -> Features {
        match (self, x) {
            (Self::AsIs, x) => x.clone(),
            (Self::LogNormalized(target), Features::Sparse(x)) => {
                Features::Sparse(x.log_normalize(target))
            }
            (Self::Log1p, Features::Sparse(x)) => Features::Sparse(x.log1p()),
            (Self::LogNormalized(target), Features::Dense(x)) => {
                let total = x.clone().sum_dim(1).clamp_min(f32::MIN_POSITIVE);
                Features::Dense((x.clone() / total * target).log1p())
            }
            (Self::Log1p, Features::Dense(x)) => Features::Dense(x.clone().log1p()),
        }
    }
}

/// Groups of features -> a hidden state, whichever of them are visible.
///
/// ```text
/// h_1 = drop(act(norm( b + sum over groups g that the row sees of x_g W_g ))),  then dense layers
/// ```
///
/// A group that a row does not see is multiplied by zero behind its product: nothing of it is in the value, and its weights get
/// exactly no gradient from that row. The product of a cell is taken once, however many rows of the plan it goes through. Sparse values
/// stay sparse.
#[derive(Module, Debug)]
pub struct GroupEncoder {
    inputs: Vec<SparseLinear>,
    bias: Option<Param<Tensor<1>>>,
    tail: DenseTail,
    #[module(skip)]
    input_dropout: f64,
    #[module(skip)]
    names: Vec<String>,
    #[module(skip)]
    transforms: Vec<GroupInput>,
    #[module(skip)]
    hide: bool,
}

impl GroupEncoder {
    /// An encoder of groups (entry of the batch, features, what is given of it). `stack.d_input` must be the number of all features. `input_dropout` is
    /// the share of values that are hidden in training. `hide = false` shows every row everything that the batch holds, as the published
    /// program does.
    pub fn new(
        groups: &[(String, usize, GroupInput)],
        stack: &DenseStackConfig,
        input_dropout: f64,
        hide: bool,
        device: &Device,
    ) -> Self {
        let width = stack.widths[0];
        let bound = 1.0 / (stack.d_input.max(1) as f64).sqrt();
        // As one layer over all features would start.
        let initializer = Initializer::Uniform {
            min: -bound,
            max: bound,
        };
        Self {
            inputs: groups
                .iter()
                .map(|(_, n_features, _)| {
                    SparseLinearConfig::new(*n_features, width)
                        .with_bias(false)
                        .with_initializer(initializer.clone())
                        .init(device)
                })
                .collect(),
            bias: stack
                .has_bias()
                .then(|| Param::from_tensor(Tensor::zeros([width], device))),
            tail: stack.tail(device),
            input_dropout,
            names: groups.iter().map(|(name, _, _)| name.clone()).collect(),
            transforms: groups.iter().map(|&(_, _, input)| input).collect(),
            hide,
        }
    }

    /// The same with a first bias that learns, whatever else does.
    pub fn with_free_bias(mut self) -> Self {
        self.bias = self.bias.map(|bias| bias.set_require_grad(true));
        self
    }

    /// The same with further groups, of which the hidden state says nothing yet: their weights are zero, and learn.
    pub fn with_groups(mut self, groups: &[(String, usize, GroupInput)]) -> Self {
        let first = self.inputs[0].weight.val();
        for (name, n_features, input) in groups {
            let layer = SparseLinearConfig::new(*n_features, first.dims()[1])
                .with_bias(false)
                .with_initializer(Initializer::Zeros)
                .init(&first.device());
            self.inputs.push(layer);
            self.names.push(name.clone());
            self.transforms.push(*input);
        }
        self
    }

    /// The hidden state of every row, `[rows, last width]`.
    pub fn forward(&self, batch: &CellBatch, rows: &PlanRows) -> Tensor<2> {
        let device = batch.device();
        let mut sum: Option<Tensor<2>> = None;
        for (group, layer) in self.inputs.iter().enumerate() {
            if self.hide && !rows.is_seen(group) {
                continue;
            }
            let Some(x) = batch.find(&self.names[group]) else {
                continue;
            };
            let x = self.thinned(self.transforms[group].of(x));
            let product = match &x {
                Features::Sparse(x) => layer.forward(x),
                Features::Dense(x) => layer.forward_dense(x.clone()),
            };
            let mut product = rows.of_cells(product);
            if self.hide
                && let Some(mask) = rows.visibility(group, &device)
            {
                product = product * mask;
            }
            sum = Some(match sum {
                Some(sum) => sum + product,
                None => product,
            });
        }
        let Some(sum) = sum else {
            panic!("the batch holds no group that its rows see");
        };
        self.tail.forward(match &self.bias {
            Some(bias) => sum + bias.val().unsqueeze::<2>(),
            None => sum,
        })
    }

    /// With some values hidden, the others scaled up, where gradients are taken.
    fn thinned(&self, x: Features) -> Features {
        if self.input_dropout == 0.0 || !self.inputs[0].weight.val().device().is_autodiff() {
            return x;
        }
        match x {
            // What is zero stays so.
            Features::Sparse(x) => {
                Features::Sparse(x.map_values(|v| dropout(v, self.input_dropout)))
            }
            Features::Dense(x) => Features::Dense(dropout(x, self.input_dropout)),
        }
    }
}
