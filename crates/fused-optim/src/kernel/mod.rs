//! The kernels: plain Rust on slices, generic over `f32` and `f64`, no burn.
//!
//! Loops are compiled for the baseline, for AVX2 and for AVX-512; the version is picked when it
//! runs. All operations are the ones that IEEE 754 rounds correctly and none is contracted, so
//! every version gives the same bytes.

mod adamw;
mod elementwise;
mod real;
mod squares;

pub use adamw::{AdamWStep, adamw};
pub use elementwise::{add, scale};
pub use real::Real;
pub use squares::sum_of_squares;

/// Elements per piece: four `f32` streams of it fill half of a 512 KiB cache. What fits into one
/// piece stays on the calling thread.
pub const PIECE: usize = 16_384;
