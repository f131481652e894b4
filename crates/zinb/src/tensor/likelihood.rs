//! What every likelihood of a batch can do.

use burn::tensor::Tensor;

use super::{RowMap, Targets};

/// How the terms of a loss are weighted.
///
/// ```text
/// nll[c] = - Σ_f feature_weight[c, f] ll[c, f]        loss = Σ_c cell_weight[c] nll[c]
/// ```
#[derive(Clone, Debug, Default)]
pub struct Weights {
    /// Weights of the features, `[rows, features]`, and which row a cell takes: a row per group of cells is an output
    /// mask. What has weight 0 is not looked at: its target may be anything, its gradient is zero. Default 1.
    pub features: Option<(Tensor<2>, RowMap)>,
    /// Weights of the cells, `[cells]`. Default one over the number of cells.
    pub cells: Option<Tensor<1>>,
}

impl Weights {
    /// The mean over cells of the sum over features: the default.
    pub fn mean_over_cells() -> Self {
        Self::default()
    }

    /// The mean over all entries of a batch of `[cells, features]`.
    pub fn mean_over_entries(target: &Targets, like: &Tensor<2>) -> Self {
        let [cells, features] = target.dims();
        let device = like.device().inner();
        let weight = 1.0 / (cells * features).max(1) as f64;
        Self {
            features: None,
            cells: Some(Tensor::full([cells], weight, (&device, like.dtype()))),
        }
    }

    /// The weights of the cells for outputs `[cells, features]`, a constant.
    pub(super) fn of_cells(&self, like: &Tensor<2>) -> Tensor<1> {
        let [cells, _] = like.dims();
        match &self.cells {
            Some(w) => w.clone().without_autodiff(),
            None => {
                let constant = (&like.device().inner(), like.dtype());
                Tensor::full([cells], 1.0 / cells.max(1) as f64, constant)
            }
        }
    }
}

/// The negative log-likelihood of a batch.
#[derive(Clone, Debug)]
pub struct Nll {
    /// `Σ_c cell_weight[c] nll[c]`, `[1]`; differentiable.
    pub loss: Tensor<1>,
    /// `nll[c]` of each cell, `[cells]`; a constant.
    pub per_cell: Tensor<1>,
}

/// A distribution of each entry of `[cells, features]`, as a network puts it out.
///
/// The scalar distributions are [`Likelihood`](crate::Likelihood); this is the same for a batch, where
/// the parameters come from raw outputs through links.
pub trait BatchLikelihood {
    /// Negative log-likelihood of the targets, differentiable in everything that the network put out.
    ///
    /// # Panics
    /// If shapes do not fit each other.
    fn nll(&self, targets: &Targets, weights: &Weights) -> Nll;

    /// As [`nll`](Self::nll), for outputs that nothing else needs: may work in their memory.
    ///
    /// # Panics
    /// If shapes do not fit each other.
    fn into_nll(self, targets: &Targets, weights: &Weights) -> Nll
    where
        Self: Sized,
    {
        self.nll(targets, weights)
    }

    /// Expected values, `[cells, features]`.
    fn mean(&self) -> Tensor<2>;

    /// Variances, `[cells, features]`.
    fn variance(&self) -> Tensor<2>;

    /// Probabilities of a zero, `[cells, features]`; zero for continuous values.
    fn zero_probability(&self) -> Tensor<2>;

    /// One draw of every entry, `[cells, features]`: a function of the seed and of each row's place, not of the
    /// number of threads or the backend.
    fn sample(&self, seed: u64) -> Tensor<2>;
}
