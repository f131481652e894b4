//! Leading eigenvectors against a dense decomposition.

use faer::{Mat, Side};
use proptest::prelude::*;
use sc_graph::{Graph, GraphError, Spectrum};

/// `D^-1/2 (A + I) D^-1/2`
fn dense(n: usize, edges: &[(usize, usize, f64)]) -> Mat<f64> {
    let mut a = Mat::<f64>::identity(n, n);
    for &(i, j, w) in edges {
        a[(i, j)] += w;
        a[(j, i)] += w;
    }
    let degree: Vec<f64> = (0..n).map(|i| (0..n).map(|j| a[(i, j)]).sum()).collect();
    Mat::from_fn(n, n, |i, j| a[(i, j)] / (degree[i] * degree[j]).sqrt())
}

/// Values from the largest, and the projection on the space of the first `count` vectors.
fn wanted(n: usize, edges: &[(usize, usize, f64)], count: usize) -> (Vec<f64>, Mat<f64>) {
    let solved = dense(n, edges).self_adjoint_eigen(Side::Lower).unwrap();
    let values = (0..n).rev().map(|i| solved.S()[i]).collect();
    let u = solved.U();
    let last = |i: usize, c: usize| u[(i, n - 1 - c)];
    let projection = Mat::from_fn(n, n, |i, j| {
        (0..count).map(|c| last(i, c) * last(j, c)).sum()
    });
    (values, projection)
}

fn edges() -> impl Strategy<Value = (usize, Vec<(usize, usize, f64)>)> {
    (3usize..40).prop_flat_map(|n| {
        let edge = (0..n, 1..n, 0.1f64..2.0).prop_map(move |(i, step, w)| (i, (i + step) % n, w));
        (Just(n), proptest::collection::vec(edge, 0..3 * n)).prop_map(|(n, mut edges)| {
            edges
                .iter_mut()
                .for_each(|e| *e = (e.0.min(e.1), e.0.max(e.1), e.2));
            edges.sort_by_key(|e| (e.0, e.1));
            edges.dedup_by_key(|e| (e.0, e.1));
            (n, edges)
        })
    })
}

proptest! {
    #[test]
    fn is_the_dense_decomposition((n, edges) in edges(), share in 0.05f64..1.0) {
        let count = ((n as f64 * share) as usize).max(1);
        let graph = Graph::from_edges(n, edges.clone()).unwrap();
        let spectrum = Spectrum::leading(&graph, count, 7).unwrap();
        let (values, projection) = wanted(n, &edges, count);
        prop_assert_eq!(spectrum.values().len(), count);
        for (found, value) in spectrum.values().iter().zip(&values) {
            prop_assert!((found - value).abs() < 1e-6, "{} {}", found, value);
        }
        // Vectors of one value may be turned; their space may not, if the next value is another.
        if count == n || values[count - 1] - values[count] > 1e-3 {
            let rows = spectrum.rows(count);
            for i in 0..n {
                for j in 0..n {
                    let scale = (projection[(i, i)] * projection[(j, j)]).sqrt();
                    let product: f32 = (0..count).map(|c| rows[i * count + c] * rows[j * count + c]).sum();
                    if scale > 1e-6 {
                        let error = (f64::from(product) - projection[(i, j)] / scale).abs();
                        prop_assert!(error < 1e-3, "{} {}: {}", i, j, error);
                    }
                }
            }
        }
    }
}

#[test]
fn every_part_has_its_one() {
    // Three cliques of four, and a node alone.
    let cliques = (0..3)
        .flat_map(|c| (0..4).flat_map(move |i| (0..i).map(move |j| (4 * c + i, 4 * c + j, 1.0))));
    let graph = Graph::from_edges(13, cliques).unwrap();
    let spectrum = Spectrum::leading(&graph, 4, 0).unwrap();
    assert!(spectrum.values().iter().all(|v| (v - 1.0).abs() < 1e-12));
    let rows = spectrum.rows(4);
    for node in 0..13 {
        let row = &rows[node * 4..node * 4 + 4];
        let place = row.iter().position(|&x| (x - 1.0).abs() < 1e-6);
        assert_eq!(place, Some(node / 4), "node {node}: {row:?}");
    }
    // With room for three, the largest parts have it.
    let rows = Spectrum::leading(&graph, 3, 0).unwrap().rows(3);
    assert_eq!(&rows[12 * 3..], [0.0; 3]);
}

#[test]
fn counts_out_of_range_are_errors() {
    let graph = Graph::from_edges(3, [(0, 1, 1.0)]).unwrap();
    for k in [0, 4] {
        let found = Spectrum::leading(&graph, k, 0);
        assert_eq!(found, Err(GraphError::ClusterCount { k, n_nodes: 3 }));
    }
}

/// Those of a long path lie close to each other; a search that gives up early skips some.
#[test]
fn close_eigenvalues_are_all_found() {
    let n = 600;
    let path: Vec<(usize, usize, f64)> = (1..n).map(|i| (i - 1, i, 1.0)).collect();
    let spectrum = Spectrum::leading(&Graph::from_edges(n, path.clone()).unwrap(), 15, 0).unwrap();
    let (values, _) = wanted(n, &path, 0);
    assert!(values[0] - values[1] < 1e-4);
    for (found, value) in spectrum.values().iter().zip(values) {
        assert!((found - value).abs() < 1e-9, "{found}, {value}");
    }
}
