//! Properties of exact neighbours: equal to brute force for any data.

use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sc_graph::{GraphError, Knn, knn};

/// All pairs in f64, sorted by (distance, index), the point itself first.
fn brute(points: &[f32], n: usize, d: usize, k: usize) -> Vec<Vec<(f64, u32)>> {
    (0..n)
        .map(|i| {
            let mut row: Vec<(f64, u32)> = (0..n)
                .filter(|&j| j != i)
                .map(|j| {
                    // The same four-lane order of summation as the crate, so that ties are the same ties.
                    let term = |c: usize| {
                        (f64::from(points[i * d + c]) - f64::from(points[j * d + c])).powi(2)
                    };
                    let lane = |l: usize| (0..d / 4).map(|q| term(4 * q + l)).sum::<f64>();
                    let tail: f64 = (d / 4 * 4..d).map(term).sum();
                    ((lane(0) + lane(2)) + (lane(1) + lane(3)) + tail, j as u32)
                })
                .collect();
            row.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            row.insert(0, (0.0, i as u32));
            row.truncate(k);
            row
        })
        .collect()
}

fn assert_brute(found: &Knn, points: &[f32], n: usize, d: usize) {
    for (i, wanted) in brute(points, n, d, found.k).into_iter().enumerate() {
        let (indices, distances) = found.row(i);
        assert_eq!(
            indices,
            wanted.iter().map(|w| w.1).collect::<Vec<_>>(),
            "row {i}"
        );
        for (f, w) in distances.iter().zip(wanted) {
            assert_eq!(*f, w.0.sqrt() as f32, "row {i}");
        }
    }
}

/// Points of a few kinds: free, on a small lattice (ties and duplicates), far from the origin.
fn cloud() -> impl Strategy<Value = (Vec<f32>, usize, usize)> {
    (1usize..60, 1usize..9, 0u8..3, any::<u64>()).prop_map(|(n, d, kind, seed)| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let points = (0..n * d)
            .map(|_| match kind {
                0 => rng.random_range(-1.0f32..1.0),
                1 => rng.random_range(0i32..3) as f32,
                _ => 1e5 + rng.random_range(0i32..2) as f32 * 1e6 + rng.random_range(0.0f32..1.0),
            })
            .collect();
        (points, n, d)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equals_brute_force((points, n, d) in cloud(), share in 0.0f64..1.0) {
        let k = 1 + (share * (n - 1) as f64) as usize;
        assert_brute(&knn(&points, n, d, k).unwrap(), &points, n, d);
    }

    #[test]
    fn permuted_points_have_permuted_neighbours((points, n, d) in cloud(), seed in any::<u64>()) {
        let mut order: Vec<usize> = (0..n).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rand::seq::SliceRandom::shuffle(order.as_mut_slice(), &mut rng);
        let moved: Vec<f32> = order.iter().flat_map(|&i| points[i * d..(i + 1) * d].to_vec()).collect();
        let k = n.min(6);
        let (before, after) = (knn(&points, n, d, k).unwrap(), knn(&moved, n, d, k).unwrap());
        for (place, &i) in order.iter().enumerate() {
            let ((a, from), (b, to)) = (before.row(i), after.row(place));
            prop_assert_eq!(from, to);
            // Indices agree wherever the distance is not tied within the row or at its end.
            for c in 1..k.saturating_sub(1) {
                if from[c - 1] < from[c] && from[c] < from[c + 1] {
                    prop_assert_eq!(a[c] as usize, order[b[c] as usize]);
                }
            }
        }
    }
}

fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let (u, v): (f32, f32) = (1.0 - rng.random::<f32>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f32::consts::TAU * v).cos()
}

/// Two tight groups 2,000 spreads and more apart: after centring every point is far from the origin, and
/// a product in f32 alone would lose all digits of the distances inside a group.
#[test]
fn tight_groups_far_apart() {
    let (n, d, k) = (3000, 20, 15);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut points = vec![0f32; n * d];
    for (i, row) in points.chunks_exact_mut(d).enumerate() {
        let centre = if i % 2 == 0 { 4096.0 } else { -8192.0 };
        row.iter_mut().for_each(|v| *v = centre + normal(&mut rng));
    }
    let found = knn(&points, n, d, k).unwrap();
    assert_brute(&found, &points, n, d);

    // What the f32 identity alone would have given is wrong: the test above does test something.
    let sq = |i: usize| {
        points[i * d..(i + 1) * d]
            .iter()
            .map(|v| v * v)
            .sum::<f32>()
    };
    let naive = |i: usize, j: usize| {
        let product: f32 = (0..d).map(|c| points[i * d + c] * points[j * d + c]).sum();
        sq(i) + sq(j) - 2.0 * product
    };
    let wrong = (0..100)
        .filter(|&i| {
            let mut others: Vec<usize> = (0..n).filter(|&j| j != i).collect();
            others.sort_by(|&a, &b| naive(i, a).total_cmp(&naive(i, b)));
            let (indices, _) = found.row(i);
            others[..k - 1]
                .iter()
                .any(|&j| !indices.contains(&(j as u32)))
        })
        .count();
    assert!(wrong > 90, "{wrong}");
}

#[test]
fn extreme_magnitudes() {
    for scale in [1e-38f32, 1e-30, 1e30, 1e38] {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let (n, d) = (300, 5);
        let points: Vec<f32> = (0..n * d)
            .map(|_| rng.random_range(-1.0f32..1.0) * scale)
            .collect();
        assert_brute(&knn(&points, n, d, 10).unwrap(), &points, n, d);
    }
}

#[test]
fn one_outlier_does_not_hide_the_rest() {
    let (n, d) = (500, 4);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut points: Vec<f32> = (0..n * d).map(|_| rng.random_range(-1.0f32..1.0)).collect();
    points[3] = 1e9;
    assert_brute(&knn(&points, n, d, 10).unwrap(), &points, n, d);
}

#[test]
fn many_duplicates_across_blocks() {
    let (n, d, k) = (2500, 3, 7);
    let points: Vec<f32> = (0..n).flat_map(|i| [(i % 2) as f32, 0.0, 1.0]).collect();
    let found = knn(&points, n, d, k).unwrap();
    assert_brute(&found, &points, n, d);
    assert_eq!(found.row(2000).0, [2000, 0, 2, 4, 6, 8, 10]);
}

#[test]
fn threads_do_not_matter() {
    let (n, d) = (1500, 10);
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let points: Vec<f32> = (0..n * d).map(|_| normal(&mut rng)).collect();
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| knn(&points, n, d, 15).unwrap())
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn faults_are_named() {
    let points = [0.0, 1.0, f32::NAN, 3.0];
    assert!(matches!(
        knn(&points, 2, 2, 1),
        Err(GraphError::NotFinite { row: 1, col: 0, .. })
    ));
    assert!(matches!(
        knn(&points, 3, 2, 1),
        Err(GraphError::Shape { found: 4, .. })
    ));
    for k in [0, 3] {
        assert!(matches!(
            knn(&[0.0, 1.0], 2, 1, k),
            Err(GraphError::NeighbourCount { .. })
        ));
    }
    assert!(matches!(
        knn(&[], usize::MAX, 2, 1),
        Err(GraphError::Shape { .. })
    ));
}
