//! Normalisation over the cells of a batch.

use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    backend_extension,
    flex::FlexTensor,
    tensor::FloatTensor,
};
use burn::nn::BatchNorm;
use burn::tensor::Tensor;
use flex_slices::{FlexFloat, by_type, dense, served, slice, tensor};

use super::columns::Statistics;
use super::kernel::Real;

/// The normalisation with a kernel and a hand-written gradient on Flex. Other backends never get here.
#[backend_extension(Flex, Autodiff)]
pub trait BatchNormOps: Backend {
    /// `y [cells, width]`, mean and biased variance `[width]`.
    fn over_cells(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        eps: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of `x`, `scale` and `shift`.
    fn over_cells_grad(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        eps: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// What `norm.forward(x)` gives for `[cells, width]`, its running values moved likewise, in a fifth of the passes over memory and by all
/// threads. Burn's own on devices other than Flex, and where nothing is trained.
pub(crate) fn batch_norm(norm: &BatchNorm, x: Tensor<2>) -> Tensor<2> {
    let device = x.device();
    let trains = device.is_autodiff() && norm.training.is_enabled();
    if !trains || !served(&x.device(), x.dtype()) || norm.gamma.val().dtype() != x.dtype() {
        return norm.forward(x);
    }
    let (y, mean, variance) = <Dispatch as BatchNormOps>::over_cells(
        x.into_dispatch(),
        norm.gamma.val().into_dispatch(),
        norm.beta.val().into_dispatch(),
        norm.epsilon,
    );
    let momentum = norm.momentum;
    let moved = |running: Tensor<1>, own: Tensor<1>| {
        let running = running.to_device(&device).mul_scalar(1.0 - momentum);
        running.add(own.detach().mul_scalar(momentum)).detach()
    };
    let (mean, variance) = (Tensor::from_dispatch(mean), Tensor::from_dispatch(variance));
    let running = moved(norm.running_mean.value_sync(), mean);
    norm.running_mean.update(running);
    let running = moved(norm.running_var.value_sync(), variance);
    norm.running_var.update(running);
    Tensor::from_dispatch(y)
}

fn run<T: Real + FlexFloat>(
    [x, scale, shift]: [&FlexTensor; 3],
    eps: f64,
) -> (FlexTensor, FlexTensor, FlexTensor) {
    let width = x.shape()[1];
    let found = Statistics::<T>::of(slice(x), width);
    let y = found.normalize(slice(x), slice(scale), slice(shift), eps);
    (
        tensor(y, x.shape()),
        tensor(found.mean, [width]),
        tensor(found.variance, [width]),
    )
}

fn run_back<T: Real + FlexFloat>(
    [x, scale, mean, variance, grad]: [&FlexTensor; 5],
    eps: f64,
) -> (FlexTensor, FlexTensor, FlexTensor) {
    let found = Statistics::<T> {
        mean: slice(mean).to_vec(),
        variance: slice(variance).to_vec(),
    };
    let [dx, dscale, dshift] = found.gradients(slice(x), slice(scale), slice(grad), eps);
    let width = dscale.len();
    (
        tensor(dx, x.shape()),
        tensor(dscale, [width]),
        tensor(dshift, [width]),
    )
}

impl BatchNormOps for Flex {
    fn over_cells(
        x: FlexTensor,
        scale: FlexTensor,
        shift: FlexTensor,
        eps: f64,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (x, scale, shift) = (dense(x), dense(scale), dense(shift));
        let all = [&x, &scale, &shift];
        by_type!(x.dtype(), run(all, eps))
    }

    fn over_cells_grad(
        x: FlexTensor,
        scale: FlexTensor,
        mean: FlexTensor,
        variance: FlexTensor,
        grad: FlexTensor,
        eps: f64,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (x, scale, grad) = (dense(x), dense(scale), dense(grad));
        let all = [&x, &scale, &mean, &variance, &grad];
        by_type!(x.dtype(), run_back(all, eps))
    }
}

#[derive(Debug)]
struct BatchNormBackward;

impl<B: BatchNormOps> Backward<B, 3> for BatchNormBackward {
    /// `x`, scale, mean, variance and epsilon.
    type State = ([FloatTensor<B>; 4], f64);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let ([x, scale, mean, variance], eps) = ops.state;
        let (x, scale, shift) = B::over_cells_grad(x, scale, mean, variance, grad, eps);
        for (parent, gradient) in ops.parents.into_iter().zip([x, scale, shift]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: BatchNormOps, C: CheckpointStrategy> BatchNormOps for Autodiff<B, C> {
    fn over_cells(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        eps: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [x.node(), scale.node(), shift.node()];
        let [x, scale, shift] = [x, scale, shift].map(|t| t.into_primitive());
        let (y, mean, variance) = B::over_cells(x.clone(), scale.clone(), shift, eps);
        let constant = |t: &FloatTensor<B>| <Self as AutodiffBackend>::from_inner(t.clone());
        let found = [&mean, &variance].map(constant);
        let y = match BatchNormBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(([x, scale, mean, variance], eps), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        };
        let [mean, variance] = found;
        (y, mean, variance)
    }

    fn over_cells_grad(
        _x: FloatTensor<Self>,
        _scale: FloatTensor<Self>,
        _mean: FloatTensor<Self>,
        _variance: FloatTensor<Self>,
        _grad: FloatTensor<Self>,
        _eps: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("autodiff is of first order")
    }
}
