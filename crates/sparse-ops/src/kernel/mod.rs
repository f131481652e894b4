//! The kernels: plain Rust on slices, generic over `f32` and `f64`, no burn.
//!
//! [`weighted_rows`] is the product of a sparse and a dense matrix and, on the transposed structure,
//! its gradient; the others work on stored values. Vector instructions are picked by pulp when the code
//! runs. Results are the same bytes for any number of threads; they may differ in the last bits between
//! instruction sets, because some have a fused multiply-add.

mod columns;
mod gather;
mod product;
mod real;
#[allow(clippy::needless_range_loop)]
mod sum;
mod values;

pub use columns::column_sums;
pub use gather::{WeightedRows, weighted_rows};
pub use product::{Matrix, add_bias, product};
pub use real::Real;
pub use values::{log1p, row_sums, scale_rows, to_dense};
