use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::MetricError;
use crate::points::{Points, add, squared_distance};

/// Result of [`kmeans`].
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    /// Cluster of every point, below `k`.
    pub labels: Vec<usize>,
    /// Cluster centres, `k` x `n_dims`, row-major.
    pub centroids: Vec<f32>,
    /// Sum of the squared distances of the points to their centres.
    pub inertia: f64,
    /// Lloyd iterations of the best start.
    pub n_iter: usize,
}

/// k-means: the best of `n_init` runs of Lloyd's algorithm from greedy k-means++ starts.
///
/// A start draws each further centre among `2 + ln k` candidates, each with probability proportional to
/// the squared distance to the centres so far, and keeps the one that lowers the sum most, as
/// scikit-learn does. Lloyd stops when no label changes or after `max_iter` iterations. A cluster that
/// loses all points restarts at the point farthest from its centre; with fewer distinct points than `k`
/// some labels stay unused. Arithmetic in f64; the result depends on the arguments alone, not on the
/// number of threads. Source: Arthur, Vassilvitskii (2007).
///
/// # Errors
/// Wrong slice length, values that are not finite, `k` outside `1..=n_points`, `n_init` or `max_iter` of 0.
///
/// ```
/// let found = sc_metrics::kmeans(&[0.0, 0.1, 5.0, 5.1], 4, 1, 2, 0, 3, 100)?;
/// assert_eq!(found.labels[0], found.labels[1]);
/// assert_ne!(found.labels[0], found.labels[2]);
/// # Ok::<(), sc_metrics::MetricError>(())
/// ```
pub fn kmeans(
    points: &[f32],
    n_points: usize,
    n_dims: usize,
    k: usize,
    seed: u64,
    n_init: usize,
    max_iter: usize,
) -> Result<KMeans, MetricError> {
    for (name, value) in [("n_init", n_init), ("max_iter", max_iter)] {
        if value == 0 {
            return Err(MetricError::Zero { name });
        }
    }
    if k == 0 || k > n_points {
        return Err(MetricError::TooManyClusters { k, n_points });
    }
    let centred = Points::new(points, n_points, n_dims)?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut best = Run::new(&centred, k, max_iter, &mut rng);
    for _ in 1..n_init {
        let run = Run::new(&centred, k, max_iter, &mut rng);
        if run.inertia < best.inertia {
            best = run;
        }
    }
    Ok(best.finish(points, &centred))
}

/// Lloyd's algorithm from a given partition, `labels` in `0..k`; else as [`kmeans`].
///
/// # Errors
/// As [`kmeans`]; a label for every point, each below `k`.
///
/// ```
/// let points = [0.0, 0.1, 0.2, 5.0];
/// let found = sc_metrics::kmeans_from(&points, 4, 1, &[0, 0, 1, 1], 2, 100)?;
/// assert_eq!(found.labels, [0, 0, 0, 1]);
/// # Ok::<(), sc_metrics::MetricError>(())
/// ```
pub fn kmeans_from(
    points: &[f32],
    n_points: usize,
    n_dims: usize,
    labels: &[usize],
    k: usize,
    max_iter: usize,
) -> Result<KMeans, MetricError> {
    if max_iter == 0 {
        return Err(MetricError::Zero { name: "max_iter" });
    }
    if k == 0 || k > n_points {
        return Err(MetricError::TooManyClusters { k, n_points });
    }
    if labels.len() != n_points {
        let found = labels.len();
        return Err(MetricError::LabelCount { n_points, found });
    }
    if let Some(&label) = labels.iter().find(|&&label| label >= k) {
        return Err(MetricError::Label { label, k });
    }
    let centred = Points::new(points, n_points, n_dims)?;
    let mut given: Vec<(usize, f64)> = labels.iter().map(|&c| (c, 0.0)).collect();
    let centres = means(&centred, k, &mut given, vec![0.0; k * n_dims]);
    let run = Run::from_centres(&centred, k, max_iter, centres);
    Ok(run.finish(points, &centred))
}

struct Run {
    labels: Vec<usize>,
    centres: Vec<f64>,
    inertia: f64,
    n_iter: usize,
}

impl Run {
    fn new(points: &Points, k: usize, max_iter: usize, rng: &mut ChaCha8Rng) -> Run {
        let centres = plus_plus(points, k, rng);
        Self::from_centres(points, k, max_iter, centres)
    }

