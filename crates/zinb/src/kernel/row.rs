//! One cell: means from the network's output, likelihood, gradients.

// As in `block`.
#![allow(clippy::needless_range_loop)]

use super::block::{Lanes, Parameters, Slopes, ZINB, exact_block};
use super::lanes::LANES;
use super::{MeanLink, Number};

/// Counts of one cell.
pub(super) enum RowCounts<'a, T> {
    Dense(&'a [T]),
    /// Columns, each at most once, and their values.
    Sparse(&'a [u32], &'a [T]),
}

/// What the likelihood of one cell depends on. `theta` and `logit` are empty where the family has
/// no such parameter; with gradients, `h` and `logit` are empty and stand where their gradients go.
pub(super) struct Row<'a, T> {
    pub h: &'a [T],
    pub link: MeanLink,
    pub scale: T,
    pub theta: &'a [T],
    pub logit: &'a [T],
    pub weights: Option<&'a [T]>,
    pub counts: RowCounts<'a, T>,
    /// Factor of the negative log-likelihood in the loss.
    pub factor: T,
}

/// Where the gradients of one cell go; empty where there is no such parameter.
pub(super) struct RowGradients<'a, T> {
    /// Holds `h` at first.
    pub h: &'a mut [T],
    /// By ln t, added to what is there.
    pub log_theta: &'a mut [T],
    /// Holds `logit` at first.
    pub logit: &'a mut [T],
}

/// Buffers of one thread, as long as a row.
pub(super) struct Scratch<T> {
    mu: Vec<T>,
    /// d ln m / dh; for the softmax its value.
    slope: Vec<T>,
    /// Weight of each feature, 0 where the count is not 0.
    weight: Vec<T>,
    /// Places and values of the counts that are not 0, the first `n_counts` of each.
    places: Vec<u32>,
    counts: Vec<T>,
    /// Logits at these places.
    logits: Vec<T>,
    n_counts: usize,
}

impl<T: Number> Scratch<T> {
    pub fn new(n: usize) -> Self {
        let zeros = || vec![T::default(); n];
        Self {
            mu: zeros(),
            slope: zeros(),
            weight: zeros(),
            places: vec![0; n + 1],
            counts: vec![T::default(); n + 1],
            logits: vec![T::default(); n],
            n_counts: 0,
        }
    }

    /// Means of the cell, and how they move with the network's output.
    #[inline(always)]
    fn set_means<const FMA: bool>(&mut self, h: &[T], row: &Row<'_, T>) {
        let (one, scale) = (T::from_f64(1.0), row.scale);
        let out = h.iter().zip(&mut self.mu).zip(&mut self.slope);
        match row.link {
            MeanLink::Exp => {
                for ((h, mu), slope) in out {
                    (*mu, *slope) = (scale * h.exp::<FMA>(), one);
                }
            }
            MeanLink::Softplus => {
                for ((h, mu), slope) in out {
                    let y = h.softplus::<FMA>();
                    (*mu, *slope) = (scale * y, h.sigmoid::<FMA>() / y);
                }
            }
            MeanLink::Identity => {
                for ((h, mu), slope) in out {
                    let zero = *h == T::default();
                    let y = if zero { T::from_f64(1e-30) } else { *h };
                    (*mu, *slope) = (scale * y, one / y);
                }
            }
            MeanLink::Softmax => {
                let lowest = T::from_f64(f64::NEG_INFINITY);
                let top = fold(h, lowest, |a, b| if b > a { b } else { a });
                for ((h, _), slope) in out {
                    *slope = (*h - top).exp::<FMA>();
                }
                let sum = fold(&self.slope, T::default(), |a, b| a + b);
                let inverse = one / sum;
                for (mu, slope) in self.mu.iter_mut().zip(&mut self.slope) {
                    *slope = *slope * inverse;
                    *mu = scale * *slope;
                }
            }
        }
    }

    /// Sets the counts apart from the zeros. What has weight 0 is not looked at.
    #[inline(always)]
    fn set_counts(&mut self, row: &Row<'_, T>) {
        let (zero, one) = (T::default(), T::from_f64(1.0));
        match row.weights {
            Some(w) => self.weight.copy_from_slice(w),
            None => self.weight.fill(one),
        }
        let mut n = 0;
        match row.counts {
            // One place too many: an entry is written always and kept if it counts.
            RowCounts::Dense(x) => {
                for (j, (x, w)) in x.iter().zip(&self.weight).enumerate() {
                    (self.places[n], self.counts[n]) = (j as u32, *x);
                    n += usize::from((*x != zero) & (*w != zero));
                }
            }
            RowCounts::Sparse(places, x) => {
                for (j, x) in places.iter().zip(x) {
                    (self.places[n], self.counts[n]) = (*j, *x);
                    n += usize::from((*x != zero) & (self.weight[*j as usize] != zero));
                }
            }
        }
        for j in &self.places[..n] {
            self.weight[*j as usize] = zero;
        }
        self.n_counts = n;
    }

