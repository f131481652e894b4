//! Operations with gradients of their own.

mod batch_norm;
mod columns;
mod kernel;
mod self_correlation;

pub(crate) use batch_norm::batch_norm;
pub use self_correlation::{anchored_correlation, self_correlation};
