//! Clipping and summing.

mod common;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{DType, Tensor};
use common::*;
use fused_optim::{add_gradients, clip_global_norm};

#[derive(Module, Debug)]
struct Model {
    a: Param<Tensor<2>>,
    b: Param<Tensor<1>>,
    c: Param<Tensor<1>>,
}

fn model(n: usize) -> Model {
    let param = |n| Param::from_tensor(tensor(&vec![0.0; n], [n], DType::F32));
    Model {
        a: Param::from_tensor(tensor(&vec![0.0; n * 3], [n, 3], DType::F32)),
        b: param(2),
        c: param(n),
    }
}

fn gradients(model: &Model, a: Tensor<2>, b: Option<Tensor<1>>, c: Tensor<1>) -> GradientsParams {
    let mut g = GradientsParams::new();
    g.register(model.a.id, a);
    if let Some(b) = b {
        g.register(model.b.id, b);
    }
    g.register(model.c.id, c);
    g
}

/// Elements of all gradients in the order of the model.
fn values(model: &Model, gradients: &GradientsParams) -> Vec<f64> {
    struct Values<'a>(&'a GradientsParams, Vec<f64>);
    impl ModuleVisitor for Values<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(g) = self.0.get::<D>(param.id) {
                self.1.extend(g.into_data().iter::<f64>());
            }
        }
    }
    let mut values = Values(gradients, Vec::new());
    model.visit(&mut values);
    values.1
}

fn example(model: &Model, n: usize, dtype: DType) -> GradientsParams {
    gradients(
        model,
        random([3, n], 1, dtype).transpose(),
        None,
        random([n], 2, dtype),
    )
}

#[test]
fn a_norm_by_hand() {
    let m = model(1);
    for dtype in [DType::F32, DType::F64, DType::F16] {
        let example = || {
            gradients(
                &m,
                tensor(&[2.0, -4.0, 5.0], [1, 3], dtype),
                Some(tensor(&[0.0, 6.0], [2], dtype)),
                tensor(&[0.0], [1], dtype),
            )
        };
        let (g, norm) = clip_global_norm(&m, example(), 9.0);
        assert_eq!(norm, 9.0); // 4 + 16 + 25 + 36
        assert_eq!(values(&m, &g), [2.0, -4.0, 5.0, 0.0, 6.0, 0.0]);
        let (g, norm) = clip_global_norm(&m, example(), 4.5);
        assert_eq!(norm, 9.0);
        assert_eq!(values(&m, &g), [1.0, -2.0, 2.5, 0.0, 3.0, 0.0]);
    }
}

#[test]
fn large_gradients_are_measured_and_scaled() {
    let n = 33_001;
    let m = model(n);
    for dtype in [DType::F32, DType::F64] {
        let before = values(&m, &example(&m, n, dtype));
        let expected = before.iter().map(|x| x * x).sum::<f64>().sqrt();
        let (g, norm) = clip_global_norm(&m, example(&m, n, dtype), 2.0);
        assert!((norm / expected - 1.0).abs() < 1e-13, "{norm} {expected}");
        let after = values(&m, &g);
        for (after, before) in after.iter().zip(&before) {
            let expected = match dtype {
                DType::F32 => f64::from(*before as f32 * (2.0 / norm) as f32),
                _ => before * (2.0 / norm),
            };
            assert_eq!(*after, expected);
        }
        let clipped = after.iter().map(|x| x * x).sum::<f64>().sqrt();
        assert!((clipped - 2.0).abs() < 1e-6, "{clipped}");
    }
}

#[test]
fn other_holders_of_a_gradient_see_no_change() {
    let m = model(4);
    let held = random([4, 3], 1, DType::F32);
    let before = bytes(&held);
    let g = gradients(&m, held.clone(), None, random([4], 2, DType::F32));
    let (g, _) = clip_global_norm(&m, g, 1e-3);
    let g = add_gradients(
        &m,
        g,
        gradients(&m, held.clone(), None, random([4], 3, DType::F32)),
    );
    assert_eq!(bytes(&held), before);
    assert_ne!(values(&m, &g)[0], 0.0);
}

#[test]
fn a_norm_that_is_not_a_number_changes_nothing() {
    let m = model(1);
    let g = gradients(
        &m,
        tensor(&[1.0, f64::NAN, 3.0], [1, 3], DType::F32),
        None,
        tensor(&[5.0], [1], DType::F32),
    );
    let (g, norm) = clip_global_norm(&m, g, 1.0);
    assert!(norm.is_nan());
    let values = values(&m, &g);
    assert_eq!([values[0], values[2], values[3]], [1.0, 3.0, 5.0]);
}

#[test]
fn sums_are_those_of_burn() {
    for (n, dtype) in [
        (5, DType::F32),
        (33_001, DType::F32),
        (33_001, DType::F64),
        (5, DType::F16),
    ] {
        let m = model(n);
        let part = |seed: u64| {
            // The second part alone has `b`, and the first alone is transposed.
            let b = (seed == 1).then(|| random([2], 9, dtype));
            let a = match seed {
                0 => random([3, n], 10, dtype).transpose(),
                _ => random([n, 3], 10 + seed, dtype),
            };
            gradients(&m, a, b, random([n], 20 + seed, dtype))
        };
        let mut accumulator = GradientsAccumulator::new();
        let mut sum = GradientsParams::new();
        for seed in 0..3 {
            accumulator.accumulate(&m, part(seed));
            sum = add_gradients(&m, sum, part(seed));
        }
        let expected = values(&m, &accumulator.grads());
        assert_eq!(expected.len(), 4 * n + 2);
        assert!(values(&m, &sum) == expected, "{n} {dtype:?}");
    }
}

#[test]
fn bytes_do_not_depend_on_threads() {
    let n = 33_001;
    let m = model(n);
    let run = || {
        let sum = add_gradients(&m, example(&m, n, DType::F32), example(&m, n, DType::F32));
        let (g, norm) = clip_global_norm(&m, sum, 1.0);
        (values(&m, &g), norm.to_bits())
    };
    let [one, two, three] = on_pools(run);
    assert!(one == two && one == three);
}
