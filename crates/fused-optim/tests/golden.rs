//! The step against `torch.optim.AdamW` (`golden/adamw.py`).

mod common;

use burn::optim::Optimizer;
use burn::tensor::DType;
use common::*;
use fused_optim::FusedAdamW;
use serde_json::Value;

fn numbers(array: &Value) -> Vec<f64> {
    let array = array.as_array().expect("an array");
    array
        .iter()
        .map(|x| x.as_f64().expect("a number"))
        .collect()
}

/// Largest difference in units that are given for each element.
fn difference(found: &[f64], expected: &[f64], units: &[f64]) -> f64 {
    assert!(found.len() == expected.len() && found.len() == units.len());
    let pairs = found.iter().zip(expected).zip(units);
    pairs
        .map(|((f, e), unit)| (f - e).abs() / unit.max(1e-30))
        .fold(0.0, f64::max)
}

#[test]
fn forty_steps_are_those_of_pytorch() {
    let golden: Value = serde_json::from_str(include_str!("golden/adamw.json")).unwrap();
    let number = |name: &str| golden[name].as_f64().expect("a number");
    let optimizer = FusedAdamW::new()
        .with_betas(number("beta1") as f32, number("beta2") as f32)
        .with_epsilon(number("eps") as f32)
        .with_weight_decay(number("weight_decay") as f32);
    for dtype in [DType::F64, DType::F32] {
        let start = numbers(&golden["start"]);
        let n = start.len();
        let (mut parameter, mut state) = (tensor(&start, [n], dtype), None);
        for gradient in golden["gradients"].as_array().expect("steps") {
            let gradient = tensor(&numbers(gradient), [n], dtype);
            (parameter, state) = optimizer.step(number("lr"), parameter, gradient, state);
        }
        let moments = state.expect("a state").momentum;
        let squares = numbers(&golden["exp_avg_sq"]);
        let roots: Vec<f64> = squares.iter().map(|x| x.sqrt()).collect();
        let rates = vec![number("lr"); n];
        // What is left is due to constants that burn rounds to f32: 1 - 0.999f32 is 1.3e-5 too
        // small, and 1 - 0.999f32^t loses digits while t is small.
        for (name, found, units, tolerance) in [
            ("param", parameter, &rates, 1e-4),
            ("exp_avg", moments.moment_1, &roots, 1e-6),
            ("exp_avg_sq", moments.moment_2, &squares, 2e-5),
        ] {
            let found: Vec<f64> = found.into_data().iter::<f64>().collect();
            let d = difference(&found, &numbers(&golden[name]), units);
            assert!(d < tolerance, "{name} in {dtype:?}: {d:e}");
        }
    }
}
