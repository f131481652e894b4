//! Clusters of any file of counts with scDEFR, step by step: what `cellweave cluster` does, without its files.
//!
//! ```sh
//! cargo run --release --example scdefr -- cells.h5ad 8
//! ```

use burn::tensor::{Device, Tensor, TensorData};
use cellweave::cluster::{ClusteringConfig, prepare};
use cellweave::fusion_core::FusionModel;
use cellweave::fusion_models::scdefr::SpectralClusters;
use cellweave::sc_io;
use cellweave::train::{self, Run, Silent};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: scdefr FILE [CLUSTERS]")?;
    let mut config = ClusteringConfig::default();
    let expression = prepare(&sc_io::read(&file)?.data, &config, 0)?;
    let n_cells = expression.data.n_cells();
    let n_clusters: Option<usize> = arguments.next().map(|k| k.parse()).transpose()?;

    // All cells in one batch.
    config.train.batch_size = n_cells;
    config.train.micro_batch = n_cells;
    let device = Device::flex();
    let n_genes = expression.genes.len();
    let model = train::seeded_init(&device.clone().autodiff(), 0, |device| {
        config.model.init(n_genes, 1, n_cells, device)
    })?;
    print!("{}", model.describe().to_mermaid());
    let run = Run {
        config: &config.train,
        seed: 0,
        device: &device,
        checkpoints: None,
        resume: false,
        context: serde_json::Value::Null,
    };

    // The first stage finds vectors, which say how many clusters there are; the second places them.
    let first = train::train(model.for_pretraining(), &expression.data, &run, &mut Silent)?.model;
    let n_clusters = match n_clusters {
        Some(k) => k,
        None => {
            let z = train::embed(&first, &expression.data, n_cells, &device);
            let most = config.max_clusters;
            SpectralClusters::new(z.values(), z.n_cols(), most, 0)?
                .estimate()?
                .0
        }
    };
    let model = first.for_clustering(n_clusters);
    let trained = train::train(model, &expression.data, &run, &mut Silent)?;

    let embedding = train::embed(&trained.model, &expression.data, n_cells, &device);
    let shape = [n_cells, embedding.n_cols()];
    let rows = Tensor::from_data(TensorData::new(embedding.into_values(), shape), &device);
    let q: Vec<f32> = trained
        .model
        .assign(rows)
        .into_data()
        .iter::<f32>()
        .collect();
    let mut sizes = vec![0; n_clusters];
    for row in q.chunks(n_clusters) {
        let best = (0..n_clusters).max_by(|&a, &b| row[a].total_cmp(&row[b]));
        sizes[best.unwrap_or(0)] += 1;
    }
    println!("{n_cells} cells in {n_clusters} clusters: {sizes:?}");
    Ok(())
}
