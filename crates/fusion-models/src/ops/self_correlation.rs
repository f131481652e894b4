//! Every cell as a mixture of all cells.

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
use burn::tensor::{Tensor, activation};
use flex_slices::{FlexFloat, by_type, dense, served, slice, tensor};

use super::kernel::{self, Real};

/// The correlation with a kernel and a hand-written gradient on Flex. Other backends never get here.
#[backend_extension(Flex, Autodiff)]
pub trait CorrelationOps: Backend {
    /// `y [cells, width]` and the logarithms of the sums `[cells]`.
    fn correlate(z: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradient of `z`.
    fn correlate_grad(
        z: FloatTensor<Self>,
        y: FloatTensor<Self>,
        log_sums: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// `y = softmax(z z^T) z`: every cell as a mixture of all cells, the more alike the heavier. No temperature, as published.
///
/// Shapes: `z` and `y` `[cells, width]`. On Flex in tiles of rows, which are made anew for the gradient: time O(cells² width),
/// memory O(cells). Elsewhere the dense matrix of cells x cells exists.
///
/// Source: the global fusion of scDEFR (Cheng et al., AAAI 2023), after DFCN (Tu et al., AAAI 2021); tiles as in FlashAttention
/// (Dao et al., NeurIPS 2022).
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use fusion_models::ops::self_correlation;
///
/// let z = Tensor::<2>::from_data([[30.0, 0.0], [0.0, 30.0]], &Device::flex());
/// let y = self_correlation(z.clone());
/// assert!((y - z).abs().max().into_scalar::<f32>() < 1e-6); // each like itself alone
/// ```
pub fn self_correlation(z: Tensor<2>) -> Tensor<2> {
    if !served(&z.device(), z.dtype()) {
        return anchored_correlation(z.clone(), z);
    }
    let (y, _) = <Dispatch as CorrelationOps>::correlate(z.into_dispatch());
    Tensor::from_dispatch(y)
}

/// `y = softmax(z a^T) a` for anchors `a`: the same with some cells in place of all, O(cells x anchors).
///
/// Shapes: `z [cells, width]`, `a [anchors, width]` -> `[cells, width]`.
pub fn anchored_correlation(z: Tensor<2>, anchors: Tensor<2>) -> Tensor<2> {
    activation::softmax(z.matmul(anchors.clone().transpose()), 1).matmul(anchors)
}

fn run<T: Real + FlexFloat>(z: &FlexTensor) -> (FlexTensor, FlexTensor) {
    let shape = z.shape();
    let (y, log_sums) = kernel::forward::<T>(slice(z), shape[1]);
    let n = log_sums.len();
    (tensor(y, shape), tensor(log_sums, [n]))
}

fn run_back<T: Real + FlexFloat>([z, y, log_sums, grad]: [&FlexTensor; 4]) -> FlexTensor {
    let shape = z.shape();
    let width = shape[1];
    let dz = kernel::backward::<T>(slice(z), slice(y), slice(log_sums), slice(grad), width);
    tensor(dz, shape)
}

impl CorrelationOps for Flex {
    fn correlate(z: FlexTensor) -> (FlexTensor, FlexTensor) {
        let z = dense(z);
        by_type!(z.dtype(), run(&z))
    }

    fn correlate_grad(
        z: FlexTensor,
        y: FlexTensor,
        log_sums: FlexTensor,
        grad: FlexTensor,
    ) -> FlexTensor {
        let (z, grad) = (dense(z), dense(grad));
        let all = [&z, &y, &log_sums, &grad];
        by_type!(z.dtype(), run_back(all))
    }
}

#[derive(Debug)]
struct CorrelationBackward;

impl<B: CorrelationOps> Backward<B, 1> for CorrelationBackward {
    /// `z`, `y` and the logarithms of the sums.
    type State = [FloatTensor<B>; 3];

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let [z, y, log_sums] = ops.state;
        let [parent] = ops.parents;
        if let Some(node) = parent {
            grads.register::<B>(node.id, B::correlate_grad(z, y, log_sums, grad));
        }
    }
}

impl<B: CorrelationOps, C: CheckpointStrategy> CorrelationOps for Autodiff<B, C> {
    fn correlate(z: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let node = z.node();
        let z = z.into_primitive();
        let (y, log_sums) = B::correlate(z.clone());
        let constant = <Self as AutodiffBackend>::from_inner(log_sums.clone());
        let y = match CorrelationBackward
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish([z, y.clone(), log_sums], y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        };
        (y, constant)
    }

    fn correlate_grad(
        _z: FloatTensor<Self>,
        _y: FloatTensor<Self>,
        _log_sums: FloatTensor<Self>,
        _grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        unreachable!("autodiff is of first order")
    }
}
