//! scFusionTTT, stage 1: what must hold of the network.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use fusion_core::{CellBatch, Draw, Features, FusionModel};
use fusion_models::blocks::FusionKind;
use fusion_models::scfusionttt::ReadOut;
use fusion_models::{ScFusionTtt, ScFusionTttConfig, to_petgraph};

const GENES: usize = 43; // the last token of 5 is short
const PROTEINS: usize = 7;

fn config() -> ScFusionTttConfig {
    ScFusionTttConfig {
        gene_patch: 5,
        d_model: 8,
        n_heads: 1,
        chunk: 4,
        encoder_depth: 1,
        ..ScFusionTttConfig::small()
    }
}

fn model(config: &ScFusionTttConfig, device: &Device) -> ScFusionTtt {
    config.init(GENES, PROTEINS, device).unwrap()
}

/// Values that differ between cells and features; `rows` name the cells.
fn batch(rows: &[usize], device: &Device) -> CellBatch {
    let values = |n: usize, shift: f32| {
        let v: Vec<f32> = rows
            .iter()
            .flat_map(|&r| (0..n).map(move |j| ((r * 31 + j * 17) as f32 * 0.37 + shift).sin()))
            .collect();
        Features::Dense(Tensor::from_data(
            TensorData::new(v, [rows.len(), n]),
            device,
        ))
    };
    CellBatch {
        rows: rows.to_vec(),
        n_targets: rows.len(),
        graph: None,
        features: [
            ("rna".to_owned(), values(GENES, 0.0)),
            ("adt".to_owned(), values(PROTEINS, 1.0)),
        ]
        .into_iter()
        .collect(),
        draw: Draw::new(11),
        sources: vec![0; rows.len()],
        progress: 1.0,
    }
}

fn rows_of(t: Tensor<2>) -> Vec<Vec<f32>> {
    let width = t.dims()[1];
    let v: Vec<f32> = t.into_data().iter::<f32>().collect();
    v.chunks(width).map(<[f32]>::to_vec).collect()
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-5)
}

#[test]
fn every_parameter_learns() {
    struct Silent<'a> {
        grads: &'a burn::tensor::Gradients,
        path: Vec<String>,
        without: Vec<String>,
    }
    impl ModuleVisitor for Silent<'_> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, p: &Param<Tensor<D>>) {
            let sum = p
                .val()
                .grad(self.grads)
                .map(|g| g.abs().sum().into_scalar::<f32>());
            if !sum.is_some_and(|s| s > 0.0 && s.is_finite()) {
                self.without.push(self.path.join("."));
            }
        }
    }
    let device = Device::flex().autodiff();
    device.seed(1);
    for read_out in [ReadOut::Mean, ReadOut::Concat] {
        let model = model(
            &ScFusionTttConfig {
                read_out,
                ..config()
            },
            &device,
        );
        let stage = &model.stages()[0];
        let grads = model
            .losses(&batch(&[0, 1, 2, 3], &device), stage)
            .total()
            .backward();
        let mut silent = Silent {
            grads: &grads,
            path: vec![],
            without: vec![],
        };
        model.visit(&mut silent);
        assert!(
            silent.without.is_empty(),
            "no gradient: {:?}",
            silent.without
        );
    }
}

#[test]
fn the_loss_does_not_depend_on_how_a_batch_is_cut() {
    let device = Device::flex();
    device.seed(2);
    let model = model(&config(), &device);
    let stage = &model.stages()[0];
    let whole = model.losses(&batch(&[4, 9, 2, 7], &device), stage).values();
    let first = model.losses(&batch(&[4], &device), stage).values();
    let rest = model.losses(&batch(&[9, 2, 7], &device), stage).values();
    assert_eq!(whole.len(), 4);
    for (name, value) in &whole {
        let parts = (first[name] + 3.0 * rest[name]) / 4.0;
        assert!(
            (value - parts).abs() < 1e-5 * value.abs(),
            "{name}: {value} and {parts}"
        );
    }
}

