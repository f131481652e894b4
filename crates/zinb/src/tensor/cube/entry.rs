//! Log-likelihood of one entry and its slopes, in `f32`, with the functions that shading languages lack.
//!
//! Counts above 0 by their deviance, which keeps its digits where mean and count are large and close
//! (Loader, "Fast and accurate computation of binomial probabilities", 2000), with n = x + t:
//!
//! ```text
//! ll = δ(n) - δ(t) - δ(x) - t g(n / (t+m)) - x g(n m / (x (t+m))) + ln(t / (2π n x)) / 2
//! g(ρ) = ρ - 1 - ln ρ        δ(z) = ln Γ(z+1) - (z + 1/2) ln z + z - ln(2π) / 2
//! ```

// Variables of a kernel begin with a value, read or not.
#![allow(unused_assignments)]

use cubecl::prelude::*;

pub(super) const POISSON: u32 = 0;
pub(super) const NB: u32 = 1;
pub(super) const ZINB: u32 = 2;

/// Where Stirling's series begins to hold; below it arguments are raised by as much.
const SHIFT: f32 = 8.0f32;

/// Log-likelihood, `m ∂ll/∂m`, `t ∂ll/∂t`, `∂ll/∂l`.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Slopes {
    pub ll: f32,
    pub mu: f32,
    pub theta: f32,
    pub logit: f32,
}

/// `ln(1 + v)` where `1 + v` is within a factor sqrt(2) of 1: minimax coefficients of Cephes' logf.
#[cube]
fn ln_near_one(v: f32) -> f32 {
    let p = 0.070376836f32 * v - 0.1151461f32;
    let p = p * v + 0.11676999f32;
    let p = p * v - 0.12420141f32;
    let p = p * v + 0.14249323f32;
    let p = p * v - 0.16668058f32;
    let p = p * v + 0.20000715f32;
    let p = p * v - 0.24999994f32;
    let p = p * v + 0.3333333f32;
    v + v * v * (p * v - 0.5f32)
}

/// `ln ratio`, where `v` is `ratio - 1` computed without cancellation.
#[cube]
fn ln_ratio(v: f32, ratio: f32) -> f32 {
    let near = v > -0.29f32 && v < 0.41f32;
    select(near, ln_near_one(v), ratio.ln())
}

#[cube]
pub(super) fn ln_1p(v: f32) -> f32 {
    ln_ratio(v, 1.0f32 + v)
}

/// `v - ln ratio`, where `v` is `ratio - 1` computed without cancellation; with s = v / (2+v),
/// `v s - 2 (s³/3 + s⁵/5 + ...)` where the two are close.
#[cube]
fn deviance(v: f32, ratio: f32) -> f32 {
    let s = v / (2.0f32 + v);
    let q = s * s;
    let series = q * (0.11111111f32 + q * 0.09090909f32);
    let series = 0.33333334f32 + q * (0.2f32 + q * (0.14285715f32 + series));
    let near = v > -0.3f32 && v < 0.3f32;
    select(near, v * s - 2.0f32 * q * s * series, v - ratio.ln())
}

#[cube]
pub(super) fn softplus(z: f32) -> f32 {
    max(z, 0.0f32) + ln_1p((-z.abs()).exp())
}

/// `1 / (1 + e^-z)`; the bound keeps infinities out.
#[cube]
pub(super) fn sigmoid(z: f32) -> f32 {
    1.0f32 / (1.0f32 + min(-z, 80.0f32).exp())
}

/// `1 - e^-n`, n >= 0.
#[cube]
fn without(n: f32) -> f32 {
    let r = -n;
    let p = 0.00019875691f32 * r + 0.0013981999f32;
    let p = p * r + 0.008333452f32;
    let p = p * r + 0.041665796f32;
    let p = p * r + 0.16666666f32;
    let p = p * r + 0.5f32;
    select(n < 0.34f32, n - r * r * p, 1.0f32 - r.exp())
}

