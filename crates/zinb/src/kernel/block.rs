//! Log-likelihood and slopes of blocks of entries: `f64` one by one through the scalar functions of
//! the crate, `f32` side by side, with the scalar functions for entries out of the common range.

// Loops over lanes index several arrays at once, which is what the compiler vectorises.
#![allow(clippy::needless_range_loop)]

use super::lanes::{LANES, exp, ln, ln_1p, mad};
use crate::{Likelihood, Nb, Poisson, Real, Zinb};

/// Which counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Poisson: a mean.
    Poisson,
    /// Negative binomial: mean and inverse dispersion.
    Nb,
    /// Negative binomial with extra zeros: mean, inverse dispersion, logit.
    Zinb,
}

/// [`Family`] as a constant parameter.
pub(crate) const POISSON: u8 = Family::Poisson as u8;
pub(crate) const NB: u8 = Family::Nb as u8;
pub(crate) const ZINB: u8 = Family::Zinb as u8;

/// One value per entry of a block.
pub(crate) type Lanes<T> = [T; LANES];

/// Parameters of a block: mean m, inverse dispersion t, logit l of an extra zero.
pub(crate) struct Parameters<T> {
    pub mu: Lanes<T>,
    pub theta: Lanes<T>,
    pub logit: Lanes<T>,
}

impl<T: Real> Parameters<T> {
    /// Harmless values, for the places behind the last entry.
    pub fn filler() -> Self {
        Self {
            mu: [T::from_f64(1.0); LANES],
            theta: [T::from_f64(1.0); LANES],
            logit: [T::from_f64(0.0); LANES],
        }
    }
}

/// Log-likelihoods of a block and their slopes by the logarithms of mean and dispersion,
/// `m ∂ll/∂m` and `t ∂ll/∂t`, and by the logit.
pub(crate) struct Slopes<T> {
    pub ll: Lanes<T>,
    pub mu: Lanes<T>,
    pub theta: Lanes<T>,
    pub logit: Lanes<T>,
}

impl<T: Real> Slopes<T> {
    fn zero() -> Self {
        let zero = [T::from_f64(0.0); LANES];
        Self {
            ll: zero,
            mu: zero,
            theta: zero,
            logit: zero,
        }
    }

    fn set(&mut self, i: usize, [ll, mu, theta, logit]: [f64; 4]) {
        self.ll[i] = T::from_f64(ll);
        self.mu[i] = T::from_f64(mu);
        self.theta[i] = T::from_f64(theta);
        self.logit[i] = T::from_f64(logit);
    }
}

/// A number type with block functions. They say besides whether all entries are in their range; those that are not are for [`exact_block`].
pub(crate) trait Block: Real {
    /// All observations are 0.
    fn zeros<const FAMILY: u8, const FMA: bool>(p: &Parameters<Self>) -> (Slopes<Self>, bool);
    /// Observations above 0.
    fn counts<const FAMILY: u8, const FMA: bool>(
        x: &Lanes<Self>,
        p: &Parameters<Self>,
    ) -> (Slopes<Self>, bool);
    /// Whether an entry is in the range of the quick functions.
    fn in_range<const FAMILY: u8>(x: Self, p: &Parameters<Self>, i: usize) -> bool;
    /// `e^x`; in `f32` of arguments clamped to [-87.3, 88.7].
    fn exp<const FMA: bool>(self) -> Self;
    /// `ln(1 + e^x)`.
    fn softplus<const FMA: bool>(self) -> Self;
    /// `1 / (1 + e^-x)`.
    fn sigmoid<const FMA: bool>(self) -> Self;
}

/// Value and slopes of one entry by the scalar functions.
fn exact<T: Real, const FAMILY: u8>(x: T, p: &Parameters<T>, i: usize) -> [f64; 4] {
    let (x, mu) = (x.to_f64(), p.mu[i].to_f64());
    let (theta, logit) = (p.theta[i].to_f64(), p.logit[i].to_f64());
    match FAMILY {
        POISSON => {
            let (ll, g) = Poisson { mu }.ll_grad(x);
            [ll, times(mu, g.mu, x), 0.0, 0.0]
        }
        NB => {
            let (ll, g) = Nb { mu, theta }.ll_grad(x);
            [ll, times(mu, g.mu, x), theta * g.theta, 0.0]
        }
        _ => {
            let (ll, g) = Zinb { mu, theta, logit }.ll_grad(x);
            [ll, times(mu, g.mu, x), theta * g.theta, g.logit]
        }
    }
}

/// `mu * slope` where the slope may be infinite: its limit x at mu = 0.
fn times(mu: f64, slope: f64, x: f64) -> f64 {
    if mu == 0.0 && slope == f64::INFINITY {
        x
    } else {
        mu * slope
    }
}

