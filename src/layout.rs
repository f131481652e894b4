//! A picture's coordinates.

use sc_graph::{Graph, NeighbourOptions, UmapConfig, neighbours, umap};
use sc_io::Dense;

use crate::Error;

/// The fuzzy graph of the nearest neighbours of an embedding.
pub(crate) fn neighbour_graph(embedding: &Dense, n_neighbors: usize) -> Result<Graph, Error> {
    let (n, d) = (embedding.n_rows(), embedding.n_cols());
    let options = NeighbourOptions::default();
    let found = neighbours(embedding.values(), n, d, n_neighbors.min(n), &options)?;
    Ok(Graph::fuzzy(&found)?)
}

/// UMAP of an embedding and its graph, `[cells, 2]`.
pub(crate) fn plane(graph: &Graph, embedding: &Dense, seed: u64) -> Result<Dense, Error> {
    let (n, d) = (embedding.n_rows(), embedding.n_cols());
    let options = UmapConfig {
        seed,
        ..UmapConfig::default()
    };
    let points = umap(graph, embedding.values(), d, &options)?;
    Dense::new(n, 2, points).ok_or_else(|| Error::Input("a layout of another shape".to_owned()))
}
