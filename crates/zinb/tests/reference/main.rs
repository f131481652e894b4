//! Tests against values that no code of this project produced.

#[cfg(feature = "kernel")]
mod kernel;
mod likelihoods;
mod matrix;
mod special;
mod values;
