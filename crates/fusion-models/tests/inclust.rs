//! inClust+ against PyTorch and NumPy: `golden/inclust_plus.json`; what a mask must do.

mod common;

use std::ops::Range;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use common::{assert_close, flat, matrix, shape, values};
use fusion_core::{CellBatch, Draw, Features, FusionModel};
use fusion_models::blocks::{Activation, Arithmetic, GroupInput, GroupLikelihood, ValueLink};
use fusion_models::inclust::{COVARIATES, GroupConfig, InclustWeights, LABELS};
use fusion_models::{Inclust, InclustConfig};
use mask_modules::{FeatureGroup, GroupSet, MaskPlan, Pass, Source};
use serde_json::Value;

/// Columns of the groups A, B and C.
const GROUPS: [Range<usize>; 3] = [0..3, 3..6, 6..9];
const ROWS: usize = 10;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/inclust_plus.json")).expect("golden file")
}

fn set(names: &Value) -> GroupSet {
    let names = names.as_str().expect("names of groups");
    GroupSet::of(names.bytes().map(|b| usize::from(b - b'A')))
}

/// Each golden row is a cell of a source of its own.
fn plan(case: &Value) -> MaskPlan {
    let group = |i: usize| FeatureGroup {
        name: ["A", "B", "C"][i].to_owned(),
        n_features: 3,
    };
    let source = |i: usize| Source {
        name: format!("cell {i}"),
        measured: GroupSet::of([0, 1, 2]),
    };
    let pass = |(source, row): (usize, &Value)| Pass {
        source,
        visible: set(&row["input"]),
        scored: set(&row["output"]),
    };
    let rows = case["rows"].as_array().expect("rows");
    MaskPlan::new(
        (0..3).map(group).collect(),
        (0..ROWS).map(source).collect(),
        rows.iter().enumerate().map(pass).collect(),
    )
    .unwrap()
}

fn batch(golden: &Value, device: &Device) -> CellBatch {
    let x = matrix(&golden["x"], device);
    let dense = |name: &str| Features::Dense(matrix(&golden[name], device));
    let mut features: indexmap::IndexMap<String, Features> = ["A", "B", "C"]
        .iter()
        .zip(GROUPS)
        .map(|(name, columns)| {
            let part = x.clone().narrow(1, columns.start, columns.len());
            ((*name).to_owned(), Features::Dense(part))
        })
        .collect();
    features.insert(COVARIATES.to_owned(), dense("covariates"));
    features.insert(LABELS.to_owned(), dense("labels"));
    CellBatch {
        rows: (0..ROWS).collect(),
        n_targets: ROWS,
        features,
        sources: (0..ROWS as u32).collect(),
        graph: None,
        draw: Draw::new(0),
        progress: 1.0,
    }
}

fn config(case: &Value) -> InclustConfig {
    let c = &case["config"];
    let weight = |i: usize| c["weights"][i].as_f64().unwrap();
    InclustConfig {
        n_latent: 4,
        encoder: vec![6, 4],
        decoder: vec![6],
        activation: match c["act"].as_str() {
            Some("tanh") => Activation::Tanh,
            _ => Activation::Relu,
        },
        arithmetic: match c["arithmetic"].as_str() {
            Some("plus") => Arithmetic::Plus,
            _ => Arithmetic::Minus,
        },
        weights: InclustWeights {
            kl: weight(1),
            // Kept in the loss, so that it can be compared.
            entropy: weight(2).max(1e-30),
            labels: weight(3).max(1e-30),
        },
        apply_input_mask: c["apply_input_mask"].as_bool().unwrap(),
        ..InclustConfig::paper()
    }
}

fn groups(case: &Value) -> Vec<GroupConfig> {
    let link = match case["config"]["out_act"].as_str() {
        Some("sigmoid") => ValueLink::Sigmoid,
        _ => ValueLink::Relu,
    };
    vec![InclustConfig::published_group(link); 3]
}

