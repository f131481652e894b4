//! scDEFR against PyTorch: `golden/scdefr.json`.

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{assert_close, flat, matrix, shape, values};
use fusion_core::{CellBatch, Draw, EpochStart, Features, FusionModel};
use fusion_models::blocks::{PairLoss, Pairs, TagConvConfig, graph_loss};
use fusion_models::scdefr::{COUNTS, RNA, SIZE_FACTOR};
use fusion_models::{ScDefr, ScDefrConfig};
use serde_json::Value;
use sparse_ops::CsrTensor;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/scdefr.json")).expect("golden file")
}

fn sparse(dense: &[f64], [rows, cols]: [usize; 2], device: &Device) -> CsrTensor {
    let (mut indptr, mut indices, mut kept) = (vec![0], vec![], vec![]);
    for row in dense.chunks(cols) {
        for (j, &v) in row.iter().enumerate().filter(|(_, v)| **v != 0.0) {
            indices.push(j as u32);
            kept.push(v as f32);
        }
        indptr.push(kept.len());
    }
    let device = device.clone().without_autodiff();
    CsrTensor::from_slices([rows, cols], &indptr, &indices, &kept, &device).unwrap()
}

/// The golden cells in the given order.
fn batch(golden: &Value, order: &[usize], device: &Device) -> CellBatch {
    let rows = |name: &str| -> Vec<f64> {
        let width = golden[name]["shape"]
            .get(1)
            .map_or(1, |w| w.as_u64().unwrap() as usize);
        let all = flat(&golden[name]);
        order
            .iter()
            .flat_map(|&i| all[i * width..(i + 1) * width].to_vec())
            .collect()
    };
    let n = order.len();
    let operator = flat(&golden["corrected_operator"]);
    let permuted: Vec<f64> = order
        .iter()
        .flat_map(|&i| {
            order
                .iter()
                .map(|&j| operator[i * 14 + j])
                .collect::<Vec<_>>()
        })
        .collect();
    let factors: Vec<f32> = rows("size_factor").iter().map(|&v| v as f32).collect();
    let factors = Tensor::from_data(TensorData::new(factors, [n, 1]), device);
    CellBatch {
        rows: order.to_vec(),
        n_targets: n,
        graph: Some(sparse(&permuted, [n, n], device)),
        features: [
            (
                RNA.to_owned(),
                Features::Sparse(sparse(&rows("log_normalised"), [n, 10], device)),
            ),
            (
                COUNTS.to_owned(),
                Features::Sparse(sparse(&rows("counts"), [n, 10], device)),
            ),
            (SIZE_FACTOR.to_owned(), Features::Dense(factors)),
        ]
        .into_iter()
        .collect(),
        draw: Draw::new(0),
        sources: vec![0; order.len()],
        progress: 1.0,
    }
}

fn config() -> ScDefrConfig {
    ScDefrConfig {
        widths: vec![8, 6, 4],
        dropout: 0.0,
        momentum: 0.01,
        ..ScDefrConfig::paper()
    }
}

/// Names of the golden parameters in the order of the model's. The biases before a normalisation, which takes them away, are
/// not part of the model.
fn order() -> Vec<String> {
    let mut names = Vec::new();
    for i in 1..=3 {
        names.extend(["w0", "b", "w1", "w2", "w3"].map(|p| format!("tag{i}_{p}")));
    }
    names.extend((1..=3).map(|i| format!("lin{i}_w")));
    names.extend((1..=3).flat_map(|i| ["g", "b", "mean", "var"].map(|p| format!("bn{i}_{p}"))));
    names.extend(["fuse_a", "fuse_b", "alpha"].map(str::to_owned));
    names.extend((1..=3).map(|i| format!("dec{i}_w")));
    names.extend((1..=3).flat_map(|i| ["g", "b", "mean", "var"].map(|p| format!("dbn{i}_{p}"))));
    for head in ["mu", "theta", "pi"] {
        names.extend([format!("head_{head}_w"), format!("head_{head}_b")]);
    }
    names.push("centres".to_owned());
    names
}

