use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use crate::GraphError;
use crate::points::{check_points, squared_distance};

/// The `k` nearest neighbours of every point, the point itself included.
///
/// Row `i` occupies `indices[i * k..(i + 1) * k]` and the same range of `distances`. The contract:
/// column 0 is the point itself with distance 0; the other `k - 1` entries are ordered by
/// (distance, index), with the order decided on f64 distances; duplicates of a point are ordinary
/// neighbours at distance 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Knn {
    /// Entries per point, the point itself included.
    pub k: usize,
    /// Neighbour indices, `n_points * k`, row-major.
    pub indices: Vec<u32>,
    /// Euclidean distances, `n_points * k`, row-major, rounded from f64.
    pub distances: Vec<f32>,
}

impl Knn {
    /// Number of points.
    pub fn n_points(&self) -> usize {
        self.indices.len() / self.k
    }

    /// Neighbours and distances of point `i`, the point itself first.
    ///
    /// # Panics
    /// If `i >= n_points`.
    pub fn row(&self, i: usize) -> (&[u32], &[f32]) {
        let range = i * self.k..(i + 1) * self.k;
        (&self.indices[range.clone()], &self.distances[range])
    }
}

/// Points per block of queries and per tile of targets: their product in f32 stays in the cache.
const QUERIES: usize = 128;
const TARGETS: usize = 1024;

/// Exact Euclidean nearest neighbours of every row among all rows of a row-major `n_points` x `n_dims` matrix.
///
/// Candidates come from blocked matrix products, |a - b|^2 = |a|^2 + |b|^2 - 2ab in f32 on centred and
/// scaled data. That form cancels for close points far from the centre, so every value carries the bound
/// of its rounding error, and a target is dropped only when even its lower bound is above the k-th
/// smallest upper bound. What remains is measured again in f64 from the given values. The result is
/// therefore the exact one for any data, and equal for any number of threads; ill-conditioned data
/// (tight clusters far apart, many duplicates) only makes it slower.
///
/// Memory: the result, a scaled copy of the points and one block per thread. Time: O(n² d).
///
/// # Errors
/// Wrong slice length, a coordinate that is not finite, `k` outside `1..=n_points`.
///
/// ```
/// let knn = sc_graph::knn(&[0.0, 1.0, 3.0, 3.0], 4, 1, 2)?;
/// assert_eq!(knn.indices, [0, 1, 1, 0, 2, 3, 3, 2]);
/// assert_eq!(knn.distances, [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
/// # Ok::<(), sc_graph::GraphError>(())
/// ```
pub fn knn(points: &[f32], n_points: usize, n_dims: usize, k: usize) -> Result<Knn, GraphError> {
    check_points(points, n_points, n_dims)?;
    if k == 0 || k > n_points {
        return Err(GraphError::NeighbourCount { k, n_points });
    }
    let scaled = Scaled::new(points, n_points, n_dims);
    let mut indices = vec![0u32; n_points * k];
    let mut distances = vec![0f32; n_points * k];
    indices
        .par_chunks_mut(QUERIES * k)
        .zip(distances.par_chunks_mut(QUERIES * k))
        .enumerate()
        .for_each(|(block, (indices, distances))| {
            let first = block * QUERIES;
            let candidates = scaled.candidates(first, indices.len() / k, k);
            for (q, candidates) in candidates.into_iter().enumerate() {
                let i = first + q;
                let a = &points[i * n_dims..(i + 1) * n_dims];
                let mut exact: Vec<(f64, u32)> = candidates
                    .into_iter()
                    .map(|(_, j)| {
                        let b = &points[j as usize * n_dims..(j as usize + 1) * n_dims];
                        (squared_distance(a, b), j)
                    })
                    .collect();
                exact.sort_unstable_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
                indices[q * k] = i as u32;
                for (c, (d, j)) in exact.into_iter().take(k - 1).enumerate() {
                    indices[q * k + 1 + c] = j;
                    distances[q * k + 1 + c] = d.sqrt() as f32;
                }
            }
        });
    Ok(Knn {
        k,
        indices,
        distances,
    })
}

/// The points, centred and scaled into [-1, 1], with what the error bound needs.
struct Scaled {
    n_dims: usize,
    values: Vec<f32>,
    /// |x|² (1 + c) + tiny: with -2ab added, an upper bound of |a - b|² up to the query's own terms.
    upper: Vec<f32>,
    /// 2 c |x|² + 2 tiny: width of the bound contributed by one point.
    width: Vec<f32>,
}

