//! The kernel on the slices of Flex tensors.

use burn::backend::{Flex, TensorMetadata, flex::FlexTensor};
use burn::tensor::{DType, Element, Shape, TensorData};
use rayon::prelude::*;

use super::{CountOps, CountOptions};
use crate::kernel::{self, Counts, Family, Input, Number};

/// Element types with a kernel.
trait Item: Number + Element + std::iter::Sum {
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

/// As `FlexTensor`s: h, theta, logit, scale, target, weights, cells.
fn nll<T: Item>(t: &[FlexTensor; 7], options: &CountOptions) -> [FlexTensor; 5] {
    let [h, theta, logit, scale, target, weights, cells] = t;
    let n_features = h.shape()[1];
    let target = slice::<T>(target);
    let input = Input {
        family: options.family,
        n_features,
        h: slice::<T>(h),
        mean_link: options.mean_link,
        scale: slice(scale),
        theta: match options.family {
            Family::Poisson => &[],
            _ => slice(theta),
        },
        theta_link: options.theta_link,
        theta_rows: options.theta_rows.rows(theta.shape()[0]),
        logit: slice(logit),
        weights: options
            .weight_rows
            .as_ref()
            .map(|rows| (slice(weights), rows.rows(weights.shape()[0]))),
        counts: match &options.pattern {
            None => Counts::Dense(target),
            Some(pattern) => Counts::Sparse {
                offsets: pattern.offsets(),
                columns: pattern.indices(),
                values: target,
            },
        },
        cell_weights: slice(cells),
    };
    let (nll, g) = kernel::run(&input, options.gradients);
    let loss: f64 = nll
        .iter()
        .zip(input.cell_weights)
        .map(|(nll, w)| crate::Real::to_f64(*nll) * crate::Real::to_f64(*w))
        .sum();
    let gradient = |data: Vec<T>, of: &FlexTensor| match data.is_empty() {
        true => tensor(data, [0]),
        false => tensor(data, of.shape()),
    };
    let n_cells = nll.len();
    [
        tensor(vec![<T as crate::Real>::from_f64(loss)], [1]),
        tensor(nll, [n_cells]),
        gradient(g.h, h),
        gradient(g.theta, theta),
        gradient(g.logit, logit),
    ]
}

fn scale<T: Item>(mut x: FlexTensor, factor: &FlexTensor) -> FlexTensor {
    const PIECE: usize = 1 << 15;
    let factor = slice::<T>(factor)[0];
    if factor == <T as crate::Real>::from_f64(1.0) {
        return x;
    }
    let times = |x: &mut [T]| {
        for x in x {
            *x = *x * factor;
        }
    };
    if let Some(data) = T::elements_mut(&mut x) {
        data.par_chunks_mut(PIECE).for_each(times);
        return x;
    }
    let shape = x.shape();
    let mut data = slice::<T>(&x).to_vec();
    data.par_chunks_mut(PIECE).for_each(times);
    tensor(data, shape)
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
            DType::F64 => nll::<f64>(&t, &options),
            _ => nll::<f32>(&t, &options),
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