    fn from_centres(points: &Points, k: usize, max_iter: usize, mut centres: Vec<f64>) -> Run {
        let mut nearest = assign(points, &centres);
        let mut n_iter = 0;
        while n_iter < max_iter {
            n_iter += 1;
            centres = means(points, k, &mut nearest, centres);
            let next = assign(points, &centres);
            let settled = next.iter().zip(&nearest).all(|(a, b)| a.0 == b.0);
            nearest = next;
            if settled {
                break;
            }
        }
        Run {
            inertia: nearest.iter().map(|n| n.1).sum(),
            labels: nearest.into_iter().map(|n| n.0).collect(),
            centres,
            n_iter,
        }
    }

    fn finish(self, points: &[f32], centred: &Points) -> KMeans {
        // Centres of the given points, not of the centred ones; an unused centre keeps its place.
        let n_dims = centred.n_dims;
        let mean: Vec<f64> = (0..n_dims)
            .map(|c| f64::from(points[c]) - centred.values[c])
            .collect();
        let centroids = self.centres.iter().enumerate();
        KMeans {
            labels: self.labels,
            centroids: centroids
                .map(|(at, v)| (v + mean[at % n_dims]) as f32)
                .collect(),
            inertia: self.inertia,
            n_iter: self.n_iter,
        }
    }
}

/// Nearest centre of every point with the squared distance; the lower index where two are equally near.
fn assign(points: &Points, centres: &[f64]) -> Vec<(usize, f64)> {
    let d = points.n_dims;
    let k = centres.len().checked_div(d).unwrap_or(1);
    let nearest = |i: usize| {
        let row = points.row(i);
        (0..k).fold((0, f64::INFINITY), |best, c| {
            let distance = squared_distance(row, &centres[c * d..(c + 1) * d]);
            if distance < best.1 {
                (c, distance)
            } else {
                best
            }
        })
    };
    (0..points.n_points)
        .into_par_iter()
        .with_min_len(256)
        .map(nearest)
        .collect()
}

/// Means of the clusters. Empty clusters take over the points farthest from their centres; where every
/// point sits on its centre they stay where they were.
fn means(points: &Points, k: usize, nearest: &mut [(usize, f64)], old: Vec<f64>) -> Vec<f64> {
    let d = points.n_dims;
    let mut size = vec![0usize; k];
    for &(c, _) in nearest.iter() {
        size[c] += 1;
    }
    for empty in (0..k).filter(|&c| size[c] == 0).collect::<Vec<_>>() {
        let farthest = (0..points.n_points)
            .filter(|&i| size[nearest[i].0] > 1)
            .max_by(|&i, &j| nearest[i].1.total_cmp(&nearest[j].1).then(j.cmp(&i)));
        match farthest {
            Some(i) if nearest[i].1 > 0.0 => {
                size[nearest[i].0] -= 1;
                size[empty] = 1;
                nearest[i] = (empty, 0.0);
            }
            _ => break,
        }
    }
    let mut centres = vec![0f64; k * d];
    for (i, &(c, _)) in nearest.iter().enumerate() {
        add(&mut centres[c * d..(c + 1) * d], points.row(i));
    }
    for (at, v) in centres.iter_mut().enumerate() {
        *v = match size[at / d] {
            0 => old[at],
            n => *v / n as f64,
        };
    }
    centres
}

/// Greedy k-means++ start.
fn plus_plus(points: &Points, k: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let n = points.n_points;
    let n_candidates = 2 + (k as f64).ln() as usize;
    let to = |centre: usize| {
        let row = points.row(centre);
        move |i: usize| squared_distance(points.row(i), row)
    };
    let first = rng.random_range(0..n);
    let mut centres = points.row(first).to_vec();
    let mut nearest: Vec<f64> = (0..n).map(to(first)).collect();
    for _ in 1..k {
        let total: f64 = nearest.iter().sum();
        let mut best: Option<(f64, usize, Vec<f64>)> = None;
        for _ in 0..n_candidates {
            let candidate = draw(&nearest, total, rng);
            let distance = to(candidate);
            let lowered: Vec<f64> = (nearest.iter().enumerate())
                .map(|(i, &old)| old.min(distance(i)))
                .collect();
            let sum = lowered.iter().sum();
            if best.as_ref().is_none_or(|b| sum < b.0) {
                best = Some((sum, candidate, lowered));
            }
        }
        if let Some((_, candidate, lowered)) = best {
            centres.extend_from_slice(points.row(candidate));
            nearest = lowered;
        }
    }
    centres
}

/// Draws an index with probability proportional to its weight; any index when all weights are zero.
fn draw(weights: &[f64], total: f64, rng: &mut ChaCha8Rng) -> usize {
    if total <= 0.0 {
        return rng.random_range(0..weights.len());
    }
    let mut rest = rng.random::<f64>() * total;
    let mut last = 0;
    for (i, &w) in weights.iter().enumerate() {
        if w > 0.0 {
            last = i;
            if rest < w {
                break;
            }
            rest -= w;
        }
    }
    last
}
