//! The fused operations as one extension of burn's backends.

mod autodiff;
mod flex;
mod pointwise;

pub use pointwise::{dropout, dropout_add, layer_norm, rms_norm, silu_mul};

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;
use flex_slices::served;

use crate::kernel::ScanOptions;

/// Operations with a kernel and a hand-written gradient on Flex. Other backends never get here:
/// the public functions of this crate send them to [`crate::reference`].
#[backend_extension(Flex, Autodiff)]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
pub trait TttOps: Backend {
    /// Output `[batch, length, d]` and kept states `[batch, heads, states, width + 1, width]`.
    fn ttt_scan(
        qkv: FloatTensor<Self>,
        eta: FloatTensor<Self>,
        t: FloatTensor<Self>,
        w0: FloatTensor<Self>,
        c0: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        options: ScanOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of the seven inputs, in their order.
    fn ttt_scan_backward(
        qkv: FloatTensor<Self>,
        eta: FloatTensor<Self>,
        t: FloatTensor<Self>,
        w0: FloatTensor<Self>,
        c0: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        states: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        options: ScanOptions,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    );
}

/// The seven inputs of [`ttt_scan`](crate::ttt_scan), with `d = heads * width`.
#[derive(Clone, Debug)]
pub struct ScanTensors {
    /// `[batch, length, 3 d]`, queries, keys and values side by side, before the rotation.
    pub qkv: Tensor<3>,
    /// `[batch, length, heads]`, inner rates `η` of the tokens.
    pub eta: Tensor<3>,
    /// `[chunk]`, rates `t` of the places in a chunk, not negative; not read when not causal.
    pub t: Tensor<1>,
    /// `[heads, width, width]`, start weights.
    pub w0: Tensor<3>,
    /// `[heads, width]`, start biases.
    pub c0: Tensor<2>,
    /// `[heads, width]`, scale of the inner normalisation.
    pub gamma: Tensor<2>,
    /// `[heads, width]`, shift of the inner normalisation.
    pub beta: Tensor<2>,
}

/// Inner weights of every (sample, head).
#[derive(Clone, Debug)]
pub struct InnerState {
    /// `[batch, heads, width, width]`
    pub w: Tensor<4>,
    /// `[batch, heads, width]`
    pub c: Tensor<3>,
}

/// TTT-Linear between the projections: output `[batch, length, d]`.
///
/// For every sample and head, chunk by chunk, with `E_ij = t_i η_j` for `j <= i` and chunk-start
/// weights `W, c`:
///
/// ```text
/// Z = K W + c        G = ∂/∂Z ½‖LN(Z) - (V - K)‖²
/// out = Q + LN(Q W + c - [E ∘ (Q Kᵀ + 1)] G)
/// W <- W - (e ∘ K)ᵀ G        c <- c - Σ_j e_j G_j        e = last row of E
/// ```
///
/// On Flex one operation with a hand-written backward (second-order terms included), elsewhere
/// [`reference::ttt_scan`](crate::reference::ttt_scan). The rotation of `Q` and `K` is inside.
///
/// # Panics
///
/// When the shapes do not fit each other.
pub fn ttt_scan(tensors: ScanTensors, options: &ScanOptions) -> Tensor<3> {
    ttt_scan_with_state(tensors, options).0
}

/// As [`ttt_scan`], and the inner state after the last token.
///
/// No gradient flows through the state on Flex.
pub fn ttt_scan_with_state(tensors: ScanTensors, options: &ScanOptions) -> (Tensor<3>, InnerState) {
    let [batch, length, d] = tensors.qkv.dims();
    assert_eq!(
        d % 3,
        0,
        "ttt_scan: `qkv` is not three tensors side by side"
    );
    let d = d / 3;
    let (heads, f) = (options.heads, d / options.heads);
    assert_eq!(
        heads * f,
        d,
        "ttt_scan: width {d} is not a multiple of {heads} heads"
    );
    assert_eq!(
        tensors.eta.dims(),
        [batch, length, heads],
        "ttt_scan: shape of `eta`"
    );
    assert_eq!(tensors.w0.dims(), [heads, f, f], "ttt_scan: shape of `w0`");
    if !served(&tensors.qkv.device(), tensors.qkv.dtype()) {
        return crate::reference::ttt_scan(tensors, options);
    }
    let ScanTensors {
        qkv,
        eta,
        t,
        w0,
        c0,
        gamma,
        beta,
    } = tensors;
    let (out, states) = <Dispatch as TttOps>::ttt_scan(
        qkv.into_dispatch(),
        eta.into_dispatch(),
        t.into_dispatch(),
        w0.into_dispatch(),
        c0.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        *options,
    );
    let states: Tensor<5> = Tensor::from_dispatch(states);
    let end = states.dims()[2] - 1;
    let block = |from: usize, to: usize| states.clone().narrow(2, end, 1).narrow(3, from, to);
    let state = InnerState {
        w: block(0, f).reshape([batch, heads, f, f]),
        c: block(f, 1).reshape([batch, heads, f]),
    };
    (Tensor::from_dispatch(out), state)
}
