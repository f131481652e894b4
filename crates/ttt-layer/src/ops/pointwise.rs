//! The row-wise and element-wise operations: trait, kernels on Flex, gradients, public functions.

use burn::backend::{
    Autodiff, Backend, Dispatch, Flex, TensorMetadata,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    backend_extension,
    flex::FlexTensor,
    tensor::FloatTensor,
};
use burn::nn::DropoutConfig;
use burn::tensor::{Device, Distribution, Tensor};
use flex_slices::{FlexFloat, by_type, dense, next_word, served, slice, tensor};

use crate::kernel::{self, DropMask, Norm, Real};
use crate::reference;

/// Operations of the block with a kernel and a hand-written gradient on Flex.
#[backend_extension(Flex, Autodiff)]
pub trait PointwiseOps: Backend {
    /// Normalises the last axis, then scales and shifts.
    fn ttt_norm(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        norm: Norm,
        eps: f64,
    ) -> FloatTensor<Self>;

    /// Gradients of `x`, `scale` and `shift`.
    fn ttt_norm_backward(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        norm: Norm,
        eps: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// `silu(gate) * up`.
    fn ttt_silu_mul(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Gradients of `gate` and `up`.
    fn ttt_silu_mul_backward(
        gate: FloatTensor<Self>,
        up: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// `mask * x / (1 - prob) + residual`.
    fn ttt_dropout_add(
        x: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        mask: DropMask,
    ) -> FloatTensor<Self>;

    /// `mask * x / (1 - prob)`.
    fn ttt_dropout(x: FloatTensor<Self>, mask: DropMask) -> FloatTensor<Self>;
}

fn norm<T: Real + FlexFloat>(
    x: &FlexTensor,
    params: [&FlexTensor; 2],
    norm: Norm,
    eps: f64,
) -> FlexTensor {
    let shift = match norm {
        Norm::Rms => &[],
        Norm::Layer => slice::<T>(params[1]),
    };
    let out = kernel::norm_forward::<T>(norm, slice(x), slice(params[0]), shift, eps);
    tensor(out, x.shape())
}

fn norm_backward<T: Real + FlexFloat>(
    [x, scale, grad]: [&FlexTensor; 3],
    norm: Norm,
    eps: f64,
) -> (FlexTensor, FlexTensor, FlexTensor) {
    let g = kernel::norm_backward::<T>(norm, slice(x), slice(scale), slice(grad), eps);
    let vector = scale.shape();
    (
        tensor(g.x, x.shape()),
        tensor(g.scale, vector.clone()),
        tensor(g.shift, vector),
    )
}

fn gated<T: Real + FlexFloat>(gate: &FlexTensor, up: &FlexTensor) -> FlexTensor {
    tensor(
        kernel::silu_mul_forward::<T>(slice(gate), slice(up)),
        gate.shape(),
    )
}

fn gated_backward<T: Real + FlexFloat>(
    [gate, up, grad]: [&FlexTensor; 3],
) -> (FlexTensor, FlexTensor) {
    let (d_gate, d_up) = kernel::silu_mul_backward::<T>(slice(gate), slice(up), slice(grad));
    (tensor(d_gate, gate.shape()), tensor(d_up, up.shape()))
}

fn drop<T: Real + FlexFloat>(
    x: &FlexTensor,
    residual: Option<&FlexTensor>,
    mask: DropMask,
) -> FlexTensor {
    let residual = residual.map_or(&[][..], |r| slice::<T>(r));
    tensor(mask.apply::<T>(slice(x), residual), x.shape())
}

impl PointwiseOps for Flex {
    fn ttt_norm(
        x: FlexTensor,
        scale: FlexTensor,
        shift: FlexTensor,
        kind: Norm,
        eps: f64,
    ) -> FlexTensor {
        let (x, scale, shift) = (dense(x), dense(scale), dense(shift));
        by_type!(x.dtype(), norm(&x, [&scale, &shift], kind, eps))
    }

    fn ttt_norm_backward(
        x: FlexTensor,
        scale: FlexTensor,
        grad: FlexTensor,
        kind: Norm,
        eps: f64,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (x, scale, grad) = (dense(x), dense(scale), dense(grad));
        by_type!(x.dtype(), norm_backward([&x, &scale, &grad], kind, eps))
    }

    fn ttt_silu_mul(gate: FlexTensor, up: FlexTensor) -> FlexTensor {
        let (gate, up) = (dense(gate), dense(up));
        by_type!(gate.dtype(), gated(&gate, &up))
    }

    fn ttt_silu_mul_backward(
        gate: FlexTensor,
        up: FlexTensor,
        grad: FlexTensor,
    ) -> (FlexTensor, FlexTensor) {
        let (gate, up, grad) = (dense(gate), dense(up), dense(grad));
        by_type!(gate.dtype(), gated_backward([&gate, &up, &grad]))
    }

    fn ttt_dropout_add(x: FlexTensor, residual: FlexTensor, mask: DropMask) -> FlexTensor {
        let (x, residual) = (dense(x), dense(residual));
        by_type!(x.dtype(), drop(&x, Some(&residual), mask))
    }

    fn ttt_dropout(x: FlexTensor, mask: DropMask) -> FlexTensor {
        let x = dense(x);
        by_type!(x.dtype(), drop(&x, None, mask))
    }
}

#[derive(Debug)]
struct NormBackward;

impl<B: PointwiseOps> Backward<B, 3> for NormBackward {
    type State = (FloatTensor<B>, FloatTensor<B>, Norm, f64);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (x, scale, norm, eps) = ops.state;
        let (x, scale, shift) = B::ttt_norm_backward(x, scale, grad, norm, eps);
        // Without a shift its place is taken by a stand-in.
        let shift = (norm == Norm::Layer).then_some(shift);
        for (parent, gradient) in ops.parents.into_iter().zip([Some(x), Some(scale), shift]) {
            if let (Some(node), Some(gradient)) = (parent, gradient) {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct SiluMulBackward;

impl<B: PointwiseOps> Backward<B, 2> for SiluMulBackward {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (gate, up) = ops.state;
        let (gate, up) = B::ttt_silu_mul_backward(gate, up, grad);
        for (parent, gradient) in ops.parents.into_iter().zip([gate, up]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct DropoutAddBackward;

impl<B: PointwiseOps> Backward<B, 2> for DropoutAddBackward {
    type State = DropMask;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let [x, residual] = ops.parents;
        if let Some(node) = x {
            grads.register::<B>(node.id, B::ttt_dropout(grad.clone(), ops.state));
        }
        if let Some(node) = residual {
            grads.register::<B>(node.id, grad);
        }
    }
}

#[derive(Debug)]
struct DropoutBackward;

impl<B: PointwiseOps> Backward<B, 1> for DropoutBackward {
    type State = DropMask;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let [x] = ops.parents;
        if let Some(node) = x {
            grads.register::<B>(node.id, B::ttt_dropout(grad, ops.state));
        }
    }
}

impl<B: PointwiseOps, C: CheckpointStrategy> PointwiseOps for Autodiff<B, C> {
    fn ttt_norm(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        norm: Norm,
        eps: f64,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), scale.node(), shift.node()];
        let (x, scale, shift) = (
            x.into_primitive(),
            scale.into_primitive(),
            shift.into_primitive(),
        );
        match NormBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let out = B::ttt_norm(x.clone(), scale.clone(), shift, norm, eps);
                prep.finish((x, scale, norm, eps), out)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::ttt_norm(x, scale, shift, norm, eps)),
        }
    }

    fn ttt_norm_backward(
        _x: FloatTensor<Self>,
        _scale: FloatTensor<Self>,
        _grad: FloatTensor<Self>,
        _norm: Norm,
        _eps: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("autodiff is of first order")
    }

    fn ttt_silu_mul(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [gate.node(), up.node()];
        let (gate, up) = (gate.into_primitive(), up.into_primitive());
        match SiluMulBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                let out = B::ttt_silu_mul(gate.clone(), up.clone());
                prep.finish((gate, up), out)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::ttt_silu_mul(gate, up)),
        }
    }

