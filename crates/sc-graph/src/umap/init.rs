use rand_chacha::ChaCha8Rng;

use crate::Graph;
use crate::lanczos;

/// Eigenvectors two and three of the normalised Laplacian `I - D^-1/2 A D^-1/2`, `n` x 2.
///
/// `None` where they say nothing: a graph in several parts, or with fewer than four nodes.
pub(super) fn spectral(graph: &Graph, rng: &mut ChaCha8Rng) -> Option<Vec<f64>> {
    let n = graph.n_nodes();
    if n < 4 || graph.components().iter().any(|&c| c > 0) {
        return None;
    }
    let root: Vec<f64> = (0..n).map(|i| graph.strength(i).sqrt()).collect();
    // The first eigenvector is known: D^1/2 1, with the largest eigenvalue of D^-1/2 A D^-1/2.
    let length = root.iter().map(|r| r * r).sum::<f64>().sqrt();
    let first = root.iter().map(|r| r / length).collect();
    let apply = |v: &[f64]| -> Vec<f64> {
        (0..n)
            .map(|i| {
                let sum: f64 = graph.neighbours(i).map(|(j, w)| w * v[j] / root[j]).sum();
                sum / root[i]
            })
            .collect()
    };
    let found = lanczos::largest(n, 2, &[first], 1e-4, apply, rng);
    (found.len() == 2).then(|| (0..n).flat_map(|i| [found[0][i], found[1][i]]).collect())
}

/// Scores of the first two principal components, `n` x 2; zeros where there are fewer.
pub(super) fn principal_components(
    points: &[f32],
    n: usize,
    n_dims: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<f64> {
    let rows = || points.chunks_exact(n_dims.max(1));
    let mut mean = vec![0f64; n_dims];
    for row in rows() {
        for (m, &v) in mean.iter_mut().zip(row) {
            *m += f64::from(v) / n as f64;
        }
    }
    let score = |row: &[f32], axis: &[f64]| -> f64 {
        let terms = row.iter().zip(&mean).zip(axis);
        terms.map(|((&v, m), a)| (f64::from(v) - m) * a).sum()
    };
    let apply = |v: &[f64]| -> Vec<f64> {
        let mut image = vec![0f64; n_dims];
        for row in rows() {
            let s = score(row, v);
            for ((i, &x), m) in image.iter_mut().zip(row).zip(&mean) {
                *i += s * (f64::from(x) - m);
            }
        }
        image
    };
    let axes = lanczos::largest(n_dims, 2, &[], 1e-6, apply, rng);
    let mut plane = vec![0f64; 2 * n];
    for (c, axis) in axes.iter().enumerate() {
        for (i, row) in rows().enumerate() {
            plane[2 * i + c] = score(row, axis);
        }
    }
    plane
}
