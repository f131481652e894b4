//! Final clusters of the cells of a run, and of cells that come later.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use fusion_models::ScDefr;
use fusion_models::scdefr::{JointClusters, JointSpace, Mixture, Part};
use sc_io::Dense;
use serde::{Deserialize, Serialize};

use super::{ClusteringConfig, Partition};
use crate::{Error, atomic};

/// Name of the file beside the checkpoints.
const FILE: &str = "clusters.json";

/// Cells with a vector, a cluster and its probability each.
pub(super) struct Grouped {
    pub embedding: Dense,
    pub clusters: Vec<usize>,
    pub confidence: Vec<f32>,
}

/// How cells are grouped, as it is stored beside the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Grouping {
    /// The joint space and its clusters; without them, the soft clusters of the only model.
    joint: Option<(JointSpace, Mixture)>,
    /// Soft clusters of each model.
    n_assigned: usize,
    /// What each cluster is called: 0 the largest.
    names: Vec<usize>,
}

impl Grouping {
    /// Groups the cells of a run: `embeddings` of them by each model, which have `n_assigned` soft clusters, `components` of their expression.
    ///
    /// Where the settings give no number of clusters, it is estimated once more: the second stage has drawn together what belongs together.
    ///
    /// # Errors
    /// More clusters than cells.
    pub fn new(
        models: &[ScDefr],
        embeddings: &[Dense],
        components: &Dense,
        config: &ClusteringConfig,
        n_assigned: usize,
        device: &Device,
    ) -> Result<(Self, Grouped), Error> {
        let joint = match config.partition {
            Partition::Assignment => None,
            Partition::Mixture => {
                let (space, clusters) = joint(embeddings, components)?;
                let mixture = match config.n_clusters {
                    0 => clusters.estimate(config.max_clusters).map(|found| found.0),
                    given => clusters.of(given),
                };
                Some((space, mixture.map_err(as_input)?))
            }
        };
        let n_clusters = joint.as_ref().map_or(n_assigned, |(_, m)| m.n_clusters());
        let mut this = Self {
            n_assigned,
            joint,
            names: (0..n_clusters).collect(),
        };
        let mut found = this.place(models, embeddings, components, device)?;
        this.names = names_by_size(&found.clusters, n_clusters);
        found.clusters.iter_mut().for_each(|c| *c = this.names[*c]);
        Ok((this, found))
    }

    /// Groups cells by what the run's models and components say of them.
    ///
    /// # Errors
    /// Other models than those of the run.
    pub fn place(
        &self,
        models: &[ScDefr],
        embeddings: &[Dense],
        components: &Dense,
        device: &Device,
    ) -> Result<Grouped, Error> {
        let (Some(model), Some(z)) = (models.first(), embeddings.first()) else {
            return Err(Error::Input("there is no model".to_owned()));
        };
        let (embedding, (clusters, confidence)) = match &self.joint {
            None => (z.clone(), assign(model, z, device)),
            Some((space, mixture)) => {
                let parts: Vec<Part<'_>> = embeddings.iter().map(part).collect();
                let points = space.place(&parts, part(components));
                let assigned = mixture.assign(&points);
                let shape = (z.n_rows(), space.width());
                let points = Dense::new(shape.0, shape.1, points);
                (
                    points.unwrap_or_else(|| Dense::zeros(shape.0, shape.1)),
                    assigned,
                )
            }
        };
        Ok(Grouped {
            embedding,
            clusters: clusters.into_iter().map(|c| self.names[c]).collect(),
            confidence,
        })
    }

    /// Soft clusters of each model.
    pub fn n_assigned(&self) -> usize {
        self.n_assigned
    }

    /// Number of clusters.
    pub fn n_clusters(&self) -> usize {
        self.names.len()
    }

    /// Stores it beside the checkpoints.
    pub fn save(&self, checkpoints: &Path) -> Result<(), Error> {
        atomic::save(&checkpoints.join(FILE), self)
    }

    /// Reads it from beside the checkpoints.
    pub fn load(checkpoints: &Path) -> Result<Self, Error> {
        atomic::load(&checkpoints.join(FILE))
    }
}

/// The number of clusters of cells that models of the first stage have embedded.
pub(super) fn estimate(
    embeddings: &[Dense],
    components: &Dense,
    most: usize,
) -> Result<usize, Error> {
    let (_, clusters) = joint(embeddings, components)?;
    match clusters.estimate(most) {
        Ok((mixture, _)) => Ok(mixture.n_clusters()),
        Err(e) => Err(Error::Input(format!("number of clusters: {e}"))),
    }
}

fn joint(embeddings: &[Dense], components: &Dense) -> Result<(JointSpace, JointClusters), Error> {
    let parts: Vec<Part<'_>> = embeddings.iter().map(part).collect();
    JointClusters::new(&parts, part(components)).map_err(as_input)
}

fn as_input(e: fusion_models::scdefr::PartitionError) -> Error {
    Error::Input(e.to_string())
}

fn part(x: &Dense) -> Part<'_> {
    Part {
        values: x.values(),
        width: x.n_cols(),
    }
}

/// The most likely soft cluster of every cell, as the model numbers them, and its probability.
fn assign(model: &ScDefr, embedding: &Dense, device: &Device) -> (Vec<usize>, Vec<f32>) {
    let shape = [embedding.n_rows(), embedding.n_cols()];
    let data = TensorData::new(embedding.values().to_vec(), shape);
    let q = model.assign(Tensor::from_data(data, &device.clone().without_autodiff()));
    let q: Vec<f32> = q.into_data().iter::<f32>().collect();
    let best = |row: &[f32]| {
        row.iter()
            .enumerate()
            .fold((0, f32::MIN), |best, (c, &p)| match p > best.1 {
                true => (c, p),
                false => best,
            })
    };
    q.chunks_exact(model.n_clusters()).map(best).unzip()
}

/// The name of each of `k` clusters: 0 for the largest.
pub(super) fn names_by_size(clusters: &[usize], k: usize) -> Vec<usize> {
    let mut counts = vec![0usize; k];
    clusters.iter().for_each(|&c| counts[c] += 1);
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by_key(|&c| (std::cmp::Reverse(counts[c]), c));
    let mut name = vec![0; k];
    order.iter().enumerate().for_each(|(n, &c)| name[c] = n);
    name
}
