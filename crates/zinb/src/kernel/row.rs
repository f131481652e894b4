//! One cell: means from the network's output, likelihood, gradients.

use super::block::{Lanes, Parameters, Slopes, ZINB};
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
                let mut top = [T::from_f64(f64::NEG_INFINITY); LANES];
                for h in h.chunks(LANES) {
                    for (top, h) in top.iter_mut().zip(h) {
                        *top = if *h > *top { *h } else { *top };
                    }
                }
                let top = top
                    .into_iter()
                    .fold(top[0], |a, b| if b > a { b } else { a });
                for ((h, _), slope) in out {
                    *slope = (*h - top).exp::<FMA>();
                }
                let mut sums = [T::default(); LANES];
                for e in self.slope.chunks(LANES) {
                    for (sum, e) in sums.iter_mut().zip(e) {
                        *sum += *e;
                    }
                }
                let sum = sums.into_iter().fold(T::default(), |a, b| a + b);
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
    let (zero, factor) = (T::default(), T::default() - row.factor);
    for at in (0..scratch.mu.len()).step_by(LANES) {
        let mut p = Parameters::filler();
        let mut weight = [zero; LANES];
        load(&scratch.mu, at, &mut p.mu);
        load(row.theta, at, &mut p.theta);
        let logit = if GRAD { &*gradients.logit } else { row.logit };
        load(logit, at, &mut p.logit);
        load(&scratch.weight, at, &mut weight);
        let mut s = T::zeros::<FAMILY, FMA>(&p);
        weigh(&mut s, &weight, sums);
        if GRAD {
            store(&s.mu, gradients.h, at);
            let mut log_theta = [zero; LANES];
            load(gradients.log_theta, at, &mut log_theta);
            for (sum, slope) in log_theta.iter_mut().zip(&s.theta) {
                *sum += *slope * factor;
            }
            for slope in &mut s.logit {
                *slope = *slope * factor;
            }
            store(&log_theta, gradients.log_theta, at);
            store(&s.logit, gradients.logit, at);
        }
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
        let mut s = T::counts::<FAMILY, FMA>(&x, &p);
        weigh(&mut s, &weight, sums);
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
        let mut sums = [T::default(); LANES];
        for g in gradients.h.chunks(LANES) {
            for (sum, g) in sums.iter_mut().zip(g) {
                *sum += *g;
            }
        }
        let sum = sums.into_iter().fold(T::default(), |a, b| a + b);
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
fn weigh<T: Number>(s: &mut Slopes<T>, weight: &Lanes<T>, sums: &mut [f64; LANES]) {
    for i in 0..LANES {
        let w = weight[i];
        sums[i] += (s.ll[i] * w).to_f64();
        s.mu[i] = s.mu[i] * w;
        s.theta[i] = s.theta[i] * w;
        s.logit[i] = s.logit[i] * w;
    }
}

/// Up to `LANES` values from a place on; what is missing stays as it is.
#[inline(always)]
fn load<T: Copy>(from: &[T], at: usize, into: &mut Lanes<T>) {
    match from.get(at..at + LANES) {
        Some(all) => into.copy_from_slice(all),
        None => {
            for (into, from) in into.iter_mut().zip(from.get(at..).unwrap_or(&[])) {
                *into = *from;
            }
        }
    }
}

#[inline(always)]
fn store<T: Copy>(from: &Lanes<T>, into: &mut [T], at: usize) {
    match into.get_mut(at..at + LANES) {
        Some(all) => all.copy_from_slice(from),
        None => {
            for (into, from) in into.get_mut(at..).unwrap_or(&mut []).iter_mut().zip(from) {
                *into = *from;
            }
        }
    }
}
