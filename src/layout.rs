//! A picture's coordinates.

use sc_graph::{Graph, NeighbourOptions, UmapConfig, neighbours, umap};
use sc_io::Dense;

use crate::Error;

/// UMAP of an embedding, `[cells, 2]`.
pub(crate) fn plane(embedding: &Dense, n_neighbors: usize, seed: u64) -> Result<Dense, Error> {
    let (n, d) = (embedding.n_rows(), embedding.n_cols());
    let options = NeighbourOptions::default();
    let found = neighbours(embedding.values(), n, d, n_neighbors.min(n), &options)?;
    let options = UmapConfig {
        seed,
        ..UmapConfig::default()
    };
    let points = umap(&Graph::fuzzy(&found)?, embedding.values(), d, &options)?;
    Dense::new(n, 2, points).ok_or_else(|| Error::Input("a layout of another shape".to_owned()))
}
