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

use super::TttOps;
use crate::kernel::ScanOptions;

#[derive(Debug)]
struct ScanBackward;

impl<B: TttOps> Backward<B, 7> for ScanBackward {
    /// The seven inputs, the kept states and the options.
    type State = ([FloatTensor<B>; 7], FloatTensor<B>, ScanOptions);

    fn backward(self, ops: Ops<Self::State, 7>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let ([qkv, eta, t, w0, c0, gamma, beta], states, options) = ops.state;
        let (qkv, eta, t, w0, c0, gamma, beta) =
            B::ttt_scan_backward(qkv, eta, t, w0, c0, gamma, beta, states, grad, options);
        let gradients = [qkv, eta, t, w0, c0, gamma, beta];
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: TttOps, C: CheckpointStrategy> TttOps for Autodiff<B, C> {
    fn ttt_scan(
        qkv: FloatTensor<Self>,
        eta: FloatTensor<Self>,
        t: FloatTensor<Self>,
        w0: FloatTensor<Self>,
        c0: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        options: ScanOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let inputs = [qkv, eta, t, w0, c0, gamma, beta];
        let nodes = inputs.each_ref().map(|x| x.node());
        let inputs = inputs.map(|x| x.into_primitive());
        let run = |inputs: [FloatTensor<B>; 7], options: ScanOptions| {
            let [qkv, eta, t, w0, c0, gamma, beta] = inputs;
            B::ttt_scan(qkv, eta, t, w0, c0, gamma, beta, options)
        };
        match ScanBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (out, states) = run(inputs.clone(), options);
                let out = prep.finish((inputs, states.clone(), options), out);
                (out, Self::from_inner(states))
            }
            OpsKind::UnTracked(prep) => {
                // Nothing will walk back: keep the end state only.
                let group = usize::MAX;
                let (out, states) = run(inputs, ScanOptions { group, ..options });
                (prep.finish(out), Self::from_inner(states))
            }
        }
    }

    fn ttt_scan_backward(
        _qkv: FloatTensor<Self>,
        _eta: FloatTensor<Self>,
        _t: FloatTensor<Self>,
        _w0: FloatTensor<Self>,
        _c0: FloatTensor<Self>,
        _gamma: FloatTensor<Self>,
        _beta: FloatTensor<Self>,
        _states: FloatTensor<Self>,
        _grad: FloatTensor<Self>,
        _options: ScanOptions,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    ) {
        unreachable!("autodiff is of first order")
    }
}
