//! Poisson, negative binomial and zero-inflated negative binomial counts of a batch.

use burn::tensor::{Tensor, activation};
use flex_slices::served;

#[cfg(feature = "gpu")]
use super::cube;
use super::ops::{CountOptions, CountTensors, RowMap, TargetValues, count_nll};
use super::{BatchLikelihood, Nll, Targets, Weights, predictive, reference};
use crate::kernel::{Family, MeanLink, ThetaLink};

/// The inverse dispersion of a batch.
#[derive(Clone, Debug)]
pub struct Dispersion {
    /// Raw parameter, `[rows, features]`: one row (per feature), one per group (per feature and batch) or one per cell.
    pub raw: Tensor<2>,
    /// From the raw parameter to the inverse dispersion.
    pub link: ThetaLink,
    /// Which row a cell takes.
    pub rows: RowMap,
}

impl Dispersion {
    /// `theta = e^raw`, one per feature: `raw` is `[features]`.
    pub fn per_feature(raw: Tensor<1>) -> Self {
        Self {
            raw: raw.unsqueeze(),
            link: ThetaLink::Exp,
            rows: RowMap::One,
        }
    }

    /// `theta = e^raw`, one per cell and feature: `raw` is `[cells, features]`.
    pub fn per_cell(raw: Tensor<2>) -> Self {
        Self {
            raw,
            link: ThetaLink::Exp,
            rows: RowMap::Each,
        }
    }

    /// `theta = e^raw`, one per group and feature: `raw` is `[groups, features]`, `group` `[cells]`.
    pub fn per_group(raw: Tensor<2>, group: impl Into<std::sync::Arc<[u32]>>) -> Self {
        Self {
            raw,
            link: ThetaLink::Exp,
            rows: RowMap::Groups(group.into()),
        }
    }

    /// The inverse dispersion, `[cells, features]` or `[1, features]`.
    pub fn theta(&self) -> Tensor<2> {
        let raw = self.rows.select(self.raw.clone());
        match self.link {
            ThetaLink::Exp => raw.exp(),
            ThetaLink::Softplus => reference::softplus(raw),
            ThetaLink::Identity => raw,
        }
    }
}

/// What a network puts out for counts: raw outputs and how to read them.
///
/// Poisson without a dispersion, negative binomial with one, zero-inflated with logits besides:
///
/// ```text
/// m = s softmax(h) | s e^h | s ln(1 + e^h) | s h          s = library size or size factor of the cell
/// t = e^raw | ln(1 + e^raw) | raw                          pi = 1 / (1 + e^-logit)
/// ```
///
/// On Flex value and gradients of the loss come from one pass over the batch, and targets that are sparse stay so. With a
/// GPU feature the devices of CubeCL have a kernel for the entries, in `f32`; elsewhere [`mod@reference`] runs.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use zinb::kernel::MeanLink;
/// use zinb::tensor::{BatchLikelihood, CountOutput, Dispersion, Targets, Weights};
///
/// let device = Device::flex().autodiff();
/// let h = Tensor::<2>::from_data([[0.0f32, 1.0, -1.0], [0.5, 0.0, 0.0]], &device).require_grad();
/// let counts = Tensor::<2>::from_data([[0.0f32, 3.0, 0.0], [1.0, 0.0, 0.0]], &device);
/// let zinb = CountOutput {
///     h: h.clone(),
///     mean_link: MeanLink::Softmax,
///     scale: counts.clone().sum_dim(1).squeeze_dim(1), // library sizes
///     dispersion: Some(Dispersion::per_feature(Tensor::zeros([3], &device))),
///     logit: Some(Tensor::zeros([2, 3], &device)),
/// };
/// let nll = zinb.nll(&Targets::Dense(counts), &Weights::mean_over_cells());
/// let gradient = h.grad(&nll.loss.backward()).expect("h is tracked");
/// assert_eq!(gradient.dims(), [2, 3]);
/// ```
#[derive(Clone, Debug)]
pub struct CountOutput {
    /// For the mean, `[cells, features]`.
    pub h: Tensor<2>,
    /// From `h` to the mean.
    pub mean_link: MeanLink,
    /// Library size (softmax) or size factor of each cell, `[cells]`; a constant.
    pub scale: Tensor<1>,
    /// Inverse dispersion; `None` for Poisson counts.
    pub dispersion: Option<Dispersion>,
    /// Logits of an extra zero, `[cells, features]`; `None` without extra zeros. Not with Poisson counts. Of
    /// probabilities: [`logit_of_probability`](super::logit_of_probability).
    pub logit: Option<Tensor<2>>,
}

impl CountOutput {
    /// Kind of counts.
    ///
    /// # Panics
    /// With logits but no dispersion.
    pub fn family(&self) -> Family {
        match (&self.dispersion, &self.logit) {
            (Some(_), Some(_)) => Family::Zinb,
            (Some(_), None) => Family::Nb,
            (None, None) => Family::Poisson,
            (None, Some(_)) => {
                panic!("extra zeros need a dispersion; take a large one for Poisson counts")
            }
        }
    }

