//! Properties of the scores and of k-means.

use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sc_metrics::{
    ClusteringScores, Contingency, MetricError, ari, calinski_harabasz, davies_bouldin, kmeans,
    kmeans_from, nmi, silhouette, silhouette_samples,
};

fn labellings() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    (2usize..40).prop_flat_map(|n| {
        let labels = || prop::collection::vec(0u8..5, n);
        (labels(), labels())
    })
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-10 || (a.is_nan() && b.is_nan())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scores_do_not_depend_on_names_or_order((truth, found) in labellings(), seed in any::<u64>()) {
        let mut order: Vec<usize> = (0..truth.len()).collect();
        rand::seq::SliceRandom::shuffle(order.as_mut_slice(), &mut ChaCha8Rng::seed_from_u64(seed));
        let named: Vec<String> = order.iter().map(|&i| format!("c{}", 9 - found[i])).collect();
        let moved: Vec<i32> = order.iter().map(|&i| -i32::from(truth[i])).collect();
        let before = ClusteringScores::of(&Contingency::new(&truth, &found));
        let after = ClusteringScores::of(&Contingency::new(&moved, &named));
        for (a, b) in [
            (before.ari, after.ari),
            (before.ami, after.ami),
            (before.nmi, after.nmi),
            (before.v_measure, after.v_measure),
            (before.accuracy, after.accuracy),
            (before.pair_f, after.pair_f),
            (before.purity, after.purity),
        ] {
            prop_assert!(near(a, b), "{} {}", a, b);
        }
    }

    #[test]
    fn scores_stay_in_their_ranges((truth, found) in labellings()) {
        let table = Contingency::new(&truth, &found);
        let s = ClusteringScores::of(&table);
        for v in [s.rand_index, s.nmi, s.fmi, s.homogeneity, s.completeness, s.v_measure, s.purity, s.accuracy] {
            prop_assert!((-1e-12..=1.0 + 1e-12).contains(&v), "{:?}", s);
        }
        prop_assert!(s.ari <= 1.0 && s.ari >= -0.5 - 1e-12);
        prop_assert!(s.accuracy <= s.purity + 1e-12 && s.accuracy <= s.inverse_purity + 1e-12);
        prop_assert!(near(s.v_measure, s.nmi) || table.n_classes() == 1 || table.n_clusters() == 1);
        let mirrored = ClusteringScores::of(&Contingency::new(&found, &truth));
        prop_assert!(near(s.ari, mirrored.ari) && near(s.ami, mirrored.ami) && near(s.accuracy, mirrored.accuracy));
        prop_assert!(near(s.homogeneity, mirrored.completeness));
        let own = ClusteringScores::of(&Contingency::new(&truth, &truth));
        prop_assert!(near(own.ari, 1.0) && near(own.nmi, 1.0) && near(own.ami, 1.0) && near(own.accuracy, 1.0));
    }

    #[test]
    fn ari_counts_pairs((truth, found) in labellings()) {
        // The index from all pairs, one by one: (agreement - expected) / (largest - expected).
        let n = truth.len();
        let (mut both, mut a, mut b, mut pairs) = (0.0, 0.0, 0.0, 0.0);
        for i in 0..n {
            for j in 0..i {
                let (t, f) = (truth[i] == truth[j], found[i] == found[j]);
                both += f64::from(u8::from(t && f));
                a += f64::from(u8::from(t));
                b += f64::from(u8::from(f));
                pairs += 1.0;
            }
        }
        let expected = a * b / pairs;
        let largest = (a + b) / 2.0;
        if largest != expected {
            prop_assert!(near(ari(&truth, &found), (both - expected) / (largest - expected)));
        }
    }

    #[test]
    fn kmeans_from_a_partition_only_improves(
        cells in prop::collection::vec((-20i32..20, -20i32..20, 0usize..4), 4..60),
    ) {
        let points: Vec<f32> = cells.iter().flat_map(|c| [c.0 as f32, c.1 as f32]).collect();
        let labels: Vec<usize> = cells.iter().map(|c| c.2).collect();
        let n = cells.len();
        let inertia = |labels: &[usize]| -> f64 {
            (0..4).map(|c| {
                let own: Vec<usize> = (0..n).filter(|&i| labels[i] == c).collect();
                (0..2).map(|x| {
                    let mean = own.iter().map(|&i| f64::from(points[2 * i + x])).sum::<f64>() / own.len().max(1) as f64;
                    own.iter().map(|&i| (f64::from(points[2 * i + x]) - mean).powi(2)).sum::<f64>()
                }).sum::<f64>()
            }).sum()
        };
        let found = kmeans_from(&points, n, 2, &labels, 4, 300).unwrap();
        prop_assert!(found.inertia <= inertia(&labels) + 1e-3);
        prop_assert!((found.inertia - inertia(&found.labels)).abs() < 1e-3);
        let again = kmeans_from(&points, n, 2, &found.labels, 4, 300).unwrap();
        prop_assert!(again.inertia <= found.inertia + 1e-3);
    }

    #[test]
    fn kmeans_is_a_fixed_point(values in prop::collection::vec(-20i32..20, 6..80), k in 1usize..6, seed in any::<u64>()) {
        let points: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        let (n, d) = (points.len() / 2, 2);
        let points = &points[..n * d];
        let k = k.min(n);
        let found = kmeans(points, n, d, k, seed, 3, 300).unwrap();
        prop_assert_eq!(&found, &kmeans(points, n, d, k, seed, 3, 300).unwrap());
        let distance = |i: usize, c: usize| -> f64 {
            (0..d).map(|x| (f64::from(points[i * d + x]) - f64::from(found.centroids[c * d + x])).powi(2)).sum()
        };
        let mut inertia = 0.0;
        for i in 0..n {
            let own = distance(i, found.labels[i]);
            inertia += own;
            prop_assert!((0..k).all(|c| own <= distance(i, c) + 1e-3), "nearest centre");
        }
        prop_assert!((inertia - found.inertia).abs() <= 1e-3 * (1.0 + inertia));
        let mut distinct: Vec<&[f32]> = points.chunks_exact(d).collect();
        distinct.sort_by(|a, b| a.partial_cmp(b).unwrap());
        distinct.dedup();
        let mut used = found.labels.clone();
        used.sort_unstable();
        used.dedup();
        prop_assert_eq!(used.len(), k.min(distinct.len()), "no empty cluster while points differ");
    }
}

