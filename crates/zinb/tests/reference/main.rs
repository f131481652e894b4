//! Tests against values that no code of this project produced.

mod likelihoods;
mod matrix;
mod special;
mod values;
