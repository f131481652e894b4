//! The layer and the block against reference values.
//!
//! The files in `golden/` were computed in float64 by torch, from the formulas in the crate
//! documentation, and checked against a token-by-token form. The scalar test loss is
//! `sum(y * cos(0.3 m + 0.1))`.

mod common;

use burn::module::Param;
use burn::tensor::{DType, Tensor};
use common::*;
use ttt_layer::*;

/// Tolerances for values and gradients.
fn tolerances(dtype: DType) -> (f64, f64) {
    match dtype {
        DType::F64 => (1e-12, 1e-11),
        _ => (1e-5, 5e-5),
    }
}

fn check_cases(dtype: DType) {
    let golden = golden();
    let (value, gradient) = tolerances(dtype);
    let cases = golden["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 11);
    for case in cases {
        let name = case["name"].as_str().expect("a name");
        let input = case["x"].as_str().expect("an input").replace("inputs.", "");
        let x = tensor::<3>(&golden["inputs"][input.as_str()], dtype).require_grad();
        let layer = layer(case, &golden["params"], dtype);
        let (y, state) = layer.forward_with_state(x.clone());
        assert_close(name, &values(y.clone()), &numbers(&case["y"]), value);
        if let Some(end) = case.get("end_state") {
            assert_close(name, &values(state.w), &numbers(&end["w"]), value);
            assert_close(name, &values(state.c), &numbers(&end["c"]), value);
        }
        let loss = (y.clone() * weights(y.dims(), dtype)).sum();
        let grads = loss.backward();
        let gx = x.grad(&grads).expect("a gradient of the input");
        assert_close(
            &format!("{name}: x"),
            &values(gx),
            &numbers(&case["grad_x"]),
            gradient,
        );

        fn of<const D: usize>(p: &Param<Tensor<D>>, grads: &burn::tensor::Gradients) -> Vec<f64> {
            values(p.val().grad(grads).expect("a gradient of every parameter"))
        }
        let rate_weight = layer
            .rate_weight
            .val()
            .grad(&grads)
            .expect("a gradient")
            .transpose();
        let mut tau = of(&layer.tau, &grads);
        tau.resize(16, 0.0); // places beyond the chunk of the case
        let mut found = vec![
            ("wq", of(&layer.wq.weight, &grads)),
            ("wk", of(&layer.wk.weight, &grads)),
            ("wv", of(&layer.wv.weight, &grads)),
            ("wo", of(&layer.wo.weight, &grads)),
            ("lr_weight", values(rate_weight)),
            ("lr_bias", of(&layer.rate_bias, &grads)),
            ("tau", tau),
            ("w0", of(&layer.w0, &grads)),
            ("c0", of(&layer.c0, &grads)),
            ("ttt_norm_gamma", of(&layer.gamma, &grads)),
            ("ttt_norm_beta", of(&layer.beta, &grads)),
            ("post_norm_gamma", of(&layer.post_norm.scale, &grads)),
            ("post_norm_beta", of(&layer.post_norm.shift, &grads)),
        ];
        if let Some(gate) = &layer.wg {
            found.push(("wg", of(&gate.weight, &grads)));
        }
        for (parameter, found) in found {
            let what = format!("{name}: {parameter}");
            if let Some(wanted) = case["grad"].get(parameter) {
                assert_close(&what, &found, &numbers(wanted), gradient);
            }
            // Every parameter at least by its sum of squares.
            let wanted = case["grad_summary"][parameter]["sum_squares"]
                .as_f64()
                .expect("a sum");
            let sum: f64 = found.iter().map(|x| x * x).sum();
            assert_close(&what, &[sum], &[wanted], 4.0 * gradient);
        }
    }
}

#[test]
fn layer_matches_in_double_precision() {
    check_cases(DType::F64);
}

#[test]
fn layer_matches_in_single_precision() {
    check_cases(DType::F32);
}

#[test]
fn block_matches() {
    let golden = golden();
    let block_golden = golden_block();
    for dtype in [DType::F64, DType::F32] {
        let (value, gradient) = tolerances(dtype);
        let ttt = TttLinearConfig::new(16);
        let mut block = TttBlockConfig::new(ttt)
            .with_d_hidden(Some(24))
            .with_dropout(0.0)
            .init(&device());
        let p = &block_golden["params"];
        block.ttt = layer(&golden["config"], &golden["params"], dtype);
        block.ttt_norm.scale = Param::from_tensor(tensor(&p["seq_norm"], dtype));
        block.mlp_norm.scale = Param::from_tensor(tensor(&p["ffn_norm"], dtype));
        block.mlp.gate = linear(&p["gate"], dtype);
        block.mlp.up = linear(&p["up"], dtype);
        block.mlp.down = linear(&p["down"], dtype);

        let x = tensor::<3>(&block_golden["x"], dtype).require_grad();
        let y = block.forward(x.clone());
        assert_close("y", &values(y.clone()), &numbers(&block_golden["y"]), value);
        let grads = (y.clone() * weights(y.dims(), dtype)).sum().backward();
        let gx = x.grad(&grads).expect("a gradient of the input");
        assert_close(
            "x",
            &values(gx),
            &numbers(&block_golden["grad_x"]),
            gradient,
        );
        let of = |name: &str, found: Vec<f64>| {
            let wanted = numbers(&block_golden["grad_block"][name]);
            assert_close(name, &found, &wanted, gradient);
        };
        let grad = |p: &Param<Tensor<2>>| values(p.val().grad(&grads).expect("a gradient"));
        of("gate", grad(&block.mlp.gate.weight));
        of("up", grad(&block.mlp.up.weight));
        of("down", grad(&block.mlp.down.weight));
        let grad = |p: &Param<Tensor<1>>| values(p.val().grad(&grads).expect("a gradient"));
        of("seq_norm", grad(&block.ttt_norm.scale));
        of("ffn_norm", grad(&block.mlp_norm.scale));
        let tau = numbers(&block_golden["grad_ttt"]["tau"]);
        assert_close("tau", &grad(&block.ttt.tau), &tau, gradient);
    }
}
