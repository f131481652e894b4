//! Training on a GPU backend gives the CPU's losses.
#![cfg(feature = "wgpu")]

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::Device;
use cellweave::fuse::{FuseConfig, Preset, prepare};
use cellweave::fusion_core::{Draw, FusionModel};
use cellweave::fusion_models::{ScFusionTtt, ScFusionTttConfig};
use cellweave::simulate::{SimulateConfig, simulate};
use cellweave::train::{CellData, DeviceChoice, seeded_init};

const STEPS: usize = 20;

fn losses(mut model: ScFusionTtt, data: &CellData, device: &Device) -> Vec<f32> {
    let stage = model.stages().remove(0);
    let mut optimizer = AdamWConfig::new().init();
    (0..STEPS)
        .map(|step| {
            let rows: Vec<usize> = (0..16)
                .map(|i| (step * 7 + i * 3) % data.n_cells())
                .collect();
            let draw = Draw::new(1).for_use(step as u64);
            let loss = model
                .losses(&data.batch(&rows, draw, device), &stage)
                .total();
            let grads = GradientsParams::from_grads(loss.clone().backward(), &model);
            model = optimizer.step(1e-3, model.clone(), grads);
            loss.into_scalar::<f32>()
        })
        .collect()
}

#[test]
fn twenty_steps_on_wgpu_and_on_the_cpu() {
    let data = simulate(&SimulateConfig {
        n_cells: 60,
        n_genes: 200,
        ..Default::default()
    })
    .unwrap();
    let prepared = prepare(&data, &FuseConfig::of(Preset::Small), 0).unwrap();
    let config = ScFusionTttConfig {
        d_model: 16,
        ..ScFusionTttConfig::small()
    };
    let (genes, proteins) = (prepared.genes.len(), prepared.proteins.len());
    let make = |device: &Device| {
        seeded_init(device, 3, |device| config.init(genes, proteins, device)).unwrap()
    };
    let cpu = DeviceChoice::Cpu.open().unwrap().autodiff();
    let model = make(&cpu);
    let record = model.clone().into_record();
    let on_cpu = losses(model, &prepared.data, &cpu);

    let gpu = DeviceChoice::Wgpu.open().unwrap().autodiff();
    let on_gpu = losses(make(&gpu).load_record(record), &prepared.data, &gpu);
    println!("cpu  {on_cpu:?}\nwgpu {on_gpu:?}");
    assert!(on_cpu[STEPS - 1] < on_cpu[0], "training lowers the loss");
    for (step, (a, b)) in on_cpu.iter().zip(&on_gpu).enumerate() {
        let relative = (a - b).abs() / a.abs();
        assert!(relative < 1e-3, "step {step}: {a} on the CPU, {b} on wgpu");
    }
}
