//! Draws from a batch's distributions, and how data that a model would make compare with those it saw.

use burn::tensor::{Tensor, TensorData, activation};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Bernoulli, Distribution, Gamma, Normal, Poisson};
use rayon::prelude::*;

use super::{BatchLikelihood, BernoulliOutput, CountOutput, GaussianOutput, Targets};

/// Values of a tensor on the host.
fn values(x: Tensor<2>) -> Vec<f64> {
    x.without_autodiff().into_data().iter::<f64>().collect()
}

/// Fills `[cells, features]` row by row, every row from a stream of its own.
fn draw(
    like: &Tensor<2>,
    seed: u64,
    entry: impl Fn(usize, &mut ChaCha8Rng) -> f64 + Sync,
) -> Tensor<2> {
    let [cells, features] = like.dims();
    let mut out = vec![0.0f64; cells * features];
    if features > 0 {
        let rows = out.par_chunks_mut(features).enumerate();
        rows.for_each(|(row, out)| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(row as u64);
            for (j, x) in out.iter_mut().enumerate() {
                *x = entry(row * features + j, &mut rng);
            }
        });
    }
    let data = TensorData::new(out, [cells, features]).convert_dtype(like.dtype());
    Tensor::from_data(data, (&like.device().inner(), like.dtype()))
}

/// NaN where a distribution does not exist.
fn or_nan<D: Distribution<f64>, E>(d: Result<D, E>, rng: &mut ChaCha8Rng) -> f64 {
    d.map_or(f64::NAN, |d| d.sample(rng))
}

fn poisson(mean: f64, rng: &mut ChaCha8Rng) -> f64 {
    if mean == 0.0 {
        0.0
    } else {
        or_nan(Poisson::new(mean), rng)
    }
}

/// A negative binomial count is a Poisson count with a mean from Gamma(t, m/t).
pub(super) fn sample_counts(output: &CountOutput, seed: u64) -> Tensor<2> {
    let mu = values(output.mu());
    let dims = output.h.dims();
    let theta = output
        .dispersion
        .as_ref()
        .map(|d| values(d.theta().expand(dims)));
    let pi = output.logit.clone().map(|l| values(activation::sigmoid(l)));
    draw(&output.h, seed, |i, rng| {
        let extra = pi
            .as_ref()
            .is_some_and(|pi| or_nan(Bernoulli::new(pi[i]).map(Flag), rng) == 1.0);
        let mean = match &theta {
            Some(theta) if mu[i] > 0.0 => or_nan(Gamma::new(theta[i], mu[i] / theta[i]), rng),
            _ => mu[i],
        };
        if extra { 0.0 } else { poisson(mean, rng) }
    })
}

/// A coin as a number.
struct Flag(Bernoulli);

impl Distribution<f64> for Flag {
    fn sample<R: rand::Rng + ?Sized>(&self, rng: &mut R) -> f64 {
        f64::from(u8::from(self.0.sample(rng)))
    }
}

pub(super) fn sample_gaussian(output: &GaussianOutput, seed: u64) -> Tensor<2> {
    let mean = values(output.mean.clone());
    let sd = values(output.log_sd.clone().exp().expand(output.mean.dims()));
    draw(&output.mean, seed, |i, rng| {
        or_nan(Normal::new(mean[i], sd[i]), rng)
    })
}

pub(super) fn sample_bernoulli(output: &BernoulliOutput, seed: u64) -> Tensor<2> {
    let p = values(output.mean());
    draw(&output.logit, seed, |i, rng| {
        or_nan(Bernoulli::new(p[i]).map(Flag), rng)
    })
}

/// How a feature looks in the data and in what the model would make, each `[features]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PosteriorPredictive {
    /// Share of zeros observed.
    pub zero_fraction: Vec<f64>,
    /// Share of zeros in the draws.
    pub zero_fraction_predicted: Vec<f64>,
    /// Coefficient of variation, standard deviation over mean, observed; NaN where the mean is 0.
    pub cv: Vec<f64>,
    /// The same of the draws.
    pub cv_predicted: Vec<f64>,
}

/// Compares a batch with `n_draws` draws of it.
///
/// # Panics
/// If there is no draw, or if the shapes differ.
pub fn posterior_predictive(
    output: &dyn BatchLikelihood,
    targets: &Targets,
    n_draws: usize,
    seed: u64,
) -> PosteriorPredictive {
    assert!(n_draws > 0, "posterior_predictive: no draw");
    let [_, features] = targets.dims();
    let mut observed = Moments::new(features);
    observed.add(&values(targets.to_dense()));
    let mut predicted = Moments::new(features);
    for i in 0..n_draws {
        let drawn = output.sample(seed.wrapping_add(i as u64));
        assert_eq!(drawn.dims(), targets.dims(), "posterior_predictive: shapes");
        predicted.add(&values(drawn));
    }
    PosteriorPredictive {
        zero_fraction: observed.zero_fraction(),
        zero_fraction_predicted: predicted.zero_fraction(),
        cv: observed.cv(),
        cv_predicted: predicted.cv(),
    }
}

/// Zeros, sums and sums of squares of the columns.
struct Moments {
    n: usize,
    zeros: Vec<usize>,
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    fn new(features: usize) -> Self {
        Self {
            n: 0,
            zeros: vec![0; features],
            sums: vec![0.0; features],
            squares: vec![0.0; features],
        }
    }

    fn add(&mut self, rows: &[f64]) {
        for row in rows.chunks(self.sums.len().max(1)) {
            self.n += 1;
            for (j, x) in row.iter().enumerate() {
                self.zeros[j] += usize::from(*x == 0.0);
                self.sums[j] += x;
                self.squares[j] += x * x;
            }
        }
    }

    fn zero_fraction(&self) -> Vec<f64> {
        self.zeros
            .iter()
            .map(|&z| z as f64 / self.n as f64)
            .collect()
    }

    fn cv(&self) -> Vec<f64> {
        let n = self.n as f64;
        let pairs = self.sums.iter().zip(&self.squares);
        pairs
            .map(|(sum, square)| {
                let mean = sum / n;
                (square / n - mean * mean).max(0.0).sqrt() / mean
            })
            .collect()
    }
}
