//! Registers the hand-written gradients with burn's autodiff.

use burn::backend::{
    Autodiff, AutodiffBackend, TensorMetadata,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::{FloatTensor, IntTensor},
};
use burn::tensor::Shape;

use super::CubeSparseOps;

#[derive(Debug)]
struct LinearBackward;

impl<B: CubeSparseOps> Backward<B, 2> for LinearBackward {
    /// Values, and the entries by columns: offsets, rows, order.
    type State = (FloatTensor<B>, [IntTensor<B>; 3]);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (values, [offsets, rows, order]) = ops.state;
        let [weight, bias] = ops.parents;
        if let Some(node) = bias {
            let width = grad.shape()[1];
            let sum = B::float_sum_dim(grad.clone(), 0);
            grads.register::<B>(node.id, B::float_reshape(sum, Shape::new([width])));
        }
        if let Some(node) = weight {
            let nothing = values.clone();
            let grad = B::weighted_rows(values, offsets, rows, order, grad, nothing, true, false);
            grads.register::<B>(node.id, grad);
        }
    }
}

impl<B: CubeSparseOps, C: CheckpointStrategy> CubeSparseOps for Autodiff<B, C> {
    fn weighted_rows(
        values: FloatTensor<Self>,
        offsets: IntTensor<Self>,
        index: IntTensor<Self>,
        order: IntTensor<Self>,
        dense: FloatTensor<Self>,
        start: FloatTensor<Self>,
        ordered: bool,
        started: bool,
    ) -> FloatTensor<Self> {
        // Of first order: the gradient of the weight is a constant.
        let [values, dense, start] = [values, dense, start].map(|t| t.into_primitive());
        let out = B::weighted_rows(
            values, offsets, index, order, dense, start, ordered, started,
        );
        <Self as AutodiffBackend>::from_inner(out)
    }

    fn cube_sparse_linear(
        values: FloatTensor<Self>,
        offsets: IntTensor<Self>,
        index: IntTensor<Self>,
        by_column: IntTensor<Self>,
        rows: IntTensor<Self>,
        order: IntTensor<Self>,
        dense: FloatTensor<Self>,
        start: FloatTensor<Self>,
        started: bool,
    ) -> FloatTensor<Self> {
        // Without a bias its place is taken by the values, which are a constant.
        let nodes = [dense.node(), start.node()];
        let [values, dense, start] = [values, dense, start].map(|t| t.into_primitive());
        let kept = (values.clone(), [by_column, rows, order]);
        let unused = index.clone();
        let out = B::weighted_rows(values, offsets, index, unused, dense, start, false, started);
        match LinearBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(kept, out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }
}
