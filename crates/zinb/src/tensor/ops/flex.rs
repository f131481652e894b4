//! The kernel on the slices of Flex tensors.

use burn::backend::{Flex, TensorMetadata, flex::FlexTensor};
use burn::tensor::{DType, Element, Shape, TensorData};
use rayon::prelude::*;

use super::{CountOps, CountOptions};
use crate::Real;
use crate::kernel::{self, Counts, Family, Input, Number};

/// Element types with a kernel.
trait Item: Number + Real + Element {
    fn elements(tensor: &FlexTensor) -> Option<&[Self]>;
    fn elements_mut(tensor: &mut FlexTensor) -> Option<&mut [Self]>;
}

macro_rules! item {
    ($type:ty) => {
        impl Item for $type {
            fn elements(tensor: &FlexTensor) -> Option<&[$type]> {
                tensor.as_slice()
            }
            fn elements_mut(tensor: &mut FlexTensor) -> Option<&mut [$type]> {
                tensor.try_storage_mut()
            }
        }
    };
}
item!(f32);
item!(f64);

/// A contiguous tensor: transposed, sliced or expanded views have no plain slice.
fn dense(tensor: FlexTensor) -> FlexTensor {
    if tensor.is_contiguous() {
        tensor
    } else {
        tensor.to_contiguous()
    }
}

fn slice<T: Item>(tensor: &FlexTensor) -> &[T] {
    match T::elements(tensor) {
        Some(slice) => slice,
        None => panic!(
            "expected a contiguous tensor of {}",
            std::any::type_name::<T>()
        ),
    }
}

fn tensor<T: Item>(data: Vec<T>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(data, shape.into()))
}

/// As `FlexTensor`s: h, theta, logit, scale, target, weights, cells. The gradients of `h` and `logit` take the memory of these where
/// nobody else holds it.
fn nll<T: Item>(t: [FlexTensor; 7], options: &CountOptions) -> [FlexTensor; 5] {
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
        counts: match &options.pattern {
            None => Counts::Dense(target),
            Some(pattern) => Counts::Sparse {
                offsets: pattern.offsets(),
                columns: pattern.indices(),
                values: target,
            },
        },
        cell_weights: slice(&cells),
    };
    let loss = |nll: &[T]| -> FlexTensor {
        let terms = nll.iter().zip(input.cell_weights);
        let loss: f64 = terms.map(|(nll, w)| nll.to_f64() * w.to_f64()).sum();
        tensor(vec![T::from_f64(loss)], [1])
    };
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
    let (nll, d_theta) = kernel::run_in_place(&input, writable(&mut h), writable(&mut logit));
    let loss = loss(&nll);
    let d_theta = match d_theta.is_empty() {
        true => tensor(d_theta, [0]),
        false => tensor(d_theta, theta.shape()),
    };
    [loss, tensor(nll, [n_cells]), h, d_theta, logit]
}

/// The elements of a tensor, which is copied first if somebody else holds it.
fn writable<T: Item>(x: &mut FlexTensor) -> &mut [T] {
    if T::elements_mut(x).is_none() {
        *x = tensor(slice::<T>(x).to_vec(), x.shape());
    }
    match T::elements_mut(x) {
        Some(elements) => elements,
        None => unreachable!("a new tensor has one owner"),
    }
}

fn scale<T: Item>(mut x: FlexTensor, factor: &FlexTensor) -> FlexTensor {
    const PIECE: usize = 1 << 15;
    let factor = slice::<T>(factor)[0];
    if factor != T::from_f64(1.0) {
        writable::<T>(&mut x).par_chunks_mut(PIECE).for_each(|x| {
            for x in x {
                *x = *x * factor;
            }
        });
    }
    x
}

impl CountOps for Flex {
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
        match t[0].dtype() {
            DType::F64 => nll::<f64>(t, &options),
            _ => nll::<f32>(t, &options),
        }
        .into()
    }

    fn count_scale(x: FlexTensor, factor: FlexTensor) -> FlexTensor {
        let (x, factor) = (dense(x), dense(factor));
        match x.dtype() {
            DType::F64 => scale::<f64>(x, &factor),
            _ => scale::<f32>(x, &factor),
        }
    }
}
