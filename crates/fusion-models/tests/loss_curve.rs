//! A hundred steps of training from the same weights on the same counts give PyTorch's losses.
//!
//! `golden/loss_curve.json` holds the losses that `benches/torch_peers.py curve` prints.

#[path = "../benches/step/mod.rs"]
mod step;

use burn::optim::GradientsParams;
use burn::tensor::Device;
use fused_optim::FusedAdamW;
use step::{Autoencoder, counts};

#[test]
fn a_hundred_steps_follow_pytorch() {
    let golden: Vec<f64> =
        serde_json::from_str(include_str!("golden/loss_curve.json")).expect("a list of losses");
    assert_eq!(golden.len(), 100);
    let plain = Device::flex();
    let mut model = Autoencoder::new(&plain.clone().autodiff());
    let mut optimizer = FusedAdamW::new().with_weight_decay(0.0).init();
    let batches: Vec<_> = (0..4).map(|k| counts(0.95, k, &plain)).collect();
    let mut worst = 0.0f64;
    for (step, expected) in golden.iter().enumerate() {
        let loss = model.loss(&batches[step % 4]);
        let gradients = GradientsParams::from_grads(loss.clone().backward(), &model);
        model = optimizer.step(1e-3, model, gradients);
        let loss = f64::from(loss.into_scalar::<f32>());
        let error = (loss - expected).abs() / expected;
        assert!(error < 1e-4, "step {step}: {loss}, PyTorch {expected}");
        worst = worst.max(error);
    }
    assert!(golden[99] < 0.8 * golden[0], "training lowers the loss");
    println!("largest relative difference {worst:.1e}");
}
