//! Sums of gradients.

use burn::backend::flex::FlexTensor;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use flex_slices::{FlexFloat, by_type, dense, slice, slice_mut};

use crate::flex::{primitive, served, tensor};
use crate::kernel::{self, Real};

/// Adds the gradients `more` of a part of a batch to `sum`, parameter by parameter; a parameter
/// that only one of them holds keeps that gradient.
///
/// What burn's `GradientsAccumulator` does, with its bytes; on Flex in place and on all threads.
///
/// # Panics
///
/// When the two gradients of a parameter have different shapes.
pub fn add_gradients<M: Module>(
    model: &M,
    mut sum: GradientsParams,
    more: GradientsParams,
) -> GradientsParams {
    model.visit(&mut Add {
        sum: &mut sum,
        more,
    });
    sum
}

struct Add<'a> {
    sum: &'a mut GradientsParams,
    more: GradientsParams,
}

impl ModuleVisitor for Add<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(more) = self.more.remove::<D>(param.id) else {
            return;
        };
        let sum = match self.sum.remove::<D>(param.id) {
            None => more,
            Some(sum) if served(&sum) && served(&more) && sum.dtype() == more.dtype() => {
                assert_eq!(sum.shape(), more.shape(), "add_gradients: shapes differ");
                tensor(by_type!(sum.dtype(), add(primitive(sum), primitive(more))))
            }
            Some(sum) => sum.add(more),
        };
        self.sum.register(param.id, sum);
    }
}

fn add<T: Real + FlexFloat>(mut sum: FlexTensor, more: FlexTensor) -> FlexTensor {
    kernel::add(slice_mut(&mut sum), slice::<T>(&dense(more)));
    sum
}