    fn ttt_silu_mul_backward(
        _gate: FloatTensor<Self>,
        _up: FloatTensor<Self>,
        _grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("autodiff is of first order")
    }

    fn ttt_dropout_add(
        x: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        mask: DropMask,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), residual.node()];
        let out = B::ttt_dropout_add(x.into_primitive(), residual.into_primitive(), mask);
        match DropoutAddBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(mask, out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    fn ttt_dropout(x: FloatTensor<Self>, mask: DropMask) -> FloatTensor<Self> {
        let node = x.node();
        let out = B::ttt_dropout(x.into_primitive(), mask);
        match DropoutBackward
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(mask, out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }
}

/// Root mean square normalisation of the last axis:
///
/// ```text
/// y = scale * x / sqrt(mean(x²) + eps)
/// ```
///
/// One operation with a hand-written gradient on Flex, tensor operations elsewhere.
///
/// # Shapes
///
/// - x and output: `[.., d]`
/// - scale: `[d]`
///
/// # Panics
///
/// When the shapes do not fit.
pub fn rms_norm<const D: usize>(x: Tensor<D>, scale: Tensor<1>, eps: f64) -> Tensor<D> {
    if !served(&x.device(), x.dtype()) {
        return reference::rms_norm(x, scale, eps);
    }
    let [x, scale] = [x.into_dispatch(), scale.into_dispatch()];
    let no_shift = scale.clone();
    Tensor::from_dispatch(Dispatch::ttt_norm(x, scale, no_shift, Norm::Rms, eps))
}

/// Layer normalisation of the last axis, with the biased variance:
///
/// ```text
/// y = scale * (x - mean) / sqrt(var + eps) + shift
/// ```
///
/// One operation with a hand-written gradient on Flex, tensor operations elsewhere.
///
/// # Shapes
///
/// - x and output: `[.., d]`
/// - scale, shift: `[d]`
///
/// # Panics
///
/// When the shapes do not fit.
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    eps: f64,
) -> Tensor<D> {
    if !served(&x.device(), x.dtype()) {
        return reference::layer_norm(x, scale, shift, eps);
    }
    let (x, scale, shift) = (
        x.into_dispatch(),
        scale.into_dispatch(),
        shift.into_dispatch(),
    );
    Tensor::from_dispatch(Dispatch::ttt_norm(x, scale, shift, Norm::Layer, eps))
}

