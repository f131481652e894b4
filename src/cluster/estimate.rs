//! How many clusters there are.

use sc_graph::{Graph, GraphError, Knn, leiden};

/// Number of clusters of a neighbour graph: that of Leiden at resolution 1 on the fuzzy graph (modularity).
///
/// # Errors
/// Neighbours that make no graph.
pub fn estimate_clusters(neighbours: &Knn, seed: u64) -> Result<usize, GraphError> {
    let graph = Graph::fuzzy(neighbours)?;
    let labels = leiden(&graph, 1.0, seed)?;
    Ok(labels.iter().max().map_or(1, |m| m + 1))
}
