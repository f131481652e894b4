//! The kernels and their launch.

// Variables of a kernel begin with a value, read or not.
#![allow(unused_assignments)]

use burn::backend::TensorMetadata;
use burn_cubecl::{
    CubeBackend, kernel::into_contiguous, ops::numeric::empty_device_contiguous_dtype,
    tensor::CubeTensor,
};
use cubecl::{calculate_cube_count_elemwise, prelude::*};

use super::entry::{NB, POISSON, Slopes, ZINB, count, sigmoid, softplus, zero};
use super::{EntryOps, EntryOptions};
use crate::kernel::{Family, MeanLink, ThetaLink};

const EXP: u32 = 0;
const SOFTPLUS: u32 = 1;
const IDENTITY: u32 = 2;

/// Below this e^h is finite.
const TOP: f32 = 88.7;

/// Value of a link, without the scale.
#[cube]
fn linked(raw: f32, #[comptime] link: u32) -> f32 {
    if comptime!(link == EXP) {
        min(raw, TOP).exp()
    } else if comptime!(link == SOFTPLUS) {
        softplus(raw)
    } else {
        raw
    }
}

/// Derivative of the logarithm of a link, given its value.
#[cube]
fn link_slope(raw: f32, value: f32, #[comptime] link: u32) -> f32 {
    if comptime!(link == EXP) {
        1.0f32.runtime()
    } else if comptime!(link == SOFTPLUS) {
        sigmoid(raw) / value
    } else {
        1.0f32 / value
    }
}

/// Views keep their strides: an expanded dispersion is read where it is.
#[cube]
fn at(tensor: &Tensor<f32>, row: usize, column: usize) -> f32 {
    tensor[row * tensor.stride(0) + column * tensor.stride(1)]
}

#[cube]
#[allow(clippy::too_many_arguments)]
fn slopes(
    h: f32,
    theta: &Tensor<f32>,
    logit: &Tensor<f32>,
    scale: f32,
    x: f32,
    row: usize,
    column: usize,
    #[comptime] family: u32,
    #[comptime] mean_link: u32,
    #[comptime] theta_link: u32,
) -> Slopes {
    let m = scale * linked(h, mean_link);
    let mut t = 1.0f32;
    let mut l = 0.0f32;
    if comptime!(family != POISSON) {
        t = linked(at(theta, row, column), theta_link);
    }
    if comptime!(family == ZINB) {
        l = at(logit, row, column);
    }
    let mut ll = 0.0f32;
    let mut mu = 0.0f32;
    let mut by_theta = 0.0f32;
    let mut by_logit = 0.0f32;
    if x > 0.0 {
        let s = count(x, m, t, l, family);
        ll = s.ll;
        mu = s.mu;
        by_theta = s.theta;
        by_logit = s.logit;
    } else {
        let s = zero(m, t, l, family);
        ll = s.ll;
        mu = s.mu;
        by_theta = s.theta;
        by_logit = s.logit;
    }
    Slopes {
        ll,
        mu,
        theta: by_theta,
        logit: by_logit,
    }
}

#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn forward(
    h: &Tensor<f32>,
    theta: &Tensor<f32>,
    logit: &Tensor<f32>,
    scale: &Tensor<f32>,
    x: &Tensor<f32>,
    ll: &mut Tensor<f32>,
    #[comptime] family: u32,
    #[comptime] mean_link: u32,
    #[comptime] theta_link: u32,
) {
    let i = ABSOLUTE_POS;
    if i >= ll.len() {
        terminate!();
    }
    let width = ll.shape(1);
    let row = i / width;
    let column = i % width;
    let s = slopes(
        at(h, row, column),
        theta,
        logit,
        scale[row],
        at(x, row, column),
        row,
        column,
        family,
        mean_link,
        theta_link,
    );
    ll[i] = s.ll;
}

