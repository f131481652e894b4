//! Values computed by umap-learn, leidenalg, igraph and numpy; `tests/golden/graph.json`.

use sc_graph::{Graph, knn, leiden, modularity};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/graph.json")).expect("golden file")
}

fn flat(array: &Value) -> Vec<f64> {
    fn collect(v: &Value, into: &mut Vec<f64>) {
        match v {
            Value::Array(items) => items.iter().for_each(|i| collect(i, into)),
            other => into.push(other.as_f64().expect("number")),
        }
    }
    let mut out = Vec::new();
    collect(&array["data"], &mut out);
    out
}

fn shape(array: &Value) -> (usize, usize) {
    let s = array["shape"].as_array().expect("shape");
    (
        s[0].as_u64().unwrap() as usize,
        s[1].as_u64().unwrap() as usize,
    )
}

fn points(array: &Value) -> (Vec<f32>, usize, usize) {
    let (n, d) = shape(array);
    (flat(array).iter().map(|&v| v as f32).collect(), n, d)
}

fn number(v: &Value) -> f64 {
    v.as_f64().expect("number")
}

/// Neighbour lists of the golden points with distances in f64.
fn lists(golden: &Value, k: usize) -> (Vec<u32>, Vec<f64>) {
    let (x, n, d) = points(&golden["points"]);
    let lists = knn(&x, n, d, k).unwrap();
    let distances = (0..n * k)
        .map(|at| {
            let (i, j) = (at / k, lists.indices[at] as usize);
            let squared: f64 = (0..d)
                .map(|c| (f64::from(x[i * d + c]) - f64::from(x[j * d + c])).powi(2))
                .sum();
            squared.sqrt()
        })
        .collect();
    (lists.indices, distances)
}

fn fuzzy(golden: &Value, k: usize) -> Graph {
    let (indices, distances) = lists(golden, k);
    Graph::fuzzy_from_distances(k, &indices, &distances).unwrap()
}

fn union15(golden: &Value) -> Graph {
    let (x, n, d) = points(&golden["points"]);
    Graph::union_unweighted(&knn(&x, n, d, 15).unwrap()).unwrap()
}

fn assert_near(found: f64, wanted: f64, tolerance: f64, what: &str) {
    assert!(
        (found - wanted).abs() <= tolerance,
        "{what}: {found}, wanted {wanted}"
    );
}

#[test]
fn neighbours_of_the_cloud() {
    let golden = golden();
    let (x, n, d) = points(&golden["points"]);
    for (name, k) in [("k5_with_self", 5), ("k15_with_self", 15)] {
        let found = knn(&x, n, d, k).unwrap();
        let wanted: Vec<u32> = flat(&golden["knn"][name]["indices"])
            .iter()
            .map(|&v| v as u32)
            .collect();
        assert_eq!(found.indices, wanted, "{name}");
    }
    let found = knn(&x, n, d, 15).unwrap();
    let wanted = flat(&golden["knn"]["k15_with_self"]["distances_first20_rows"]);
    for (f, w) in found.distances.iter().zip(wanted) {
        assert_eq!(*f, w as f32);
    }
}

#[test]
fn neighbours_with_ties_and_duplicates() {
    let golden = golden();
    for name in ["lattice_ties", "duplicates"] {
        let case = &golden[name];
        let (x, n, d) = points(&case["points"]);
        let k = case["k_with_self"].as_u64().unwrap() as usize;
        let found = knn(&x, n, d, k).unwrap();
        let wanted: Vec<u32> = flat(&case["indices"]).iter().map(|&v| v as u32).collect();
        assert_eq!(found.indices, wanted, "{name}");
        for (f, w) in found.distances.iter().zip(flat(&case["distances"])) {
            assert_eq!(*f, w as f32, "{name}");
        }
    }
}

#[test]
fn fuzzy_sets() {
    let golden = golden();
    for (name, k) in [("k5", 5), ("k15", 15)] {
        let wanted = &golden["fuzzy"][name]["connectivities_f64"];
        let column = |key: &str| wanted[key].as_array().unwrap().clone();
        let graph = fuzzy(&golden, k);
        let found: Vec<_> = graph.edges().collect();
        assert_eq!(found.len(), column("i").len(), "{name}: edges");
        for (((i, j, w), wi), (wj, ww)) in found
            .into_iter()
            .zip(column("i"))
            .zip(column("j").into_iter().zip(column("w")))
        {
            assert_eq!(
                (i as u64, j as u64),
                (wi.as_u64().unwrap(), wj.as_u64().unwrap()),
                "{name}"
            );
            assert_near(w, number(&ww), 1e-9, name);
        }
        // The f32 distances of `knn` lead to the same graph within f32 rounding.
        let (x, n, d) = points(&golden["points"]);
        let rounded = Graph::fuzzy(&knn(&x, n, d, k).unwrap()).unwrap();
        assert_eq!(rounded.indices(), graph.indices());
        for (a, b) in rounded.weights().iter().zip(graph.weights()) {
            assert_near(*a, *b, 2e-6, "fuzzy from f32 distances");
        }
    }
}

#[test]
fn modularities() {
    let golden = golden();
    let (weighted, union) = (fuzzy(&golden, 15), union15(&golden));
    for (name, case) in golden["modularity"].as_object().unwrap() {
        let labels: Vec<usize> = flat(&case["labels"]).iter().map(|&v| v as usize).collect();
        for (key, gamma) in [
            ("weighted_gamma_0.5", 0.5),
            ("weighted_gamma_1", 1.0),
            ("weighted_gamma_2", 2.0),
        ] {
            assert_near(
                modularity(&weighted, &labels, gamma),
                number(&case[key]),
                1e-12,
                &format!("{name} {key}"),
            );
        }
        let wanted = number(&case["unweighted_union_knn_gamma_1"]);
        assert_near(modularity(&union, &labels, 1.0), wanted, 1e-12, name);
    }
}

#[test]
fn leiden_quality() {
    let golden = golden();
    for (name, graph) in [
        ("leiden_fuzzy_k15", fuzzy(&golden, 15)),
        ("leiden_unweighted_union_knn15", union15(&golden)),
    ] {
        let two_m: f64 = graph.weights().iter().sum();
        assert_near(two_m, number(&golden[name]["two_m"]), 1e-6, name);
        for (key, gamma) in [
            ("rb_configuration_0.5", 0.5),
            ("rb_configuration_1", 1.0),
            ("rb_configuration_2", 2.0),
        ] {
            let case = &golden[name][key];
            let (best, worst) = (
                number(&case["best_quality"]),
                number(&case["worst_quality"]),
            );
            let mut found: Vec<f64> = (0..20)
                .map(|seed| {
                    let labels = leiden(&graph, gamma, seed).unwrap();
                    assert_eq!(labels, leiden(&graph, gamma, seed).unwrap(), "same seed");
                    two_m * modularity(&graph, &labels, gamma)
                })
                .collect();
            found.sort_by(f64::total_cmp);
            println!(
                "{name} {key}: found {:.3} .. {:.3} .. {:.3}, leidenalg {worst:.3} .. {best:.3}",
                found[0], found[10], found[19]
            );
            assert!(
                found[19] >= best * 0.999,
                "{name} {key}: best {}",
                found[19]
            );
            assert!(
                found[0] >= worst * 0.999,
                "{name} {key}: worst {}",
                found[0]
            );
        }
    }
}
