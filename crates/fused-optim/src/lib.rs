//! What happens between `backward` and the next forward pass, for burn, without waste on the CPU.
//!
//! Between the two a training step touches every parameter several times: gradients of the parts of
//! a batch are added, measured, scaled, and turned into a step. As tensor operations on burn's
//! `flex` backend that is some twenty passes over memory, on one thread. Here each is one pass, in
//! place, vectorised and split over rayon:
//!
//! | | on flex, `f32` and `f64` | elsewhere |
//! |---|---|---|
//! | [`FusedAdamW`] | one pass over parameter, gradient and both moments; the bytes of burn's `AdamW` | burn's `AdamW` |
//! | [`clip_global_norm`] | one pass that measures, one that scales if it must | tensor operations |
//! | [`add_gradients`] | one pass | tensor operations |
//!
//! Results are the same bytes for any number of threads and any instruction set: work is cut into
//! pieces of fixed size, sums run in fixed lanes and are added in the order of the pieces, and no
//! product is contracted with a sum.
//!
//! A buffer is written in place when nobody else holds it. Hand the model over by value
//! (`model = optimizer.step(rate, model, gradients)`): a clone that stays behind costs a copy of
//! all parameters.

mod accumulate;
mod adamw;
mod clip;
mod flex;
#[doc(hidden)]
pub mod kernel;

pub use accumulate::add_gradients;
pub use adamw::FusedAdamW;
pub use clip::clip_global_norm;

/// Tests the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