#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn backward(
    h: &Tensor<f32>,
    theta: &Tensor<f32>,
    logit: &Tensor<f32>,
    scale: &Tensor<f32>,
    x: &Tensor<f32>,
    grad: &Tensor<f32>,
    d_h: &mut Tensor<f32>,
    d_theta: &mut Tensor<f32>,
    d_logit: &mut Tensor<f32>,
    #[comptime] family: u32,
    #[comptime] mean_link: u32,
    #[comptime] theta_link: u32,
) {
    let i = ABSOLUTE_POS;
    if i >= d_h.len() {
        terminate!();
    }
    let width = d_h.shape(1);
    let row = i / width;
    let column = i % width;
    let raw = at(h, row, column);
    let s = slopes(
        raw,
        theta,
        logit,
        scale[row],
        at(x, row, column),
        row,
        column,
        family,
        mean_link,
        theta_link,
    );
    let g = at(grad, row, column);
    d_h[i] = g * s.mu * link_slope(raw, linked(raw, mean_link), mean_link);
    if comptime!(family != POISSON) {
        let raw = at(theta, row, column);
        d_theta[i] = g * s.theta * link_slope(raw, linked(raw, theta_link), theta_link);
    }
    if comptime!(family == ZINB) {
        d_logit[i] = g * s.logit;
    }
}

impl EntryOptions {
    /// As constants of the kernels: family, link of the mean, link of the dispersion.
    fn constants(&self) -> [u32; 3] {
        let family = match self.family {
            Family::Poisson => POISSON,
            Family::Nb => NB,
            Family::Zinb => ZINB,
        };
        let mean = match self.mean_link {
            MeanLink::Exp => EXP,
            MeanLink::Softplus => SOFTPLUS,
            MeanLink::Identity => IDENTITY,
            MeanLink::Softmax => unreachable!("a softmax is taken before the kernel"),
        };
        let theta = match self.theta_link {
            ThetaLink::Exp => EXP,
            ThetaLink::Softplus => SOFTPLUS,
            ThetaLink::Identity => IDENTITY,
        };
        [family, mean, theta]
    }
}

fn like(t: &CubeTensor) -> CubeTensor {
    empty_device_contiguous_dtype(t.client.clone(), t.device.clone(), t.shape(), t.dtype)
}

impl EntryOps for CubeBackend {
    fn count_ll(
        h: CubeTensor,
        theta: CubeTensor,
        logit: CubeTensor,
        scale: CubeTensor,
        x: CubeTensor,
        options: EntryOptions,
    ) -> CubeTensor {
        let [family, mean_link, theta_link] = options.constants();
        let ll = like(&h);
        let n = ll.shape().num_elements();
        if n == 0 {
            return ll;
        }
        let client = ll.client.clone();
        let dim = CubeDim::new(&client, n);
        forward::launch(
            &client,
            calculate_cube_count_elemwise(&client, n, dim),
            dim,
            h.into_tensor_arg(),
            theta.into_tensor_arg(),
            logit.into_tensor_arg(),
            into_contiguous(scale).into_tensor_arg(),
            x.into_tensor_arg(),
            ll.clone().into_tensor_arg(),
            family,
            mean_link,
            theta_link,
        );
        ll
    }

    fn count_ll_backward(
        h: CubeTensor,
        theta: CubeTensor,
        logit: CubeTensor,
        scale: CubeTensor,
        x: CubeTensor,
        grad: CubeTensor,
        options: EntryOptions,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let [family, mean_link, theta_link] = options.constants();
        let (d_h, d_theta, d_logit) = (like(&h), like(&theta), like(&logit));
        let n = d_h.shape().num_elements();
        if n == 0 {
            return (d_h, d_theta, d_logit);
        }
        let client = d_h.client.clone();
        let dim = CubeDim::new(&client, n);
        backward::launch(
            &client,
            calculate_cube_count_elemwise(&client, n, dim),
            dim,
            h.into_tensor_arg(),
            theta.into_tensor_arg(),
            logit.into_tensor_arg(),
            into_contiguous(scale).into_tensor_arg(),
            x.into_tensor_arg(),
            grad.into_tensor_arg(),
            d_h.clone().into_tensor_arg(),
            d_theta.clone().into_tensor_arg(),
            d_logit.clone().into_tensor_arg(),
            family,
            mean_link,
            theta_link,
        );
        (d_h, d_theta, d_logit)
    }
}
