//! The count autoencoder: gradients, sparse and dense batches, what it hands out.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use fusion_core::{CellBatch, Draw, Features, FusionModel};
use fusion_models::{ZinbAutoencoder, ZinbAutoencoderConfig};
use sparse_ops::CsrTensor;

const CELLS: usize = 24;
const GENES: usize = 40;

/// Two kinds of cells: the first half of the genes is on in one, the second half in the other.
fn counts() -> Vec<f32> {
    (0..CELLS * GENES)
        .map(|i| {
            let (cell, gene) = (i / GENES, i % GENES);
            let on = (cell % 2 == 0) == (gene < GENES / 2);
            let noise = ((i as f32 * 1.7).sin() * 3.0).max(0.0).floor();
            if on {
                2.0 + noise
            } else if i % 7 == 0 {
                1.0
            } else {
                0.0
            }
        })
        .collect()
}

fn dense(device: &Device) -> CellBatch {
    let x = Tensor::from_data(TensorData::new(counts(), [CELLS, GENES]), device);
    batch(Features::Dense(x))
}

fn sparse(device: &Device) -> CellBatch {
    let (mut indptr, mut indices, mut values) = (vec![0], vec![], vec![]);
    for row in counts().chunks(GENES) {
        for (j, x) in row.iter().enumerate().filter(|(_, x)| **x != 0.0) {
            indices.push(j as u32);
            values.push(*x);
        }
        indptr.push(values.len());
    }
    let device = device.clone().without_autodiff();
    let x = CsrTensor::from_slices([CELLS, GENES], &indptr, &indices, &values, &device).unwrap();
    batch(Features::Sparse(x))
}

fn batch(features: Features) -> CellBatch {
    CellBatch {
        rows: (0..CELLS).collect(),
        n_targets: CELLS,
        graph: None,
        features: [("rna".to_owned(), features)].into_iter().collect(),
        draw: Draw::new(5),
        sources: vec![0; CELLS],
        progress: 1.0,
    }
}

fn small(kl_weight: f64) -> ZinbAutoencoderConfig {
    ZinbAutoencoderConfig {
        n_latent: 3,
        hidden: vec![16, 8],
        dropout: 0.0,
        kl_weight,
        ..ZinbAutoencoderConfig::default()
    }
}

fn model(config: &ZinbAutoencoderConfig, device: &Device) -> ZinbAutoencoder {
    device.seed(3);
    config.init(GENES, device).unwrap()
}

fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

struct Untrained<'a>(&'a GradientsParams, usize, usize);

impl ModuleVisitor for Untrained<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // Running statistics are not trained.
        if !param.val().is_require_grad() {
            return;
        }
        self.1 += 1;
        let moved = self.0.get::<D>(param.id).map(values);
        self.2 += usize::from(!moved.is_some_and(|g| g.iter().any(|x| *x != 0.0)));
    }
}

#[test]
fn every_parameter_is_trained() {
    let device = Device::flex().autodiff();
    for kl_weight in [0.0, 1.0] {
        let model = model(&small(kl_weight), &device);
        let loss = model.losses(&sparse(&device), &model.stages()[0]).total();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let mut visitor = Untrained(&gradients, 0, 0);
        model.visit(&mut visitor);
        assert!(visitor.1 > 12);
        assert_eq!(visitor.2, 0, "parameters without a gradient");
    }
}

#[test]
fn sparse_and_dense_batches_agree() {
    let device = Device::flex().autodiff();
    for target_sum in [0.0, 1e4] {
        let config = ZinbAutoencoderConfig {
            target_sum,
            ..small(0.0)
        };
        let model = model(&config, &device);
        let stage = &model.stages()[0];
        let [a, b] = [sparse(&device), dense(&device)].map(|batch| {
            let loss = model.losses(&batch, stage).total();
            (values(loss)[0], values(model.embed(&batch)))
        });
        assert!((a.0 / b.0 - 1.0).abs() < 1e-5, "{} and {}", a.0, b.0);
        assert!(a.1.iter().zip(&b.1).all(|(x, y)| (x - y).abs() < 1e-4));
    }
}