fn blobs(n: usize, d: usize, k: usize) -> (Vec<f32>, Vec<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let centres: Vec<f32> = (0..k * d).map(|_| rng.random_range(-10.0..10.0)).collect();
    let labels: Vec<usize> = (0..n).map(|i| i % k).collect();
    let points = (0..n * d)
        .map(|at| centres[labels[at / d] * d + at % d] + rng.random_range(-1.0f32..1.0))
        .collect();
    (points, labels)
}

#[test]
fn kmeans_finds_blobs_whatever_the_threads() {
    let (n, d, k) = (2000, 8, 7);
    let (points, labels) = blobs(n, d, k);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| kmeans(&points, n, d, k, 4, 5, 300).unwrap())
    };
    let found = with(1);
    assert_eq!(found, with(3));
    assert_eq!(ari(&labels, &found.labels), 1.0);
    assert_eq!(nmi(&labels, &found.labels), 1.0);
    // The inertia is that of the true groups: per coordinate the variance of U(-1, 1) is 1/3.
    let expected = (n * d) as f64 / 3.0;
    assert!(
        (found.inertia / expected - 1.0).abs() < 0.05,
        "{}",
        found.inertia
    );
}

#[test]
fn more_starts_are_never_worse() {
    let (points, _) = blobs(400, 3, 12);
    let inertia = |n_init| kmeans(&points, 400, 3, 12, 9, n_init, 300).unwrap().inertia;
    assert!(inertia(10) <= inertia(1));
}

#[test]
fn kmeans_far_from_the_origin() {
    let points: Vec<f32> = (0..40)
        .map(|i| 1e6 + (i / 10) as f32 * 8.0 + (i % 10) as f32 * 0.125)
        .collect();
    let found = kmeans(&points, 40, 1, 4, 0, 5, 300).unwrap();
    let truth: Vec<usize> = (0..40).map(|i| i / 10).collect();
    assert_eq!(ari(&truth, &found.labels), 1.0);
}

#[test]
fn many_clusters_stay_cheap() {
    // As many clusters as points: no dense table of 20,000 x 20,000 for these scores.
    let n = 20_000;
    let truth: Vec<usize> = (0..n).map(|i| i % 3).collect();
    let single: Vec<usize> = (0..n).collect();
    let table = Contingency::new(&truth, &single);
    assert_eq!((table.ari(), table.purity()), (0.0, 1.0));
    assert!((table.accuracy() - 3.0 / n as f64).abs() < 1e-15);
    let all = Contingency::new(&single, &single);
    assert_eq!((all.ari(), all.ami(Default::default())), (1.0, 1.0));
}

#[test]
fn faults_are_named() {
    let x = [0.0, 1.0, 2.0, f32::INFINITY];
    let shape =
        |found: Result<f64, MetricError>| matches!(found, Err(MetricError::Shape { found: 4, .. }));
    assert!(shape(silhouette(&x, 3, 1, &[0, 1, 1])));
    assert!(matches!(
        calinski_harabasz(&x, 4, 1, &[0, 0, 1, 1]),
        Err(MetricError::NotFinite { row: 3, col: 0, .. })
    ));
    assert!(matches!(
        davies_bouldin(&x[..3], 3, 1, &[0, 0]),
        Err(MetricError::LabelCount { found: 2, .. })
    ));
    for labels in [[0, 0, 0], [0, 1, 2]] {
        assert!(matches!(
            silhouette_samples(&x[..3], 3, 1, &labels),
            Err(MetricError::ClusterCount { .. })
        ));
    }
    for k in [0, 4] {
        assert!(matches!(
            kmeans(&x[..3], 3, 1, k, 0, 1, 10),
            Err(MetricError::TooManyClusters { .. })
        ));
    }
    assert!(matches!(
        kmeans_from(&x[..3], 3, 1, &[0, 2, 0], 2, 10),
        Err(MetricError::Label { label: 2, k: 2 })
    ));
    assert!(matches!(
        kmeans_from(&x[..3], 3, 1, &[0, 1], 2, 10),
        Err(MetricError::LabelCount { .. })
    ));
    assert!(matches!(
        kmeans(&x[..3], 3, 1, 2, 0, 0, 10),
        Err(MetricError::Zero { name: "n_init" })
    ));
    assert!(matches!(
        kmeans(&x[..3], 3, 1, 2, 0, 1, 0),
        Err(MetricError::Zero { name: "max_iter" })
    ));
}
