//! Log-likelihoods of counts, continuous values and zeros-and-ones, with gradients, accurate over the whole range of
//! parameters a model can reach.
//!
//! | | parameters | log-likelihood |
//! |---|---|---|
//! | [`Nb`] | mean m, inverse dispersion t; variance m + m²/t | ln Γ(x+t) - ln Γ(t) - ln Γ(x+1) - t ln(1+m/t) - x ln(1+t/m) |
//! | [`Zinb`] | m, t, logit of an extra zero | x = 0: ln(π + (1-π) p0), p0 = (1+m/t)^-t; x > 0: NB + ln(1-π) |
//! | [`ZinbPi`] | m, t, probability π of an extra zero | the same |
//! | [`Poisson`] | mean m | x ln m - m - ln Γ(x+1) |
//! | [`Gaussian`] | mean, standard deviation | -((x - mean)/sd)²/2 - ln sd - ln(2π)/2 |
//! | [`Bernoulli`] | logit l | x l - ln(1 + exp(l)) |
//! | [`BernoulliProb`] | probability p | x ln p + (1-x) ln(1-p) |
//!
//! Each is a struct of its parameters with two methods from [`Likelihood`]: `ll`, and `ll_grad`, whose gradient is the
//! same struct. The functions beneath are in [`special`].
//!
//! ```
//! use zinb::{Likelihood, Zinb};
//!
//! let gene = Zinb { mu: 2.5f32, theta: 0.8, logit: -1.0 };
//! let (ll, gradient) = gene.ll_grad(4.0);
//! // one step uphill in the mean makes the count more likely
//! assert!(Zinb { mu: gene.mu + 0.1 * gradient.mu, ..gene }.ll(4.0) > ll);
//! ```
//!
//! # Whole batches
//!
//! `kernel` (feature `kernel`) takes a matrix of counts, dense or sparse, with the raw outputs of a network and gives losses and
//! gradients in one pass; `tensor` (feature `tensor`, on by default) makes a burn operation of it, with kernels of its own for GPUs
//! (feature `gpu`).
//!
//! # Number types
//!
//! Every function takes `f32` or `f64` ([`Real`]) and computes in `f64`; for `f32` the result is rounded once. One
//! evaluation to trust, and no loss in `f32` beyond the rounding of parameters and result.
//!
//! # Numerics
//!
//! Textbook formulas subtract large numbers: ln Γ(x+t) - ln Γ(t) loses t ln t epsilons while the difference tends to x ln t,
//! and for t -> ∞ everything tends to the Poisson distribution. So:
//!
//! - **t >= 16.** With n = x + t, the expected share λ = n m/(t+m) of the n, d = x - λ = (x-m) t/(t+m), the deviance
//!   D(k, l) = k ln(k/l) - (k-l) and the Stirling remainder S:
//!   `NB = Poisson(x; λ) - D(t, n-λ) - ln(1+x/t)/2 + S(n) - S(t)`. Each term but the Poisson one vanishes for t -> ∞; each
//!   deviance is computed from d by a series where the ratio is near 1. The Poisson value for x >= 16 is
//!   `-D(x, λ) - ln(2πx)/2 - S(x)`; this is Loader's saddle-point form of the binomial probability.
//! - **t < 16.** The coefficient Γ(x+t)/(Γ(t) x!) is the quotient of two short products for whole x < 16, otherwise a
//!   [`special::lgamma_difference`] from the larger of the two; the rest is `-t log1p(m/t) - x log1p(t/m)`.
//! - **∂ll/∂t.** The logarithm inside ψ(x+t) - ψ(t) and -ln(1+m/t) are combined to ln((x+t)/(t+m)), which with
//!   -(x-m)/(t+m) is ln(1+u) - u, u = (x-m)/(t+m); the rest of the digammas is a sum of positive terms.
//! - **Extra zeros.** See [`Zinb`]: no probability is rounded to 0 or 1, no softplus is cut off.
//!
//! # What is clamped
//!
//! Nothing: no epsilon is added inside a logarithm, and no parameter is moved. A model that can put out an overflowing
//! mean clamps it itself. Infinite results, NaN outside the domain and the limits that the domain includes are
//! described at [`Likelihood`] and at each struct.
//!
//! # Errors measured
//!
//! Against 60- to 80-digit values at 990 (NB), 2,730 and 600 (ZINB), 448 (π), 110 (Poisson), 100 (Gaussian), 46 (Bernoulli)
//! points: x from 0 to 1e6, m from 1e-8 to 1e8, t from 1e-6 to 1e9, logit from -50 to 50. eps is the machine epsilon of the
//! type; cond = |m ∂ll/∂m| + |t ∂ll/∂t| + |l ∂ll/∂l| is what rounding the parameters costs any method.
//!
//! | largest error | f64 | f32 |
//! |---|---|---|
//! | NB, ZINB: value on the grid, in eps (1 + \|ll\| + cond) | 3.9 | 0.47 |
//! | ZINB: value at fractional x, t around 16, m next to x | 11.8 | 0.81 |
//! | ZINB at x = 0: value, in eps (\|ll\| + cond) | 0.91 | |
//! | ZINB by π, Poisson, Gaussian: value | 1.5 | 0.45 |
//! | m ∂ll/∂m, by 1 + \|slope\| | 2.1e-15 | 1.3e-6 |
//! | t ∂ll/∂t, by 1 + \|slope\| | 1.1e-14 | 1.8e-6 |
//! | ∂ll/∂logit, by 1 + \|slope\| | 1.2e-16 | 2.0e-8 |
//! | Bernoulli: value, relative, in eps (p: exact) | 1.0 | |
//! | lgamma, trigamma, digamma difference: relative, in eps | 1.5 | |
//! | lgamma difference, in eps (1 + \|value\|) | 0.96 | |
//! | digamma, in eps (1 + \|value\|) | 3.3 | |
//!
//! The `f32` column compares with the exact result at the unrounded parameters; against the exact result at the rounded
//! ones it is half a unit in the last place. No value or slope overflows for x up to 1e15, m from 1e-30 to 1e30, t from 1e-30
//! to 1e300 and logits up to 1e4 (random points of the test suite).
//!
//! The tests hold these to limits of 24 (f64) and 2 (f32) eps for values, 1e-13 and 1e-5 for slopes.
//!
//! Batches on a GPU (feature `gpu`) are computed in `f32` throughout: largest errors on the grid 2.0 eps (1 + |ll| + cond) for
//! values, 1.8e-7, 4.4e-6 and 3.8e-8 (1 + |slope|) by ln m, ln t and the logit, measured with Mesa's llvmpipe.

#[cfg(all(doctest, feature = "tensor"))]
#[doc = include_str!("../README.md")]
struct Readme;

mod bernoulli;
mod gaussian;
#[cfg(feature = "kernel")]
pub mod kernel;
mod likelihood;
mod nb;
mod poisson;
mod real;
pub mod special;
#[cfg(feature = "tensor")]
pub mod tensor;
mod zinb;

pub use bernoulli::{Bernoulli, BernoulliProb};
pub use gaussian::Gaussian;
pub use likelihood::Likelihood;
pub use nb::Nb;
pub use poisson::Poisson;
pub use real::Real;
pub use zinb::{Zinb, ZinbPi};
