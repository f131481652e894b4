//! A linear classifier of cells, beside the models.

use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{GradientsParams, LBFGSConfig, LineSearchFn};
use burn::tensor::{Device, Tensor, TensorData};
use sc_io::Dense;
use serde::{Deserialize, Serialize};

/// Weight of the squares of the weights, divided by the number of cells.
const PENALTY: f64 = 0.1;
/// Steps of the optimiser at most.
const STEPS: usize = 200;

/// Multinomial logistic regression: `p = softmax(x W + b)` with the `W`, `b` that minimise
///
/// ```text
/// sum over cells of -ln p[class] + 0.05 |W|^2
/// ```
///
/// by L-BFGS from zero, on the CPU: the problem is convex, so that neither seed nor order matter, and the same as scikit-learn's with `C = 10`. What leading
/// directions tell apart, a network of the same cells has to find again from a random start; on few cells it does so less well.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LinearClassifier {
    /// `[width, n_classes]`
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl LinearClassifier {
    /// Fits it to cells `[cells, width]` with a class each, below `n_classes`.
    pub fn fit(x: &Dense, classes: &[usize], n_classes: usize) -> Self {
        let device = Device::flex().autodiff();
        let mut linear = LinearConfig::new(x.n_cols(), n_classes)
            .with_initializer(burn::nn::Initializer::Zeros)
            .init(&device);
        let n = classes.len().max(1) as f64;
        let of: Vec<i64> = classes.iter().map(|&c| c as i64).collect();
        let of = Tensor::from_data(TensorData::from(&of[..]), &device);
        let x = tensor(x, &device);
        let loss = CrossEntropyLossConfig::new().init(&device);
        let mut optimiser = LBFGSConfig::new()
            .with_max_iter(STEPS)
            .with_history_size(10)
            .with_line_search_fn(LineSearchFn::StrongWolfe)
            .init();
        (linear, _) = optimiser.step(1.0, linear, |linear: Linear| {
            let fit = loss.forward(linear.forward(x.clone()), of.clone());
            let squares = linear.weight.val().square().sum();
            let loss = fit + squares.mul_scalar(0.5 * PENALTY / n);
            let gradients = GradientsParams::from_grads(loss.backward(), &linear);
            (loss.into_scalar::<f64>(), gradients)
        });
        let values = |x: TensorData| x.iter::<f32>().collect();
        Self {
            weights: values(linear.weight.val().into_data()),
            bias: linear
                .bias
                .map_or(vec![0.0; n_classes], |b| values(b.val().into_data())),
        }
    }

    /// Probabilities of the classes, `[cells, n_classes]`.
    pub fn probabilities(&self, x: &Dense) -> Dense {
        let n_classes = self.bias.len();
        let mut out = Dense::zeros(x.n_rows(), n_classes);
        for row in 0..x.n_rows() {
            let p = out.row_mut(row);
            p.copy_from_slice(&self.bias);
            for (&v, weights) in x
                .row(row)
                .iter()
                .zip(self.weights.chunks_exact(n_classes.max(1)))
            {
                p.iter_mut().zip(weights).for_each(|(p, w)| *p += v * w);
            }
            let top = p.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            p.iter_mut().for_each(|v| *v = (*v - top).exp());
            let sum: f32 = p.iter().sum();
            p.iter_mut().for_each(|v| *v /= sum);
        }
        out
    }
}

fn tensor(x: &Dense, device: &Device) -> Tensor<2> {
    let data = TensorData::new(x.values().to_vec(), [x.n_rows(), x.n_cols()]);
    Tensor::from_data(data, device)
}

/// The geometric mean of probabilities, scaled to sum to 1: both must believe in a class.
pub(super) fn both(a: &Dense, b: &Dense) -> Dense {
    let mut p = a.clone();
    for row in 0..p.n_rows() {
        let pairs = p.row_mut(row).iter_mut().zip(b.row(row));
        pairs.for_each(|(a, b)| *a = (a.max(1e-12) * b.max(1e-12)).sqrt());
        let sum: f32 = p.row(row).iter().sum();
        p.row_mut(row).iter_mut().for_each(|v| *v /= sum);
    }
    p
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its gradient is zero, and scikit-learn's `LogisticRegression(C=10)` says the same of the same cells.
    #[test]
    fn it_is_the_optimum() {
        let n = 60;
        let value =
            |i: usize, j: usize| ((i * 7 + j * 13) as f32 * 0.61).sin() + (i % 3 == j) as u8 as f32;
        let x: Vec<f32> = (0..n).flat_map(|i| [value(i, 0), value(i, 1)]).collect();
        let x = Dense::new(n, 2, x).unwrap();
        let classes: Vec<usize> = (0..n).map(|i| i % 3).collect();
        let found = LinearClassifier::fit(&x, &classes, 3);
        let p = found.probabilities(&x);
        let w = &found.weights;
        for c in 0..3 {
            let off = |i: usize| p.row(i)[c] - (classes[i] == c) as u8 as f32;
            for j in 0..2 {
                let slope: f32 = (0..n).map(|i| off(i) * x.row(i)[j]).sum();
                assert!(
                    (slope + PENALTY as f32 * w[j * 3 + c]).abs() < 2e-3,
                    "{slope}"
                );
            }
            assert!((0..n).map(off).sum::<f32>().abs() < 2e-3);
        }
        let wanted = [
            [0.31529, 0.58224, 0.10248],
            [0.00729, 0.31773, 0.67497],
            [0.73133, 0.02018, 0.24849],
        ];
        for (row, wanted) in wanted.iter().enumerate() {
            for (p, wanted) in p.row(row).iter().zip(wanted) {
                assert!((p - wanted).abs() < 1e-3, "{row}: {p}, {wanted}");
            }
        }
    }

    #[test]
    fn both_must_believe() {
        let p = |v: [f32; 3]| Dense::new(1, 3, v.to_vec()).unwrap();
        let found = both(&p([0.9, 0.1, 0.0]), &p([0.4, 0.1, 0.5]));
        assert!(
            (found.row(0)[0] - 0.6 / 0.7).abs() < 1e-3,
            "{:?}",
            found.row(0)
        );
        assert!(found.row(0)[2] < 1e-3);
    }
}
