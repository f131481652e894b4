//! The same operations in ordinary tensor operations: they run, and burn differentiates them, on
//! every backend. The fused operations are tested against them.

use burn::tensor::{Tensor, TensorData, activation};

use crate::kernel::ScanOptions;
use crate::{InnerState, ScanTensors};

/// TTT-Linear between the projections; see [`crate::ttt_scan`].
///
/// Everything that does not depend on the inner state is computed for all chunks at once, the
/// loop over the chunks holds four products.
pub fn ttt_scan(tensors: ScanTensors, options: &ScanOptions) -> (Tensor<3>, InnerState) {
    let ScanTensors {
        qkv,
        eta,
        t,
        w0,
        c0,
        gamma,
        beta,
    } = tensors;
    let [batch, length, d] = qkv.dims();
    let d = d / 3;
    let part = |i: usize| qkv.clone().narrow(2, i * d, d);
    let (heads, b) = (options.heads, options.chunk);
    let f = d / heads;
    let pairs = batch * heads;
    // [batch, length, d] -> [batch * heads, length, f]
    let split = |x: Tensor<3>| {
        x.reshape([batch, length, heads, f])
            .swap_dims(1, 2)
            .reshape([pairs, length, f])
    };
    let (q, k, v) = (
        split(rope(part(0), options)),
        split(rope(part(1), options)),
        split(part(2)),
    );
    let eta = eta.swap_dims(1, 2).reshape([pairs, length]);
    let per_pair = |x: Tensor<2>| {
        x.reshape([1, heads, f])
            .expand([batch, heads, f])
            .reshape([pairs, 1, f])
    };
    let (gamma, beta, mut c) = (per_pair(gamma), per_pair(beta), per_pair(c0));
    let mut w = w0
        .reshape([1, heads, f, f])
        .expand([batch, heads, f, f])
        .reshape([pairs, f, f]);

    let full = length / b;
    let mut outputs = Vec::new();
    // The full chunks together, then the short one.
    for (start, n, r) in [(0, full, b), (full * b, 1, length - full * b)] {
        if n == 0 || r == 0 {
            continue;
        }
        let part = |x: &Tensor<3>| x.clone().narrow(1, start, n * r).reshape([pairs, n, r, f]);
        let (q, k, v) = (part(&q), part(&k), part(&v));
        let eta = eta
            .clone()
            .narrow(1, start, n * r)
            .reshape([pairs, n, 1, r]);
        let t = t.clone().narrow(0, 0, r);
        let e = if options.causal {
            eta.clone() * t.clone().narrow(0, r - 1, 1).reshape([1, 1, 1, 1])
        } else {
            // Not `/ r`: burn 0.22 differentiates a division by a scalar in single precision.
            eta.clone() * (1.0 / r as f64)
        };
        let e = e.swap_dims(2, 3);
        let m = options.causal.then(|| {
            let rates = t.reshape([1, 1, r, 1]) * eta;
            let keys = k.clone().swap_dims(2, 3);
            (rates * (q.clone().matmul(keys) + 1.0)).tril(0)
        });
        let target = v - k.clone();
        for i in 0..n {
            let at = |x: &Tensor<4>| x.clone().narrow(1, i, 1).squeeze_dim::<3>(1);
            let (q, k, e) = (at(&q), at(&k), at(&e));
            let z = k.clone().matmul(w.clone()) + c.clone();
            let g = inner_gradient(z, at(&target), &gamma, &beta, options.eps);
            let read = |w: &Tensor<3>, c: &Tensor<3>| q.clone().matmul(w.clone()) + c.clone();
            let before = m.as_ref().map(|m| read(&w, &c) - at(m).matmul(g.clone()));
            w = w - (e.clone() * k).swap_dims(1, 2).matmul(g.clone());
            c = c - (e * g).sum_dim(1);
            let z = before.unwrap_or_else(|| read(&w, &c));
            let normal = standardise(z, options.eps).0;
            outputs.push(q + normal * gamma.clone() + beta.clone());
        }
    }
    let out = Tensor::cat(outputs, 1)
        .reshape([batch, heads, length, f])
        .swap_dims(1, 2)
        .reshape([batch, length, d]);
    let state = InnerState {
        w: w.reshape([batch, heads, f, f]),
        c: c.reshape([batch, heads, f]),
    };
    (out, state)
}

/// Rotates neighbouring coordinates of every head by their place in the chunk.
fn rope(x: Tensor<3>, options: &ScanOptions) -> Tensor<3> {
    let Some(base) = options.rope else { return x };
    let [batch, length, d] = x.dims();
    let f = d / options.heads;
    let pairs = f / 2;
    let table = |function: fn(f64) -> f64| -> Tensor<5> {
        let data: Vec<f64> = (0..length)
            .flat_map(|l| {
                (0..pairs).map(move |p| {
                    let place = (l % options.chunk) as f64;
                    function(place * base.powf(-2.0 * p as f64 / f as f64))
                })
            })
            .collect();
        let data = TensorData::new(data, [1, length, 1, pairs, 1]);
        Tensor::from_data(data, (&x.device(), x.dtype()))
    };
    let (cos, sin) = (table(f64::cos), table(f64::sin));
    let x = x.reshape([batch, length, options.heads, pairs, 2]);
    let (a, b) = (x.clone().narrow(4, 0, 1), x.narrow(4, 1, 1));
    let turned = vec![
        a.clone() * cos.clone() - b.clone() * sin.clone(),
        a * sin + b * cos,
    ];
    Tensor::cat(turned, 4).reshape([batch, length, d])
}

/// `(x - mean) / σ` over the last axis, and `σ = sqrt(var + eps)`.
fn standardise<const D: usize>(x: Tensor<D>, eps: f64) -> (Tensor<D>, Tensor<D>) {
    let centred = x.clone() - x.mean_dim(D - 1);
    let sigma = (centred.clone().powi_scalar(2).mean_dim(D - 1) + eps).sqrt();
    (centred / sigma.clone(), sigma)
}

/// Gradient of `½‖LN(z) - target‖²` in `z`.
fn inner_gradient(
    z: Tensor<3>,
    target: Tensor<3>,
    gamma: &Tensor<3>,
    beta: &Tensor<3>,
    eps: f64,
) -> Tensor<3> {
    let (x, sigma) = standardise(z, eps);
    let h = (x.clone() * gamma.clone() + beta.clone() - target) * gamma.clone();
    let along = (h.clone() * x.clone()).mean_dim(2);
    (h.clone() - h.mean_dim(2) - x * along) / sigma
}

/// `scale * x / sqrt(mean(x²) + eps)` over the last axis; see [`crate::rms_norm`].
pub fn rms_norm<const D: usize>(x: Tensor<D>, scale: Tensor<1>, eps: f64) -> Tensor<D> {
    let root = (x.clone().powi_scalar(2).mean_dim(D - 1) + eps).sqrt();
    x / root * scale.unsqueeze()
}

/// `scale * (x - mean) / sqrt(var + eps) + shift` over the last axis; see [`crate::layer_norm`].
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    eps: f64,
) -> Tensor<D> {
    standardise(x, eps).0 * scale.unsqueeze() + shift.unsqueeze()
}

/// `silu(gate) * up`; see [`crate::silu_mul`].
pub fn silu_mul<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    activation::silu(gate) * up
}
