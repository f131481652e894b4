//! Operations with gradients of their own.

mod kernel;
mod self_correlation;

pub use self_correlation::{anchored_correlation, self_correlation};