impl Scaled {
    fn new(points: &[f32], n_points: usize, n_dims: usize) -> Self {
        let mut mean = vec![0f64; n_dims];
        for row in points.chunks_exact(n_dims.max(1)) {
            for (m, &v) in mean.iter_mut().zip(row) {
                *m += f64::from(v);
            }
        }
        for m in &mut mean {
            *m /= n_points as f64;
        }
        let centred = |at: usize| f64::from(points[at]) - mean[at % n_dims];
        let largest = (0..points.len()).fold(0f64, |m, at| m.max(centred(at).abs()));
        let scale = if largest > 0.0 { 1.0 / largest } else { 0.0 };
        let values: Vec<f32> = (0..points.len())
            .map(|at| (centred(at) * scale) as f32)
            .collect();

        // A product of n terms in f32 errs by at most n u |a||b| (u = 2^-24), the two squared norms and
        // the sums by as much, the rounding of the centred values by 2u(|a| + |b|)|a - b|. Altogether
        // below (n + 8) u (|a| + |b|)² <= 2 (n + 8) u (|a|² + |b|²); `tiny` covers underflow.
        let c = 2.0 * (n_dims + 8) as f64 * f64::from(f32::EPSILON) / 2.0;
        let tiny = (n_dims + 8) as f64 * f64::from(f32::MIN_POSITIVE);
        let norms: Vec<f64> = (0..n_points)
            .map(|i| {
                let row = &values[i * n_dims..(i + 1) * n_dims];
                row.iter().map(|&v| f64::from(v).powi(2)).sum()
            })
            .collect();
        Scaled {
            n_dims,
            upper: norms
                .iter()
                .map(|s| (s * (1.0 + c) + tiny) as f32)
                .collect(),
            width: norms
                .iter()
                .map(|s| (2.0 * c * s + 2.0 * tiny) as f32)
                .collect(),
            values,
        }
    }

    fn rows(&self, first: usize, count: usize) -> MatRef<'_, f32> {
        let range = first * self.n_dims..(first + count) * self.n_dims;
        MatRef::from_row_major_slice(&self.values[range], count, self.n_dims)
    }

    /// For each query `first..first + count`, the other points that can be among its `k - 1` nearest.
    fn candidates(&self, first: usize, count: usize, k: usize) -> Vec<Vec<(f32, u32)>> {
        let n_points = self.upper.len();
        let mut shortlists: Vec<Shortlist> = (first..first + count)
            .map(|i| Shortlist::new(i as u32, k - 1, self.width[i]))
            .collect();
        let mut products = vec![0f32; count * TARGETS.min(n_points)];
        for start in (0..n_points).step_by(TARGETS) {
            let len = TARGETS.min(n_points - start);
            let tile = &mut products[..count * len];
            matmul(
                MatMut::from_column_major_slice_mut(tile, len, count),
                Accum::Replace,
                self.rows(start, len),
                self.rows(first, count).transpose(),
                -2.0,
                Par::Seq,
            );
            for (shortlist, column) in shortlists.iter_mut().zip(tile.chunks_exact(len)) {
                let range = start..start + len;
                shortlist.offer(
                    start as u32,
                    column,
                    &self.upper[range.clone()],
                    &self.width[range],
                );
            }
        }
        shortlists.into_iter().map(Shortlist::finish).collect()
    }
}

/// Targets of one query whose lower bound is not above the `wanted`-th smallest upper bound so far.
struct Shortlist {
    query: u32,
    wanted: usize,
    query_width: f32,
    threshold: f32,
    /// (lower bound, target)
    kept: Vec<(f32, u32)>,
    /// Upper bounds of what was kept since the threshold was last computed, and the smallest before.
    uppers: Vec<f32>,
}

impl Shortlist {
    fn new(query: u32, wanted: usize, query_width: f32) -> Self {
        Shortlist {
            query,
            wanted,
            query_width,
            threshold: f32::INFINITY,
            kept: Vec::new(),
            uppers: Vec::new(),
        }
    }

    fn offer(&mut self, start: u32, products: &[f32], upper: &[f32], width: &[f32]) {
        if self.wanted == 0 {
            return;
        }
        // Eight targets at a time: nearly all of them are too far, and the test of a whole group
        // compiles to vector instructions.
        const GROUP: usize = 8;
        for at in (0..products.len()).step_by(GROUP) {
            let end = (at + GROUP).min(products.len());
            let near = products[at..end]
                .iter()
                .zip(&upper[at..end])
                .zip(&width[at..end])
                .fold(false, |near, ((p, u), w)| {
                    near | (p + u - w <= self.threshold)
                });
            if !near {
                continue;
            }
            for t in at..end {
                let (high, j) = (products[t] + upper[t], start + t as u32);
                let low = high - width[t];
                if low <= self.threshold && j != self.query {
                    self.kept.push((low, j));
                    self.uppers.push(high);
                }
            }
            if self.uppers.len() >= 4 * self.wanted + 64 {
                self.tighten();
            }
        }
    }

    /// Lowers the threshold to the `wanted`-th smallest upper bound and drops what is above it.
    fn tighten(&mut self) {
        if self.uppers.len() >= self.wanted {
            let (_, &mut kth, _) = self
                .uppers
                .select_nth_unstable_by(self.wanted - 1, f32::total_cmp);
            self.uppers.truncate(self.wanted);
            // The query's own error acts on both sides of the comparison; one ulp for the sums here.
            let kth = kth + self.query_width;
            self.threshold = kth + kth.abs() * 4.0 * f32::EPSILON;
            let threshold = self.threshold;
            self.kept.retain(|&(low, _)| low <= threshold);
        }
    }

    fn finish(mut self) -> Vec<(f32, u32)> {
        if self.wanted > 0 {
            self.tighten();
        }
        self.kept
    }
}
