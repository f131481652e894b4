//! Layer and block as modules: parameters, gradients, order, dropout, threads.

mod common;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Distribution, Gradients, Tensor};
use common::*;
use ttt_layer::*;

/// Counts parameters, and those without a gradient or with one that is zero everywhere.
struct Walk<'a> {
    grads: &'a Gradients,
    tensors: usize,
    numbers: usize,
    missing: usize,
}

impl ModuleVisitor for Walk<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.tensors += 1;
        self.numbers += param.val().shape().num_elements();
        let grad = param.val().grad(self.grads).map(values);
        if !grad.is_some_and(|g| g.iter().any(|x| *x != 0.0)) {
            self.missing += 1;
        }
    }
}

fn noise(dims: [usize; 3]) -> Tensor<3> {
    Tensor::random(dims, Distribution::Normal(0.0, 1.0), &device())
}

#[test]
fn every_parameter_receives_a_gradient() {
    device().seed(7);
    let ttt = TttLinearConfig::new(32).with_gate(true);
    let block = TttBlockConfig::new(ttt).init(&device());
    let y = block.forward(noise([2, 37, 32]));
    let grads = (y.clone() * weights(y.dims(), DType::F32)).sum().backward();
    let mut walk = Walk {
        grads: &grads,
        tensors: 0,
        numbers: 0,
        missing: 0,
    };
    block.visit(&mut walk);
    assert_eq!(walk.tensors, 19);
    assert_eq!(walk.missing, 0);
}

#[test]
fn parameter_count_of_the_default_block() {
    let block = TttBlockConfig::new(TttLinearConfig::new(128)).init(&device());
    let y = block.forward(noise([1, 20, 128]));
    let grads = y.sum().backward();
    let mut walk = Walk {
        grads: &grads,
        tensors: 0,
        numbers: 0,
        missing: 0,
    };
    block.visit(&mut walk);
    // 65,536 projections, 8,192 W0, 135,168 SwiGLU, the rest norms, biases and rates.
    assert_eq!(walk.numbers, 210_066);
}

#[test]
fn short_sequences_and_single_samples_work() {
    let layer = TttLinearConfig::new(16).init(&device());
    for dims in [[1, 1, 16], [1, 5, 16], [3, 17, 16]] {
        assert_eq!(layer.forward(noise(dims)).dims(), dims);
    }
}

#[test]
fn order_of_the_tokens_matters() {
    device().seed(3);
    let layer = TttLinearConfig::new(16).init(&device().inner());
    let x: Tensor<3> = Tensor::random(
        [1, 40, 16],
        Distribution::Normal(0.0, 1.0),
        &device().inner(),
    );
    let reversed = x.clone().flip([1]);
    let pooled = |x: Tensor<3>| values(layer.forward(x).mean_dim(1));
    assert!(error(&pooled(x.clone()), &pooled(reversed.clone())) > 1e-3);
    // The mean of the tokens themselves does not notice.
    let mean = |x: Tensor<3>| values(x.mean_dim(1));
    assert!(error(&mean(x), &mean(reversed)) < 1e-5);
}

#[test]
fn training_and_evaluation_agree_without_dropout() {
    device().seed(5);
    let block = TttBlockConfig::new(TttLinearConfig::new(16))
        .with_dropout(0.0)
        .init(&device());
    let x = noise([2, 21, 16]);
    let trained = values(block.forward(x.clone()));
    let evaluated = values(block.valid().forward(x.inner()));
    assert_eq!(trained, evaluated);
}

#[test]
fn dropout_is_off_in_evaluation() {
    device().seed(5);
    let block = TttBlockConfig::new(TttLinearConfig::new(16))
        .with_dropout(0.5)
        .init(&device());
    let x = noise([2, 21, 16]);
    let a = values(block.valid().forward(x.clone().inner()));
    let b = values(block.valid().forward(x.clone().inner()));
    assert_eq!(a, b);
    assert_ne!(a, values(block.forward(x)));
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    device().seed(11);
    let block = TttBlockConfig::new(TttLinearConfig::new(64))
        .with_dropout(0.0)
        .init(&device());
    let x = noise([9, 80, 64]);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        pool.install(|| {
            let x = x.clone().require_grad();
            let y = block.forward(x.clone());
            let grads = (y.clone() * weights(y.dims(), DType::F32)).sum().backward();
            [
                values(y),
                values(x.grad(&grads).expect("x")),
                values(block.ttt.w0.val().grad(&grads).expect("w0")),
                values(block.ttt.wq.weight.val().grad(&grads).expect("wq")),
                values(block.mlp.down.weight.val().grad(&grads).expect("down")),
                values(block.mlp_norm.scale.val().grad(&grads).expect("scale")),
            ]
        })
    };
    let one = run(1);
    for threads in [2, 3] {
        assert_eq!(one, run(threads));
    }
}

#[test]
#[should_panic(expected = "multiple of n_heads")]
fn width_must_fit_the_heads() {
    TttLinearConfig::new(10).with_n_heads(3).init(&device());
}

#[test]
fn config_round_trips_through_json() {
    let config = TttBlockConfig::new(TttLinearConfig::new(48).with_causal(false).with_gate(true));
    let text = serde_json::to_string(&config).expect("JSON");
    let back: TttBlockConfig = serde_json::from_str(&text).expect("a config");
    assert_eq!(text, serde_json::to_string(&back).expect("JSON"));
    assert_eq!(back.hidden(), 160);
}
