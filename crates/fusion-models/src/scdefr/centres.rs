//! Where the centres of clusters start.

use fusion_core::Draw;
use sc_graph::{Graph, NeighbourOptions, leiden_with_k, neighbours};
use sc_metrics::kmeans;

use super::{Initial, SpectralClusters};

/// Neighbours of a cell in the graph that Leiden sees, the cell included.
const N_NEIGHBORS: usize = 15;

/// Means of three embeddings, each `[cells, width]` row by row, over `k` clusters of `fused`: `[k, width]` each.
///
/// Leiden may find another number of clusters than `k`; k-means, which always gives `k`, then takes its place.
pub(super) fn first_centres(
    fused: &[f32],
    embeddings: &[Vec<f32>; 3],
    width: usize,
    k: usize,
    initial: Initial,
    draw: Draw,
) -> [Vec<f32>; 3] {
    let labels = clusters(fused, width, k, initial, draw.seed());
    embeddings.each_ref().map(|z| means(z, &labels, width, k))
}

fn clusters(z: &[f32], width: usize, k: usize, initial: Initial, seed: u64) -> Vec<usize> {
    let n = z.len() / width;
    let found = || {
        neighbours(
            z,
            n,
            width,
            N_NEIGHBORS.min(n),
            &NeighbourOptions::default(),
        )
    };
    let on_graph = match initial {
        Initial::Kmeans => None,
        Initial::Leiden => found()
            .and_then(|found| leiden_with_k(&Graph::fuzzy(&found)?, k, seed))
            .ok()
            .filter(|found| found.n_clusters == k)
            .map(|found| found.labels),
        Initial::Spectral => SpectralClusters::new(z, width, k, seed)
            .and_then(|clusters| clusters.unrefined(k))
            .ok(),
        Initial::Directions => SpectralClusters::new(z, width, k, seed)
            .and_then(|clusters| clusters.of(k))
            .ok(),
    };
    on_graph.unwrap_or_else(|| by_means(z, width, k, seed))
}

fn by_means(points: &[f32], width: usize, k: usize, seed: u64) -> Vec<usize> {
    match kmeans(points, points.len() / width, width, k, seed, 20, 300) {
        Ok(found) => found.labels,
        // The loop stops at losses that are not finite; sizes were checked when the model was made.
        Err(e) => panic!("the embedding cannot be clustered: {e}"),
    }
}

fn means(z: &[f32], labels: &[usize], width: usize, k: usize) -> Vec<f32> {
    let mut sums = vec![0f64; k * width];
    let mut counts = vec![0usize; k];
    for (row, &label) in z.chunks_exact(width).zip(labels) {
        counts[label] += 1;
        for (sum, &v) in sums[label * width..].iter_mut().zip(row) {
            *sum += f64::from(v);
        }
    }
    sums.iter()
        .enumerate()
        .map(|(at, sum)| (sum / counts[at / width].max(1) as f64) as f32)
        .collect()
}
