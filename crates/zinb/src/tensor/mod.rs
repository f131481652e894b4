//! Likelihoods of whole batches as burn operations.

mod counts;
mod likelihood;
mod ops;
mod predictive;
pub mod reference;
mod simple;
mod targets;

pub use counts::{CountOutput, Dispersion};
pub use likelihood::{BatchLikelihood, Nll, Weights};
pub use ops::RowMap;
pub use predictive::{PosteriorPredictive, posterior_predictive};
pub use simple::{BernoulliOutput, GaussianOutput};
pub use targets::Targets;
