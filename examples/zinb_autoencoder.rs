//! A count autoencoder fitted to any `.h5ad` with the library alone: how one cell type's genes look before and after.
//!
//! The command `cellweave denoise` does the same with checkpoints, settings and a result file; here are its parts.
//!
//! `cargo run --release --example zinb_autoencoder [FILE.h5ad]`

use burn::tensor::Device;
use cellweave::fusion_core::{Draw, FusionModel};
use cellweave::fusion_models::ZinbAutoencoderConfig;
use cellweave::simulate::{SimulateConfig, simulate};
use cellweave::train::{self, CellData, Run, Silent, TrainConfig};
use cellweave::zinb::tensor::{Targets, posterior_predictive};
use cellweave::{Error, sc_io};
use indexmap::IndexMap;

fn main() -> Result<(), Error> {
    let counts = match std::env::args().nth(1) {
        Some(file) => sc_io::read_h5ad(file)?.data.x,
        None => simulate(&SimulateConfig::default())?.modalities["rna"]
            .x
            .clone(),
    };
    let Some(counts) = counts else {
        return Err(Error::Input("the file has no X".to_owned()));
    };
    let n_genes = counts.n_cols();
    let data = CellData::new(IndexMap::from([("rna".to_owned(), counts)]))
        .map_err(train::TrainError::from)?;

    let device = Device::flex();
    let config = ZinbAutoencoderConfig::default();
    let model = train::seeded_init(&device.clone().autodiff(), 0, |device| {
        config.init(n_genes, device)
    })
    .map_err(|e| Error::Settings(e.to_string()))?;
    print!("{}", model.describe().to_mermaid());

    let config = TrainConfig {
        epochs: 30,
        batch_size: 128,
        micro_batch: 128,
        learning_rate: 1e-3,
        warmup_epochs: 1,
        validation_fraction: 0.1,
        clip_norm: 0.0,
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
    let trained = train::train(model, &data, &run, &mut Silent)?;
    for (name, loss) in trained.history.final_losses() {
        println!("{name} {loss:.3}");
    }

    let rows: Vec<usize> = (0..data.n_cells().min(1000)).collect();
    let batch = data.batch(&rows, Draw::new(0), &device);
    let output = trained.model.reconstruct(&batch);
    let targets = Targets::Sparse(batch.sparse("rna").clone());
    let p = posterior_predictive(&output, &targets, 5, 1);
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    println!(
        "zeros per gene: {:.3} in the data, {:.3} in draws from the model",
        mean(&p.zero_fraction),
        mean(&p.zero_fraction_predicted)
    );
    let z = train::embed(&trained.model, &data, 1024, &device);
    println!("latent vectors: {} x {}", z.n_rows(), z.n_cols());
    Ok(())
}