    #[inline(always)]
    fn set_logits(&mut self, logit: &[T]) {
        for (own, j) in self.logits.iter_mut().zip(&self.places[..self.n_counts]) {
            *own = logit[*j as usize];
        }
    }
}

/// Puts `factor` times the gradients of the cell's negative log-likelihood where they go, and returns the
/// latter, weighted by feature.
#[inline(always)]
pub(super) fn row<T: Number, const FAMILY: u8, const FMA: bool, const GRAD: bool>(
    row: &Row<'_, T>,
    gradients: &mut RowGradients<'_, T>,
    scratch: &mut Scratch<T>,
) -> f64 {
    let h = if GRAD { &*gradients.h } else { row.h };
    scratch.set_means::<FMA>(h, row);
    scratch.set_counts(row);
    if FAMILY == ZINB {
        scratch.set_logits(if GRAD { &*gradients.logit } else { row.logit });
    }
    let mut sums = [0.0; LANES];
    zeros::<T, FAMILY, FMA, GRAD>(row, gradients, scratch, &mut sums);
    counts::<T, FAMILY, FMA, GRAD>(row, gradients, scratch, &mut sums);
    if GRAD {
        through_link(row, gradients, scratch);
    }
    -sums.iter().sum::<f64>()
}

/// All entries as if they were 0; the others have weight 0 here. Leaves `m ∂ll/∂m` in `gradients.h`.
#[inline(always)]
fn zeros<T: Number, const FAMILY: u8, const FMA: bool, const GRAD: bool>(
    row: &Row<'_, T>,
    gradients: &mut RowGradients<'_, T>,
    scratch: &Scratch<T>,
    sums: &mut [f64; LANES],
) {
    let n = scratch.mu.len();
    let whole = n - n % LANES;
    for at in (0..whole).step_by(LANES) {
        zero_block::<T, FAMILY, FMA, GRAD, true>(row, gradients, scratch, sums, at);
    }
    if whole < n {
        zero_block::<T, FAMILY, FMA, GRAD, false>(row, gradients, scratch, sums, whole);
    }
}

/// The entries from a place on, `WHOLE` if there are `LANES` of them.
#[inline(always)]
fn zero_block<T: Number, const FAMILY: u8, const FMA: bool, const GRAD: bool, const WHOLE: bool>(
    row: &Row<'_, T>,
    gradients: &mut RowGradients<'_, T>,
    scratch: &Scratch<T>,
    sums: &mut [f64; LANES],
    at: usize,
) {
    let zero = T::default();
    let filler = Parameters::filler();
    let logit = if GRAD { &*gradients.logit } else { row.logit };
    let p = Parameters {
        mu: load::<T, WHOLE>(&scratch.mu, at, filler.mu),
        theta: load::<T, WHOLE>(row.theta, at, filler.theta),
        logit: load::<T, WHOLE>(logit, at, filler.logit),
    };
    let weight = load::<T, WHOLE>(&scratch.weight, at, [zero; LANES]);
    let factor = zero - row.factor;
    // Each branch puts its own: where they met, the common one would go through memory.
    match T::zeros::<FAMILY, FMA>(&p) {
        (s, true) => put::<T, GRAD, WHOLE>(s, &weight, factor, gradients, sums, at),
        (s, false) => {
            let s = exact_block::<T, FAMILY>(s, [zero; LANES], p);
            put::<T, GRAD, WHOLE>(s, &weight, factor, gradients, sums, at);
        }
    }
}

#[inline(always)]
fn put<T: Number, const GRAD: bool, const WHOLE: bool>(
    s: Slopes<T>,
    weight: &Lanes<T>,
    factor: T,
    gradients: &mut RowGradients<'_, T>,
    sums: &mut [f64; LANES],
    at: usize,
) {
    let mut s = weighed(s, weight, sums);
    if GRAD {
        store::<T, WHOLE>(&s.mu, gradients.h, at);
        let nothing = [T::default(); LANES];
        let mut log_theta = load::<T, WHOLE>(gradients.log_theta, at, nothing);
        for i in 0..LANES {
            log_theta[i] += s.theta[i] * factor;
            s.logit[i] = s.logit[i] * factor;
        }
        store::<T, WHOLE>(&log_theta, gradients.log_theta, at);
        store::<T, WHOLE>(&s.logit, gradients.logit, at);
    }
}