/// The golden parameters in the order of the model's: weights of groups are rows of the first layer and columns of the last.
fn ordered(values: &Value) -> Vec<(String, Vec<f64>)> {
    let whole = |name: &str| (name.to_owned(), flat(&values[name]));
    let part = |name: &str, columns: Option<&Range<usize>>, rows: Option<&Range<usize>>| {
        let all = flat(&values[name]);
        let [n, width] = match values[name]["shape"].as_array().unwrap().len() {
            1 => [1, all.len()],
            _ => shape(&values[name]),
        };
        let (rows, columns) = (
            rows.cloned().unwrap_or(0..n),
            columns.cloned().unwrap_or(0..width),
        );
        let of = rows.flat_map(|r| columns.clone().map(move |c| r * width + c));
        (name.to_owned(), of.map(|at| all[at]).collect())
    };
    let mut order: Vec<_> = GROUPS
        .iter()
        .map(|g| part("enc1_w", None, Some(g)))
        .collect();
    order.extend(
        [
            "enc1_b",
            "enc2_w",
            "enc2_b",
            "mean_w",
            "mean_b",
            "logvar_w",
            "logvar_b",
            "cov_w",
            "cov_b",
            "cls_w",
            "cls_b",
            "prior_means",
            "dec1_w",
            "dec1_b",
        ]
        .map(whole),
    );
    for g in &GROUPS {
        order.push(part("dec2_w", Some(g), None));
        order.push(part("dec2_b", Some(g), None));
    }
    order
}

fn model(golden: &Value, case: &Value, device: &Device) -> Inclust {
    let model = config(case)
        .init(&plan(case), &groups(case), 2, 3, device)
        .unwrap();
    let parameters = ordered(&golden["params"]).into_iter().map(|(_, v)| v);
    common::with_parameters(model, parameters.collect())
}

#[test]
fn outputs_losses_and_gradients() {
    let golden = golden();
    let device = Device::flex().autodiff();
    let batch = batch(&golden, &device);
    for case in golden["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let model = model(&golden, case, &device);
        let rows = model.plan().expand(&batch.sources);
        let e = model.encode(&batch, &rows);
        let outputs = &case["outputs"];
        let check = |found: &Tensor<2>, key: &str| {
            assert_close(
                &values(found),
                &flat(&outputs[key]),
                1e-5,
                &format!("{name}: {key}"),
            );
        };
        check(&e.mean, "mean");
        check(&e.log_var, "logvar");
        check(&e.free, "u");
        check(&e.components, "y");
        let noise = matrix(&golden["eps"], &device);
        let z = e.mean.clone() + (e.log_var.clone() * 0.5).exp() * noise.clone();
        check(&z, "z");
        let own = matrix(&golden["covariates"], &device);
        let decoded = |z: &Tensor<2>| {
            let groups = (0..3).map(|g| model.decode(z.clone(), own.clone(), g, None).mean);
            Tensor::cat(groups.collect(), 1)
        };
        check(&decoded(&z), "reconstruction");
        check(&decoded(&e.mean), "decode_mean_own_covariate");
        let other = own.clone().flip([1]);
        let swapped = model.swap_covariates(e.mean.clone(), own.clone(), other);
        check(&decoded(&swapped), "decode_mean_covariates_reversed");

        let losses = model.losses_of(&batch, &rows, noise);
        let found = losses.values();
        let rec: f64 = ["A", "B", "C"].iter().map(|g| found[*g]).sum();
        for (key, found) in [
            ("rec", rec),
            ("kl", found["kl"]),
            ("cat", found["entropy"]),
            ("lab", found["labels"]),
            ("total", f64::from(losses.total().into_scalar::<f32>())),
        ] {
            let wanted = case["losses"][key].as_f64().unwrap();
            assert!(
                (found - wanted).abs() < 1e-5 * wanted.abs().max(0.1),
                "{name}: {key} {found}, expected {wanted}"
            );
        }
        let gradients = common::gradients(&model, &losses.total().backward());
        let expected = ordered(&case["grad"]);
        assert_eq!(gradients.len(), expected.len());
        // The scale is that of the whole parameter.
        for (found, (parameter, expected)) in gradients.iter().zip(&expected) {
            let whole = flat(&case["grad"][parameter]);
            let scale = whole.iter().fold(1e-6, |m: f64, v| m.max(v.abs()));
            let found = if found.is_empty() {
                vec![0.0; expected.len()]
            } else {
                found.clone()
            };
            for (f, e) in found.iter().zip(expected) {
                assert!(
                    (f64::from(*f) - e).abs() < 5e-5 * scale,
                    "{name}: gradient of {parameter}: {f}, expected {e}"
                );
            }
        }
        if name == "group_C_never_seen" {
            assert!(
                gradients[2].iter().all(|&g| g == 0.0),
                "first-layer rows of C"
            );
        }
    }
}