/// A block with the entries out of range by the scalar functions. By value, so that blocks without any stay in registers.
#[cold]
pub(crate) fn exact_block<T: Block, const FAMILY: u8>(
    mut slopes: Slopes<T>,
    x: Lanes<T>,
    p: Parameters<T>,
) -> Slopes<T> {
    for i in (0..LANES).filter(|&i| !T::in_range::<FAMILY>(x[i], &p, i)) {
        slopes.set(i, exact::<_, FAMILY>(x[i], &p, i));
    }
    slopes
}

impl Block for f64 {
    fn zeros<const FAMILY: u8, const FMA: bool>(_: &Parameters<f64>) -> (Slopes<f64>, bool) {
        (Slopes::zero(), false)
    }

    fn counts<const FAMILY: u8, const FMA: bool>(
        _: &Lanes<f64>,
        _: &Parameters<f64>,
    ) -> (Slopes<f64>, bool) {
        (Slopes::zero(), false)
    }

    fn in_range<const FAMILY: u8>(_: f64, _: &Parameters<f64>, _: usize) -> bool {
        false
    }

    fn exp<const FMA: bool>(self) -> f64 {
        f64::exp(self)
    }
    fn softplus<const FMA: bool>(self) -> f64 {
        crate::special::softplus(self)
    }
    fn sigmoid<const FMA: bool>(self) -> f64 {
        crate::special::sigmoid(self)
    }
}

/// Logits beyond this are left to the scalar functions; squares of e^40 still fit into `f32`.
const LOGIT: f32 = 40.0;

impl Block for f32 {
    #[inline(always)]
    fn zeros<const FAMILY: u8, const FMA: bool>(p: &Parameters<f32>) -> (Slopes<f32>, bool) {
        let mut s = Slopes::zero();
        let mut common = true;
        for i in 0..LANES {
            let (m, t, l) = (p.mu[i], p.theta[i], p.logit[i]);
            common &= in_range_at_zero::<FAMILY>(m, t, l);
            [s.ll[i], s.mu[i], s.theta[i], s.logit[i]] = zero::<FAMILY, FMA>(m, t, l);
        }
        (s, common)
    }

    #[inline(always)]
    fn counts<const FAMILY: u8, const FMA: bool>(
        x: &Lanes<f32>,
        p: &Parameters<f32>,
    ) -> (Slopes<f32>, bool) {
        let mut s = Slopes::zero();
        let mut common = true;
        let mut most = 0.0;
        for i in 0..LANES {
            common &= in_range::<FAMILY>(x[i], p.mu[i], p.theta[i], p.logit[i]);
            most = f32::max(most, x[i]);
        }
        let mut sums = products::<FAMILY, FMA>(x, p, 0);
        for from in (FACTORS..MOST).step_by(FACTORS) {
            if most <= from as f32 {
                break;
            }
            let more = products::<FAMILY, FMA>(x, p, from);
            for i in 0..LANES {
                sums[0][i] += more[0][i];
                sums[1][i] += more[1][i];
            }
        }
        for i in 0..LANES {
            let (m, t, l) = (p.mu[i], p.theta[i], p.logit[i]);
            let sums = [sums[0][i], sums[1][i]];
            [s.ll[i], s.mu[i], s.theta[i], s.logit[i]] = count::<FAMILY, FMA>(x[i], m, t, l, sums);
        }
        (s, common)
    }

    fn in_range<const FAMILY: u8>(x: f32, p: &Parameters<f32>, i: usize) -> bool {
        let (m, t, l) = (p.mu[i], p.theta[i], p.logit[i]);
        match x {
            0.0 => in_range_at_zero::<FAMILY>(m, t, l),
            _ => in_range::<FAMILY>(x, m, t, l),
        }
    }

    #[inline(always)]
    fn exp<const FMA: bool>(self) -> f32 {
        exp::<FMA>(self)
    }
    #[inline(always)]
    fn softplus<const FMA: bool>(self) -> f32 {
        super::lanes::softplus::<FMA>(self)
    }
    #[inline(always)]
    fn sigmoid<const FMA: bool>(self) -> f32 {
        super::lanes::sigmoid::<FMA>(self)
    }
}

/// Where [`zero`] keeps its digits.
#[inline(always)]
fn in_range_at_zero<const FAMILY: u8>(m: f32, t: f32, l: f32) -> bool {
    let mean = (0.0..=1e30).contains(&m);
    let theta = FAMILY == POISSON || (1e-6..=1e9).contains(&t);
    let logit = FAMILY != ZINB || l.abs() <= LOGIT;
    mean & theta & logit
}

