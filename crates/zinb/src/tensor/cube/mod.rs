//! The likelihood of counts on the devices of CubeCL: one kernel per direction over the entries of a batch. Links that
//! look at a whole row, weights and sums stay tensor operations, which burn joins.

mod autodiff;
mod entry;
mod kernel;

use burn::backend::{Backend, Dispatch, DispatchDevice, backend_extension, tensor::FloatTensor};
use burn::tensor::{DType, Device, Tensor, activation};

use super::CountOutput;
use crate::kernel::{Family, MeanLink, ThetaLink};

/// All that is not a tensor.
#[derive(Clone, Copy, Debug)]
pub struct EntryOptions {
    family: Family,
    mean_link: MeanLink,
    theta_link: ThetaLink,
}

/// Log-likelihood of each entry. A parameter that does not exist is a tensor of one element.
#[backend_extension(Cube, Fusion, Autodiff)]
pub trait EntryOps: Backend {
    /// `[cells, features]`, of `h`, `theta`, `logit`, `x` of that shape and `scale` `[cells]`. `mean_link` is not the
    /// softmax.
    #[fusion(dtype = h, shape = h)]
    fn count_ll(
        h: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        logit: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        x: FloatTensor<Self>,
        options: EntryOptions,
    ) -> FloatTensor<Self>;

    /// Gradients by `h`, `theta`, `logit`, given that of the output. Of a parameter that does not exist there is none.
    #[fusion(meta = |h, theta, logit, _scale, _x, _grad, _options| (h.clone(), theta.clone(), logit.clone()))]
    fn count_ll_backward(
        h: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        logit: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        options: EntryOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// Whether the kernels serve tensors of this device and type.
pub(super) fn serves(device: &Device, dtype: DType) -> bool {
    let device = device.clone().inner();
    matches!(device.as_dispatch(), DispatchDevice::Cube(_)) && dtype == DType::F32
}

/// As [`reference::count_ll`](super::reference::count_ll).
pub(super) fn count_ll(output: &CountOutput, x: Tensor<2>) -> Tensor<2> {
    let [cells, features] = output.h.dims();
    // m = s softmax(h) = s e^(h - ln Σ e^h)
    let (h, mean_link) = match output.mean_link {
        MeanLink::Softmax => (activation::log_softmax(output.h.clone(), 1), MeanLink::Exp),
        other => (output.h.clone(), other),
    };
    let nothing = Tensor::<2>::zeros([1, 1], &output.h.device().inner()).into_dispatch();
    let theta = output.dispersion.as_ref().map(|d| {
        let raw = d.rows.select(d.raw.clone());
        raw.expand([cells, features]).into_dispatch()
    });
    let options = EntryOptions {
        family: output.family(),
        mean_link,
        theta_link: output
            .dispersion
            .as_ref()
            .map_or(ThetaLink::Exp, |d| d.link),
    };
    let negative = x.clone().lower_elem(0.0);
    let ll = Tensor::<2>::from_dispatch(<Dispatch as EntryOps>::count_ll(
        h.into_dispatch(),
        theta.unwrap_or_else(|| nothing.clone()),
        output.logit.clone().map_or(nothing, Tensor::into_dispatch),
        output.scale.clone().without_autodiff().into_dispatch(),
        x.without_autodiff().into_dispatch(),
        options,
    ));
    ll.mask_fill(negative, f32::NAN)
}
