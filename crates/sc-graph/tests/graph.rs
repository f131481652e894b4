//! Graphs and their clusters.

use petgraph::graph::UnGraph;
use proptest::prelude::*;
use sc_graph::{Graph, GraphError, knn, leiden, leiden_with_k, modularity};

fn edges() -> impl Strategy<Value = (usize, Vec<(usize, usize, f64)>)> {
    (2usize..40).prop_flat_map(|n| {
        let edge = (0..n, 0..n - 1, 0.01f64..2.0)
            .prop_map(|(i, j, w)| (i, if j >= i { j + 1 } else { j }, w));
        (Just(n), prop::collection::vec(edge, 0..120))
    })
}

fn assert_symmetric(graph: &Graph) {
    for i in 0..graph.n_nodes() {
        let row: Vec<usize> = graph.neighbours(i).map(|(j, _)| j).collect();
        assert!(row.windows(2).all(|w| w[0] < w[1]), "increasing");
        for (j, w) in graph.neighbours(i) {
            assert_ne!(i, j);
            assert!(w > 0.0);
            assert_eq!(graph.weight(j, i), w);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn adjacency_is_symmetric((n, edges) in edges()) {
        let graph = Graph::from_edges(n, edges.clone()).unwrap();
        assert_symmetric(&graph);
        let total: f64 = edges.iter().map(|e| e.2).sum();
        prop_assert!((graph.weights().iter().sum::<f64>() - 2.0 * total).abs() < 1e-9);
        prop_assert_eq!(graph.edges().count(), graph.n_edges());
    }

    #[test]
    fn there_and_back((n, edges) in edges()) {
        let graph = Graph::from_edges(n, edges).unwrap();
        let through: UnGraph<(), f64> = (&graph).into();
        prop_assert_eq!(through.node_count(), n);
        prop_assert_eq!(&Graph::try_from(&through).unwrap(), &graph);
        let parts = (graph.indptr().to_vec(), graph.indices().to_vec(), graph.weights().to_vec());
        prop_assert_eq!(&Graph::from_csr(parts.0, parts.1, parts.2).unwrap(), &graph);
    }

    #[test]
    fn clusters_are_connected_and_ordered_and_no_single_move_helps((n, edges) in edges(), gamma in 0.1f64..3.0, seed in any::<u64>()) {
        let graph = Graph::from_edges(n, edges).unwrap();
        let labels = leiden(&graph, gamma, seed).unwrap();
        prop_assert_eq!(&labels, &leiden(&graph, gamma, seed).unwrap());
        let k = labels.iter().max().unwrap() + 1;
        let members = |c: usize| (0..n).filter(|&i| labels[i] == c).collect::<Vec<_>>();
        for c in 0..k {
            prop_assert!(!members(c).is_empty());
            let inside = graph.edges().filter(|&(i, j, _)| labels[i] == c && labels[j] == c);
            let parts = Graph::from_edges(n, inside).unwrap().components();
            prop_assert!(members(c).iter().all(|&i| parts[i] == parts[members(c)[0]]), "connected");
            if c > 0 {
                let key = |c: usize| (std::cmp::Reverse(members(c).len()), members(c)[0]);
                prop_assert!(key(c - 1) < key(c), "by size, then first member");
            }
        }
        let quality = modularity(&graph, &labels, gamma);
        let mut moved = labels.clone();
        for i in 0..n {
            for c in 0..=k {
                moved[i] = c;
                prop_assert!(modularity(&graph, &moved, gamma) <= quality + 1e-9);
            }
            moved[i] = labels[i];
        }
    }

    #[test]
    fn neighbour_graphs_are_symmetric(values in prop::collection::vec(0i32..6, 4..60), k in 2usize..5) {
        let points: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        let lists = knn(&points, points.len(), 1, k.min(points.len())).unwrap();
        for graph in [Graph::fuzzy(&lists).unwrap(), Graph::union_unweighted(&lists).unwrap()] {
            assert_symmetric(&graph);
            prop_assert!(graph.weights().iter().all(|&w| w <= 1.0 + 1e-12));
            for i in 0..points.len() {
                for &j in &lists.row(i).0[1..] {
                    prop_assert!(graph.weight(i, j as usize) > 0.0);
                }
            }
        }
    }
}

#[test]
fn a_ring_of_cliques_splits_into_its_cliques() {
    let (cliques, size) = (12, 6);
    let mut edges = Vec::new();
    for c in 0..cliques {
        for i in 0..size {
            for j in 0..i {
                edges.push((c * size + i, c * size + j, 1.0));
            }
        }
        edges.push((c * size, (c + 1) % cliques * size + 1, 0.5));
    }
    let graph = Graph::from_edges(cliques * size, edges).unwrap();
    let wanted: Vec<usize> = (0..cliques * size).map(|i| i / size).collect();
    for seed in 0..5 {
        assert_eq!(leiden(&graph, 1.0, seed).unwrap(), wanted);
        let found = leiden_with_k(&graph, cliques, seed).unwrap();
        assert_eq!((found.n_clusters, &found.labels), (cliques, &wanted));
    }
    assert_eq!(
        leiden_with_k(&graph, cliques * size, 0).unwrap().n_clusters,
        cliques * size
    );
}

#[test]
fn nested_groups_are_found_at_their_number() {
    // 3 groups of 4 groups of 5 nodes.
    let (n, mut edges) = (60, Vec::new());
    for i in 0..n {
        for j in 0..i {
            let weight = match (i / 5 == j / 5, i / 20 == j / 20) {
                (true, _) => 1.0,
                (_, true) => 0.1,
                _ => 0.002,
            };
            edges.push((i, j, weight));
        }
    }
    let graph = Graph::from_edges(n, edges).unwrap();
    for (k, each) in [(3, 20), (12, 5)] {
        let found = leiden_with_k(&graph, k, 0).unwrap();
        assert_eq!(found.n_clusters, k);
        assert_eq!(found.labels, (0..n).map(|i| i / each).collect::<Vec<_>>());
        assert_eq!(leiden(&graph, found.resolution, 0).unwrap(), found.labels);
    }
}

#[test]
fn no_edges_no_nodes() {
    let empty = Graph::from_edges(0, []).unwrap();
    assert_eq!(leiden(&empty, 1.0, 0).unwrap(), Vec::<usize>::new());
    let lonely = Graph::from_edges(3, []).unwrap();
    assert_eq!(leiden(&lonely, 1.0, 0).unwrap(), [0, 1, 2]);
    assert_eq!(leiden_with_k(&lonely, 2, 0).unwrap().n_clusters, 3);
    assert_eq!(modularity(&lonely, &[0, 1, 2], 1.0), 0.0);
}

#[test]
fn faults_are_named() {
    for edge in [
        (0, 3, 1.0),
        (1, 1, 1.0),
        (0, 1, -1.0),
        (0, 1, f64::NAN),
        (0, 1, f64::INFINITY),
    ] {
        assert!(
            matches!(Graph::from_edges(3, [edge]), Err(GraphError::Edge { .. })),
            "{edge:?}"
        );
    }
    for (indptr, indices, weights) in [
        (vec![], vec![], vec![]),
        (vec![0, 1], vec![], vec![]),
        (vec![0, 2, 1, 2], vec![1, 0], vec![1.0, 1.0]),
        (vec![0, 1, 1], vec![1], vec![1.0]),
        (vec![0, 0, 1], vec![0], vec![1.0]),
        (vec![0, 1, 2], vec![1, 0], vec![1.0, 2.0]),
    ] {
        let found = Graph::from_csr(indptr, indices, weights);
        assert!(matches!(found, Err(GraphError::Adjacency(_))), "{found:?}");
    }
    let far = Graph::from_csr(vec![0, 1, 2], vec![7, 0], vec![1.0, 1.0]);
    assert!(matches!(far, Err(GraphError::Edge { j: 7, .. })), "{far:?}");
    let graph = Graph::from_edges(2, [(0, 1, 1.0)]).unwrap();
    for resolution in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(leiden(&graph, resolution, 0).is_err());
    }
    for k in [0, 3] {
        assert!(matches!(
            leiden_with_k(&graph, k, 0),
            Err(GraphError::ClusterCount { .. })
        ));
    }
}
