//! Registers the hand-written gradients with burn's autodiff.

use burn::backend::{
    Autodiff, AutodiffBackend,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};

use super::{EntryOps, EntryOptions};

#[derive(Debug)]
struct EntryBackward;

impl<B: EntryOps> Backward<B, 3> for EntryBackward {
    /// `h`, `theta`, `logit`, `scale`, `x`.
    type State = ([FloatTensor<B>; 5], EntryOptions);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let ([h, theta, logit, scale, x], options) = ops.state;
        let (h, theta, logit) = B::count_ll_backward(h, theta, logit, scale, x, grad, options);
        for (parent, gradient) in ops.parents.into_iter().zip([h, theta, logit]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: EntryOps, C: CheckpointStrategy> EntryOps for Autodiff<B, C> {
    fn count_ll(
        h: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        logit: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        x: FloatTensor<Self>,
        options: EntryOptions,
    ) -> FloatTensor<Self> {
        let nodes = [h.node(), theta.node(), logit.node()];
        let kept = [h, theta, logit, scale, x].map(|t| t.into_primitive());
        let [h, theta, logit, scale, x] = kept.clone();
        let ll = B::count_ll(h, theta, logit, scale, x, options);
        match EntryBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((kept, options), ll),
            OpsKind::UnTracked(prep) => prep.finish(ll),
        }
    }

    fn count_ll_backward(
        h: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        logit: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        options: EntryOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        // Of first order: the gradients are constants.
        let [h, theta, logit, scale, x, grad] =
            [h, theta, logit, scale, x, grad].map(|t| t.into_primitive());
        let (h, theta, logit) = B::count_ll_backward(h, theta, logit, scale, x, grad, options);
        let constant = |x: FloatTensor<B>| <Self as AutodiffBackend>::from_inner(x);
        (constant(h), constant(theta), constant(logit))
    }
}
