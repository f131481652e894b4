//! Sparse rows times a dense matrix as a differentiable burn operation, with a kernel on the CPU.
//!
//! The first layer of a model of counts multiplies a matrix that is 75 to 97 % zeros. Stored dense, most of
//! that layer's time and of the batch's memory goes into them. Here the batch stays sparse: a
//! [`CsrTensor`] holds its entries, [`sparse_linear`] multiplies them, [`SparseLinear`] takes the place of burn's
//! `Linear`. The matrix that is not sparse may be anything that is differentiated, so the same operation
//! spreads features along the edges of a graph.
//!
//! ```
//! use burn::optim::GradientsParams;
//! use burn::tensor::Device;
//! use sparse_ops::{CsrTensor, SparseLinearConfig};
//!
//! let device = Device::flex().autodiff();
//! // Two cells, five genes, four counts.
//! let counts = CsrTensor::from_slices(
//!     [2, 5],
//!     &[0, 3, 4],
//!     &[0, 2, 4, 1],
//!     &[7.0f32, 1.0, 2.0, 3.0],
//!     &device,
//! )?;
//! let layer = SparseLinearConfig::new(5, 3).init(&device);
//! let hidden = layer.forward(&counts.log_normalize(1e4));
//! assert_eq!(hidden.dims(), [2, 3]);
//! let gradients = GradientsParams::from_grads(hidden.powi_scalar(2).mean().backward(), &layer);
//! assert_eq!(gradients.len(), 2);
//! # Ok::<(), sparse_ops::SparseError>(())
//! ```
//!
//! # What is here
//!
//! | | |
//! |---|---|
//! | [`CsrTensor`] | a sparse matrix on a device; row sums, row scaling, logarithm of the stored values |
//! | [`CsrPattern`] | where its entries are, by rows and by columns |
//! | [`sparse_linear`] | the product and its gradients |
//! | [`dense_linear`] | the same for dense rows, as burn's `linear` in fewer passes over memory |
//! | [`SparseLinear`] | the layer; records of burn's `Linear` load into it and back |
//! | [`mod@reference`] | the same in tensor operations |
//! | [`kernel`] | the CPU kernels on slices, `f32` and `f64`, without burn |
//!
//! # How it works
//!
//! A row of the product is a weighted sum of rows of the weight, one per entry. The kernel walks the
//! entries of a row once per eight registers of columns: the sum stays in registers, and the loads of
//! successive weight rows, aligned to registers, overlap. The gradient of the weight is the same sum
//! over the entries of a column, on a transposed structure made once per batch: no atomics, no
//! sorting, and a column without entries costs only zeros. For the backward pass the operation keeps
//! the batch, not the weight.
//!
//! # Numerics
//!
//! - The bytes of results do not depend on the number of threads. They may differ in the last
//!   bits between instruction sets (fused multiply-add).
//! - A zero that is not stored is never multiplied, so it does not turn an infinite weight into NaN.
//! - Entries of a row may come in any order and share a place; they add up.
//!
//! # Backends
//!
//! The kernels serve `f32` and `f64` tensors on Flex. With the feature `gpu` (which `wgpu` and `cuda` bring) the product
//! and its gradients also have a CubeCL kernel for `f32`, one thread per element of the result, sums in the
//! order of the entries. Everything else runs the tensor operations of [`mod@reference`] with index tensors on
//! its device, differentiated by burn.

mod error;
pub mod kernel;
mod layer;
mod ops;
mod pattern;
pub mod reference;
mod tensor;

pub use error::SparseError;
pub use layer::{SparseLinear, SparseLinearConfig};
pub use ops::{dense_linear, sparse_linear};
pub use pattern::{CsrPattern, Transposed};
pub use tensor::CsrTensor;
