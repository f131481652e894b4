//! The kernels on the slices of Flex tensors.

use burn::backend::{Flex, TensorMetadata, flex::FlexTensor};
use flex_slices::{FlexFloat, by_type, dense, slice, tensor};

use super::TttOps;
use crate::kernel::{self, Real, ScanInputs, ScanOptions};

/// The seven inputs in order, dense, with their batch, length and head width.
struct Inputs {
    tensors: [FlexTensor; 7],
    dims: [usize; 3],
}

impl Inputs {
    fn new(tensors: [FlexTensor; 7], options: &ScanOptions) -> Self {
        let shape = tensors[0].shape();
        let dims = [shape[0], shape[1], shape[2] / 3 / options.heads];
        Self {
            tensors: tensors.map(dense),
            dims,
        }
    }

    fn view<T: Real + FlexFloat>(&self) -> ScanInputs<'_, T> {
        let [qkv, eta, t, w0, c0, gamma, beta] = &self.tensors;
        let [batch, length, width] = self.dims;
        ScanInputs {
            batch,
            length,
            width,
            qkv: slice(qkv),
            eta: slice(eta),
            t: slice(t),
            w0: slice(w0),
            c0: slice(c0),
            gamma: slice(gamma),
            beta: slice(beta),
        }
    }
}

fn scan<T: Real + FlexFloat>(inputs: &Inputs, options: &ScanOptions) -> (FlexTensor, FlexTensor) {
    let [batch, length, f] = inputs.dims;
    let output = kernel::scan_forward::<T>(options, &inputs.view());
    let states = [batch, options.heads, options.states(length), f + 1, f];
    (
        tensor(output.out, [batch, length, options.heads * f]),
        tensor(output.states, states),
    )
}

fn scan_backward<T: Real + FlexFloat>(
    inputs: &Inputs,
    states: &FlexTensor,
    grad: &FlexTensor,
    options: &ScanOptions,
) -> [FlexTensor; 7] {
    let g = kernel::scan_backward::<T>(options, &inputs.view(), slice(states), slice(grad));
    let data = [g.qkv, g.eta, g.t, g.w0, g.c0, g.gamma, g.beta];
    let mut shapes = inputs.tensors.each_ref().map(|t| t.shape()).into_iter();
    data.map(|data| {
        let n = data.len();
        tensor(data, shapes.next().unwrap_or_else(|| [n].into()))
    })
}

impl TttOps for Flex {
    fn ttt_scan(
        qkv: FlexTensor,
        eta: FlexTensor,
        t: FlexTensor,
        w0: FlexTensor,
        c0: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        options: ScanOptions,
    ) -> (FlexTensor, FlexTensor) {
        let inputs = Inputs::new([qkv, eta, t, w0, c0, gamma, beta], &options);
        by_type!(inputs.tensors[0].dtype(), scan(&inputs, &options))
    }

    fn ttt_scan_backward(
        qkv: FlexTensor,
        eta: FlexTensor,
        t: FlexTensor,
        w0: FlexTensor,
        c0: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        states: FlexTensor,
        grad: FlexTensor,
        options: ScanOptions,
    ) -> (
        FlexTensor,
        FlexTensor,
        FlexTensor,
        FlexTensor,
        FlexTensor,
        FlexTensor,
        FlexTensor,
    ) {
        let inputs = Inputs::new([qkv, eta, t, w0, c0, gamma, beta], &options);
        let (states, grad) = (dense(states), dense(grad));
        by_type!(
            inputs.tensors[0].dtype(),
            scan_backward(&inputs, &states, &grad, &options)
        )
        .into()
    }
}
