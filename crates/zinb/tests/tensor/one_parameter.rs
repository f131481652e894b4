//! One parameter per value: the kernel against tensor operations and finite differences.

use burn::tensor::{DType, Device, Tensor};
use zinb::kernel::{ValueFamily, ValueLink};
use zinb::tensor::{BatchLikelihood, BernoulliOutput, SquaredOutput, Targets, Weights};

use super::{CELLS, GENES, close, counts, sparse, tensor, values, wave, weights};

const FAMILIES: [ValueFamily; 4] = [
    ValueFamily::Squared(ValueLink::Identity),
    ValueFamily::Squared(ValueLink::Relu),
    ValueFamily::Squared(ValueLink::Sigmoid),
    ValueFamily::Bernoulli,
];

fn cell_weights(device: &Device, dtype: DType) -> Weights {
    Weights {
        features: None,
        ..weights(device, dtype)
    }
}

fn raw(device: &Device, dtype: DType) -> Tensor<2> {
    tensor(
        wave(CELLS * GENES, 0.7)
            .into_iter()
            .map(|x| 4.0 * x)
            .collect(),
        [CELLS, GENES],
        device,
        dtype,
    )
}

/// Loss, losses of the cells, gradient.
fn evaluate(
    family: ValueFamily,
    targets: &Targets,
    weights: &Weights,
    raw: Tensor<2>,
) -> [Vec<f64>; 3] {
    let raw = raw.require_grad();
    let own = raw.clone();
    let nll = match family {
        ValueFamily::Squared(link) => SquaredOutput { raw: own, link }.into_nll(targets, weights),
        ValueFamily::Bernoulli => BernoulliOutput { logit: own }.into_nll(targets, weights),
    };
    // A factor, as a weighted sum of losses has one.
    let grads = (nll.loss.clone() * 0.25).backward();
    let gradient = raw.grad(&grads).unwrap();
    [values(nll.loss), values(nll.per_cell), values(gradient)]
}

#[test]
fn the_kernel_equals_tensor_operations_for_dense_and_sparse_values() {
    let device = Device::flex().autodiff();
    for (dtype, tolerance) in [(DType::F64, 1e-13), (DType::F32, 2e-6)] {
        let x = tensor(counts(), [CELLS, GENES], &device, dtype);
        for family in FAMILIES {
            for w in [Weights::default(), cell_weights(&device, dtype)] {
                let leaf = raw(&device, dtype).require_grad();
                let raw_values = leaf.clone();
                let nll = match family {
                    ValueFamily::Squared(link) => {
                        let mean = SquaredOutput {
                            raw: raw_values,
                            link,
                        };
                        (mean.mean() - x.clone()).square() * 0.5
                    }
                    ValueFamily::Bernoulli => {
                        (raw_values.clone().exp() + 1.0).log() - x.clone() * raw_values
                    }
                };
                let per_cell: Tensor<1> = nll.sum_dim(1).squeeze_dim(1);
                let loss = match &w.cells {
                    Some(w) => (per_cell.clone() * w.clone()).sum(),
                    None => per_cell.clone().mean(),
                };
                let grads = (loss.clone() * 0.25).backward();
                let gradient = leaf.grad(&grads).unwrap();
                let expected = [values(loss), values(per_cell), values(gradient)];
                let dense = Targets::Dense(x.clone());
                let found = evaluate(family, &dense, &w, raw(&device, dtype));
                for (found, expected) in found.iter().zip(&expected) {
                    close(found, expected, tolerance, &format!("{family:?} {dtype:?}"));
                }
                let sparse = Targets::Sparse(sparse(&device, dtype));
                assert_eq!(found, evaluate(family, &sparse, &w, raw(&device, dtype)));
            }
        }
    }
}

#[test]
fn gradients_are_differences_of_the_loss() {
    const STEP: f64 = 1e-5;
    let device = Device::flex().autodiff();
    let targets = Targets::Sparse(sparse(&device, DType::F64));
    let w = cell_weights(&device, DType::F64);
    for family in FAMILIES {
        let [_, _, gradient] = evaluate(family, &targets, &w, raw(&device, DType::F64));
        for at in (0..CELLS * GENES).step_by(7) {
            let moved = |by: f64| {
                let mut all = values(raw(&device, DType::F64));
                all[at] += by;
                let all = tensor(all, [CELLS, GENES], &device, DType::F64);
                evaluate(family, &targets, &w, all)[0][0]
            };
            let slope = (moved(STEP) - moved(-STEP)) / (2.0 * STEP) * 0.25;
            assert!(
                (slope - gradient[at]).abs() < 1e-6,
                "{family:?}: {slope} and {}",
                gradient[at]
            );
        }
    }
}

