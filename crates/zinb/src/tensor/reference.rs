//! The likelihood of counts in ordinary tensor operations: what backends without a kernel run, and what the kernel is
//! compared with. Differentiated by burn.
//!
//! The logarithm of Γ is only ever needed in differences, which are taken before they are computed: see
//! [`lgamma_difference`].

use burn::tensor::Tensor;

use super::{CountOutput, Nll, Targets, Weights};

/// `ln(1 + e^x)`; no threshold beyond which the gradient is lost, and at 0 it is 1/2.
pub fn softplus(x: Tensor<2>) -> Tensor<2> {
    let size = x.clone().abs();
    (x + size.clone()) * 0.5 + (-size).exp().log1p()
}

/// `ln Γ(t + x) - ln Γ(t)` for t > 0, x >= 0, without the logarithm's part `x ln(t + x + 8)`, which is returned
/// beside it: `[rest, t + x + 8]`. Both arguments are shifted by 8 and Stirling's series is subtracted term by term.
pub fn lgamma_difference(t: Tensor<2>, x: Tensor<2>) -> [Tensor<2>; 2] {
    const SHIFT: usize = 8;
    let n = t.clone() + x.clone();
    // Γ(t + 8) / Γ(t) = t (t + 1) ... (t + 7)
    let mut shifts = None;
    for k in 0..SHIFT {
        let ratio = (x.clone() / (t.clone() + k as f64)).log1p();
        shifts = Some(match shifts {
            None => ratio,
            Some(sum) => sum + ratio,
        });
    }
    let (t8, n8) = (t + SHIFT as f64, n + SHIFT as f64);
    let series = |z: Tensor<2>| {
        let r = z.recip();
        let square = r.clone() * r.clone();
        r * (square.clone() * (square * (1.0 / 1260.0) - 1.0 / 360.0) + 1.0 / 12.0)
    };
    let rest =
        (t8.clone() - 0.5) * (x.clone() / t8.clone()).log1p() - x + series(n8.clone()) - series(t8);
    let rest = match shifts {
        Some(shifts) => rest - shifts,
        None => rest,
    };
    [rest, n8]
}

/// Log-likelihood of every entry, `[cells, features]`; NaN for negative counts.
pub fn count_ll(output: &CountOutput, x: Tensor<2>) -> Tensor<2> {
    let negative = x.clone().lower_elem(0.0);
    ll_of_counts(output, x).mask_fill(negative, f32::NAN)
}

fn ll_of_counts(output: &CountOutput, x: Tensor<2>) -> Tensor<2> {
    let m = output.mu();
    // What is not a positive count must not reach a logarithm, whose gradient would be NaN.
    let safe = x.clone().mask_fill(x.clone().lower_equal_elem(0.0), 1.0);
    let [factorial, n1] = lgamma_difference(safe.ones_like(), safe.clone());
    let Some(d) = &output.dispersion else {
        let log = (m.clone() / n1).log() * safe - factorial;
        return log.mask_fill(x.equal_elem(0.0), 0.0) - m;
    };
    let [cells, features] = m.dims();
    let t = d.theta().expand([cells, features]);
    let nothing = (m.clone() / t.clone()).log1p() * t.clone(); // -ln p0
    let [coefficient, n] = lgamma_difference(t.clone(), safe.clone());
    let share = m.clone() / (t + m);
    let counted = (n / n1 * share).log() * safe + coefficient - factorial - nothing.clone();
    let zero = x.equal_elem(0.0);
    match &output.logit {
        None => counted.mask_where(zero, -nothing),
        Some(l) => {
            let counted = counted - softplus(l.clone());
            // softplus(-l - nothing) - softplus(-l)
            let empty = softplus(-nothing - l.clone()) - softplus(-l.clone());
            counted.mask_where(zero, empty)
        }
    }
}

/// As `CountOutput::nll`, given the log-likelihood of entries.
pub(super) fn count_nll(
    output: &CountOutput,
    targets: &Targets,
    weights: &Weights,
    cell_weights: Tensor<1>,
    count_ll: impl Fn(&CountOutput, Tensor<2>) -> Tensor<2>,
) -> Nll {
    let device = output.h.device();
    let x = targets.to_dense().to_device(&device);
    let ll = match &weights.features {
        None => count_ll(output, x),
        Some((w, rows)) => {
            let [cells, features] = output.h.dims();
            let w = rows.select(w.clone().without_autodiff()).to_device(&device);
            let w = w.expand([cells, features]);
            let off = w.clone().equal_elem(0.0);
            // What is not looked at may be anything.
            let x = x.mask_fill(off.clone(), 0.0);
            (count_ll(output, x) * w).mask_fill(off, 0.0)
        }
    };
    let per_cell: Tensor<1> = -ll.sum_dim(1).squeeze_dim::<1>(1);
    let loss = (per_cell.clone() * cell_weights.to_device(&device)).sum();
    Nll {
        loss,
        per_cell: per_cell.without_autodiff(),
    }
}