/// The counts that are not 0, gathered.
#[inline(always)]
fn counts<T: Number, const FAMILY: u8, const FMA: bool, const GRAD: bool>(
    row: &Row<'_, T>,
    gradients: &mut RowGradients<'_, T>,
    scratch: &Scratch<T>,
    sums: &mut [f64; LANES],
) {
    let (zero, one) = (T::default(), T::from_f64(1.0));
    let factor = zero - row.factor;
    let n = scratch.n_counts;
    let pairs = scratch.places[..n].chunks(LANES);
    let pairs = pairs.zip(scratch.counts[..n].chunks(LANES));
    for ((places, values), logits) in pairs.zip(scratch.logits[..n].chunks(LANES)) {
        let mut p = Parameters::filler();
        let (mut x, mut weight) = ([one; LANES], [zero; LANES]);
        for (i, (&j, &value)) in places.iter().zip(values).enumerate() {
            let j = j as usize;
            x[i] = value;
            weight[i] = row.weights.map_or(one, |w| w[j]);
            p.mu[i] = scratch.mu[j];
            if let Some(theta) = row.theta.get(j) {
                p.theta[i] = *theta;
            }
            if FAMILY == ZINB {
                p.logit[i] = logits[i];
            }
        }
        let s = match T::counts::<FAMILY, FMA>(&x, &p) {
            (s, true) => s,
            (s, false) => exact_block::<T, FAMILY>(s, x, p),
        };
        let s = weighed(s, &weight, sums);
        if GRAD {
            for (i, &j) in places.iter().enumerate() {
                let j = j as usize;
                gradients.h[j] = s.mu[i];
                if let Some(log_theta) = gradients.log_theta.get_mut(j) {
                    *log_theta += s.theta[i] * factor;
                }
                if let Some(logit) = gradients.logit.get_mut(j) {
                    *logit = s.logit[i] * factor;
                }
            }
        }
    }
}

/// From `m ∂ll/∂m` to the gradient of the network's output.
#[inline(always)]
fn through_link<T: Number>(
    row: &Row<'_, T>,
    gradients: &mut RowGradients<'_, T>,
    scratch: &Scratch<T>,
) {
    let factor = T::default() - row.factor;
    if row.link == MeanLink::Softmax {
        let sum = fold(gradients.h, T::default(), |a, b| a + b);
        for (g, share) in gradients.h.iter_mut().zip(&scratch.slope) {
            *g = factor * (*g - *share * sum);
        }
    } else {
        for (g, slope) in gradients.h.iter_mut().zip(&scratch.slope) {
            *g = factor * *g * *slope;
        }
    }
}

/// Applies weights and adds the log-likelihoods up.
#[inline(always)]
fn weighed<T: Number>(mut s: Slopes<T>, weight: &Lanes<T>, sums: &mut [f64; LANES]) -> Slopes<T> {
    for i in 0..LANES {
        let w = weight[i];
        sums[i] += (s.ll[i] * w).to_f64();
        s.mu[i] = s.mu[i] * w;
        s.theta[i] = s.theta[i] * w;
        s.logit[i] = s.logit[i] * w;
    }
    s
}

/// Joins all values: each lane its own in their order, then the lanes.
#[inline(always)]
fn fold<T: Copy>(values: &[T], start: T, join: impl Fn(T, T) -> T) -> T {
    let (blocks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [start; LANES];
    for block in blocks {
        for i in 0..LANES {
            lanes[i] = join(lanes[i], block[i]);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane = join(*lane, *x);
    }
    lanes.into_iter().fold(start, join)
}

/// Up to `LANES` values from a place on, those of `filler` where there are none. `WHOLE` blocks are there or not at all, and are moved in registers.
#[inline(always)]
fn load<T: Copy, const WHOLE: bool>(from: &[T], at: usize, mut filler: Lanes<T>) -> Lanes<T> {
    let from = from.get(at..).unwrap_or_default();
    if WHOLE {
        return from.first_chunk().copied().unwrap_or(filler);
    }
    filler.iter_mut().zip(from).for_each(|(a, b)| *a = *b);
    filler
}

/// The other way.
#[inline(always)]
fn store<T: Copy, const WHOLE: bool>(from: &Lanes<T>, into: &mut [T], at: usize) {
    let into = into.get_mut(at..).unwrap_or_default();
    if !WHOLE {
        into.iter_mut().zip(from).for_each(|(a, b)| *a = *b);
    } else if let Some(all) = into.first_chunk_mut() {
        *all = *from;
    }
}