fn model(golden: &Value, device: &Device) -> ScDefr {
    let corrected = &golden["corrected"];
    let mut parameters: Vec<Vec<f64>> = order()
        .iter()
        .map(|name| match name.split_once('_') {
            // Running values before the first step.
            Some((norm, "mean")) => {
                vec![0.0; flat(&corrected["params"][format!("{norm}_g")]).len()]
            }
            Some((norm, "var")) => vec![1.0; flat(&corrected["params"][format!("{norm}_g")]).len()],
            _ => flat(&corrected["params"][name]),
        })
        .collect();
    // The sums of q over all cells.
    let q = flat(&corrected["assignments"]["q"]);
    parameters.push((0..3).map(|k| q.iter().skip(k).step_by(3).sum()).collect());
    common::with_parameters(config().init(10, 3, 14, device).unwrap(), parameters)
}

#[test]
fn corrected_outputs_losses_and_gradients() {
    let golden = golden();
    let device = Device::flex().autodiff();
    let all: Vec<usize> = (0..14).collect();
    let batch = batch(&golden, &all, &device);
    let model = model(&golden, &device);
    let corrected = &golden["corrected"];
    let z = model.embeddings(&batch);
    for (found, name) in [(&z.graph, "g3"), (&z.expression, "l3"), (&z.fused, "z")] {
        assert_close(
            &values(found),
            &flat(&corrected["outputs"][name]),
            1e-5,
            name,
        );
    }
    for (stage, gradients) in model.stages().iter().zip(["grad_stage1", "grad_stage2"]) {
        let losses = model.losses(&batch, stage);
        for (name, value) in losses.values() {
            let wanted = corrected["losses"][&name].as_f64().unwrap();
            assert!(
                (value - wanted).abs() < 1e-5 * wanted.max(0.1),
                "{name}: {value}, expected {wanted}"
            );
        }
        let found = common::gradients(&model, &losses.total().backward());
        for (name, found) in order().iter().zip(&found) {
            if name.ends_with("_mean") || name.ends_with("_var") {
                continue;
            }
            let expected = flat(&corrected[gradients][name]);
            if found.is_empty() {
                assert!(
                    expected.iter().all(|e| e.abs() < 1e-12),
                    "{gradients} {name}"
                );
            } else {
                assert_close(found, &expected, 5e-5, &format!("{gradients} {name}"));
            }
        }
    }
}

/// With gates that all cells share, the order of the cells is the order of the results and nothing else.
#[test]
fn permuting_cells_permutes_outputs() {
    let golden = golden();
    let device = Device::flex();
    let config = ScDefrConfig {
        gates_per_cell: false,
        normalize_graph: true,
        ..config()
    };
    let model = config.init(10, 3, 14, &device).unwrap();
    let all: Vec<usize> = (0..14).collect();
    let shuffled: Vec<usize> = (0..14).map(|i| i * 5 % 14).collect();
    let z = values(&model.embed(&batch(&golden, &all, &device)));
    let permuted = values(&model.embed(&batch(&golden, &shuffled, &device)));
    for (place, &cell) in shuffled.iter().enumerate() {
        let expected: Vec<f64> = z[cell * 4..(cell + 1) * 4]
            .iter()
            .map(|&v| f64::from(v))
            .collect();
        assert_close(
            &permuted[place * 4..(place + 1) * 4],
            &expected,
            1e-5,
            "cell",
        );
    }
}

