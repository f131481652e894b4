//! Clipping by the global norm.

use burn::backend::flex::FlexTensor;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use flex_slices::{FlexFloat, by_type, dense, slice, slice_mut};

use crate::flex::{primitive, served, tensor};
use crate::kernel::{self, Real};

/// Scales all gradients by `min(1, max_norm / norm)`, with `norm` the Euclidean norm over all
/// gradients of the model together; returns them with that norm. (burn clips each tensor by itself.)
///
/// A norm that is not a number leaves the gradients as they are.
///
/// # Numerics
///
/// On Flex in `f32` and `f64` squares are added up in doubles, over elements and then over
/// parameters in the order of the model, the same bytes for any number of threads. Elsewhere a
/// tensor's squares are added up by the device, in the tensor's type.
///
/// # Example
///
/// ```
/// use burn::nn::LinearConfig;
/// use burn::optim::GradientsParams;
/// use burn::tensor::{Device, Tensor};
///
/// let device = Device::flex().autodiff();
/// let model = LinearConfig::new(2, 1).init(&device);
/// let loss = model.forward(Tensor::<2>::from_floats([[3.0, 4.0]], &device)).sum();
/// let gradients = GradientsParams::from_grads(loss.backward(), &model);
/// let (gradients, norm) = fused_optim::clip_global_norm(&model, gradients, 1.0);
/// assert_eq!(norm, 26f64.sqrt()); // weights 3 and 4, bias 1
/// let weight = gradients.get::<2>(model.weight.id).unwrap().into_data();
/// let expected = [3.0f32, 4.0].map(|x| x / 26f32.sqrt());
/// weight.assert_approx_eq::<f32>(&[[expected[0]], [expected[1]]].into(), Default::default());
/// ```
pub fn clip_global_norm<M: Module>(
    model: &M,
    mut grads: GradientsParams,
    max_norm: f64,
) -> (GradientsParams, f64) {
    let mut squares = Squares {
        grads: &grads,
        sum: 0.0,
    };
    model.visit(&mut squares);
    let norm = squares.sum.sqrt();
    if norm > max_norm {
        model.visit(&mut Scale {
            grads: &mut grads,
            factor: max_norm / norm,
        });
    }
    (grads, norm)
}

struct Squares<'a> {
    grads: &'a GradientsParams,
    sum: f64,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(g) = self.grads.get::<D>(param.id) {
            self.sum += if served(&g) {
                by_type!(g.dtype(), squares(primitive(g)))
            } else {
                g.square().sum().into_scalar::<f64>()
            };
        }
    }
}

fn squares<T: Real + FlexFloat>(gradient: FlexTensor) -> f64 {
    kernel::sum_of_squares(slice::<T>(&dense(gradient)))
}

struct Scale<'a> {
    grads: &'a mut GradientsParams,
    factor: f64,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(g) = self.grads.remove::<D>(param.id) {
            let g = if served(&g) {
                tensor(by_type!(g.dtype(), scaled(primitive(g), self.factor)))
            } else {
                g.mul_scalar(self.factor)
            };
            self.grads.register(param.id, g);
        }
    }
}

fn scaled<T: Real + FlexFloat>(mut gradient: FlexTensor, factor: f64) -> FlexTensor {
    kernel::scale(slice_mut(&mut gradient), T::of(factor));
    gradient
}
