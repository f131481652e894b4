//! A fusion model that this workspace does not ship, written with its public parts only, then
//! trained, embedded and scored by the same machinery as the shipped ones.
//!
//! RNA goes through a stack of TTT blocks over genes in genome order, proteins through one dense
//! layer; the cell's vector is their sum, and two linear heads reconstruct both modalities.
//!
//! `cargo run --release --example own_model [FILE.h5mu]`

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation::gelu};
use cellweave::evaluate::{EvaluateOptions, labels_of, score};
use cellweave::fuse::{FuseConfig, Prepared, Preset, prepare};
use cellweave::fusion_core::{CellBatch, Encoder, FusionModel, LossTerms, ModelGraph, Stage};
use cellweave::fusion_models::blocks::{
    PatchEmbed, Patches, TokenWeights, TttStack, TttStackConfig,
};
use cellweave::simulate::{SimulateConfig, simulate};
use cellweave::train::{self, Run, Silent, TrainConfig};
use cellweave::ttt_layer::{TttBlockConfig, TttLinearConfig};
use cellweave::{Error, sc_io};

const D_MODEL: usize = 32;

/// The model: blocks and nothing else.
#[derive(Module, Debug)]
struct OwnModel {
    tokens: PatchEmbed,
    encoder: TttStack,
    protein_encoder: Linear,
    rna_head: Linear,
    protein_head: Linear,
    #[module(skip)]
    patches: Patches,
}

impl OwnModel {
    fn new(n_genes: usize, n_proteins: usize, device: &Device) -> Self {
        let patches = Patches {
            n_features: n_genes,
            width: 20,
        };
        let block = TttBlockConfig::new(TttLinearConfig::new(D_MODEL)).with_dropout(0.0);
        let linear = |from, to| LinearConfig::new(from, to).init(device);
        Self {
            tokens: PatchEmbed::new(patches, D_MODEL, TokenWeights::PerFeature, device),
            encoder: TttStackConfig {
                block,
                depth: 1,
                final_norm: true,
            }
            .init(device),
            protein_encoder: linear(n_proteins, D_MODEL),
            rna_head: linear(D_MODEL, n_genes),
            protein_head: linear(D_MODEL, n_proteins),
            patches,
        }
    }
}

impl FusionModel for OwnModel {
    fn stages(&self) -> Vec<Stage> {
        vec![Stage {
            name: "autoencoder".into(),
            modalities: vec!["rna".into(), "adt".into()],
        }]
    }

    fn losses(&self, batch: &CellBatch, _stage: &Stage) -> LossTerms {
        let cell = self.embed(batch);
        let mse = |a: Tensor<2>, b: Tensor<2>| (a - b).powf_scalar(2.0).mean();
        LossTerms::new()
            .with(
                "rna_mse",
                1.0,
                mse(self.rna_head.forward(cell.clone()), batch.modality("rna")),
            )
            .with(
                "protein_mse",
                0.3,
                mse(self.protein_head.forward(cell), batch.modality("adt")),
            )
    }

    fn embed(&self, batch: &CellBatch) -> Tensor<2> {
        let tokens = self.tokens.forward(self.patches.cut(batch.modality("rna")));
        let rna = self.encoder.encode(tokens).mean_dim(1).squeeze_dim::<2>(1);
        rna + gelu(self.protein_encoder.forward(batch.modality("adt")))
    }

    fn describe(&self) -> ModelGraph {
        let mut g = ModelGraph::default();
        let rna = g.node(
            "rna",
            format!("[cells, {}]", self.patches.n_features),
            0,
            &[],
        );
        let protein = g.node("protein", "[cells, proteins]", 0, &[]);
        let hidden = format!("[cells, {}, {D_MODEL}]", self.patches.n_tokens());
        let tokens = g.block("tokens", hidden.clone(), &self.tokens, &[rna]);
        let encoded = g.block("TTT encoder", hidden, &self.encoder, &[tokens]);
        let vector = format!("[cells, {D_MODEL}]");
        let protein = g.block(
            "protein encoder",
            vector.clone(),
            &self.protein_encoder,
            &[protein],
        );
        let cell = g.node("cell vector", vector, 0, &[encoded, protein]);
        g.block("rna head", "[cells, genes]", &self.rna_head, &[cell]);
        g.block(
            "protein head",
            "[cells, proteins]",
            &self.protein_head,
            &[cell],
        );
        g
    }
}

fn main() -> Result<(), Error> {
    let data = match std::env::args().nth(1) {
        Some(file) => sc_io::read(file)?.data,
        None => simulate(&SimulateConfig {
            n_cells: 400,
            ..SimulateConfig::default()
        })?,
    };
    let prepared: Prepared = prepare(&data, &FuseConfig::of(Preset::Small), 0)?;
    let device = Device::flex();
    let model = train::seeded_init(&device.clone().autodiff(), 0, |device| {
        Ok::<_, Error>(OwnModel::new(
            prepared.genes.len(),
            prepared.proteins.len(),
            device,
        ))
    })?;
    print!("{}", model.describe().to_mermaid());

    let config = TrainConfig {
        epochs: 15,
        batch_size: 32,
        learning_rate: 2e-3,
        warmup_epochs: 2,
        validation_fraction: 0.1,
        ..TrainConfig::default()
    };
    let run = Run {
        config: &config,
        seed: 0,
        device: &device,
        checkpoints: None,
        resume: false,
        context: serde_json::Value::Null,
    };
    let trained = train::train(model, &prepared.data, &run, &mut Silent)?;
    for e in &trained.history.epochs {
        println!(
            "epoch {:2}  loss {:.4}  validation {:.4}",
            e.epoch + 1,
            e.training_loss,
            e.validation_loss.unwrap_or(f64::NAN)
        );
    }
    let embedding = train::embed(&trained.model, &prepared.data, 64, &device);
    let cells = prepared.cells.modalities["rna"].obs.index();
    if let Ok(labels) = labels_of(&data, cells, "cell_type") {
        print!(
            "{}",
            score(
                &embedding,
                "cell_type",
                &labels,
                &EvaluateOptions::default()
            )?
        );
    }
    Ok(())
}
