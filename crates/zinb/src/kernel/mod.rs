//! The likelihood of a whole batch of counts, with the gradients of what a network puts out, in one
//! pass over the rows. Plain slices; `crate::tensor` makes a burn operation of it.

mod block;
mod lanes;
mod row;
mod run;
mod values;

pub use block::Family;
pub use run::{Counts, Gradients, Input, Rows, run, run_in_place};
pub use values::{ValueFamily, ValueLink, value_nll_in_place};

use std::ops::{Add, AddAssign, Div, Mul, Sub};

/// How the mean of a count comes from a network's output `h`, `[cells, features]`, and the scale `s`
/// of its cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeanLink {
    /// `m = s softmax(h)`, over the features; s is the library size.
    Softmax,
    /// `m = s e^h`; s is a size factor. In `f32`, `h` above 88.7 counts as 88.7.
    Exp,
    /// `m = s ln(1 + e^h)`; s is a size factor.
    Softplus,
    /// `m = s h`, for outputs that are positive already. An `h` of exactly 0 counts as 1e-30.
    Identity,
}

/// How the inverse dispersion comes from a raw parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThetaLink {
    /// `t = e^raw`
    Exp,
    /// `t = ln(1 + e^raw)`
    Softplus,
    /// `t = raw`, which must be positive.
    Identity,
}

/// A number type that the kernel runs on: `f32`, or `f64` (slow, for tests and references).
#[allow(private_bounds)]
pub trait Number:
    block::Block
    + Default
    + AddAssign
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
{
}

impl Number for f32 {}
impl Number for f64 {}
