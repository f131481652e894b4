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

/// Elements per piece: four `f32` streams of it are 256 KiB.
pub const PIECE: usize = 16_384;

/// Whether the calling thread does it all: what is one piece, or when there is one thread anyway
/// (handing over to the pool would only move the data to the cache of another core).
fn stays_here(n: usize) -> bool {
    n <= PIECE || rayon::current_num_threads() == 1
}
