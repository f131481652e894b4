//! The normalised operator against torch_geometric and numpy (`tests/golden/operator.json`), and its properties.

use proptest::prelude::*;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sc_graph::{Graph, Operator};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/operator.json")).expect("golden file")
}

/// Rows of a matrix.
fn rows(array: &Value) -> Vec<Vec<f64>> {
    let rows = array["data"].as_array().expect("rows").iter();
    rows.map(numbers).collect()
}

fn numbers(list: &Value) -> Vec<f64> {
    let items = list.as_array().expect("list").iter();
    items.map(|v| v.as_f64().expect("number")).collect()
}

fn dense(operator: &Operator) -> Vec<Vec<f64>> {
    let mut out = vec![vec![0.0; operator.n_nodes()]; operator.n_nodes()];
    for (i, out) in out.iter_mut().enumerate() {
        let (columns, values) = operator.row(i);
        assert!(columns.windows(2).all(|w| w[0] < w[1]), "increasing");
        for (&j, &v) in columns.iter().zip(values) {
            out[j as usize] = f64::from(v);
        }
    }
    out
}

fn assert_close(found: &[Vec<f64>], wanted: &[Vec<f64>], tolerance: f64, what: &str) {
    assert_eq!(found.len(), wanted.len());
    for (f, w) in found.iter().flatten().zip(wanted.iter().flatten()) {
        assert!((f - w).abs() <= tolerance, "{what}: {f}, wanted {w}");
    }
}

#[test]
fn corrected_operator_of_deep_embedded_fusion_clustering() {
    let golden = golden();
    let adjacency = rows(&golden["adjacency_symmetric"]);
    let n = adjacency.len();
    // The diagonal of this adjacency is its self loop: every cell is among its own neighbours.
    let self_loop = adjacency[0][0];
    assert!((0..n).all(|i| adjacency[i][i] == self_loop));
    let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
    let graph = Graph::from_edges(n, pairs.map(|(i, j)| (i, j, adjacency[i][j]))).unwrap();
    let wanted = rows(&golden["corrected_operator"]);
    assert_close(
        &dense(&Operator::new(&graph, self_loop)),
        &wanted,
        1e-7,
        "S",
    );
}

#[test]
fn topology_adaptive_convolutions() {
    let golden = golden();
    let ends: Vec<Vec<f64>> = golden["directed_edges"]
        .as_array()
        .expect("edges")
        .iter()
        .map(numbers)
        .collect();
    for case in golden["cases"].as_array().expect("cases") {
        let name = case["name"].as_str().expect("name");
        let weights = match name {
            "weighted_self_loops_K3" => numbers(&golden["edge_weights_weighted_case"]),
            _ => vec![1.0; ends.len()],
        };
        // Symmetrised by the larger of both directions.
        let mut adjacency = vec![vec![0f64; 12]; 12];
        for (e, &w) in ends.iter().zip(&weights) {
            let (i, j) = (e[0].min(e[1]) as usize, e[0].max(e[1]) as usize);
            adjacency[i][j] = adjacency[i][j].max(w);
        }
        let pairs = (0..12).flat_map(|i| (i + 1..12).map(move |j| (i, j)));
        let graph = Graph::from_edges(12, pairs.map(|(i, j)| (i, j, adjacency[i][j]))).unwrap();
        let self_loop = if name.starts_with("no_self_loops") {
            0.0
        } else {
            1.0
        };
        let operator = Operator::new(&graph, self_loop);
        assert_close(
            &dense(&operator),
            &rows(&case["norm_adjacency"]),
            1e-7,
            name,
        );

        // y = sum_k S^k x W_k + b, the powers by repeated application.
        let x = rows(&case["x"]);
        let width = x[0].len();
        let mut power: Vec<f32> = x.iter().flatten().map(|&v| v as f32).collect();
        let bias = numbers(&case["bias"]["data"]);
        let mut y = vec![bias; 12];
        for (step, w) in case["w"].as_array().expect("weights").iter().enumerate() {
            if step > 0 {
                power = operator.apply(&power, width);
            }
            for (y, x) in y.iter_mut().zip(power.chunks_exact(width)) {
                for (&x, w) in x.iter().zip(rows(w)) {
                    y.iter_mut()
                        .zip(w)
                        .for_each(|(y, w)| *y += f64::from(x) * w);
                }
            }
        }
        assert_close(&y, &rows(&case["y"]), 2e-6, name);
    }
}

/// Weighted graphs, also with isolated nodes.
fn graphs() -> impl Strategy<Value = Graph> {
    (2usize..30).prop_flat_map(|n| {
        let edge = (0..n, 0..n - 1, 0.01f64..20.0)
            .prop_map(|(i, j, w)| (i, if j >= i { j + 1 } else { j }, w));
        prop::collection::vec(edge, 0..90)
            .prop_map(move |edges| Graph::from_edges(n, edges).unwrap())
    })
}

fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn symmetric_to_the_last_bit(graph in graphs(), self_loop in 0.0f64..3.0) {
        let s = dense(&Operator::new(&graph, self_loop));
        for (i, row) in s.iter().enumerate() {
            for (j, &value) in row.iter().enumerate() {
                prop_assert_eq!(value, s[j][i]);
            }
        }
    }

    #[test]
    fn spectral_radius_is_at_most_one(graph in graphs(), self_loop in prop_oneof![Just(0.0), Just(1.0)], seed in any::<u64>()) {
        let operator = Operator::new(&graph, self_loop);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut x: Vec<f32> = (0..operator.n_nodes()).map(|_| rng.random_range(-1.0f32..1.0)).collect();
        let norm = |x: &[f32]| x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        for _ in 0..60 {
            let size = norm(&x);
            if size == 0.0 {
                break;
            }
            x.iter_mut().for_each(|v| *v = (f64::from(*v) / size) as f32);
            x = operator.apply(&x, 1);
            prop_assert!(norm(&x) <= 1.0 + 1e-5, "{}", norm(&x));
        }
    }

    #[test]
    fn rows_of_a_regular_graph_sum_to_one(n in 3usize..60, step in 1usize..5, weight in 0.1f64..5.0, self_loop in 0.0f64..3.0) {
        // A circle of chords of one length: every node has the same degree.
        let chords = (0..n).map(|i| (i, (i + 1 + step % (n - 1)) % n, weight));
        let graph = Graph::from_edges(n, chords).unwrap();
        let ones = vec![1f32; 2 * n];
        for sum in Operator::new(&graph, self_loop).apply(&ones, 2) {
            prop_assert!((sum - 1.0).abs() < 1e-6, "{}", sum);
        }
    }

    #[test]
    fn permuted_nodes_permute_the_operator(graph in graphs(), seed in any::<u64>()) {
        let order = shuffled(graph.n_nodes(), seed);
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(p, &i)| place[i] = p);
        let moved = Graph::from_edges(order.len(), graph.edges().map(|(i, j, w)| (place[i], place[j], w))).unwrap();
        let (before, after) = (dense(&Operator::new(&graph, 1.0)), dense(&Operator::new(&moved, 1.0)));
        for (p, &i) in order.iter().enumerate() {
            for (q, &j) in order.iter().enumerate() {
                // Strengths add up in another order, so the last bit may differ.
                prop_assert!((before[i][j] - after[p][q]).abs() <= 1e-7);
            }
        }
    }

    #[test]
    fn induced_parts_are_rows_and_columns(graph in graphs(), share in 0.0f64..=1.0, seed in any::<u64>()) {
        let operator = Operator::new(&graph, 1.0);
        let whole = dense(&operator);
        let mut nodes = shuffled(graph.n_nodes(), seed);
        nodes.truncate((share * nodes.len() as f64).round() as usize);
        let (indptr, indices, values) = operator.induced(&nodes);
        prop_assert_eq!(indptr.len(), nodes.len() + 1);
        let mut found = vec![vec![0.0; nodes.len()]; nodes.len()];
        for (p, found) in found.iter_mut().enumerate() {
            let range = indptr[p]..indptr[p + 1];
            prop_assert!(indices[range.clone()].windows(2).all(|w| w[0] < w[1]));
            range.for_each(|at| found[indices[at] as usize] = f64::from(values[at]));
        }
        let wanted: Vec<Vec<f64>> = nodes.iter().map(|&i| nodes.iter().map(|&j| whole[i][j]).collect()).collect();
        prop_assert_eq!(found, wanted);
        prop_assert_eq!(operator.induced(&nodes), (indptr, indices, values), "nothing stays from the call before");
    }
}

#[test]
fn threads_do_not_matter() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let n = 500;
    let edges: Vec<_> = (0..4000)
        .map(|_| (rng.random_range(0..n - 1), rng.random_range(0.1..1.0)))
        .map(|(i, w)| (i, n - 1 - i / 2, w))
        .filter(|e| e.0 != e.1)
        .collect();
    let operator = Operator::new(&Graph::from_edges(n, edges).unwrap(), 1.0);
    let x: Vec<f32> = (0..n * 7).map(|_| rng.random_range(-1.0..1.0)).collect();
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| operator.apply(&x, 7))
    };
    assert_eq!(with(1), with(2));
    assert!(operator.apply(&[], 0).is_empty());
}

#[test]
fn isolated_nodes() {
    let graph = Graph::from_edges(3, [(0, 1, 2.0)]).unwrap();
    let without = Operator::new(&graph, 0.0);
    assert_eq!(without.row(2), (&[][..], &[][..]));
    assert_eq!(without.row(0), (&[1][..], &[1.0][..]));
    assert_eq!(Operator::new(&graph, 1.0).row(2), (&[2][..], &[1.0][..]));
    assert_eq!(
        Operator::new(&Graph::from_edges(0, []).unwrap(), 1.0).n_nodes(),
        0
    );
}
