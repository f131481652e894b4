//! The product as an extension of burn's backends.

mod autodiff;
#[cfg(feature = "gpu")]
pub(crate) mod cube;
mod dense;
mod flex;
pub(crate) mod values;

pub use dense::dense_linear;

use std::sync::Arc;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;
use flex_slices::served;

use crate::{CsrPattern, CsrTensor, reference};

/// The product with a kernel and a hand-written gradient on Flex. Other backends never get here:
/// [`sparse_linear`] sends them elsewhere.
#[backend_extension(Flex, Autodiff)]
pub trait SparseOps: Backend {
    /// Product `[rows, out]`; `bias` is read when there is one, else anything without a gradient
    /// takes its place.
    fn sparse_linear(
        values: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        has_bias: bool,
        pattern: Arc<CsrPattern>,
    ) -> FloatTensor<Self>;

    /// Gradient of the weight `[cols, out]`.
    fn sparse_linear_weight_grad(
        values: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        pattern: Arc<CsrPattern>,
    ) -> FloatTensor<Self>;

    /// Gradient of the bias `[out]`.
    fn sparse_linear_bias_grad(grad: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Sparse rows times a dense matrix, plus a bias:
///
/// ```text
/// y[r, :] = bias + Σ_k values[k] weight[column(k), :]          entries k of row r
/// ∂weight[c, :] = Σ_k values[k] ∂y[row(k), :]                  entries k of column c
/// ∂bias = Σ_r ∂y[r, :]
/// ```
///
/// Differentiable in the weight and the bias, not in `x`. Its cost is `nnz * out` multiplications
/// for the product and as many for the gradient of the weight, against `rows * cols * out` of the dense
/// product. One operation with a hand-written gradient on Flex for `f32` and `f64` and, with a GPU feature, on the
/// devices of CubeCL for `f32`; elsewhere [`reference::sparse_linear`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use sparse_ops::{CsrTensor, sparse_linear};
///
/// let device = Device::flex().autodiff();
/// // 2 0 1
/// // 0 0 0
/// let x = CsrTensor::from_slices([2, 3], &[0, 2, 2], &[0, 2], &[2.0f32, 1.0], &device)?;
/// let weight = Tensor::<2>::from_data([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], &device).require_grad();
/// let bias = Tensor::<1>::from_data([0.5, 0.0], &device);
/// let y = sparse_linear(&x, weight.clone(), Some(bias));
/// assert_eq!(y.to_data().try_to_vec::<f32>()?, [7.5, 10.0, 0.5, 0.0]);
/// let gradient = weight.grad(&y.sum().backward()).expect("the weight is tracked");
/// assert_eq!(gradient.to_data().try_to_vec::<f32>()?, [2.0, 2.0, 0.0, 0.0, 1.0, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Shapes
///
/// - x: `[rows, cols]`
/// - weight: `[cols, out]`
/// - bias: `[out]`
/// - output: `[rows, out]`
///
/// # Numerics
///
/// Every sum runs in the order of its entries, so the bytes do not depend on the number of threads. A zero that
/// is not stored is not multiplied: an infinite or undefined weight shows only in rows that have an entry in
/// its column, where the dense product gives NaN everywhere.
///
/// # Panics
///
/// When the shapes do not fit, or when the element types or the devices differ.
pub fn sparse_linear(x: &CsrTensor, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let [_, cols] = x.dims();
    let [d_input, d_output] = weight.dims();
    assert_eq!(
        cols, d_input,
        "sparse_linear: `x` has {cols} columns, `weight` {d_input} rows"
    );
    assert_eq!(
        x.dtype(),
        weight.dtype(),
        "sparse_linear: element types of `x` and `weight`"
    );
    assert_eq!(
        x.device(),
        weight.device().inner(),
        "sparse_linear: devices of `x` and `weight`"
    );
    if let Some(bias) = &bias {
        assert_eq!(
            (bias.dims(), bias.dtype()),
            ([d_output], weight.dtype()),
            "sparse_linear: shape and element type of `bias`"
        );
    }
    #[cfg(feature = "gpu")]
    if cube::serves(x, &weight.device(), weight.dtype(), d_output) {
        return cube::sparse_linear(x, weight, bias);
    }
    if !served(&weight.device(), weight.dtype()) {
        return reference::sparse_linear(x, weight, bias);
    }
    let values = x.values();
    let has_bias = bias.is_some();
    let bias = bias.unwrap_or_else(|| values.clone());
    Tensor::from_dispatch(<Dispatch as SparseOps>::sparse_linear(
        values.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        has_bias,
        x.pattern().clone(),
    ))
}
