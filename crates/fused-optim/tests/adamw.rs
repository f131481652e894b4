//! The step against burn's `AdamW`, to the byte.

mod common;

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamW, AdamWConfig, AdamWState, GradientsParams, ModuleOptimizer, Optimizer};
use burn::tensor::{DType, Tensor};
use common::*;
use fused_optim::FusedAdamW;

fn pair(weight_decay: f32) -> (FusedAdamW, AdamW) {
    let theirs = AdamWConfig::new()
        .with_beta_1(0.85)
        .with_beta_2(0.99)
        .with_epsilon(1e-6)
        .with_weight_decay(weight_decay)
        .build();
    let ours = FusedAdamW::new()
        .with_betas(0.85, 0.99)
        .with_epsilon(1e-6)
        .with_weight_decay(weight_decay);
    (ours, theirs)
}

/// Steps with one optimiser; parameter and moments after each.
fn steps<O: Optimizer<State<D> = AdamWState<D>>, const D: usize>(
    optimizer: &O,
    start: Tensor<D>,
    gradients: &[Tensor<D>],
) -> Vec<[Vec<u8>; 3]> {
    let (mut parameter, mut state) = (start, None);
    gradients
        .iter()
        .enumerate()
        .map(|(i, gradient)| {
            let rate = 1e-2 / (1.0 + i as f64);
            (parameter, state) =
                optimizer.step(rate, parameter.clone(), gradient.clone(), state.take());
            let moments = &state.as_ref().expect("a state").momentum;
            assert_eq!(moments.time, i + 1);
            [&parameter, &moments.moment_1, &moments.moment_2].map(bytes)
        })
        .collect()
}

fn check<const D: usize>(shape: [usize; D], n_steps: usize) {
    for dtype in [DType::F32, DType::F64] {
        for weight_decay in [0.0, 0.3] {
            let (ours, theirs) = pair(weight_decay);
            let gradients: Vec<_> = (0..n_steps)
                .map(|i| random(shape, 100 + i as u64, dtype))
                .collect();
            let start = random(shape, 1, dtype);
            let found = steps(&ours, start.clone(), &gradients);
            let expected = steps(&theirs, start, &gradients);
            for (step, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert!(
                    found == expected,
                    "step {step}, {shape:?}, {dtype:?}, weight decay {weight_decay}"
                );
            }
        }
    }
}

#[test]
fn many_steps_are_those_of_burn() {
    // The correction of the first moment is 1 from step 107 on.
    check([1], 120);
    check([37], 120);
    check([5, 7], 120);
    check([3, 4, 5], 120);
}

#[test]
fn steps_over_several_pieces_are_those_of_burn() {
    check([16_384], 3);
    check([16_385], 3);
    check([130, 257], 20);
}

#[test]
fn zeros_keep_their_signs() {
    let zeros = [0.0, -0.0, 1.0, -1.0];
    for dtype in [DType::F32, DType::F64] {
        let (ours, theirs) = pair(0.3);
        let gradients = [tensor(&[-0.0, -0.0, 0.0, -0.0], [4], dtype); 1];
        let start = tensor(&zeros, [4], dtype);
        assert_eq!(
            steps(&ours, start.clone(), &gradients),
            steps(&theirs, start, &gradients)
        );
    }
}

#[test]
fn views_are_read_and_written_in_their_order() {
    let (ours, theirs) = pair(0.3);
    let dtype = DType::F32;
    // Transposed, a part of a larger buffer, broadcast.
    let gradients = [
        random([6, 4], 2, dtype).transpose(),
        random([9, 6], 3, dtype).narrow(0, 2, 4),
        random([1, 6], 4, dtype).expand([4, 6]),
    ];
    let starts = [
        random([6, 4], 5, dtype).transpose(),
        random([9, 6], 6, dtype).narrow(0, 2, 4),
        random([9, 6], 6, dtype).narrow(0, 0, 4),
        random([1, 6], 7, dtype).expand([4, 6]),
    ];
    for (i, start) in starts.into_iter().enumerate() {
        assert!(
            steps(&ours, start.clone(), &gradients) == steps(&theirs, start, &gradients),
            "start {i}"
        );
    }
}

#[test]
fn other_types_take_tensor_operations() {
    let (ours, theirs) = pair(0.3);
    let gradients = [2, 3].map(|seed| random([5, 7], seed, DType::F16));
    let start = random([5, 7], 1, DType::F16);
    assert_eq!(
        steps(&ours, start.clone(), &gradients),
        steps(&theirs, start, &gradients)
    );
}

