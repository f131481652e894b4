//! The gradients come with the value; backward only multiplies them.

use burn::backend::{
    Autodiff, AutodiffBackend,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};

use super::{CountOptions, LikelihoodOps, ValueOptions};

#[derive(Debug)]
struct NllBackward;

impl<B: LikelihoodOps, const N: usize> Backward<B, N> for NllBackward {
    /// Gradients of the loss by the parents.
    type State = [FloatTensor<B>; N];

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        for (parent, gradient) in ops.parents.into_iter().zip(ops.state) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, B::scale_gradient(gradient, grad.clone()));
            }
        }
    }
}

impl<B: LikelihoodOps, C: CheckpointStrategy> LikelihoodOps for Autodiff<B, C> {
    fn count_nll(
        h: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        logit: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        target: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        cells: FloatTensor<Self>,
        mut options: CountOptions,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    ) {
        let nodes = [h.node(), theta.node(), logit.node()];
        let prepared = Backward::<B, 3>::prepare::<C>(NllBackward, nodes)
            .compute_bound()
            .stateful();
        options.gradients = matches!(prepared, OpsKind::Tracked(_));
        let (loss, per_cell, d_h, d_theta, d_logit) = B::count_nll(
            h.into_primitive(),
            theta.into_primitive(),
            logit.into_primitive(),
            scale.into_primitive(),
            target.into_primitive(),
            weights.into_primitive(),
            cells.into_primitive(),
            options,
        );
        let constant = |x: FloatTensor<B>| <Self as AutodiffBackend>::from_inner(x);
        let nothing = || constant(per_cell.clone());
        let rest = (constant(per_cell.clone()), nothing(), nothing(), nothing());
        let loss = match prepared {
            OpsKind::Tracked(prep) => prep.finish([d_h, d_theta, d_logit], loss),
            OpsKind::UnTracked(prep) => prep.finish(loss),
        };
        (loss, rest.0, rest.1, rest.2, rest.3)
    }

    fn value_nll(
        raw: FloatTensor<Self>,
        target: FloatTensor<Self>,
        cells: FloatTensor<Self>,
        options: ValueOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let prepared = Backward::<B, 1>::prepare::<C>(NllBackward, [raw.node()])
            .compute_bound()
            .stateful();
        let (loss, per_cell, gradient) = B::value_nll(
            raw.into_primitive(),
            target.into_primitive(),
            cells.into_primitive(),
            options,
        );
        let constant = |x: FloatTensor<B>| <Self as AutodiffBackend>::from_inner(x);
        let rest = (constant(per_cell.clone()), constant(per_cell));
        let loss = match prepared {
            OpsKind::Tracked(prep) => prep.finish([gradient], loss),
            OpsKind::UnTracked(prep) => prep.finish(loss),
        };
        (loss, rest.0, rest.1)
    }

    fn scale_gradient(x: FloatTensor<Self>, factor: FloatTensor<Self>) -> FloatTensor<Self> {
        <Self as AutodiffBackend>::from_inner(B::scale_gradient(
            x.into_primitive(),
            factor.into_primitive(),
        ))
    }
}