/// δ(z), z > 0: the error of Stirling's formula, raised by `δ(z) - δ(z+1) = (z + 1/2) ln(1 + 1/z) - 1`.
#[cube]
fn stirling_error(z: f32) -> f32 {
    let mut above = z;
    let mut sum = 0.0f32;
    while above < SHIFT {
        let step = 1.0f32 / above;
        sum += (above + 0.5f32) * ln_1p(step) - 1.0f32;
        above += 1.0f32;
    }
    let r = 1.0f32 / above;
    let q = r * r;
    sum + r * (0.083333336f32 - q * (0.0027777778f32 - q * 0.0007936508f32))
}

/// ψ(z) - ln z + 1/(2z), z >= 8.
#[cube]
fn digamma_series(z: f32) -> f32 {
    let r = 1.0f32 / z;
    let q = r * r;
    -q * (0.083333336f32 - q * (0.008333334f32 - q * 0.003968254f32))
}

/// An observation of 0.
#[cube]
pub(super) fn zero(m: f32, t: f32, l: f32, #[comptime] family: u32) -> Slopes {
    let mut ll = -m;
    let mut mu = -m;
    let mut theta = 0.0f32;
    let mut logit = 0.0f32;
    if comptime!(family != POISSON) {
        let r = m / t;
        let q = 1.0f32 / (1.0f32 + r);
        let log = ln_1p(r);
        let nothing = t * log; // -ln p0
        // r/(1+r) - ln(1+r); the series where the two cancel.
        let series = r * r * (r * (0.6666667f32 - r * (0.75f32 - 0.8f32 * r)) - 0.5f32);
        let bend = select(r < 0.01f32, series, r * q - log);
        ll = -nothing;
        mu = -m * q;
        theta = t * bend;
        if comptime!(family == ZINB) {
            let gone = without(nothing);
            let w = sigmoid(-l - nothing); // the share of p0 in a zero
            let counted = sigmoid(-l);
            let near = ln_1p(-gone * counted);
            let high = softplus(-l - nothing) - softplus(-l);
            let low = max(l, -nothing) + ln_1p((-(l + nothing).abs()).exp()) - softplus(l);
            ll = select(nothing < 0.34f32, near, select(l > 0.0f32, high, low));
            mu = w * mu;
            theta = w * theta;
            logit = gone * counted * sigmoid(l + nothing);
        }
    }
    Slopes {
        ll,
        mu,
        theta,
        logit,
    }
}

/// An observation above 0.
#[cube]
pub(super) fn count(x: f32, m: f32, t: f32, l: f32, #[comptime] family: u32) -> Slopes {
    let mut ll = 0.0f32;
    let mut mu = x - m;
    let mut theta = 0.0f32;
    let mut logit = 0.0f32;
    if comptime!(family == POISSON) {
        let away = x * deviance((m - x) / x, m / x);
        ll = -away - stirling_error(x) - 0.5f32 * (6.2831855f32 * x).ln();
    } else {
        let n = x + t;
        let whole = t + m;
        let q = t / whole;
        let v = (x - m) / whole;
        let ratio = n / whole;
        let away = t * deviance(v, ratio) + x * deviance(q * (m - x) / x, ratio * (m / x));
        let errors = stirling_error(n) - stirling_error(t) - stirling_error(x);
        ll = errors - away + 0.5f32 * (t / n / (6.2831855f32 * x)).ln();
        mu = (x - m) * q;
        // t (ψ(n) - ψ(t) - ln(1 + m/t)) - mu
        let mut sum = 0.0f32;
        let mut shift = 0.0f32;
        if t < SHIFT {
            while shift < SHIFT {
                sum += x / ((t + shift) * (n + shift));
                shift += 1.0f32;
            }
        }
        let t_up = t + shift;
        let n_up = n + shift;
        sum += 0.5f32 * x / (t_up * n_up) + digamma_series(n_up) - digamma_series(t_up);
        let v_up = (t * (x - m) - shift * m) / (t_up * whole);
        let ratio_up = (n_up / whole) * (t / t_up);
        let rest = select(shift > 0.0f32, t * v_up - mu, 0.0f32);
        theta = t * sum - t * deviance(v_up, ratio_up) + rest;
        if comptime!(family == ZINB) {
            ll -= softplus(l);
            logit = -sigmoid(l);
        }
    }
    Slopes {
        ll,
        mu,
        theta,
        logit,
    }
}
