//! The product and its gradients against dense sums, burn's dense product and differences.

mod common;

use burn::tensor::{DType, Tensor};
use common::*;
use proptest::prelude::*;
use sparse_ops::{CsrTensor, reference, sparse_linear};

/// `y = x W + b` with plain sums over a dense matrix.
fn product(case: &Case, weight: &[f64], bias: &[f64], width: usize) -> Vec<f64> {
    let ([rows, cols], x) = (case.dims, case.dense());
    let mut y = Vec::new();
    for r in 0..rows {
        for j in 0..width {
            let terms = (0..cols).map(|c| x[r * cols + c] * weight[c * width + j]);
            y.push(bias[j] + terms.sum::<f64>());
        }
    }
    y
}

/// Output and gradients of weight and bias of `sum(y ∘ g)`.
fn run(
    forward: impl Fn(Tensor<2>, Option<Tensor<1>>) -> Tensor<2>,
    [weight, bias, g]: [&[f64]; 3],
    width: usize,
    dtype: DType,
) -> [Vec<f64>; 3] {
    let weight = tensor(weight, [weight.len() / width, width], dtype).require_grad();
    let bias = tensor(bias, [width], dtype).require_grad();
    let y = forward(weight.clone(), Some(bias.clone()));
    let g = tensor(g, y.dims(), dtype);
    let grads = (y.clone() * g).sum().backward();
    [
        values(y),
        values(weight.grad(&grads).expect("weight")),
        values(bias.grad(&grads).expect("bias")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn product_and_gradients_equal_the_dense_ones(case in cases(), width in 1usize..150) {
        let [rows, cols] = case.dims;
        let weight = wave(cols * width, 1.0, 1.5);
        let bias = wave(width, 2.0, 1.0);
        let g = wave(rows * width, 3.0, 1.0);
        for (dtype, tolerance) in TYPES {
            let x = case.tensor(dtype);
            let dense = tensor(&case.dense(), case.dims, dtype);
            let data = [&weight[..], &bias, &g];
            let sparse = run(|w, b| sparse_linear(&x, w, b), data, width, dtype);
            let plain = run(|w, b| reference::sparse_linear(&x, w, b), data, width, dtype);
            let wanted = run(
                |w, b| dense.clone().matmul(w) + b.expect("bias").unsqueeze_dim::<2>(0),
                data,
                width,
                dtype,
            );
            assert_close("sums", &sparse[0], &product(&case, &weight, &bias, width), tolerance);
            for (i, what) in ["product", "gradient of weight", "gradient of bias"].into_iter().enumerate() {
                assert_close(what, &sparse[i], &wanted[i], tolerance);
                assert_close(what, &plain[i], &wanted[i], tolerance);
            }
        }
    }
}

#[test]
fn gradients_match_central_differences() {
    let case = Case::fixed([9, 12], 4);
    let width = 11;
    let x = case.tensor(DType::F64);
    let (weight, bias) = (wave(12 * width, 1.0, 0.3), wave(width, 2.0, 0.2));
    let g = tensor(&wave(9 * width, 3.0, 1.0), [9, width], DType::F64);
    let loss = |w: Tensor<2>, b: Tensor<1>| {
        let y = sparse_linear(&x, w, Some(b));
        (y.tanh() * g.clone()).sum()
    };
    let at = |w: &[f64], b: &[f64]| {
        let (w, b) = (
            tensor(w, [12, width], DType::F64),
            tensor(b, [width], DType::F64),
        );
        values(loss(w, b))[0]
    };
    let differences = |x: &[f64], loss: &dyn Fn(&[f64]) -> f64| -> Vec<f64> {
        let step = 1e-5;
        let moved = |i: usize, by: f64| {
            let mut x = x.to_vec();
            x[i] += by;
            loss(&x)
        };
        (0..x.len())
            .map(|i| (moved(i, step) - moved(i, -step)) / (2.0 * step))
            .collect()
    };
    let w = tensor(&weight, [12, width], DType::F64).require_grad();
    let b = tensor(&bias, [width], DType::F64).require_grad();
    let grads = loss(w.clone(), b.clone()).backward();
    let wanted = differences(&weight, &|w| at(w, &bias));
    assert_close(
        "weight",
        &values(w.grad(&grads).expect("weight")),
        &wanted,
        1e-8,
    );
    let wanted = differences(&bias, &|b| at(&weight, b));
    assert_close(
        "bias",
        &values(b.grad(&grads).expect("bias")),
        &wanted,
        1e-8,
    );
}

#[test]
fn views_and_missing_parts_are_served() {
    let case = Case::fixed([8, 15], 5);
    let x = case.tensor(DType::F64);
    let stored = tensor(&wave(6 * 30, 1.0, 1.0), [6, 30], DType::F64).require_grad();
    // The second half of a transposed matrix: neither contiguous nor at the start.
    let dense = tensor(&case.dense(), case.dims, DType::F64);
    let [found, wanted] = [true, false].map(|sparse| {
        let weight = stored.clone().transpose().narrow(0, 15, 15);
        let y = if sparse {
            sparse_linear(&x, weight, None)
        } else {
            dense.clone().matmul(weight)
        };
        let grads = y.clone().powi_scalar(2).sum().backward();
        (values(y), values(stored.grad(&grads).expect("stored")))
    });
    assert_close("view", &found.0, &wanted.0, 1e-12);
    assert_close("gradient of the view", &found.1, &wanted.1, 1e-12);

    // Only the bias is tracked, seen through an expanded gradient.
    let weight = tensor(&wave(15 * 6, 2.0, 1.0), [15, 6], DType::F64);
    let bias = tensor(&wave(6, 1.0, 1.0), [6], DType::F64).require_grad();
    let grads = sparse_linear(&x, weight.clone(), Some(bias.clone()))
        .sum()
        .backward();
    assert_eq!(values(bias.grad(&grads).expect("bias")), [8.0; 6]);
    assert!(weight.grad(&grads).is_none());

    // Nothing is tracked.
    let plain = sparse_linear(&x, weight.inner(), None);
    assert!(!plain.is_autodiff());
}

#[test]
fn no_rows_give_no_rows() {
    let x = CsrTensor::from_slices::<f32>([0, 3], &[0], &[], &[], &device()).expect("valid");
    let weight = Tensor::<2>::ones([3, 4], &device()).require_grad();
    let y = sparse_linear(&x, weight.clone(), None);
    assert_eq!(y.dims(), [0, 4]);
    assert_eq!(x.to_dense().dims(), [0, 3]);
    assert_eq!(x.row_sums().dims(), [0]);
}

#[test]
fn values_of_an_autodiff_graph_become_a_constant() {
    let tracked = tensor(&[1.0, 2.0], [2], DType::F32).require_grad();
    let pattern = Case::new([1, 2], vec![vec![(0, 1.0), (1, 2.0)]]).pattern();
    let x = CsrTensor::new(pattern.into(), tracked.clone()).expect("valid");
    assert!(!x.device().is_autodiff());
    let weight = tensor(&[3.0, 4.0], [2, 1], DType::F32).require_grad();
    let y = sparse_linear(&x, weight.clone(), None);
    let grads = y.sum().backward();
    assert!(tracked.grad(&grads).is_none());
    assert_eq!(values(weight.grad(&grads).expect("weight")), [1.0, 2.0]);
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    // Large enough for several pieces of work in every kernel.
    let case = Case::fixed([600, 500], 60);
    let width = 203;
    let weight = wave(500 * width, 1.0, 1.0);
    let bias = wave(width, 2.0, 1.0);
    let g = wave(600 * width, 3.0, 1.0);
    let all = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        pool.install(|| {
            let x = case.tensor(DType::F32).log_normalize(1e4);
            let data = [&weight[..], &bias, &g];
            let out = run(|w, b| sparse_linear(&x, w, b), data, width, DType::F32);
            (values(x.values()), values(x.to_dense()), out)
        })
    };
    let one = all(1);
    assert!(one == all(2), "two threads");
    assert!(one == all(3), "three threads");
}

#[test]
#[should_panic(expected = "`x` has 3 columns, `weight` 4 rows")]
fn shapes_must_fit() {
    let x = CsrTensor::from_slices([1, 3], &[0, 1], &[2], &[1.0f32], &device()).expect("valid");
    sparse_linear(&x, Tensor::ones([4, 2], &device()), None);
}

#[test]
#[should_panic(expected = "element types of `x` and `weight`")]
fn element_types_must_agree() {
    let x = Case::fixed([2, 3], 1).tensor(DType::F64);
    sparse_linear(&x, Tensor::ones([3, 2], &device()), None);
}

/// Rows that are too wide to stay near are gathered in parts: with the bits of the parts by themselves.
#[test]
fn wide_products_equal_those_of_their_columns() {
    let case = Case::fixed([40, 1500], 7);
    let width = 301;
    for (dtype, _) in TYPES {
        let x = case.tensor(dtype);
        let weight = tensor(&wave(1500 * width, 1.0, 1.5), [1500, width], dtype);
        let bias = tensor(&wave(width, 2.0, 1.0), [width], dtype);
        let whole = values(sparse_linear(&x, weight.clone(), Some(bias.clone())));
        for columns in [0..5, 100..230, 128..256, 250..301] {
            let (from, n) = (columns.start, columns.len());
            let (weight, bias) = (
                weight.clone().narrow(1, from, n),
                bias.clone().narrow(0, from, n),
            );
            let part = values(sparse_linear(&x, weight, Some(bias)));
            for (row, part) in part.chunks(n).enumerate() {
                let wanted = &whole[row * width + from..][..n];
                assert!(
                    part.iter()
                        .zip(wanted)
                        .all(|(a, b)| a.to_bits() == b.to_bits()),
                    "{columns:?} of {row}"
                );
            }
        }
    }
}
