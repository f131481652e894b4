//! The choice by the true labels that the published program makes. It leaks, and says so.

use fusion_models::scdefr::PartitionError;
use sc_graph::{Graph, Knn, Spectrum};
use sc_io::Dense;
use sc_metrics::{ClusteringScores, kmeans};

use crate::evaluate;

/// Starts of k-means (the published program's).
const STARTS: usize = 20;

/// k-means on the embedding, or spectral clusters of the graph that the model was given, whichever agrees better with the
/// labels by NMI + ARI; the second knows nothing of the model. Returns the clusters and the name of the winner.
///
/// Source: the public code of scDEFR (fault D2).
pub(super) fn choose_by_labels(
    embedding: &Dense,
    neighbours: &Knn,
    k: usize,
    seed: u64,
    labels: &[Option<String>],
) -> Result<(Vec<usize>, &'static str), PartitionError> {
    let n = embedding.n_rows();
    let on_embedding = kmeans(
        embedding.values(),
        n,
        embedding.n_cols(),
        k,
        seed,
        STARTS,
        300,
    )?;
    let graph = Graph::union_unweighted(neighbours)?;
    let rows = Spectrum::leading(&graph, k, seed)?.rows(k);
    let on_graph = kmeans(&rows, n, k, k, seed, STARTS, 300)?;
    let (known, _) = evaluate::known(labels);
    let agreement = |found: &[usize]| {
        let found: Vec<Option<usize>> = found.iter().map(|&c| Some(c)).collect();
        let s = ClusteringScores::new(&known, &found);
        s.nmi + s.ari
    };
    Ok(
        match agreement(&on_graph.labels) > agreement(&on_embedding.labels) {
            true => (on_graph.labels, "spectral clusters of the input graph"),
            false => (on_embedding.labels, "k-means on the embedding"),
        },
    )
}
