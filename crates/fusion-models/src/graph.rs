//! Model pictures as petgraph graphs.

use fusion_core::{BlockNode, ModelGraph};
use petgraph::graph::DiGraph;

/// A model's blocks as a directed petgraph graph, for walking and measuring.
pub fn to_petgraph(graph: &ModelGraph) -> DiGraph<BlockNode, ()> {
    let mut g = DiGraph::new();
    let places: Vec<_> = graph.nodes.iter().map(|n| g.add_node(n.clone())).collect();
    for &(a, b) in &graph.edges {
        g.add_edge(places[a], places[b], ());
    }
    g
}
