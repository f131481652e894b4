//! Weighted nearest neighbours: golden weights and properties.

use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sc_graph::{Graph, GraphError, Modality, WnnOptions, wnn, wnn_weights};
use serde_json::Value;

fn matrix(array: &Value) -> (Vec<f32>, usize) {
    let rows = array["data"].as_array().expect("rows");
    let numbers = |row: &Value| row.as_array().expect("row").clone();
    let values = rows.iter().flat_map(numbers);
    (
        values.map(|v| v.as_f64().expect("number") as f32).collect(),
        array["shape"][1].as_u64().expect("columns") as usize,
    )
}

#[test]
fn golden_weights() {
    let golden: Value = serde_json::from_str(include_str!("golden/graph.json")).expect("golden");
    let case = &golden["wnn"];
    let (one, two) = (matrix(&case["modality_1"]), matrix(&case["modality_2"]));
    let modalities = [&one, &two].map(|m| Modality {
        points: &m.0,
        n_dims: m.1,
    });
    let options = WnnOptions {
        k: 16,
        ..WnnOptions::default()
    };
    let found = wnn_weights(modalities, 200, &options).unwrap();
    let wanted = case["weights_exact"]["data"].as_array().expect("weights");
    assert_eq!(found.len(), wanted.len());
    let mut worst = 0f64;
    for (f, w) in found.iter().zip(wanted) {
        for a in 0..2 {
            worst = worst.max((f[a] - w[a].as_f64().expect("number")).abs());
        }
    }
    println!("largest difference {worst:e}");
    assert!(worst < 1e-12, "{worst:e}");
    assert_eq!(wnn(modalities, 200, &options).unwrap().weights, found);
}

/// Two modalities of the same points: free, or on a small lattice (ties and duplicates).
fn clouds() -> impl Strategy<Value = ([Vec<f32>; 2], usize)> {
    (3usize..50, any::<bool>(), any::<u64>()).prop_map(|(n, lattice, seed)| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = |d: usize| {
            let value = |_| match lattice {
                true => rng.random_range(0i32..3) as f32,
                false => rng.random_range(-1.0f32..1.0),
            };
            (0..n * d).map(value).collect()
        };
        ([draw(3), draw(2)], n)
    })
}

fn modalities(clouds: &[Vec<f32>; 2]) -> [Modality<'_>; 2] {
    [0, 1].map(|a| Modality {
        points: &clouds[a],
        n_dims: 3 - a,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn contract_of_neighbour_lists((clouds, n) in clouds(), share in 0.0f64..1.0) {
        let k = 2 + (share * (n - 2) as f64) as usize;
        let found = wnn(modalities(&clouds), n, &WnnOptions { k, ..WnnOptions::default() }).unwrap();
        prop_assert_eq!(found.neighbours.n_points(), n);
        for i in 0..n {
            let (indices, distances) = found.neighbours.row(i);
            prop_assert_eq!((indices[0], distances[0]), (i as u32, 0.0));
            prop_assert!(distances[1..].windows(2).all(|w| w[0] <= w[1]));
            prop_assert!(distances.iter().all(|d| (0.0..0.708).contains(d)));
            let mut others = indices.to_vec();
            others.sort_unstable();
            others.dedup();
            prop_assert_eq!(others.len(), k);
            prop_assert!((found.weights[i][0] + found.weights[i][1] - 1.0).abs() < 1e-12);
        }
        prop_assert_eq!(Graph::fuzzy(&found.neighbours).unwrap().n_nodes(), n);
    }

    #[test]
    fn swapped_modalities_swap_the_weights((clouds, n) in clouds()) {
        let options = WnnOptions { k: 3, ..WnnOptions::default() };
        let [a, b] = modalities(&clouds);
        let (there, back) = (wnn([a, b], n, &options).unwrap(), wnn([b, a], n, &options).unwrap());
        for (x, y) in there.weights.iter().zip(&back.weights) {
            prop_assert!((x[0] - y[1]).abs() < 1e-12);
        }
        for (x, y) in there.neighbours.distances.iter().zip(&back.neighbours.distances) {
            prop_assert!((x - y).abs() < 1e-5);
        }
    }
}

/// Three groups in the first modality, none in the second.
fn informative_and_noise(n: usize) -> [Vec<f32>; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut groups = Vec::new();
    for i in 0..n {
        groups.extend((0..3).map(|c| rng.random_range(0.0f32..1.0) + f32::from(i % 3 == c) * 20.0));
    }
    let noise = (0..n * 2).map(|_| rng.random_range(-1.0f32..1.0)).collect();
    [groups, noise]
}

#[test]
fn the_informative_modality_weighs_more() {
    let n = 300;
    let clouds = informative_and_noise(n);
    let found = wnn(modalities(&clouds), n, &WnnOptions::default()).unwrap();
    let mean = found.weights.iter().map(|w| w[0]).sum::<f64>() / n as f64;
    assert!(mean > 0.6, "{mean}");
    let same = (0..n).flat_map(|i| {
        found
            .neighbours
            .row(i)
            .0
            .iter()
            .map(move |&j| i % 3 == j as usize % 3)
    });
    let share = same.filter(|&s| s).count() as f64 / (n * 20) as f64;
    assert!(share > 0.9, "{share}");
}

#[test]
fn threads_do_not_matter() {
    let n = 300;
    let clouds = informative_and_noise(n);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let run = || wnn(modalities(&clouds), n, &WnnOptions::default()).unwrap();
        pool.build().unwrap().install(run)
    };
    assert_eq!(with(1), with(2));
}

#[test]
fn duplicates_stay_finite() {
    let clouds = [vec![1f32; 30 * 3], vec![2f32; 30 * 2]];
    let found = wnn(modalities(&clouds), 30, &WnnOptions::default()).unwrap();
    assert_eq!(found.weights, [[0.5, 0.5]; 30]);
    assert!(found.neighbours.distances.iter().all(|&d| d == 0.0));
    assert_eq!(found.neighbours.row(7).0[..4], [7, 0, 1, 2]);
}

#[test]
fn faults_are_named() {
    let clouds = [vec![0f32; 10 * 3], vec![0f32; 10 * 2]];
    let with = |options: &WnnOptions| wnn(modalities(&clouds), 10, options);
    let default = WnnOptions::default;
    assert!(matches!(
        with(&default()),
        Err(GraphError::NeighbourCount {
            k: 20,
            n_points: 10
        })
    ));
    for (name, options) in [
        ("k", WnnOptions { k: 1, ..default() }),
        (
            "n_candidates",
            WnnOptions {
                k: 5,
                n_candidates: 4,
                ..default()
            },
        ),
        (
            "n_bandwidth",
            WnnOptions {
                k: 5,
                n_bandwidth: 1,
                ..default()
            },
        ),
    ] {
        assert!(
            matches!(with(&options), Err(GraphError::Setting { name: found, .. }) if found == name)
        );
    }
    assert!(matches!(
        wnn(modalities(&clouds), 11, &default()),
        Err(GraphError::Shape { .. })
    ));
}
