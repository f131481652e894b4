//! Likelihoods of whole batches as burn operations.

mod counts;
#[cfg(feature = "gpu")]
mod cube;
mod likelihood;
mod ops;
mod predictive;
mod probability;
pub mod reference;
mod simple;
mod squared;
mod targets;

pub use counts::{CountOutput, Dispersion};
pub use likelihood::{BatchLikelihood, Nll, Weights};
pub use ops::RowMap;
pub use predictive::{PosteriorPredictive, posterior_predictive};
pub use probability::logit_of_probability;
pub use simple::{BernoulliOutput, GaussianOutput};
pub use squared::SquaredOutput;
pub use targets::Targets;
