//! The fused normalisations, the gated unit and dropout.

mod common;

use burn::tensor::{DType, Tensor};
use common::*;
use std::sync::Mutex;
use ttt_layer::kernel::*;
use ttt_layer::*;

/// Central difference of `loss` in every entry of `x`.
fn differences(x: &[f64], loss: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let step = 1e-5;
    (0..x.len())
        .map(|i| {
            let at = |delta: f64| {
                let mut x = x.to_vec();
                x[i] += delta;
                loss(&x)
            };
            (at(step) - at(-step)) / (2.0 * step)
        })
        .collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn norm_gradients_match_central_differences() {
    for (norm, d) in [
        (Norm::Rms, 7),
        (Norm::Rms, 32),
        (Norm::Layer, 7),
        (Norm::Layer, 32),
    ] {
        let x = wave(5 * d, 1.0, 1.0, 0.2);
        let (scale, shift) = (wave(d, 2.0, 0.2, 1.0), wave(d, 3.0, 0.1, 0.0));
        let shift = if norm == Norm::Rms { vec![] } else { shift };
        let g = wave(5 * d, 4.0, 1.0, 0.0);
        let loss = |x: &[f64], scale: &[f64], shift: &[f64]| {
            dot(&norm_forward(norm, x, scale, shift, 1e-6), &g)
        };
        let found = norm_backward(norm, &x, &scale, &g, 1e-6);
        assert_close(
            "x",
            &found.x,
            &differences(&x, |x| loss(x, &scale, &shift)),
            1e-8,
        );
        let wanted = differences(&scale, |scale| loss(&x, scale, &shift));
        assert_close("scale", &found.scale, &wanted, 1e-8);
        if norm == Norm::Layer {
            let wanted = differences(&shift, |shift| loss(&x, &scale, shift));
            assert_close("shift", &found.shift, &wanted, 1e-8);
        }
    }
}

#[test]
fn gated_unit_gradients_match_central_differences() {
    let (gate, up) = (wave(40, 1.0, 3.0, 0.0), wave(40, 2.0, 2.0, 0.0));
    let g = wave(40, 3.0, 1.0, 0.0);
    let (d_gate, d_up) = silu_mul_backward(&gate, &up, &g);
    let wanted = differences(&gate, |gate| dot(&silu_mul_forward(gate, &up), &g));
    assert_close("gate", &d_gate, &wanted, 1e-8);
    let wanted = differences(&up, |up| dot(&silu_mul_forward(&gate, up), &g));
    assert_close("up", &d_up, &wanted, 1e-8);
}

#[test]
fn exponential_is_accurate() {
    let mut worst = 0.0f64;
    for i in -873_000..=887_000 {
        let x = i as f32 * 1e-4;
        let wanted = (x as f64).exp();
        worst = worst.max(((x.exponential() as f64 - wanted) / wanted).abs());
    }
    assert!(worst < 2e-7, "{worst:e}");
    assert_eq!((-1e30f32).exponential(), (-87.3f32).exponential());
    assert!(1e30f32.exponential().is_finite());
    assert_eq!((-1e30f32).sigmoid(), 1.0 / (1.0 + 88.7f32.exponential()));
}

#[test]
fn fused_equals_tensor_operations() {
    for (dtype, value, gradient) in [(DType::F64, 1e-12, 1e-11), (DType::F32, 1e-5, 5e-5)] {
        // More rows than one piece of work holds.
        for dims in [[3, 7, 24], [2, 90, 16]] {
            let x = || wave_tensor::<3>(dims, dtype, [1.0, 1.5, 0.3]).require_grad();
            let u = || wave_tensor::<3>(dims, dtype, [4.0, 1.5, 0.1]).require_grad();
            let scale = || wave_tensor::<1>([dims[2]], dtype, [2.0, 0.2, 1.0]).require_grad();
            let shift = || wave_tensor::<1>([dims[2]], dtype, [3.0, 0.1, 0.0]).require_grad();
            let run = |which: usize, fused: bool| {
                let (x, u, scale, shift) = (x(), u(), scale(), shift());
                let (a, b, c) = (x.clone(), scale.clone(), shift.clone());
                let y = match (which, fused) {
                    (0, true) => rms_norm(a, b, 1e-6),
                    (0, false) => reference::rms_norm(a, b, 1e-6),
                    (1, true) => layer_norm(a, b, c, 1e-6),
                    (1, false) => reference::layer_norm(a, b, c, 1e-6),
                    (_, true) => silu_mul(a, u.clone()),
                    (_, false) => reference::silu_mul(a, u.clone()),
                };
                let grads = (y.clone() * weights(dims, dtype)).sum().backward();
                let small = |t: &Tensor<1>| t.grad(&grads).map_or(vec![], values);
                let large = |t: &Tensor<3>| t.grad(&grads).map_or(vec![], values);
                (
                    values(y),
                    [large(&x), large(&u), small(&scale), small(&shift)],
                )
            };
            for which in 0..3 {
                let ((y, g), (y_r, g_r)) = (run(which, true), run(which, false));
                assert_close(&format!("{which}"), &y, &y_r, value);
                for (a, b) in g.iter().zip(&g_r) {
                    assert_close(&format!("{which}: gradient"), a, b, gradient);
                }
            }
        }
    }
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let x: Vec<f32> = wave(300 * 40, 1.0, 1.0, 0.0)
        .into_iter()
        .map(|x| x as f32)
        .collect();
    let scale = vec![1.5f32; 40];
    let mask = DropMask { seed: 9, prob: 0.3 };
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        pool.install(|| {
            let g = norm_backward(Norm::Layer, &x, &scale, &x, 1e-6);
            (g.x, g.scale, g.shift, mask.apply(&x, &x))
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(3));
}

/// The device's generator is global: tests that seed it take turns.
static GENERATOR: Mutex<()> = Mutex::new(());

#[test]
fn dropout_follows_the_seed_of_the_device() {
    let _turn = GENERATOR.lock();
    let n = 100_000;
    let x = Tensor::<2>::ones([100, n / 100], &device()).require_grad();
    let residual = Tensor::<2>::full([100, n / 100], 2.0, &device()).require_grad();
    let run = |seed: u64| {
        device().seed(seed);
        let y = dropout_add(x.clone(), residual.clone(), 0.25);
        let grads = y.clone().sum().backward();
        let gx = values(x.grad(&grads).expect("x"));
        let gr = values(residual.grad(&grads).expect("residual"));
        (values(y), gx, gr)
    };
    let (y, gx, gr) = run(1);
    assert_eq!((y.clone(), gx.clone(), gr.clone()), run(1));
    let other = run(2).0;
    let changed = y.iter().zip(&other).filter(|(a, b)| a != b).count() as f64 / n as f64;
    // Two independent masks differ with probability 2 p (1 - p).
    assert!((changed - 0.375).abs() < 0.01, "{changed}");

    let kept = y.iter().filter(|y| **y > 2.0).count() as f64 / n as f64;
    assert!((kept - 0.75).abs() < 0.01, "{kept}");
    for ((y, gx), gr) in y.iter().zip(&gx).zip(&gr) {
        assert!((y - 2.0 - gx).abs() < 1e-6 && *gr == 1.0);
        assert!(*gx == 0.0 || (*gx - 4.0 / 3.0).abs() < 1e-6);
    }
    // Neighbouring elements are dropped independently.
    let pairs = gx.windows(2).filter(|w| w[0] == 0.0 && w[1] == 0.0).count() as f64 / n as f64;
    assert!((pairs - 0.0625).abs() < 0.005, "{pairs}");
}

/// The gradient meets the mask of the forward pass.
#[test]
fn dropout_alone_has_the_mask_of_the_sum() {
    let _turn = GENERATOR.lock();
    let x = wave_tensor::<2>([40, 70], DType::F32, [1.0, 1.0, 0.0]).require_grad();
    device().seed(5);
    let alone = dropout(x.clone(), 0.3);
    let gradient = x.grad(&alone.clone().sum().backward()).expect("x");
    device().seed(5);
    let added = dropout_add(x.clone(), x.zeros_like(), 0.3);
    assert_eq!(values(alone.clone()), values(added));
    let kept = values(x.clone()).into_iter().zip(values(gradient));
    for ((x, slope), y) in kept.zip(values(alone)) {
        assert!((x * slope - y).abs() < 1e-6, "{x} {slope} {y}");
    }
    assert_eq!(values(dropout(x.clone(), 0.0)), values(x));
}

#[test]
fn dropout_of_nothing_is_a_sum() {
    let x = wave_tensor::<2>([3, 4], DType::F32, [1.0, 1.0, 0.0]);
    assert_eq!(
        values(dropout_add(x.clone(), x.clone(), 0.0)),
        values(x * 2.0)
    );
}