    /// Mean of the count part, `[cells, features]`: without extra zeros.
    pub fn mu(&self) -> Tensor<2> {
        let scale = self.scale.clone().unsqueeze_dim::<2>(1);
        match self.mean_link {
            MeanLink::Softmax => activation::softmax(self.h.clone(), 1) * scale,
            MeanLink::Exp => self.h.clone().exp() * scale,
            MeanLink::Softplus => reference::softplus(self.h.clone()) * scale,
            MeanLink::Identity => self.h.clone() * scale,
        }
    }

    fn check(&self, targets: &Targets, weights: &Weights) {
        let [cells, features] = self.h.dims();
        assert_eq!(targets.dims(), [cells, features], "targets and `h`");
        assert_eq!(self.scale.dims(), [cells], "scales of {cells} cells");
        if let Some(logit) = &self.logit {
            assert_eq!(logit.dims(), [cells, features], "logits and `h`");
        }
        let rows = |what: &str, dims: [usize; 2], map: &RowMap| {
            assert_eq!(dims[1], features, "columns of the {what}");
            let fits = match map {
                RowMap::One => dims[0] == 1,
                RowMap::Each => dims[0] == cells,
                RowMap::Groups(g) => g.len() == cells && g.iter().all(|&g| (g as usize) < dims[0]),
            };
            assert!(
                fits,
                "{what}: {} rows for {cells} cells by {map:?}",
                dims[0]
            );
        };
        if let Some(d) = &self.dispersion {
            rows("dispersion", d.raw.dims(), &d.rows);
        }
        if let Some((w, map)) = &weights.features {
            rows("feature weights", w.dims(), map);
        }
        if let Some(w) = &weights.cells {
            assert_eq!(w.dims(), [cells], "weights of {cells} cells");
        }
    }
}

impl BatchLikelihood for CountOutput {
    fn nll(&self, targets: &Targets, weights: &Weights) -> Nll {
        self.clone().into_nll(targets, weights)
    }

    /// On Flex the gradients by `h` and `logit` take their memory where nothing else holds it.
    fn into_nll(self, targets: &Targets, weights: &Weights) -> Nll {
        self.check(targets, weights);
        let family = self.family();
        let cell_weights = weights.of_cells(&self.h);
        let (device, dtype) = (self.h.device(), self.h.dtype());
        #[cfg(feature = "gpu")]
        if cube::serves(&device, dtype) {
            return reference::count_nll(&self, targets, weights, cell_weights, cube::count_ll);
        }
        if !served(&device, dtype) {
            let ll = reference::count_ll;
            return reference::count_nll(&self, targets, weights, cell_weights, ll);
        }
        let (target, pattern) = TargetValues::of(targets);
        let (features, weight_rows) = match &weights.features {
            Some((w, rows)) => (Some(w.clone()), Some(rows.clone())),
            None => (None, None),
        };
        let (theta, theta_link, theta_rows) = match self.dispersion {
            Some(d) => (Some(d.raw), d.link, d.rows),
            None => (None, ThetaLink::Exp, RowMap::default()),
        };
        let options = CountOptions {
            family,
            mean_link: self.mean_link,
            theta_link,
            theta_rows,
            weight_rows,
            pattern,
            gradients: false,
        };
        let tensors = CountTensors {
            h: self.h,
            theta,
            logit: self.logit,
            scale: self.scale,
            target,
            weights: features,
            cells: cell_weights,
        };
        let (loss, per_cell) = count_nll(tensors, options);
        Nll { loss, per_cell }
    }

    /// With extra zeros `(1 - pi) m`.
    fn mean(&self) -> Tensor<2> {
        match &self.logit {
            None => self.mu(),
            Some(logit) => self.mu() * activation::sigmoid(-logit.clone()),
        }
    }

    /// `m + m²/t`; with extra zeros `(1 - pi) (m + m²/t + pi m²)`; of Poisson counts `m`.
    fn variance(&self) -> Tensor<2> {
        let m = self.mu();
        let Some(d) = &self.dispersion else {
            return m;
        };
        let square = m.clone() * m.clone();
        let v = m + square.clone() / d.theta();
        match &self.logit {
            None => v,
            Some(logit) => {
                let pi = activation::sigmoid(logit.clone());
                (v + square * pi) * activation::sigmoid(-logit.clone())
            }
        }
    }

    /// `pi + (1 - pi) (1 + m/t)^-t`; of Poisson counts `e^-m`.
    fn zero_probability(&self) -> Tensor<2> {
        let m = self.mu();
        let Some(d) = &self.dispersion else {
            return (-m).exp();
        };
        let theta = d.theta();
        let p0 = (-((m / theta.clone()).log1p() * theta)).exp();
        match &self.logit {
            None => p0,
            Some(logit) => {
                let pi = activation::sigmoid(logit.clone());
                pi + p0 * activation::sigmoid(-logit.clone())
            }
        }
    }

    fn sample(&self, seed: u64) -> Tensor<2> {
        predictive::sample_counts(self, seed)
    }
}