/// The gated unit of SwiGLU, element by element: `silu(gate) * up` with
/// `silu(g) = g / (1 + e^-g)`.
///
/// One operation with a hand-written gradient on Flex, tensor operations elsewhere.
///
/// # Panics
///
/// When the shapes differ.
pub fn silu_mul<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    assert_eq!(gate.dims(), up.dims(), "silu_mul: shapes differ");
    if !served(&gate.device(), gate.dtype()) {
        return reference::silu_mul(gate, up);
    }
    Tensor::from_dispatch(Dispatch::ttt_silu_mul(
        gate.into_dispatch(),
        up.into_dispatch(),
    ))
}

/// `dropout(x) + residual`: every element of `x` is zeroed with probability `prob`, the others are
/// divided by `1 - prob`.
///
/// On Flex the mask is a function of the element's index and of a number drawn here: within
/// `flex_slices::with_stream` from that stream, elsewhere from the device's generator, so a call of
/// `device.seed(..)` before the step fixes it, whatever the number of threads; it is computed again in the backward pass and takes no memory. Elsewhere
/// burn's dropout is used, which does nothing on a device without autodiff.
///
/// # Panics
///
/// When the shapes differ or `prob` is not in `[0, 1)`.
pub fn dropout_add<const D: usize>(x: Tensor<D>, residual: Tensor<D>, prob: f64) -> Tensor<D> {
    assert_eq!(x.dims(), residual.dims(), "dropout_add: shapes differ");
    check(prob);
    if prob == 0.0 {
        return x + residual;
    }
    if !served(&x.device(), x.dtype()) {
        return DropoutConfig::new(prob).init().forward(x) + residual;
    }
    let mask = draw(prob, &x.device());
    let (x, residual) = (x.into_dispatch(), residual.into_dispatch());
    Tensor::from_dispatch(Dispatch::ttt_dropout_add(x, residual, mask))
}

/// Every element of `x` zeroed with probability `prob`, the others divided by `1 - prob`, on a device without autodiff too.
///
/// The mask is that of [`dropout_add`]: made by all threads, where burn's dropout draws one number after the other.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ttt_layer::dropout;
///
/// let device = Device::flex();
/// device.seed(1);
/// let y = dropout(Tensor::<1>::ones([10_000], &device), 0.5);
/// assert!((y.mean().into_scalar::<f32>() - 1.0).abs() < 0.05);
/// ```
///
/// # Panics
///
/// When `prob` is not in `[0, 1)`.
pub fn dropout<const D: usize>(x: Tensor<D>, prob: f64) -> Tensor<D> {
    check(prob);
    if prob == 0.0 {
        return x;
    }
    if !served(&x.device(), x.dtype()) {
        let kept = x.random_like(Distribution::Bernoulli(1.0 - prob));
        return x * kept * (1.0 / (1.0 - prob));
    }
    let mask = draw(prob, &x.device());
    Tensor::from_dispatch(Dispatch::ttt_dropout(x.into_dispatch(), mask))
}

fn check(prob: f64) {
    assert!(
        (0.0..1.0).contains(&prob),
        "dropout: prob ({prob}) must be in [0, 1)"
    );
}

/// A mask from the stream of the thread, or from the device's generator where there is none.
fn draw(prob: f64, device: &Device) -> DropMask {
    if let Some(seed) = next_word() {
        return DropMask { seed, prob };
    }
    let words = Tensor::<1>::random(
        [4],
        Distribution::Uniform(0.0, 65536.0),
        &device.clone().inner(),
    );
    let words = words.into_data();
    let seed = words
        .iter::<f64>()
        .fold(0u64, |seed, word| (seed << 16) | word as u64);
    DropMask { seed, prob }
}