/// What no row scores may be anything, and what no row sees too.
#[test]
fn masked_values_change_nothing() {
    let golden = golden();
    let device = Device::flex();
    let case = &golden["cases"][0];
    let plan = MaskPlan::new(
        plan(case).groups().to_vec(),
        vec![Source {
            name: "all".to_owned(),
            measured: GroupSet::of([0, 1, 2]),
        }],
        vec![Pass {
            source: 0,
            visible: GroupSet::of([0]),
            scored: GroupSet::of([1]),
        }],
    )
    .unwrap();
    let model = config(case)
        .init(&plan, &groups(case), 2, 3, &device)
        .unwrap();
    let loss = |change: &[&str]| {
        let mut batch = batch(&golden, &device);
        batch.sources = vec![0; ROWS];
        for name in change {
            let x = batch.modality(name);
            batch
                .features
                .insert((*name).to_owned(), Features::Dense(x * f32::NAN));
        }
        model
            .losses(&batch, &model.stages()[0])
            .total()
            .into_scalar::<f32>()
    };
    assert!(loss(&[]).is_finite());
    assert_eq!(loss(&["C"]), loss(&[]));
    assert!(loss(&["B"]).is_nan() && loss(&["A"]).is_nan());
}

/// The published MERFISH model: 153 genes, 200 and 50, two covariates, 13 classes.
#[test]
fn published_number_of_parameters() {
    let group = |name: &str, n_features: usize| FeatureGroup {
        name: name.to_owned(),
        n_features,
    };
    let source = |name: &str, measured: &[usize]| Source {
        name: name.to_owned(),
        measured: GroupSet::of(measured.iter().copied()),
    };
    let plan = MaskPlan::imputation(
        vec![group("common", 122), group("specific", 31)],
        vec![source("scRNA", &[0, 1]), source("MERFISH", &[0])],
    )
    .unwrap();
    let groups = vec![InclustConfig::published_group(ValueLink::Sigmoid); 2];
    let model = InclustConfig::paper()
        .init(&plan, &groups, 2, 13, &Device::flex())
        .unwrap();
    assert_eq!(model.num_params(), 88_366);
    assert_eq!(model.describe().n_params(), 88_366);
}

/// One component at the origin and no shift: the divergence is that of a standard variational autoencoder.
#[test]
fn one_component_is_a_standard_autoencoder() {
    let golden = golden();
    let device = Device::flex();
    let case = &golden["cases"][0];
    let config = InclustConfig {
        covariate_bias: false,
        ..config(case)
    };
    let model = config
        .init(&plan(case), &groups(case), 2, 1, &device)
        .unwrap();
    let mut batch = batch(&golden, &device);
    batch.features.shift_remove(LABELS);
    let none = Tensor::zeros([ROWS, 2], &device);
    batch
        .features
        .insert(COVARIATES.to_owned(), Features::Dense(none));
    let rows = model.plan().expand(&batch.sources);
    let e = model.encode(&batch, &rows);
    let kl = (e.mean.clone().square() + e.log_var.clone().exp() - e.log_var - 1.0).sum() * 0.5;
    let expected = f64::from(kl.into_scalar::<f32>()) / ROWS as f64;
    let noise = Tensor::zeros([ROWS, 4], &device);
    let found = model.losses_of(&batch, &rows, noise).values()["kl"];
    assert!(
        (found / expected - 1.0).abs() < 1e-5,
        "{found}, expected {expected}"
    );
}

/// A group that one data set lacks is predicted on the scale of what it has: the same counts from half the library are half as many.
#[test]
fn anchored_counts_follow_the_library() {
    let device = Device::flex();
    let group = |name: &str| FeatureGroup {
        name: name.to_owned(),
        n_features: 4,
    };
    let plan = MaskPlan::imputation(
        vec![group("common"), group("specific")],
        vec![
            Source {
                name: "a".to_owned(),
                measured: GroupSet::of([0, 1]),
            },
            Source {
                name: "b".to_owned(),
                measured: GroupSet::of([0]),
            },
        ],
    )
    .unwrap();
    let counts = |anchor: Option<&str>| GroupConfig {
        input: GroupInput::Log1p,
        input_entry: None,
        likelihood: GroupLikelihood::Nb,
        weight: 1.0,
        anchor: anchor.map(str::to_owned),
    };
    let config = InclustConfig::default();
    let refused = config.init(
        &plan,
        &[counts(Some("specific")), counts(None)],
        2,
        1,
        &device,
    );
    assert!(refused.is_ok(), "either may be the anchor");
    let refused = config.init(
        &plan,
        &[counts(Some("nothing")), counts(None)],
        2,
        1,
        &device,
    );
    assert!(refused.unwrap_err().to_string().contains("anchor"));
    let model = config
        .init(
            &plan,
            &[counts(None), counts(Some("common"))],
            2,
            1,
            &device,
        )
        .unwrap();
    let z = Tensor::<2>::random(
        [2, 32],
        burn::tensor::Distribution::Normal(0.0, 1.0),
        &device,
    );
    let of = |group: usize, library: [f32; 2]| {
        values(
            &model
                .decode(
                    z.clone(),
                    Tensor::zeros([2, 2], &device),
                    group,
                    Some(Tensor::from_data(library, &device)),
                )
                .mean,
        )
    };
    let common = of(0, [100.0, 10.0]);
    assert!((common[..4].iter().sum::<f32>() - 100.0).abs() < 1e-3);
    assert!((common[4..].iter().sum::<f32>() - 10.0).abs() < 1e-4);
    for (a, b) in of(1, [100.0, 10.0]).iter().zip(of(1, [50.0, 5.0])) {
        assert!((a / b - 2.0).abs() < 1e-4);
    }
}