/// What has weight 0 may be anything and has no gradient.
#[test]
fn features_may_have_weights() {
    let device = Device::flex().autodiff();
    let w = weights(&device, DType::F64);
    let (of_features, rows) = w.features.clone().unwrap();
    let of_features = of_features.select(
        0,
        Tensor::from_data(
            burn::tensor::TensorData::new((0..CELLS as i32).map(|i| i % 2).collect(), [CELLS]),
            &device,
        ),
    );
    assert!(!matches!(rows, zinb::tensor::RowMap::One));
    let off = values(of_features);
    let mut x = counts();
    let evaluated = |x: Vec<f64>| {
        let targets = Targets::Dense(tensor(x, [CELLS, GENES], &device, DType::F64));
        FAMILIES.map(|family| evaluate(family, &targets, &w, raw(&device, DType::F64)))
    };
    let before = evaluated(x.clone());
    let hidden = (0..x.len()).filter(|&i| off[i] == 0.0);
    let hidden: Vec<usize> = hidden.collect();
    assert!(hidden.len() > 100);
    hidden.iter().for_each(|&i| x[i] = f64::NAN);
    let after = evaluated(x);
    assert_eq!(before, after);
    for [_, _, gradient] in after {
        assert!(hidden.iter().all(|&i| gradient[i] == 0.0));
    }
}

#[test]
fn what_is_no_number_is_not_hidden() {
    let device = Device::flex().autodiff();
    for dtype in [DType::F32, DType::F64] {
        let mut all = values(raw(&device, dtype));
        all[GENES + 3] = f64::NAN;
        let raw = tensor(all, [CELLS, GENES], &device, dtype);
        let targets = Targets::Sparse(sparse(&device, dtype));
        for family in FAMILIES {
            let [loss, per_cell, gradient] =
                evaluate(family, &targets, &Weights::default(), raw.clone());
            assert!(
                loss[0].is_nan() && gradient[GENES + 3].is_nan(),
                "{family:?}"
            );
            let bad = per_cell.iter().filter(|v| v.is_nan()).count();
            assert!(per_cell[1].is_nan() && bad == 1, "{family:?}");
        }
    }
}

#[test]
fn log_odds_keep_both_tails() {
    let device = Device::flex().autodiff();
    for (dtype, tolerance) in [(DType::F32, 1e-6), (DType::F64, 1e-14)] {
        for logit in [-80.0, -30.0, -1e-3, 0.0, 2.0, 30.0, 80.0] {
            for x in [0.0, 1.0] {
                let output = tensor(vec![logit], [1, 1], &device, dtype);
                let targets = Targets::Dense(tensor(vec![x], [1, 1], &device, dtype));
                let [loss, _, _] = evaluate(
                    ValueFamily::Bernoulli,
                    &targets,
                    &Weights::default(),
                    output,
                );
                // ln(1 + e^l) of the odds against what was seen.
                let against: f64 = if x == 1.0 { -logit } else { logit };
                let expected = against.max(0.0) + (-against.abs()).exp().ln_1p();
                close(
                    &loss,
                    &[expected],
                    tolerance,
                    &format!("{logit} {x} {dtype:?}"),
                );
            }
        }
    }
}

#[test]
fn draws_have_variance_1() {
    let device = Device::flex();
    let output = SquaredOutput {
        raw: raw(&device, DType::F64),
        link: ValueLink::Relu,
    };
    let mean = values(output.mean());
    let draws: Vec<Vec<f64>> = (0..40).map(|seed| values(output.sample(seed))).collect();
    let errors = draws
        .iter()
        .flat_map(|d| d.iter().zip(&mean).map(|(x, m)| (x - m).powi(2)));
    let variance = errors.sum::<f64>() / (40 * mean.len()) as f64;
    assert!((variance - 1.0).abs() < 0.03, "{variance}");
    assert!(values(output.variance()).iter().all(|v| *v == 1.0));
}
