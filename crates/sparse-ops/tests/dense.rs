//! The dense linear map against burn's, to the bit where operands are contiguous.

mod common;

use burn::tensor::{DType, Tensor, module::linear};
use common::*;
use proptest::prelude::*;
use sparse_ops::dense_linear;

type Map = fn(Tensor<2>, Tensor<2>, Option<Tensor<1>>) -> Tensor<2>;

/// Output and gradients of `x`, weight and bias of `sum(y ∘ g)`. `turned`: `x` and the weight are transposed views.
fn run(map: Map, [m, k, n]: [usize; 3], bias: bool, turned: bool, dtype: DType) -> Vec<Vec<f64>> {
    let matrix = |rows: usize, cols: usize, seed: f64| {
        let values = wave(rows * cols, seed, 1.3);
        match turned {
            false => tensor(&values, [rows, cols], dtype).require_grad(),
            true => tensor(&values, [cols, rows], dtype).require_grad(),
        }
    };
    let view = |t: &Tensor<2>| match turned {
        false => t.clone(),
        true => t.clone().transpose(),
    };
    let (x, weight) = (matrix(m, k, 1.0), matrix(k, n, 2.0));
    let b = bias.then(|| tensor(&wave(n, 3.0, 1.0), [n], dtype).require_grad());
    let y = map(view(&x), view(&weight), b.clone());
    let g = tensor(&wave(m * n, 4.0, 1.0), [m, n], dtype);
    let grads = (y.clone() * g).sum().backward();
    let mut found = vec![values(y)];
    found.push(values(x.grad(&grads).expect("x")));
    found.push(values(weight.grad(&grads).expect("weight")));
    found.extend(b.map(|b| values(b.grad(&grads).expect("bias"))));
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn is_burns_linear_map(m in 1usize..40, k in 1usize..70, n in 1usize..90, bias: bool, turned: bool) {
        for (dtype, tolerance) in TYPES {
            let [ours, burns] =
                [dense_linear as Map, linear].map(|map| run(map, [m, k, n], bias, turned, dtype));
            if turned {
                // Views are made contiguous first, so that sums may run another way.
                for (what, (ours, burns)) in ours.iter().zip(&burns).enumerate() {
                    assert_close(&format!("{what}"), ours, burns, tolerance);
                }
            } else {
                prop_assert_eq!(ours, burns);
            }
        }
    }
}

/// Large enough for several threads.
#[test]
fn is_burns_linear_map_on_threads() {
    let [ours, burns] =
        [dense_linear as Map, linear].map(|map| run(map, [256, 250, 520], true, false, DType::F32));
    assert!(ours == burns);
}

#[test]
fn of_constants_has_no_gradient() {
    let [x, weight] = [[3, 4], [4, 2]]
        .map(|shape| tensor(&wave(shape[0] * shape[1], 1.0, 1.0), shape, DType::F32));
    let weight = weight.require_grad();
    let grads = dense_linear(x.clone(), weight.clone(), None)
        .sum()
        .backward();
    assert!(x.grad(&grads).is_none());
    assert_eq!(weight.grad(&grads).expect("weight").dims(), [4, 2]);
}

#[test]
fn without_cells_or_features() {
    for (m, k) in [(0, 3), (3, 0)] {
        let x = tensor(&[], [m, k], DType::F32);
        let weight = tensor(&wave(k * 2, 1.0, 1.0), [k, 2], DType::F32);
        let bias = tensor(&[1.0, 2.0], [2], DType::F32);
        let y = dense_linear(x, weight, Some(bias));
        assert_eq!(values(y), [1.0, 2.0].repeat(m));
    }
}