/// Only what the new batch has of its own gets a gradient.
#[test]
fn a_new_batch_teaches_biases_alone() {
    let golden = golden();
    let case = &golden["cases"][0];
    let device = Device::flex().autodiff();
    let model = model(&golden, case, &device);
    let plan = model.plan().clone();
    let batch = batch(&golden, &device);
    let stage = &model.stages()[0];
    let learns = |model: &Inclust| {
        let loss = model.losses(&batch, stage).total();
        burn::optim::GradientsParams::from_grads(loss.backward(), model).len()
    };
    // The golden file's 17, three of which are in three pieces, one per group.
    assert_eq!(learns(&model), 23);
    // The encoder's first bias and those of three heads, behind a stay without gradients too.
    let model = model.for_new_batch(&plan, &[]);
    assert_eq!(learns(&model), 4);
    assert_eq!(learns(&model.valid().train()), 4);
}

/// A group that the model has not seen changes nothing until it has been learned, and it alone learns beside what is the batch's own.
#[test]
fn a_new_group_begins_without_a_say() {
    let golden = golden();
    let case = &golden["cases"][0];
    let device = Device::flex().autodiff();
    let model = model(&golden, case, &device);
    let mut shapes = model.plan().groups().to_vec();
    shapes.push(FeatureGroup {
        name: "D".to_owned(),
        n_features: 2,
    });
    let (old, all) = (GroupSet::of(0..3), GroupSet::of(0..4));
    let source = Source {
        name: "new".to_owned(),
        measured: all,
    };
    let pass = |visible| Pass {
        source: 0,
        visible,
        scored: all,
    };
    let plan = MaskPlan::new(shapes, vec![source], [old, all].map(pass).to_vec()).unwrap();
    let normal = GroupConfig {
        likelihood: GroupLikelihood::Gaussian,
        ..groups(case)[0].clone()
    };
    let mut batch = batch(&golden, &device);
    batch.sources = vec![0; ROWS];
    let of = |model: &Inclust, batch: &CellBatch, seen| {
        let rows = model.plan().showing(vec![seen; ROWS]);
        values(&model.encode(batch, &rows).mean)
    };
    let was = of(&model, &batch, old);
    let model = model.for_new_batch(&plan, &[normal]);
    let x = Tensor::<2>::ones([ROWS, 2], &device) * 3.0;
    batch.features.insert("D".to_owned(), Features::Dense(x));
    assert_eq!(of(&model, &batch, old), was);
    assert_eq!(of(&model, &batch, all), was);
    // Four biases; the group's weights in the encoder; mean, bias and deviation of its head.
    let loss = model.losses(&batch, &model.stages()[0]).total();
    let learn = burn::optim::GradientsParams::from_grads(loss.backward(), &model);
    assert_eq!(learn.len(), 8);
}

/// What the decoder is told shifts what it says; without it, covariates act through the latent vector alone.
#[test]
fn a_conditional_decoder_is_told_the_covariates() {
    let golden = golden();
    let case = &golden["cases"][0];
    let device = Device::flex();
    for conditional in [false, true] {
        let config = InclustConfig {
            conditional_decoder: conditional,
            ..config(case)
        };
        let model = config
            .init(&plan(case), &groups(case), 2, 3, &device)
            .unwrap();
        let z = Tensor::<2>::ones([1, 4], &device);
        let of = |c: [f32; 2]| {
            let told = Tensor::<2>::from_data([c], &device);
            values(&model.decode(z.clone(), told, 0, None).mean)
        };
        assert_eq!(of([1.0, 0.0]) != of([0.0, 1.0]), conditional);
    }
}