#[test]
fn training_separates_the_two_kinds() {
    let device = Device::flex().autodiff();
    let mut model = model(&small(0.1), &device);
    let stage = model.stages().remove(0);
    let mut optimizer = AdamWConfig::new().init();
    let mut losses = vec![];
    for step in 0..150 {
        let mut batch = sparse(&device);
        batch.draw = Draw::new(step);
        let loss = model.losses(&batch, &stage).total();
        losses.push(values(loss.clone())[0]);
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(1e-2, model.clone(), gradients);
    }
    assert!(
        losses[149] < 0.9 * losses[0],
        "{} to {}",
        losses[0],
        losses[149]
    );

    let plain = Device::flex();
    let model = model.valid();
    let z = values(model.embed(&sparse(&plain)));
    let center = |kind: usize| -> Vec<f32> {
        let rows: Vec<&[f32]> = z.chunks(3).skip(kind).step_by(2).collect();
        (0..3)
            .map(|j| rows.iter().map(|r| r[j]).sum::<f32>() / rows.len() as f32)
            .collect()
    };
    let distance =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f32>();
    let (even, odd) = (center(0), center(1));
    for (i, row) in z.chunks(3).enumerate() {
        let (own, other) = if i % 2 == 0 {
            (&even, &odd)
        } else {
            (&odd, &even)
        };
        assert!(distance(row, own) < distance(row, other), "cell {i}");
    }

    // Denoised means have the library size asked for, and genes that are off stay low.
    let means = values(model.denoise(&sparse(&plain), 100.0));
    for (cell, row) in means.chunks(GENES).enumerate() {
        assert!((row.iter().sum::<f32>() - 100.0).abs() < 1e-2);
        let first: f32 = row[..GENES / 2].iter().sum();
        assert_eq!(first > 50.0, cell % 2 == 0, "cell {cell}: {first}");
    }
}

#[test]
fn the_divergence_comes_in_over_the_warm_up() {
    let device = Device::flex().autodiff();
    let config = ZinbAutoencoderConfig {
        kl_warmup: 0.5,
        ..small(2.0)
    };
    let model = model(&config, &device);
    let weight = |progress: f64| {
        let mut batch = sparse(&device);
        batch.progress = progress;
        model.losses(&batch, &model.stages()[0]).terms()["kl"].weight
    };
    assert_eq!([0.0, 0.25, 0.5, 1.0].map(weight), [0.0, 1.0, 2.0, 2.0]);
}

#[test]
fn normalisation_by_cell_is_there_too() {
    let device = Device::flex().autodiff();
    let config = ZinbAutoencoderConfig {
        normalization: fusion_models::blocks::Normalization::Layer,
        ..small(0.0)
    };
    let model = model(&config, &device);
    // Of a cell: in training too it does not matter which others are there.
    let alone = sparse(&device);
    let all = values(model.embed(&alone));
    let few = Tensor::from_data(
        TensorData::new(counts()[..2 * GENES].to_vec(), [2, GENES]),
        &device,
    );
    let few = values(model.embed(&batch(Features::Dense(few))));
    assert!(few.iter().zip(&all).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn noise_is_for_training_only() {
    let device = Device::flex().autodiff();
    let model = model(&small(1.0), &device);
    let stage = &model.stages()[0];
    let loss = |seed: u64| {
        let mut batch = sparse(&device);
        batch.draw = Draw::new(seed);
        values(model.losses(&batch, stage).total())[0]
    };
    assert_eq!(loss(1), loss(1));
    assert_ne!(loss(1), loss(2));
    let plain = Device::flex();
    let z = |seed: u64| {
        let mut batch = sparse(&plain);
        batch.draw = Draw::new(seed);
        values(model.valid().embed(&batch))
    };
    assert_eq!(z(1), z(2));
}

#[test]
fn a_cell_does_not_depend_on_its_batch() {
    let device = Device::flex();
    let model = model(&small(1.0), &device.clone().autodiff()).valid();
    let all = values(model.embed(&dense(&device)));
    let one = Tensor::from_data(
        TensorData::new(counts()[..GENES].to_vec(), [1, GENES]),
        &device,
    );
    let alone = values(model.embed(&batch(Features::Dense(one))));
    assert!(alone.iter().zip(&all).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn description_counts_every_parameter() {
    let device = Device::flex().autodiff();
    for extra_zeros in [false, true] {
        let config = ZinbAutoencoderConfig {
            extra_zeros,
            ..small(1.0)
        };
        let model = model(&config, &device);
        assert_eq!(model.describe().n_params(), model.num_params());
    }
}

#[test]
fn settings_that_cannot_work_are_all_named() {
    let config = ZinbAutoencoderConfig {
        n_latent: 0,
        hidden: vec![],
        dropout: 1.0,
        kl_weight: -1.0,
        target_sum: f64::NAN,
        ..ZinbAutoencoderConfig::default()
    };
    let message = config.validate().unwrap_err().to_string();
    for word in ["n_latent", "hidden", "dropout", "kl_weight", "target_sum"] {
        assert!(message.contains(word), "{message}");
    }
}
