//! The kernels: plain Rust on slices, generic over `f32` and `f64`, no burn.
//!
//! [`scan_forward`] and [`scan_backward`] run TTT-Linear over a batch; the row-wise kernels of the
//! block are the `norm_*` and `silu_mul_*` functions and [`DropMask`]. Row-wise code is compiled for
//! the baseline, for AVX2 with fused multiply-add and for AVX-512, products for what pulp supports;
//! the version is picked when it runs. Results are the same bytes for any number of threads; they
//! differ in the last bits between instruction sets.

#[allow(clippy::needless_range_loop, clippy::too_many_arguments)]
mod gemm;
#[allow(clippy::needless_range_loop, clippy::too_many_arguments)]
mod grad;
#[allow(clippy::needless_range_loop)]
mod pointwise;
mod real;
#[allow(clippy::needless_range_loop)]
mod rows;
#[allow(clippy::needless_range_loop)]
mod scan;

mod batch;

pub use batch::{ScanGradients, ScanInputs, ScanOutput, scan_backward, scan_forward};
pub use pointwise::{
    DropMask, Norm, NormGradients, norm_backward, norm_forward, silu_mul_backward, silu_mul_forward,
};
pub use real::Real;
pub use scan::ScanOptions;
