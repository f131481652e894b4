//! Clusters of any file of counts with scDEFR, step by step: what `cellweave cluster` does, without its files.
//!
//! ```sh
//! cargo run --release --example scdefr -- cells.h5ad 8
//! ```

use burn::tensor::Device;
use cellweave::cluster::{ClusteringConfig, prepare};
use cellweave::fusion_core::FusionModel;
use cellweave::fusion_models::ScDefr;
use cellweave::fusion_models::scdefr::{JointClusters, Part};
use cellweave::sc_io::{self, Dense};
use cellweave::train::{self, Run, Silent};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: scdefr FILE [CLUSTERS]")?;
    let mut config = ClusteringConfig::default();
    let expression = prepare(&sc_io::read(&file)?.data, &config, 0)?;
    let (data, n_cells) = (&expression.data, expression.data.n_cells());
    let given: Option<usize> = arguments.next().map(|k| k.parse()).transpose()?;

    // All cells in one batch.
    config.train.batch_size = n_cells;
    config.train.micro_batch = n_cells;
    let device = Device::flex();
    let n_genes = expression.genes.len();
    let trained = |model: ScDefr, seed: usize| -> Result<ScDefr, train::TrainError> {
        let run = Run {
            config: &config.train,
            seed: seed as u64,
            device: &device,
            checkpoints: None,
            resume: false,
            context: serde_json::Value::Null,
        };
        Ok(train::train(model, data, &run, &mut Silent)?.model)
    };
    // Embeddings of several models and the principal components, in one space.
    let grouped = |models: &[ScDefr]| {
        let embed = |model| train::embed(model, data, n_cells, &device);
        let z: Vec<Dense> = models.iter().map(embed).collect();
        let parts: Vec<Part<'_>> = z.iter().map(part).collect();
        JointClusters::new(&parts, part(&expression.components.scores))
    };

    // The first stage finds vectors, which say how many clusters there are; the second draws them together.
    let mut models = vec![];
    for seed in 0..config.n_models {
        let model = train::seeded_init(&device.clone().autodiff(), seed as u64, |device| {
            config.model.init(n_genes, 1, n_cells, device)
        })?;
        if seed == 0 {
            print!("{}", model.describe().to_mermaid());
        }
        models.push(trained(model.for_pretraining(), seed)?);
    }
    let begin = match given {
        Some(k) => k,
        None => {
            let (_, clusters) = grouped(&models)?;
            clusters.estimate(config.max_clusters)?.0.n_clusters()
        }
    };
    for (seed, model) in models.iter_mut().enumerate() {
        *model = trained(model.clone().for_clustering(begin), seed)?;
    }

    let (_, clusters) = grouped(&models)?;
    let mixture = match given {
        Some(k) => clusters.of(k)?,
        None => clusters.estimate(config.max_clusters)?.0,
    };
    let n_clusters = mixture.n_clusters();
    let (found, _) = mixture.assign(clusters.points());
    let mut sizes = vec![0; n_clusters];
    found.iter().for_each(|&c| sizes[c] += 1);
    println!("{n_cells} cells in {n_clusters} clusters: {sizes:?}");
    Ok(())
}

fn part(x: &Dense) -> Part<'_> {
    Part {
        values: x.values(),
        width: x.n_cols(),
    }
}
