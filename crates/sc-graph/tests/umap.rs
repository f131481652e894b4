//! UMAP keeps neighbourhoods and groups, and repeats itself.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sc_graph::{Graph, UmapConfig, knn, umap};

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// Gaussian groups in `d` dimensions with the spectrum of a PCA space.
fn groups(n: usize, d: usize, k: usize, apart: f64) -> (Vec<f32>, Vec<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let decay = |c: usize, rate: f64| 1.0 / (1.0 + c as f64 / rate).sqrt();
    let centres: Vec<f64> = (0..k * d)
        .map(|at| apart * decay(at % d, 5.0) * normal(&mut rng))
        .collect();
    let labels: Vec<usize> = (0..n).map(|i| i % k).collect();
    let points = (0..n * d)
        .map(|at| {
            (centres[labels[at / d] * d + at % d] + decay(at % d, 10.0) * normal(&mut rng)) as f32
        })
        .collect();
    (points, labels)
}

/// 1 - 2 / (n k (2n - 3k - 1)) * sum over the k neighbours in the plane of (rank in the points - k)+.
fn trustworthiness(points: &[f32], d: usize, plane: &[f32], k: usize) -> f64 {
    let n = plane.len() / 2;
    let near = knn(plane, n, 2, k + 1).unwrap();
    let distance = |i: usize, j: usize| -> f64 {
        (0..d)
            .map(|c| f64::from(points[i * d + c] - points[j * d + c]).powi(2))
            .sum()
    };
    let mut penalty = 0usize;
    for i in 0..n {
        let mut all: Vec<f64> = (0..n).filter(|&j| j != i).map(|j| distance(i, j)).collect();
        all.sort_by(f64::total_cmp);
        for &j in &near.row(i).0[1..] {
            let own = distance(i, j as usize);
            penalty += (all.partition_point(|&v| v < own) + 1).saturating_sub(k);
        }
    }
    1.0 - 2.0 * penalty as f64 / (n * k * (2 * n - 3 * k - 1)) as f64
}

/// Share of the `k` neighbours in the plane that carry the label of the point.
fn purity(plane: &[f32], labels: &[usize], k: usize) -> f64 {
    let n = labels.len();
    let near = knn(plane, n, 2, k + 1).unwrap();
    let same = (0..n)
        .flat_map(|i| near.row(i).0[1..].iter().map(move |&j| (i, j as usize)))
        .filter(|&(i, j)| labels[i] == labels[j])
        .count();
    same as f64 / (n * k) as f64
}

#[test]
fn neighbourhoods_survive() {
    // Connected (overlapping groups) and in parts (groups far apart): spectral start and PCA start.
    for (apart, connected) in [(1.0, true), (4.0, false)] {
        let (n, d) = (1200, 30);
        let (points, labels) = groups(n, d, 8, apart);
        let graph = Graph::fuzzy(&knn(&points, n, d, 15).unwrap()).unwrap();
        assert_eq!(graph.components().iter().all(|&c| c == 0), connected);
        let plane = umap(&graph, &points, d, &UmapConfig::default()).unwrap();
        assert!(plane.iter().all(|v| v.is_finite()));
        let trust = trustworthiness(&points, d, &plane, 15);
        let pure = purity(&plane, &labels, 15);
        println!("apart {apart}: trustworthiness {trust:.4}, purity {pure:.4}");
        assert!(trust > 0.85, "{trust}");
        assert!(pure > 0.9, "{pure}");
    }
}

#[test]
fn same_seed_same_bytes_other_seed_other_bytes() {
    let (n, d) = (300, 10);
    let (points, _) = groups(n, d, 3, 1.0);
    let graph = Graph::fuzzy(&knn(&points, n, d, 10).unwrap()).unwrap();
    let with = |seed: u64, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let config = UmapConfig {
            seed,
            n_epochs: Some(50),
            ..UmapConfig::default()
        };
        pool.install(|| umap(&graph, &points, d, &config).unwrap())
    };
    assert_eq!(with(0, 1), with(0, 3));
    assert_ne!(with(0, 1), with(1, 1));
}

#[test]
fn tiny_and_degenerate_inputs_stay_finite() {
    for n in [0usize, 1, 2, 3, 4, 5, 40] {
        let equal = vec![1.0f32; n * 3];
        let graph = if n == 0 {
            Graph::from_edges(0, []).unwrap()
        } else {
            Graph::fuzzy(&knn(&equal, n, 3, n.min(5)).unwrap()).unwrap()
        };
        let plane = umap(&graph, &equal, 3, &UmapConfig::default()).unwrap();
        assert_eq!(plane.len(), 2 * n);
        assert!(plane.iter().all(|v| v.is_finite()), "{n}: {plane:?}");
    }
}

#[test]
fn settings_are_checked() {
    let graph = Graph::from_edges(2, [(0, 1, 1.0)]).unwrap();
    let points = [0.0, 1.0];
    for config in [
        UmapConfig {
            min_dist: -0.1,
            ..UmapConfig::default()
        },
        UmapConfig {
            min_dist: 2.0,
            ..UmapConfig::default()
        },
        UmapConfig {
            spread: f64::NAN,
            ..UmapConfig::default()
        },
        UmapConfig {
            learning_rate: 0.0,
            ..UmapConfig::default()
        },
    ] {
        assert!(umap(&graph, &points, 1, &config).is_err(), "{config:?}");
    }
    assert!(umap(&graph, &points, 2, &UmapConfig::default()).is_err());
}
