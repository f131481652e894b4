use petgraph::graph::{NodeIndex, UnGraph};
use petgraph::visit::EdgeRef;

use crate::{Graph, GraphError};

/// Node `i` of the petgraph is node `i` here; edges come by increasing (i, j).
impl From<&Graph> for UnGraph<(), f64> {
    fn from(graph: &Graph) -> Self {
        let mut out = UnGraph::with_capacity(graph.n_nodes(), graph.n_edges());
        for _ in 0..graph.n_nodes() {
            out.add_node(());
        }
        for (i, j, weight) in graph.edges() {
            out.add_edge(NodeIndex::new(i), NodeIndex::new(j), weight);
        }
        out
    }
}

/// Takes structure and weights; parallel edges add up, self loops are refused as in
/// [`Graph::from_edges`].
impl<N> TryFrom<&UnGraph<N, f64>> for Graph {
    type Error = GraphError;

    fn try_from(graph: &UnGraph<N, f64>) -> Result<Graph, GraphError> {
        let edges = graph
            .edge_references()
            .map(|e| (e.source().index(), e.target().index(), *e.weight()));
        Graph::from_edges(graph.node_count(), edges)
    }
}
