//! The dense linear map.

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
use burn::tensor::Tensor;
use flex_slices::{FlexFloat, by_type, dense, served, slice, tensor};

use crate::kernel::{Matrix, Real, add_bias, product};

/// The dense linear map with its gradients on Flex. Other backends never get here.
#[backend_extension(Flex, Autodiff)]
pub trait DenseOps: Backend {
    /// `x weight + bias`; `bias` is read when there is one, else anything without a gradient takes its place.
    fn dense_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        has_bias: bool,
    ) -> FloatTensor<Self>;

    /// Gradient of `x`: `grad weight^T`.
    fn dense_linear_input_grad(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Gradient of the weight: `x^T grad`.
    fn dense_linear_weight_grad(x: FloatTensor<Self>, grad: FloatTensor<Self>)
    -> FloatTensor<Self>;
}

/// `y = x weight + bias` for dense rows: the numbers of burn's `linear`, to the bit where operands are contiguous, in fewer passes over
/// memory.
///
/// On Flex for `f32` and `f64` the result and each gradient are written once; elsewhere burn's own operation runs.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use sparse_ops::dense_linear;
///
/// let device = Device::flex();
/// let x = Tensor::<2>::from_data([[1.0, 2.0]], &device);
/// let weight = Tensor::<2>::from_data([[1.0, 0.0, 3.0], [0.0, 1.0, 4.0]], &device);
/// let y = dense_linear(x, weight, Some(Tensor::from_data([0.5, 0.5, 0.5], &device)));
/// assert_eq!(y.to_data().try_to_vec::<f32>().unwrap(), [1.5, 2.5, 11.5]);
/// ```
///
/// # Shapes
///
/// - x: `[rows, d_input]`
/// - weight: `[d_input, d_output]`
/// - bias: `[d_output]`
/// - output: `[rows, d_output]`
///
/// # Panics
///
/// When the shapes do not fit, or when the element types or the devices differ.
pub fn dense_linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    if !served(&weight.device(), weight.dtype()) {
        return burn::tensor::module::linear(x, weight, bias);
    }
    let has_bias = bias.is_some();
    let bias = bias.unwrap_or_else(|| Tensor::zeros([1], &weight.device().inner()));
    Tensor::from_dispatch(<Dispatch as DenseOps>::dense_linear(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        has_bias,
    ))
}

fn matrix<T: Real + FlexFloat>(tensor: &FlexTensor) -> Matrix<'_, T> {
    let shape = tensor.shape();
    Matrix::new(slice(tensor), [shape[0], shape[1]])
}

fn forward<T: Real + FlexFloat>(
    x: &FlexTensor,
    weight: &FlexTensor,
    bias: Option<&FlexTensor>,
) -> FlexTensor {
    let shape = [x.shape()[0], weight.shape()[1]];
    let mut y = product::<T>(matrix(x), matrix(weight));
    if let Some(bias) = bias {
        let bias = slice(bias);
        assert_eq!(bias.len(), shape[1], "dense_linear: length of `bias`");
        add_bias(&mut y, bias);
    }
    tensor(y, shape)
}

fn input_grad<T: Real + FlexFloat>(grad: &FlexTensor, weight: &FlexTensor) -> FlexTensor {
    let shape = [grad.shape()[0], weight.shape()[0]];
    tensor(
        product::<T>(matrix(grad), matrix(weight).transpose()),
        shape,
    )
}

fn weight_grad<T: Real + FlexFloat>(x: &FlexTensor, grad: &FlexTensor) -> FlexTensor {
    let shape = [x.shape()[1], grad.shape()[1]];
    tensor(product::<T>(matrix(x).transpose(), matrix(grad)), shape)
}

impl DenseOps for Flex {
    fn dense_linear(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        has_bias: bool,
    ) -> FlexTensor {
        assert_eq!(x.dtype(), weight.dtype(), "dense_linear: element types");
        let (x, weight, bias) = (dense(x), dense(weight), dense(bias));
        let bias = has_bias.then_some(&bias);
        by_type!(weight.dtype(), forward(&x, &weight, bias))
    }

    fn dense_linear_input_grad(grad: FlexTensor, weight: FlexTensor) -> FlexTensor {
        let (grad, weight) = (dense(grad), dense(weight));
        by_type!(weight.dtype(), input_grad(&grad, &weight))
    }

    fn dense_linear_weight_grad(x: FlexTensor, grad: FlexTensor) -> FlexTensor {
        let (x, grad) = (dense(x), dense(grad));
        by_type!(grad.dtype(), weight_grad(&x, &grad))
    }
}

#[derive(Debug)]
struct DenseBackward;

impl<B: DenseOps> Backward<B, 3> for DenseBackward {
    /// `x` and `weight`.
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let ([x, weight], [for_x, for_weight, for_bias]) = (ops.state, ops.parents);
        // Side by side, because none of them keeps all cores busy to its end.
        let of_bias = for_bias.as_ref().map(|_| grad.clone());
        let of_weight = for_weight.as_ref().map(|_| (x, grad.clone()));
        let of_x = for_x.as_ref().map(|_| (grad, weight));
        let (for_weight_grad, (for_x_grad, for_bias_grad)) = rayon::join(
            || of_weight.map(|(x, grad)| B::dense_linear_weight_grad(x, grad)),
            || {
                rayon::join(
                    || of_x.map(|(grad, weight)| B::dense_linear_input_grad(grad, weight)),
                    || {
                        of_bias.map(|grad| {
                            let sum = B::float_sum_dim(grad, 0);
                            let width = sum.shape()[1];
                            B::float_reshape(sum, [width].into())
                        })
                    },
                )
            },
        );
        let found = [
            (for_x, for_x_grad),
            (for_weight, for_weight_grad),
            (for_bias, for_bias_grad),
        ];
        for (node, gradient) in found {
            if let (Some(node), Some(gradient)) = (node, gradient) {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: DenseOps, C: CheckpointStrategy> DenseOps for Autodiff<B, C> {
    fn dense_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        has_bias: bool,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let [x, weight, bias] = [x, weight, bias].map(|t| t.into_primitive());
        let kept = [x.clone(), weight.clone()];
        let y = B::dense_linear(x, weight, bias, has_bias);
        match DenseBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(kept, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn dense_linear_input_grad(
        _grad: FloatTensor<Self>,
        _weight: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        unreachable!("autodiff is of first order")
    }

    fn dense_linear_weight_grad(
        _x: FloatTensor<Self>,
        _grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        unreachable!("autodiff is of first order")
    }
}
