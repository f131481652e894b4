//! Likelihoods with a kernel as an extension of burn's backends.

mod autodiff;
mod flex;

use std::sync::Arc;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;
use flex_slices::served;
use sparse_ops::CsrPattern;

use super::{Nll, Targets, Weights};
use crate::kernel::{Family, MeanLink, Rows, ThetaLink, ValueFamily};

/// Which row of a parameter each cell of a batch takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RowMap {
    /// All the only one: a parameter per feature.
    #[default]
    One,
    /// Each its own: a parameter per cell and feature.
    Each,
    /// That of its group, `[cells]`: a parameter per group (batch, condition) and feature.
    Groups(Arc<[u32]>),
}

impl RowMap {
    pub(crate) fn rows(&self, n_rows: usize) -> Rows<'_> {
        match self {
            Self::One => Rows::One,
            Self::Each => Rows::Each,
            Self::Groups(group) => Rows::Groups(group, n_rows),
        }
    }

    /// Takes the rows of the cells out of a parameter `[rows, features]`: `[cells, features]`, or `[1, features]`.
    pub(crate) fn select(&self, parameter: Tensor<2>) -> Tensor<2> {
        match self {
            Self::One | Self::Each => parameter,
            Self::Groups(group) => {
                let index: Vec<i32> = group.iter().map(|&g| g as i32).collect();
                let index = burn::tensor::TensorData::new(index, [group.len()]);
                let index = Tensor::<1, burn::tensor::Int>::from_data(index, &parameter.device());
                parameter.select(0, index)
            }
        }
    }
}

/// All that is not a tensor.
#[derive(Clone, Debug)]
pub struct CountOptions {
    pub(crate) family: Family,
    pub(crate) mean_link: MeanLink,
    pub(crate) theta_link: ThetaLink,
    pub(crate) theta_rows: RowMap,
    /// Rows of the feature weights, if there are any.
    pub(crate) weight_rows: Option<RowMap>,
    /// Places of the targets, if they are sparse.
    pub(crate) pattern: Option<Arc<CsrPattern>>,
    /// Whether gradients are wanted.
    pub(crate) gradients: bool,
}

/// What a likelihood with one parameter depends on besides tensors.
#[derive(Clone, Debug)]
pub struct ValueOptions {
    family: ValueFamily,
    /// Places of the targets, if they are sparse.
    pattern: Option<Arc<CsrPattern>>,
}

/// Operations with a kernel on Flex. Other backends never get here: the outputs' `into_nll` sends them to tensor operations. A parameter
/// that does not exist is an empty tensor.
#[backend_extension(Flex, Autodiff)]
#[allow(clippy::too_many_arguments)]
pub trait LikelihoodOps: Backend {
    /// Loss `[1]`, loss per cell `[cells]`, and the gradients of the loss by `h`, `theta`, `logit`
    /// (empty unless the options ask for them).
    #[allow(clippy::type_complexity)]
    fn count_nll(
        h: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        logit: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        target: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        cells: FloatTensor<Self>,
        options: CountOptions,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    );

    /// Loss `[1]`, loss per cell `[cells]`, and the gradient of the loss by `raw`, which takes its memory where nobody else holds it.
    fn value_nll(
        raw: FloatTensor<Self>,
        target: FloatTensor<Self>,
        cells: FloatTensor<Self>,
        options: ValueOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// A gradient times a number `[1]`, in place where nobody else holds it.
    fn scale_gradient(x: FloatTensor<Self>, factor: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// What the operation takes.
pub(super) struct CountTensors {
    pub h: Tensor<2>,
    pub theta: Option<Tensor<2>>,
    pub logit: Option<Tensor<2>>,
    pub scale: Tensor<1>,
    /// Dense targets, or the values of sparse ones.
    pub target: TargetValues,
    pub weights: Option<Tensor<2>>,
    pub cells: Tensor<1>,
}

pub(super) enum TargetValues {
    Dense(Tensor<2>),
    Sparse(Tensor<1>),
}

impl TargetValues {
    /// The values and, if they are sparse, their places.
    pub fn of(targets: &Targets) -> (Self, Option<Arc<CsrPattern>>) {
        match targets {
            Targets::Dense(x) => (Self::Dense(x.clone()), None),
            Targets::Sparse(x) => (Self::Sparse(x.values()), Some(x.pattern().clone())),
        }
    }

    fn into_dispatch(self) -> FloatTensor<Dispatch> {
        match self {
            Self::Dense(x) => x.without_autodiff().into_dispatch(),
            Self::Sparse(x) => x.without_autodiff().into_dispatch(),
        }
    }
}

/// Loss `[1]` and loss per cell `[cells]`.
pub(super) fn count_nll(t: CountTensors, options: CountOptions) -> (Tensor<1>, Tensor<1>) {
    let nothing = || Tensor::<1>::zeros([0], (&t.h.device().inner(), t.h.dtype())).into_dispatch();
    let or_nothing = |x: Option<Tensor<2>>| x.map_or_else(nothing, Tensor::into_dispatch);
    let theta = or_nothing(t.theta);
    let logit = or_nothing(t.logit);
    let weights = or_nothing(t.weights.map(Tensor::without_autodiff));
    let (loss, per_cell, _, _, _) = <Dispatch as LikelihoodOps>::count_nll(
        t.h.into_dispatch(),
        theta,
        logit,
        t.scale.without_autodiff().into_dispatch(),
        t.target.into_dispatch(),
        weights,
        t.cells.without_autodiff().into_dispatch(),
        options,
    );
    (
        Tensor::from_dispatch(loss),
        Tensor::<1>::from_dispatch(per_cell).without_autodiff(),
    )
}

/// Whether [`value_nll`] serves an output.
pub(super) fn in_one_pass(raw: &Tensor<2>, weights: &Weights) -> bool {
    weights.features.is_none() && served(&raw.device(), raw.dtype())
}

/// Negative log-likelihood of one parameter per value, on Flex and without weights of features. The gradient takes the memory of `raw` where
/// nothing else holds it.
pub(super) fn value_nll(
    raw: Tensor<2>,
    family: ValueFamily,
    targets: &Targets,
    weights: &Weights,
) -> Nll {
    assert_eq!(targets.dims(), raw.dims(), "targets and network's output");
    let cells = weights.of_cells(&raw);
    let (target, pattern) = TargetValues::of(targets);
    let (loss, per_cell, _) = <Dispatch as LikelihoodOps>::value_nll(
        raw.into_dispatch(),
        target.into_dispatch(),
        cells.without_autodiff().into_dispatch(),
        ValueOptions { family, pattern },
    );
    Nll {
        loss: Tensor::from_dispatch(loss),
        per_cell: Tensor::<1>::from_dispatch(per_cell).without_autodiff(),
    }
}