#[test]
fn cells_are_embedded_one_by_one() {
    let device = Device::flex();
    device.seed(3);
    let model = model(&config(), &device);
    let z = rows_of(model.embed(&batch(&[5, 6, 5, 8], &device)));
    assert!(close(&z[0], &z[2]), "equal cells");
    assert!(!close(&z[0], &z[1]), "different cells");
    let swapped = rows_of(model.embed(&batch(&[8, 5], &device)));
    assert!(
        close(&swapped[0], &z[3]) && close(&swapped[1], &z[0]),
        "permuted cells"
    );
}

#[test]
fn the_order_of_the_features_matters() {
    let device = Device::flex();
    device.seed(4);
    let model = model(&config(), &device);
    let mut cells = batch(&[1, 2], &device);
    let before = rows_of(model.embed(&cells));
    // The same values, genes of whole tokens exchanged.
    let rna = cells.modality("rna");
    let exchanged = Tensor::cat(
        vec![
            rna.clone().narrow(1, 5, 5),
            rna.clone().narrow(1, 0, 5),
            rna.narrow(1, 10, 33),
        ],
        1,
    );
    cells
        .features
        .insert("rna".into(), Features::Dense(exchanged));
    let after = rows_of(model.embed(&cells));
    assert!(!close(&before[0], &after[0]));
}

#[test]
fn each_modality_informs_the_other() {
    for fusion in [FusionKind::Ttt, FusionKind::Sum] {
        let device = Device::flex().autodiff();
        device.seed(5);
        // With no shared vector and no cell loss, only the fusion carries RNA to the proteins.
        let c = ScFusionTttConfig {
            fusion,
            cell_context: false,
            cell_loss: 0.0,
            ..config()
        };
        let model = model(&c, &device);
        let mut cells = batch(&[1, 2], &device);
        let rna = cells.modality("rna").require_grad();
        cells
            .features
            .insert("rna".into(), Features::Dense(rna.clone()));
        let losses = model.losses(&cells, &model.stages()[0]);
        let grads = losses.terms()["protein_mse"].value.clone().backward();
        let reach = rna
            .grad(&grads)
            .map_or(0.0, |g| g.abs().sum().into_scalar::<f32>());
        assert!(reach > 0.0, "{fusion:?}: RNA does not reach the proteins");
    }
}

#[test]
fn the_published_size() {
    let device = Device::flex();
    let graph = ScFusionTttConfig::paper()
        .init(4000, 14, &device)
        .unwrap()
        .describe();
    let of = |name: &str| {
        graph
            .nodes
            .iter()
            .find(|n| n.name == name)
            .unwrap()
            .n_params
    };
    // One TTT-Linear block at width 128 with 2 heads and SwiGLU 352 has 210,066 numbers.
    assert_eq!(of("rna fused"), 210_066);
    assert_eq!(of("rna encoder"), 6 * 210_066 + 2 * 128);
    assert!(
        (4_400_000..4_800_000).contains(&graph.n_params()),
        "{}",
        graph.n_params()
    );
    let g = to_petgraph(&graph);
    assert_eq!(
        (g.node_count(), g.edge_count()),
        (graph.nodes.len(), graph.edges.len())
    );
    assert!(!petgraph::algo::is_cyclic_directed(&g));
}

#[test]
fn settings_that_cannot_work_are_refused_together() {
    let c = ScFusionTttConfig {
        mask_ratio: 0.0,
        d_model: 7,
        cell_loss: -1.0,
        ..config()
    };
    let message = c.validate().unwrap_err().to_string();
    for word in ["mask_ratio", "d_model", "cell_loss"] {
        assert!(message.contains(word), "{message}");
    }
    let message = config()
        .init(5, 1, &Device::flex())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("5 genes") && message.contains("1 proteins"),
        "{message}"
    );
}