/// An observation of 0: with u = 1 + m/t, L = ln u, p0 = e^(-t L), E = e^l,
/// `ll = ln((E + p0)/(E + 1))` and `w = p0/(E + p0)`; for the negative binomial -t L and 1.
#[inline(always)]
fn zero<const FAMILY: u8, const FMA: bool>(m: f32, t: f32, l: f32) -> [f32; 4] {
    if FAMILY == POISSON {
        return [-m, -m, 0.0, 0.0];
    }
    let r = m / t;
    let u = 1.0 + r;
    let q = 1.0 / u; // t / (t + m)
    let log = ln_1p::<FMA>(r, u, q);
    let nothing = t * log; // -ln p0
    // r/(1+r) - ln(1+r); the series where the two cancel.
    let series = mad::<FMA>(-0.8, r, 0.75);
    let series = mad::<FMA>(-series, r, 2.0 / 3.0);
    let series = mad::<FMA>(series, r, -0.5) * r * r;
    let bend = if r < 0.01 {
        series
    } else {
        mad::<FMA>(r, q, -log)
    };
    let (d_mu, d_theta) = (-m * q, t * bend);
    if FAMILY == NB {
        return [-nothing, d_mu, d_theta, 0.0];
    }
    let p0 = exp::<FMA>(-nothing);
    let e = exp::<FMA>(l);
    let (sum, one) = (e + p0, 1.0 + e);
    let inverse = 1.0 / (sum * one);
    let ll = ln::<FMA>(sum * sum * inverse);
    let w = p0 * one * inverse;
    [ll, w * d_mu, w * d_theta, e * (1.0 - p0) * inverse]
}

/// Factors of a product that fit into one `f32`.
const FACTORS: usize = 8;
/// Counts above are left to the scalar functions.
const MOST: usize = 64;

/// Where [`products`] and [`count`] keep their digits and do not overflow.
#[inline(always)]
fn in_range<const FAMILY: u8>(x: f32, m: f32, t: f32, l: f32) -> bool {
    let whole = x == (x + 8_388_608.0) - 8_388_608.0;
    let few = (1.0..=MOST as f32).contains(&x) & whole;
    // So that eight factors of about m / x are a normal number.
    let small = ((x <= 16.0) & (m >= 1e-3)) | ((x <= 4.0) & (m >= 1e-8));
    let mean = (m <= 1e4) & ((m >= 1e-2) | small);
    let theta = FAMILY == POISSON || (1e-5..=1e4).contains(&t);
    let logit = FAMILY != ZINB || l.abs() <= LOGIT;
    few & mean & theta & logit
}

/// For k from `from` up to 8 more, as far as k < x:
/// `Σ ln[(t+k) m / ((k+1)(t+m))]` and `Σ 1/(t+k)`, the sums from one product and one quotient.
#[inline(always)]
fn products<const FAMILY: u8, const FMA: bool>(
    x: &Lanes<f32>,
    p: &Parameters<f32>,
    from: usize,
) -> [Lanes<f32>; 2] {
    let mut share = [0.0f32; LANES]; // m / (t + m)
    for i in 0..LANES {
        share[i] = match FAMILY {
            POISSON => p.mu[i],
            _ => p.mu[i] / (p.theta[i] + p.mu[i]),
        };
    }
    let mut product = [1.0f32; LANES];
    let (mut above, mut below) = ([0.0f32; LANES], [1.0f32; LANES]);
    for k in from..from + FACTORS {
        let (shift, inverse) = (k as f32, 1.0 / (k + 1) as f32);
        for i in 0..LANES {
            let inside = shift < x[i];
            if FAMILY == POISSON {
                product[i] *= if inside { share[i] * inverse } else { 1.0 };
            } else {
                let next = p.theta[i] + shift;
                product[i] *= if inside {
                    next * inverse * share[i]
                } else {
                    1.0
                };
                // above/below + 1/next
                let factor = if inside { next } else { 1.0 };
                let term = if inside { below[i] } else { 0.0 };
                above[i] = mad::<FMA>(above[i], factor, term);
                below[i] *= factor;
            }
        }
    }
    let mut sums = [[0.0; LANES]; 2];
    for i in 0..LANES {
        sums[0][i] = ln::<FMA>(product[i]);
        sums[1][i] = above[i] / below[i];
    }
    sums
}

/// An observation above 0, given the two sums of [`products`] over all k < x.
#[inline(always)]
fn count<const FAMILY: u8, const FMA: bool>(
    x: f32,
    m: f32,
    t: f32,
    l: f32,
    [coefficient, reciprocals]: [f32; 2],
) -> [f32; 4] {
    if FAMILY == POISSON {
        return [coefficient - m, x - m, 0.0, 0.0];
    }
    let r = m / t;
    let u = 1.0 + r;
    let q = 1.0 / u;
    let log = ln_1p::<FMA>(r, u, q);
    let ll = mad::<FMA>(-t, log, coefficient);
    let d_mu = (x - m) * q;
    let d_theta = mad::<FMA>(t, reciprocals - log, -d_mu);
    if FAMILY == NB {
        return [ll, d_mu, d_theta, 0.0];
    }
    let e = exp::<FMA>(l);
    let one = 1.0 + e;
    let inverse = 1.0 / one;
    let extra = ln_1p::<FMA>(e, one, inverse);
    [ll - extra, d_mu, d_theta, -e * inverse]
}
