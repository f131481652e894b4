//! Approximate neighbours: recall against the exact ones, the contract, determinism.

use std::collections::HashSet;

use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sc_graph::{
    ApproximateOptions, GraphError, Knn, NeighbourOptions, knn, knn_approximate, neighbours,
};

fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let (u, v): (f32, f32) = (1.0 - rng.random::<f32>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f32::consts::TAU * v).cos()
}

/// Normal groups whose centres are `apart` standard deviations from the origin in each dimension.
fn groups(n: usize, d: usize, n_groups: usize, apart: f32) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let centres: Vec<f32> = (0..n_groups * d)
        .map(|_| apart * normal(&mut rng))
        .collect();
    (0..n * d)
        .map(|at| centres[at / d % n_groups * d + at % d] + normal(&mut rng))
        .collect()
}

/// Share of the exact neighbours, without the points themselves, that were found.
fn recall(found: &Knn, exact: &Knn) -> f64 {
    let hits = (0..exact.n_points()).map(|i| {
        let wanted: HashSet<u32> = exact.row(i).0[1..].iter().copied().collect();
        found.row(i).0[1..]
            .iter()
            .filter(|j| wanted.contains(j))
            .count()
    });
    hits.sum::<usize>() as f64 / (exact.n_points() * (exact.k - 1)) as f64
}

/// Column 0 is the point itself, distances are the true ones and ordered with the indices, no neighbour twice.
fn assert_contract(found: &Knn, points: &[f32], n: usize, d: usize) {
    assert_eq!(found.n_points(), n);
    for i in 0..n {
        let (indices, distances) = found.row(i);
        assert_eq!((indices[0], distances[0]), (i as u32, 0.0));
        assert_eq!(indices.iter().collect::<HashSet<_>>().len(), found.k);
        for (&j, &f) in indices.iter().zip(distances) {
            let term = |c: usize| {
                (f64::from(points[i * d + c]) - f64::from(points[j as usize * d + c])).powi(2)
            };
            let wanted = (0..d).map(term).sum::<f64>().sqrt();
            assert!(
                (f64::from(f) - wanted).abs() <= 1e-6 * wanted,
                "{f}, wanted {wanted}"
            );
        }
        for c in 1..found.k.saturating_sub(1) {
            assert!(distances[c] <= distances[c + 1], "row {i}");
        }
    }
}

#[test]
fn finds_nearly_all_in_groups() {
    let (n, d) = (5000, 20);
    for (n_groups, apart) in [(1, 0.0), (10, 1.0), (25, 10.0)] {
        let points = groups(n, d, n_groups, apart);
        for k in [5, 15, 30] {
            let exact = knn(&points, n, d, k).unwrap();
            let found = knn_approximate(&points, n, d, k, &ApproximateOptions::default()).unwrap();
            assert_contract(&found, &points, n, d);
            let recall = recall(&found, &exact);
            println!("{n_groups} groups, k {k}: recall {recall:.4}");
            assert!(recall >= 0.95, "{n_groups} groups, k {k}: {recall}");
        }
    }
}

