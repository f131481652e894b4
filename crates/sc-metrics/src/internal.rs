use rayon::prelude::*;

use crate::MetricError;
use crate::points::{Points, add, squared_distance};

/// What a point's own cluster is compared with.
#[derive(Clone, Copy)]
pub(crate) enum Apart {
    /// The cluster that is nearest on average.
    Nearest,
    /// All points of all other clusters.
    Others,
}

/// A labelled cloud: points with their clusters numbered from 0.
pub(crate) struct Cloud {
    points: Points,
    cluster: Vec<usize>,
    size: Vec<f64>,
}

impl Cloud {
    fn new<L: Ord>(
        points: &[f32],
        n_points: usize,
        n_dims: usize,
        labels: &[L],
    ) -> Result<Cloud, MetricError> {
        Self::of(Points::new(points, n_points, n_dims)?, labels)
    }

    pub fn of<L: Ord>(points: Points, labels: &[L]) -> Result<Cloud, MetricError> {
        let n_points = points.n_points;
        if labels.len() != n_points {
            return Err(MetricError::LabelCount {
                n_points,
                found: labels.len(),
            });
        }
        let (cluster, counts) = crate::contingency::codes(labels.iter());
        if counts.len() < 2 || counts.len() >= n_points {
            return Err(MetricError::ClusterCount {
                n_clusters: counts.len(),
                n_points,
            });
        }
        Ok(Cloud {
            points,
            cluster,
            size: counts.into_iter().map(|c| c as f64).collect(),
        })
    }

    fn k(&self) -> usize {
        self.size.len()
    }

    /// The silhouette of every point.
    pub fn silhouettes(
        &self,
        apart: Apart,
        distance: impl Fn(&[f64], &[f64]) -> f64 + Sync,
    ) -> Vec<f64> {
        let n_points = self.points.n_points;
        let one = |i: usize| {
            let own = self.cluster[i];
            if self.size[own] == 1.0 {
                return 0.0;
            }
            let mut sums = vec![0f64; self.k()];
            let row = self.points.row(i);
            for (j, &c) in self.cluster.iter().enumerate() {
                sums[c] += distance(row, self.points.row(j));
            }
            let within = sums[own] / (self.size[own] - 1.0);
            let others = (0..self.k()).filter(|&c| c != own);
            let beyond = match apart {
                Apart::Nearest => others
                    .map(|c| sums[c] / self.size[c])
                    .fold(f64::INFINITY, f64::min),
                Apart::Others => {
                    others.map(|c| sums[c]).sum::<f64>() / (n_points as f64 - self.size[own])
                }
            };
            let larger = within.max(beyond);
            if larger == 0.0 {
                0.0
            } else {
                (beyond - within) / larger
            }
        };
        (0..n_points).into_par_iter().map(one).collect()
    }

    /// Cluster means, `k` x `n_dims`.
    fn centroids(&self) -> Vec<f64> {
        let d = self.points.n_dims;
        let mut centroids = vec![0f64; self.k() * d];
        for (i, &c) in self.cluster.iter().enumerate() {
            add(&mut centroids[c * d..(c + 1) * d], self.points.row(i));
        }
        for (at, v) in centroids.iter_mut().enumerate() {
            *v /= self.size[at / d];
        }
        centroids
    }
}

/// Silhouette of every point, `(b - a) / max(a, b)`, from -1 to 1.
///
/// `a` is the mean Euclidean distance to the other points of the own cluster, `b` the smallest mean
/// distance to another cluster. 0 for the only point of a cluster and where a = b = 0.
/// Time O(n² d) on all threads, memory O(n d + k) per thread; no matrix of distances.
/// Source: Rousseeuw (1987).
///
/// # Errors
/// Wrong lengths, values that are not finite, fewer than 2 or more than `n_points - 1` clusters.
pub fn silhouette_samples<L: Ord>(
    points: &[f32],
    n_points: usize,
    n_dims: usize,
    labels: &[L],
) -> Result<Vec<f64>, MetricError> {
    let cloud = Cloud::new(points, n_points, n_dims, labels)?;
    Ok(cloud.silhouettes(Apart::Nearest, |a, b| squared_distance(a, b).sqrt()))
}

/// Mean silhouette ("ASW"), see [`silhouette_samples`].
///
/// # Errors
/// As [`silhouette_samples`].
///
/// ```
/// let silhouette = sc_metrics::silhouette(&[0.0, 1.0, 10.0, 11.0], 4, 1, &[0, 0, 1, 1])?;
/// assert!((silhouette - 0.8997).abs() < 1e-4);
/// # Ok::<(), sc_metrics::MetricError>(())
/// ```
pub fn silhouette<L: Ord>(
    points: &[f32],
    n_points: usize,
    n_dims: usize,
    labels: &[L],
) -> Result<f64, MetricError> {
    let samples = silhouette_samples(points, n_points, n_dims, labels)?;
    Ok(samples.iter().sum::<f64>() / n_points as f64)
}

/// Calinski-Harabasz index, `(B / (k - 1)) / (W / (n - k))`; larger is better.
///
/// B sums `n_c |centroid_c - mean|²` over clusters, W the squared distances of the points to their
/// centroid; 1 when W = 0, as in scikit-learn.
///
/// # Errors
/// As [`silhouette_samples`].
pub fn calinski_harabasz<L: Ord>(
    points: &[f32],
    n_points: usize,
    n_dims: usize,
    labels: &[L],
) -> Result<f64, MetricError> {
    let cloud = Cloud::new(points, n_points, n_dims, labels)?;
    let centroids = cloud.centroids();
    let centroid = |c: usize| &centroids[c * n_dims..(c + 1) * n_dims];
    let within: f64 = (0..n_points)
        .map(|i| squared_distance(cloud.points.row(i), centroid(cloud.cluster[i])))
        .sum();
    // The points are centred, so the overall mean is zero.
    let between: f64 = (0..cloud.k())
        .map(|c| cloud.size[c] * centroid(c).iter().map(|v| v * v).sum::<f64>())
        .sum();
    if within == 0.0 {
        return Ok(1.0);
    }
    let (n, k) = (n_points as f64, cloud.k() as f64);
    Ok(between * (n - k) / (within * (k - 1.0)))
}

/// Davies-Bouldin index, the mean over clusters of `max_other (s_c + s_o) / |centroid_c - centroid_o|`,
/// where `s` is the mean distance to the centroid; smaller is better.
///
/// Pairs with equal centroids are left out; 0 when all centroids are equal or no cluster has a spread.
///
/// # Errors
/// As [`silhouette_samples`].
pub fn davies_bouldin<L: Ord>(
    points: &[f32],
    n_points: usize,
    n_dims: usize,
    labels: &[L],
) -> Result<f64, MetricError> {
    let cloud = Cloud::new(points, n_points, n_dims, labels)?;
    let centroids = cloud.centroids();
    let centroid = |c: usize| &centroids[c * n_dims..(c + 1) * n_dims];
    let mut spread = vec![0f64; cloud.k()];
    for (i, &c) in cloud.cluster.iter().enumerate() {
        spread[c] += squared_distance(cloud.points.row(i), centroid(c)).sqrt() / cloud.size[c];
    }
    let worst = |c: usize| {
        (0..cloud.k())
            .map(|o| (o, squared_distance(centroid(c), centroid(o)).sqrt()))
            .filter(|&(o, apart)| o != c && apart > 0.0)
            .map(|(o, apart)| (spread[c] + spread[o]) / apart)
            .fold(0.0, f64::max)
    };
    Ok((0..cloud.k()).map(worst).sum::<f64>() / cloud.k() as f64)
}
