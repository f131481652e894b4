use crate::{Graph, GraphError, leiden};

/// Clusters found by [`leiden_with_k`].
#[derive(Debug, Clone, PartialEq)]
pub struct LeidenAtK {
    /// Cluster of every node, as [`leiden`] numbers them.
    pub labels: Vec<usize>,
    /// Number of clusters reached; differs from the wanted one where no resolution gave it.
    pub n_clusters: usize,
    /// Resolution that led there.
    pub resolution: f64,
}

/// Leiden with the resolution whose number of clusters is `k`, or nearest to it.
///
/// Bisection in (0, 8], or up to a larger power of two when 8 gives too few clusters; at most 30 steps.
/// The number of clusters is never below the number of connected components, and not quite monotone in
/// the resolution, so look at [`LeidenAtK::n_clusters`].
///
/// # Errors
/// `k` of zero or above the number of nodes.
pub fn leiden_with_k(graph: &Graph, k: usize, seed: u64) -> Result<LeidenAtK, GraphError> {
    if k == 0 || k > graph.n_nodes() {
        return Err(GraphError::ClusterCount {
            k,
            n_nodes: graph.n_nodes(),
        });
    }
    let at = |resolution: f64| -> Result<LeidenAtK, GraphError> {
        let labels = leiden(graph, resolution, seed)?;
        let n_clusters = labels.iter().max().map_or(0, |m| m + 1);
        Ok(LeidenAtK {
            labels,
            n_clusters,
            resolution,
        })
    };
    let (mut low, mut high) = (0.0, 8.0);
    let mut best = at(high)?;
    while best.n_clusters < k && high < 1e6 {
        low = high;
        high *= 2.0;
        best = at(high)?;
    }
    for _ in 0..30 {
        if best.n_clusters == k {
            break;
        }
        let tried = at((low + high) / 2.0)?;
        if tried.n_clusters < k {
            low = tried.resolution;
        } else {
            high = tried.resolution;
        }
        if tried.n_clusters.abs_diff(k) < best.n_clusters.abs_diff(k) {
            best = tried;
        }
    }
    Ok(best)
}