#[test]
fn threads_do_not_matter_and_the_seed_does() {
    let (n, d, k) = (3000, 20, 15);
    let points = groups(n, d, 8, 1.0);
    let with = |threads: usize, seed: u64| {
        let options = ApproximateOptions {
            seed,
            ..ApproximateOptions::default()
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let run = || knn_approximate(&points, n, d, k, &options).unwrap();
        pool.build().unwrap().install(run)
    };
    let one = with(1, 0);
    assert_eq!(one, with(2, 0));
    assert_eq!(one, with(2, 0));
    assert_ne!(one, with(1, 1));
}

#[test]
fn duplicates_are_neighbours_at_distance_zero() {
    // Two places, then groups of equal points.
    let (n, d, k) = (1500, 3, 7);
    let points: Vec<f32> = (0..n).flat_map(|i| [(i % 2) as f32, 0.0, 1.0]).collect();
    let found = knn_approximate(&points, n, d, k, &ApproximateOptions::default()).unwrap();
    assert_contract(&found, &points, n, d);
    assert!(found.distances.iter().all(|&d| d == 0.0));

    let centres = groups(500, 5, 4, 2.0);
    let points: Vec<f32> = (0..1500)
        .flat_map(|i| centres[i % 500 * 5..][..5].to_vec())
        .collect();
    let found = knn_approximate(&points, 1500, 5, 3, &ApproximateOptions::default()).unwrap();
    assert_contract(&found, &points, 1500, 5);
    let zero = found.distances.iter().filter(|&&d| d == 0.0).count();
    assert!(zero as f64 >= 0.99 * 4500.0, "{zero}");
}

#[test]
fn tight_groups_far_apart_and_extreme_magnitudes() {
    let (n, d, k) = (2000, 10, 10);
    let cloud = groups(n, d, 1, 0.0);
    for (shift, scale) in [(1e5, 1.0), (0.0, 1e-38), (0.0, 1e37)] {
        let points: Vec<f32> = (0..n * d)
            .map(|at| cloud[at] * scale + if at / d % 2 == 0 { shift } else { -shift })
            .collect();
        let exact = knn(&points, n, d, k).unwrap();
        let found = knn_approximate(&points, n, d, k, &ApproximateOptions::default()).unwrap();
        let recall = recall(&found, &exact);
        assert!(recall >= 0.95, "{shift} {scale}: {recall}");
    }
}

#[test]
fn only_the_point_itself() {
    let found = knn_approximate(&[4.0, 4.0, 1.0], 3, 1, 1, &ApproximateOptions::default()).unwrap();
    assert_eq!(
        (found.indices, found.distances),
        (vec![0, 1, 2], vec![0.0; 3])
    );
}

#[test]
fn exact_up_to_a_size() {
    let points = groups(800, 6, 3, 1.0);
    let with = |exact_up_to| {
        let options = NeighbourOptions {
            exact_up_to,
            ..NeighbourOptions::default()
        };
        neighbours(&points, 800, 6, 10, &options).unwrap()
    };
    assert_eq!(with(800), knn(&points, 800, 6, 10).unwrap());
    let approximate = knn_approximate(&points, 800, 6, 10, &ApproximateOptions::default());
    assert_eq!(with(799), approximate.unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn contract_for_any_size(n in 1usize..400, d in 0usize..6, share in 0.0f64..1.0, lattice in any::<bool>(), seed in any::<u64>()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let points: Vec<f32> = (0..n * d)
            .map(|_| if lattice { rng.random_range(0i32..3) as f32 } else { rng.random_range(-1.0f32..1.0) })
            .collect();
        let k = 1 + (share * n.min(60) as f64) as usize;
        let options = ApproximateOptions { seed, n_trees: 2, breadth: 4, sample: 4 };
        let found = knn_approximate(&points, n, d, k.min(n), &options).unwrap();
        assert_contract(&found, &points, n, d);
        // One leaf holds them all: the neighbours are the exact ones.
        if n <= 2 * ((k.min(n) - 1).max(4) + 1) {
            prop_assert_eq!(found, knn(&points, n, d, k.min(n)).unwrap());
        }
    }
}

#[test]
fn faults_are_named() {
    let default = ApproximateOptions::default;
    assert!(matches!(
        knn_approximate(&[0.0, 1.0, f32::NAN, 3.0], 2, 2, 1, &default()),
        Err(GraphError::NotFinite { row: 1, col: 0, .. })
    ));
    assert!(matches!(
        knn_approximate(&[0.0; 4], 3, 2, 1, &default()),
        Err(GraphError::Shape { found: 4, .. })
    ));
    for k in [0, 3] {
        assert!(matches!(
            knn_approximate(&[0.0, 1.0], 2, 1, k, &default()),
            Err(GraphError::NeighbourCount { .. })
        ));
    }
    for (name, options) in [
        (
            "n_trees",
            ApproximateOptions {
                n_trees: 0,
                ..default()
            },
        ),
        (
            "breadth",
            ApproximateOptions {
                breadth: 0,
                ..default()
            },
        ),
        (
            "sample",
            ApproximateOptions {
                sample: 0,
                ..default()
            },
        ),
    ] {
        let found = knn_approximate(&[0.0, 1.0], 2, 1, 2, &options);
        assert!(matches!(found, Err(GraphError::Setting { name: n, .. }) if n == name));
    }
}