/// The published program, block by block: its graph runs one way in the convolutions and the other way in the fusion, so it
/// is no model of ours as a whole.
#[test]
fn published_convolutions_and_graph_loss() {
    let golden = golden();
    let device = Device::flex();
    let published = &golden["published"];
    let outputs = &published["outputs"];
    let operator = |name: &str| sparse(&flat(&golden[name]), [14, 14], &device);
    let tag = operator("published_tag_operator");
    let mut x = matrix(&golden["log_normalised"], &device);
    for (i, [g, l]) in [["g1", "l1"], ["g2", "l2"]].iter().enumerate() {
        let parameter = |p: &str| flat(&published["params"][&format!("tag{}_{p}", i + 1)]);
        let [d_input, d_output] = shape(&published["params"][&format!("tag{}_w0", i + 1)]);
        let layer = TagConvConfig {
            d_input,
            d_output,
            n_hops: 3,
            bias: true,
        }
        .init(&device);
        let layer =
            common::with_parameters(layer, ["w0", "b", "w1", "w2", "w3"].map(parameter).to_vec());
        let y = layer.forward_dense(x, &tag);
        assert_close(&values(&y), &flat(&outputs[*g]), 1e-5, g);
        x = y * 0.9 + matrix(&outputs[*l], &device) * 0.1;
    }
    let pairs = Pairs::published(&operator("published_local_operator"), 14);
    let loss = graph_loss(matrix(&outputs["g3"], &device), &pairs, PairLoss::Squared);
    let wanted = published["losses"]["graph"].as_f64().unwrap();
    assert!((f64::from(loss.into_scalar::<f32>()) - wanted).abs() < 1e-5);
}

/// Clusters go by direction: a cell may be any length.
#[test]
fn soft_clusters_by_direction_do_not_see_lengths() {
    let golden = golden();
    let device = Device::flex().autodiff();
    let config = ScDefrConfig {
        gates_per_cell: false,
        by_direction: true,
        ..config()
    };
    let model = config.init(10, 3, 14, &device).unwrap();
    let batch = batch(&golden, &(0..14).collect::<Vec<_>>(), &device);
    // As the trainer does at the start of the second stage.
    let stage = model.stages().remove(1);
    let see = |to: &mut dyn FnMut(&CellBatch)| to(&batch);
    let model = model.begin_epoch(&EpochStart {
        stage: &stage,
        epoch: 0,
        draw: Draw::new(0),
        each_batch: &see,
    });
    let z = model.embed(&batch);
    let q = values(&model.assign(z.clone()));
    let longer = values(&model.assign(z.clone() * 7.0));
    let expected: Vec<f64> = q.iter().map(|&v| f64::from(v)).collect();
    assert_close(&longer, &expected, 1e-5, "q");
    assert!(
        q.chunks(3).any(|row| (row[0] - row[1]).abs() > 1e-3),
        "{q:?}"
    );
    // An embedding of zeros has an assignment, and slopes.
    let zeros = z.zeros_like().require_grad();
    let q = model.assign(zeros.clone());
    let slopes = zeros.grad(&q.narrow(1, 0, 1).sum().backward()).unwrap();
    assert!(slopes.into_data().iter::<f32>().all(f32::is_finite));
}

/// Each half of the training has its own stage, and another number of clusters changes nothing else.
#[test]
fn stages_can_be_trained_one_by_one() {
    let golden = golden();
    let device = Device::flex();
    let model = config().init(10, 3, 14, &device).unwrap();
    let names = |m: &ScDefr| -> Vec<String> { m.stages().into_iter().map(|s| s.name).collect() };
    assert_eq!(names(&model), ["pretrain", "cluster"]);
    let batch = batch(&golden, &(0..14).collect::<Vec<_>>(), &device);
    let z = values(&model.embed(&batch));
    let first = model.for_pretraining();
    assert_eq!(names(&first), ["pretrain"]);
    let second = first.for_clustering(5);
    assert_eq!(
        (names(&second), second.n_clusters()),
        (vec!["cluster".to_owned()], 5)
    );
    assert_eq!(values(&second.embed(&batch)), z);
}

#[test]
fn settings_that_cannot_work_are_named_together() {
    let wrong = ScDefrConfig {
        widths: vec![3],
        dropout: 1.0,
        refresh_every: 0,
        ..ScDefrConfig::small()
    };
    let message = wrong.validate().unwrap_err().to_string();
    for word in ["widths", "dropout", "refresh_every"] {
        assert!(message.contains(word), "{message}");
    }
    let small = ScDefrConfig::small();
    let message = small
        .init(10, 15, 14, &Device::flex())
        .unwrap_err()
        .to_string();
    assert!(message.contains("15 clusters of 14 cells"), "{message}");
}
