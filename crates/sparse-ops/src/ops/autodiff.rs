//! Registers the hand-written gradients with burn's autodiff.

use std::sync::Arc;

use burn::backend::{
    Autodiff,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};

use super::SparseOps;
use crate::CsrPattern;

#[derive(Debug)]
struct LinearBackward;

impl<B: SparseOps> Backward<B, 2> for LinearBackward {
    /// Values and structure: the product is linear, its gradients need no weights.
    type State = (FloatTensor<B>, Arc<CsrPattern>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (values, pattern) = ops.state;
        let [weight, bias] = ops.parents;
        if let Some(node) = bias {
            grads.register::<B>(node.id, B::sparse_linear_bias_grad(grad.clone()));
        }
        if let Some(node) = weight {
            let grad = B::sparse_linear_weight_grad(values, grad, pattern);
            grads.register::<B>(node.id, grad);
        }
    }
}

impl<B: SparseOps, C: CheckpointStrategy> SparseOps for Autodiff<B, C> {
    fn sparse_linear(
        values: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        has_bias: bool,
        pattern: Arc<CsrPattern>,
    ) -> FloatTensor<Self> {
        // Without a bias its place is taken by the values, which are a constant.
        let nodes = [weight.node(), bias.node()];
        let values = values.into_primitive();
        let (weight, bias) = (weight.into_primitive(), bias.into_primitive());
        let kept = (values.clone(), pattern.clone());
        let out = B::sparse_linear(values, weight, bias, has_bias, pattern);
        match LinearBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                // The gradient needs the entries by columns: an idle thread sorts them meanwhile. Where none is idle, batches that are
                // done with must not wait for one.
                if rayon::current_num_threads() > 1 && !kept.1.is_transposed() {
                    let ahead = Arc::downgrade(&kept.1);
                    rayon::spawn(move || {
                        if let Some(ahead) = ahead.upgrade() {
                            ahead.transposed();
                        }
                    });
                }
                prep.finish(kept, out)
            }
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    fn sparse_linear_weight_grad(
        _values: FloatTensor<Self>,
        _grad: FloatTensor<Self>,
        _pattern: Arc<CsrPattern>,
    ) -> FloatTensor<Self> {
        unreachable!("autodiff is of first order")
    }

    fn sparse_linear_bias_grad(_grad: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("autodiff is of first order")
    }
}
