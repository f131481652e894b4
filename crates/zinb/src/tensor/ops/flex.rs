//! The kernels on the slices of Flex tensors.

use burn::backend::{Flex, TensorMetadata, flex::FlexTensor};
use flex_slices::{FlexFloat, by_type, dense, slice, slice_mut, tensor};
use rayon::prelude::*;
use sparse_ops::CsrPattern;

use super::{CountOptions, LikelihoodOps, ValueOptions};
use crate::kernel::{self, Counts, Family, Input, Number};

fn counts<'a, T>(values: &'a [T], pattern: Option<&'a CsrPattern>) -> Counts<'a, T> {
    match pattern {
        None => Counts::Dense(values),
        Some(pattern) => Counts::Sparse {
            offsets: pattern.offsets(),
            columns: pattern.indices(),
            values,
        },
    }
}

/// `Σ_c cell_weight[c] nll[c]`, `[1]`, added up in f64.
fn weighted<T: Number + FlexFloat>(nll: &[T], cell_weights: &[T]) -> FlexTensor {
    let terms = nll.iter().zip(cell_weights);
    let loss: f64 = terms.map(|(nll, w)| nll.to_f64() * w.to_f64()).sum();
    tensor(vec![T::from_f64(loss)], [1])
}

/// Loss, losses of the cells, gradient by `raw`.
fn value<T: Number + FlexFloat>(
    mut raw: FlexTensor,
    target: &FlexTensor,
    cells: &FlexTensor,
    options: &ValueOptions,
) -> [FlexTensor; 3] {
    let values = counts(slice::<T>(target), options.pattern.as_deref());
    let cells = slice::<T>(cells);
    let nll = kernel::value_nll_in_place(slice_mut(&mut raw), options.family, &values, cells);
    [weighted(&nll, cells), tensor(nll, [cells.len()]), raw]
}

/// As `FlexTensor`s: h, theta, logit, scale, target, weights, cells. The gradients of `h` and `logit` take the memory of these where
/// nobody else holds it.
fn nll<T: Number + FlexFloat>(t: [FlexTensor; 7], options: &CountOptions) -> [FlexTensor; 5] {
    let [mut h, theta, mut logit, scale, target, weights, cells] = t;
    let n_features = h.shape()[1];
    let target = slice::<T>(&target);
    let input = Input {
        family: options.family,
        n_features,
        h: &[],
        mean_link: options.mean_link,
        scale: slice(&scale),
        theta: match options.family {
            Family::Poisson => &[],
            _ => slice(&theta),
        },
        theta_link: options.theta_link,
        theta_rows: options.theta_rows.rows(theta.shape()[0]),
        logit: &[],
        weights: options
            .weight_rows
            .as_ref()
            .map(|rows| (slice(&weights), rows.rows(weights.shape()[0]))),
        counts: counts(target, options.pattern.as_deref()),
        cell_weights: slice(&cells),
    };
    let loss = |nll: &[T]| weighted(nll, input.cell_weights);
    let n_cells = input.cell_weights.len();
    if !options.gradients {
        let input = Input {
            h: slice(&h),
            logit: slice(&logit),
            ..input
        };
        let (nll, _) = kernel::run(&input, false);
        let nothing = || tensor::<T>(vec![], [0]);
        let loss = loss(&nll);
        return [
            loss,
            tensor(nll, [n_cells]),
            nothing(),
            nothing(),
            nothing(),
        ];
    }
    let (nll, d_theta) = kernel::run_in_place(&input, slice_mut(&mut h), slice_mut(&mut logit));
    let loss = loss(&nll);
    let d_theta = match d_theta.is_empty() {
        true => tensor(d_theta, [0]),
        false => tensor(d_theta, theta.shape()),
    };
    [loss, tensor(nll, [n_cells]), h, d_theta, logit]
}

fn scale<T: Number + FlexFloat>(mut x: FlexTensor, factor: &FlexTensor) -> FlexTensor {
    const PIECE: usize = 1 << 15;
    let factor = slice::<T>(factor)[0];
    if factor != T::from_f64(1.0) {
        slice_mut::<T>(&mut x).par_chunks_mut(PIECE).for_each(|x| {
            for x in x {
                *x = *x * factor;
            }
        });
    }
    x
}

impl LikelihoodOps for Flex {
    fn count_nll(
        h: FlexTensor,
        theta: FlexTensor,
        logit: FlexTensor,
        scale: FlexTensor,
        target: FlexTensor,
        weights: FlexTensor,
        cells: FlexTensor,
        options: CountOptions,
    ) -> (FlexTensor, FlexTensor, FlexTensor, FlexTensor, FlexTensor) {
        let t = [h, theta, logit, scale, target, weights, cells].map(dense);
        by_type!(t[0].dtype(), nll(t, &options)).into()
    }

    fn value_nll(
        raw: FlexTensor,
        target: FlexTensor,
        cells: FlexTensor,
        options: ValueOptions,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let [raw, target, cells] = [raw, target, cells].map(dense);
        by_type!(raw.dtype(), value(raw, &target, &cells, &options)).into()
    }

    fn scale_gradient(x: FlexTensor, factor: FlexTensor) -> FlexTensor {
        let (x, factor) = (dense(x), dense(factor));
        by_type!(x.dtype(), scale(x, &factor))
    }
}