#[test]
fn bytes_do_not_depend_on_threads() {
    for dtype in [DType::F32, DType::F64] {
        let gradients = [2, 3, 4].map(|seed| random([50_001], seed, dtype));
        let start = random([50_001], 1, dtype);
        let [one, two, three] = on_pools(|| steps(&pair(0.1).0, start.clone(), &gradients));
        assert!(one == two && one == three, "{dtype:?}");
    }
}

fn linear() -> Linear {
    let device = device().autodiff();
    device.seed(1);
    LinearConfig::new(6, 5).init(&device)
}

fn gradients(model: &Linear, seed: u64) -> GradientsParams {
    let x = Tensor::from_inner(random([4, 6], seed, DType::F32));
    GradientsParams::from_grads(model.forward(x).square().mean().backward(), model)
}

fn step(optimizer: &mut ModuleOptimizer, model: Linear, seed: u64) -> Linear {
    let gradients = gradients(&model, seed);
    optimizer.step(1e-2, model, gradients)
}

fn weights(model: &Linear) -> Vec<u8> {
    bytes(&model.weight.val().inner())
}

/// Where the elements of a weight lie.
fn place(weight: &Param<Tensor<2>>) -> *const u8 {
    let flex = weight
        .val()
        .inner()
        .try_into_primitive::<burn::backend::Flex>()
        .expect("on flex");
    flex.bytes().as_ptr()
}

#[test]
fn a_model_handed_over_is_updated_in_place_and_a_clone_is_left_alone() {
    let mut optimizer = FusedAdamW::new().init();
    let model = step(&mut optimizer, linear(), 1);
    let here = place(&model.weight);
    let model = step(&mut optimizer, model, 2);
    assert_eq!(place(&model.weight), here);

    let (clone, before) = (model.clone(), weights(&model));
    let model = step(&mut optimizer, model, 3);
    assert_ne!(place(&model.weight), here);
    assert_eq!(weights(&clone), before);
    assert_ne!(weights(&model), before);
}

#[test]
fn a_cloned_optimizer_has_moments_of_its_own() {
    let mut optimizer = FusedAdamW::new().init();
    let model = step(&mut optimizer, linear(), 1);
    let mut other = optimizer.clone();
    let first = step(&mut optimizer, model.clone(), 2);
    let second = step(&mut other, model, 2);
    assert_eq!(weights(&first), weights(&second));
}

#[test]
fn records_go_both_ways() {
    let ours = || FusedAdamW::new().with_weight_decay(0.1).init();
    let theirs = || {
        AdamWConfig::new()
            .with_epsilon(1e-8)
            .with_weight_decay(0.1)
            .init()
    };
    let (mut a, mut b) = (ours(), theirs());
    // Records are kept by the parameters' identifiers, which clones share.
    let mut model_a = linear();
    let mut model_b = model_a.clone();
    for seed in 0..3 {
        model_a = step(&mut a, model_a, seed);
        model_b = step(&mut b, model_b, seed);
    }
    let (record_a, record_b) = (a.into_bytes().unwrap(), b.into_bytes().unwrap());
    let expected = weights(&step(&mut a, model_a.clone(), 9));
    assert_eq!(weights(&step(&mut b, model_b.clone(), 9)), expected);
    let mut from_b = ours().from_bytes(record_b).unwrap();
    let mut from_a = theirs().from_bytes(record_a.clone()).unwrap();
    let mut resumed = ours().from_bytes(record_a).unwrap();
    for optimizer in [&mut from_a, &mut from_b, &mut resumed] {
        assert_eq!(weights(&step(optimizer, model_a.clone(), 9)), expected);
    }
    assert_ne!(
        weights(&step(&mut ours(), model_a, 9)),
        expected,
        "without the record"
    );
}

#[test]
fn a_parameter_without_a_gradient_stays() {
    let mut model = linear();
    model.bias = model.bias.map(|b| b.no_grad());
    let before = model.bias.as_ref().map(|b| bytes(&b.val().inner()));
    let model = step(&mut FusedAdamW::new().init(), model, 1);
    assert_eq!(model.bias.as_ref().map(|b| bytes(&b.val().inner())), before);
}

#[test]
#[should_panic(expected = "beta")]
fn a_beta_of_one_is_refused() {
    let _ = FusedAdamW::new().with_betas(0.9, 1.0);
}
