use crate::Graph;

/// Modularity with resolution, `Q = sum_ij [A_ij - gamma k_i k_j / 2m] delta(c_i, c_j) / 2m`.
///
/// `A` holds the weights, `k` their row sums, `2m` the sum of all entries. The quality that leidenalg
/// reports for `RBConfigurationVertexPartition` is `2m Q`. A graph without edges has modularity 0.
///
/// # Panics
/// If `labels` does not name every node.
///
/// ```
/// let graph = sc_graph::Graph::from_edges(4, [(0, 1, 1.0), (2, 3, 1.0)])?;
/// assert_eq!(sc_graph::modularity(&graph, &[0, 0, 1, 1], 1.0), 0.5);
/// # Ok::<(), sc_graph::GraphError>(())
/// ```
pub fn modularity(graph: &Graph, labels: &[usize], gamma: f64) -> f64 {
    assert_eq!(labels.len(), graph.n_nodes(), "one label per node");
    let mut names = labels.to_vec();
    names.sort_unstable();
    names.dedup();
    let mut strength = vec![0f64; names.len()];
    let mut inside = 0f64;
    for i in 0..graph.n_nodes() {
        let Ok(c) = names.binary_search(&labels[i]) else {
            continue;
        };
        for (j, w) in graph.neighbours(i) {
            strength[c] += w;
            if labels[j] == labels[i] {
                inside += w;
            }
        }
    }
    let total: f64 = strength.iter().sum();
    if total == 0.0 {
        return 0.0;
    }
    let expected: f64 = strength.iter().map(|s| (s / total).powi(2)).sum();
    inside / total - gamma * expected
}
