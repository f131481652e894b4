//! Squared errors: the kernel against tensor operations and finite differences.

use burn::tensor::{DType, Device, Tensor};
use zinb::kernel::ValueLink;
use zinb::tensor::{BatchLikelihood, SquaredOutput, Targets, Weights};

use super::{CELLS, GENES, close, counts, sparse, tensor, values, wave, weights};

const LINKS: [ValueLink; 3] = [ValueLink::Identity, ValueLink::Relu, ValueLink::Sigmoid];

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
    link: ValueLink,
    targets: &Targets,
    weights: &Weights,
    raw: Tensor<2>,
) -> [Vec<f64>; 3] {
    let raw = raw.require_grad();
    let output = SquaredOutput {
        raw: raw.clone(),
        link,
    };
    let nll = output.into_nll(targets, weights);
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
        for link in LINKS {
            for w in [Weights::default(), cell_weights(&device, dtype)] {
                let leaf = raw(&device, dtype).require_grad();
                let mean = SquaredOutput {
                    raw: leaf.clone(),
                    link,
                };
                let error = mean.mean() - x.clone();
                let per_cell: Tensor<1> = (error.square() * 0.5).sum_dim(1).squeeze_dim(1);
                let loss = match &w.cells {
                    Some(w) => (per_cell.clone() * w.clone()).sum(),
                    None => per_cell.clone().mean(),
                };
                let grads = (loss.clone() * 0.25).backward();
                let gradient = leaf.grad(&grads).unwrap();
                let expected = [values(loss), values(per_cell), values(gradient)];
                let dense = Targets::Dense(x.clone());
                let found = evaluate(link, &dense, &w, raw(&device, dtype));
                for (found, expected) in found.iter().zip(&expected) {
                    close(found, expected, tolerance, &format!("{link:?} {dtype:?}"));
                }
                let sparse = Targets::Sparse(sparse(&device, dtype));
                assert_eq!(found, evaluate(link, &sparse, &w, raw(&device, dtype)));
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
    for link in LINKS {
        let [_, _, gradient] = evaluate(link, &targets, &w, raw(&device, DType::F64));
        for at in (0..CELLS * GENES).step_by(7) {
            let moved = |by: f64| {
                let mut all = values(raw(&device, DType::F64));
                all[at] += by;
                let all = tensor(all, [CELLS, GENES], &device, DType::F64);
                evaluate(link, &targets, &w, all)[0][0]
            };
            let slope = (moved(STEP) - moved(-STEP)) / (2.0 * STEP) * 0.25;
            assert!(
                (slope - gradient[at]).abs() < 1e-6,
                "{link:?}: {slope} and {}",
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
        evaluate(ValueLink::Sigmoid, &targets, &w, raw(&device, DType::F64))
    };
    let before = evaluated(x.clone());
    let hidden = (0..x.len()).filter(|&i| off[i] == 0.0);
    let hidden: Vec<usize> = hidden.collect();
    assert!(hidden.len() > 100);
    hidden.iter().for_each(|&i| x[i] = f64::NAN);
    let after = evaluated(x);
    assert_eq!(before, after);
    assert!(hidden.iter().all(|&i| after[2][i] == 0.0));
}

#[test]
fn what_is_no_number_is_not_hidden() {
    let device = Device::flex().autodiff();
    for dtype in [DType::F32, DType::F64] {
        let mut all = values(raw(&device, dtype));
        all[GENES + 3] = f64::NAN;
        let raw = tensor(all, [CELLS, GENES], &device, dtype);
        let targets = Targets::Sparse(sparse(&device, dtype));
        for link in LINKS {
            let [loss, per_cell, gradient] =
                evaluate(link, &targets, &Weights::default(), raw.clone());
            assert!(loss[0].is_nan() && gradient[GENES + 3].is_nan(), "{link:?}");
            let bad = per_cell.iter().filter(|v| v.is_nan()).count();
            assert!(per_cell[1].is_nan() && bad == 1, "{link:?}");
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
