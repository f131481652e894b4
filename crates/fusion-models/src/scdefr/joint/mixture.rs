use faer::{Mat, Side};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Rounds of expectation and maximisation at most.
const ROUNDS: usize = 200;
/// Gain of the mean log-likelihood below which they end.
const TOLERANCE: f64 = 1e-4;
/// Share of the mean variance that is added to the covariance.
const RIDGE: f64 = 1e-3;
/// Cells that one task takes.
const BLOCK: usize = 1024;

/// A normal mixture with one covariance for all components.
///
/// ```text
/// p(x) = sum over k of w_k N(x | m_k, S)          q_k(x) = w_k N(x | m_k, S) / p(x)
/// ```
///
/// Clusters of any size: a component's share `w_k` is its own. One covariance, because a small cluster has too few cells for one of its own. Fitted by
/// expectation and maximisation, to which 1e-3 of the mean variance is added on the diagonal. Source: McLachlan and Peel, "Finite Mixture Models", 2000.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mixture {
    width: usize,
    /// `ln w_k` without what all components share.
    log_shares: Vec<f64>,
    /// Means times `inverse_root`, `[k, width]`.
    means: Vec<f64>,
    /// Inverse of the lower Cholesky factor of the covariance, `[width, width]`, row by row.
    inverse_root: Vec<f64>,
}

impl Mixture {
    /// Fits `k` components to points `[n, width]`, from labels (each below `k`) of some of them.
    pub(super) fn fit(
        points: &[f32],
        width: usize,
        some: &[usize],
        labels: &[usize],
        k: usize,
    ) -> Self {
        let start: Vec<f32> = some
            .iter()
            .flat_map(|&i| points[i * width..(i + 1) * width].iter().copied())
            .collect();
        let mut certain = vec![0.0; some.len() * k];
        for (row, &label) in labels.iter().enumerate() {
            certain[row * k + label] = 1.0;
        }
        let mut this = Self::of(&start, width, &certain, k);
        let mut last = f64::NEG_INFINITY;
        for _ in 0..ROUNDS {
            let (q, likelihood) = this.posterior(points);
            this = Self::of(points, width, &q, k);
            if likelihood - last < TOLERANCE {
                break;
            }
            last = likelihood;
        }
        this
    }

    /// The parameters that fit responsibilities `[n, k]` best.
    fn of(points: &[f32], d: usize, q: &[f64], k: usize) -> Self {
        let n = points.len() / d.max(1);
        let (mut shares, mut sums) = (vec![1e-9; k], vec![0.0; k * d]);
        let mut squares = Mat::<f64>::zeros(d, d);
        for (x, q) in points.chunks_exact(d).zip(q.chunks_exact(k)) {
            for (c, &q) in q.iter().enumerate().filter(|(_, q)| **q > 0.0) {
                shares[c] += q;
                let sum = &mut sums[c * d..(c + 1) * d];
                sum.iter_mut()
                    .zip(x)
                    .for_each(|(s, &x)| *s += q * f64::from(x));
            }
            for j in 0..d {
                for i in j..d {
                    squares[(i, j)] += f64::from(x[i]) * f64::from(x[j]);
                }
            }
        }
        let mut means = sums.clone();
        for c in 0..k {
            means[c * d..(c + 1) * d]
                .iter_mut()
                .for_each(|m| *m /= shares[c]);
        }
        let total: f64 = (0..d).map(|j| squares[(j, j)]).sum();
        for j in 0..d {
            for i in j..d {
                let between: f64 = (0..k).map(|c| means[c * d + i] * sums[c * d + j]).sum();
                squares[(i, j)] = (squares[(i, j)] - between) / n as f64;
            }
            // Points that are all the same have no variance at all.
            squares[(j, j)] += RIDGE * total / (n * d) as f64 + f64::MIN_POSITIVE.sqrt();
        }
        let inverse_root = inverse_root(&squares, d);
        let whitened: Vec<f64> = means
            .chunks_exact(d)
            .flat_map(|m| transform(&inverse_root, m))
            .collect();
        Self {
            width: d,
            log_shares: shares.iter().map(|s| (s / n as f64).ln()).collect(),
            means: whitened,
            inverse_root,
        }
    }

    /// Number of components.
    pub fn n_clusters(&self) -> usize {
        self.log_shares.len()
    }

    /// Responsibilities `[n, k]` of points `[n, width]`, and the mean log-likelihood but for a constant.
    fn posterior(&self, points: &[f32]) -> (Vec<f64>, f64) {
        let (d, k) = (self.width, self.n_clusters());
        let n = points.len() / d.max(1);
        // Of whitened points: the determinant of the covariance belongs to the likelihood.
        let volume: f64 = (0..d).map(|j| self.inverse_root[j * d + j].ln()).sum();
        let mut q = vec![0.0; n * k];
        let sums: Vec<f64> = q
            .par_chunks_mut(BLOCK * k)
            .zip(points.par_chunks(BLOCK * d))
            .map(|(q, x)| {
                let rows = q.chunks_exact_mut(k).zip(x.chunks_exact(d));
                rows.map(|(q, x)| self.posterior_of(x, q)).sum()
            })
            .collect();
        (q, sums.iter().sum::<f64>() / n.max(1) as f64 + volume)
    }

    fn posterior_of(&self, x: &[f32], q: &mut [f64]) -> f64 {
        let x: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
        let x = transform(&self.inverse_root, &x);
        let components = self
            .log_shares
            .iter()
            .zip(self.means.chunks_exact(x.len().max(1)));
        for (q, (log_share, mean)) in q.iter_mut().zip(components) {
            let squares = x.iter().zip(mean).map(|(a, b)| (a - b) * (a - b));
            *q = log_share - 0.5 * squares.sum::<f64>();
        }
        let top = q.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = q.iter().map(|l| (l - top).exp()).sum();
        let log = top + sum.ln();
        q.iter_mut().for_each(|l| *l = (*l - log).exp());
        log
    }

    /// The most likely component of points `[n, width]`, and its probability.
    pub fn assign(&self, points: &[f32]) -> (Vec<usize>, Vec<f32>) {
        let (q, _) = self.posterior(points);
        q.chunks_exact(self.n_clusters())
            .map(|q| {
                let best = (0..q.len()).fold(0, |best, c| if q[c] > q[best] { c } else { best });
                (best, q[best] as f32)
            })
            .unzip()
    }
}

/// `L^-1` of `L L^T`, row by row.
fn inverse_root(covariance: &Mat<f64>, d: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; d * d];
    match covariance.llt(Side::Lower) {
        Ok(root) => {
            let l = root.L();
            for column in 0..d {
                for row in column..d {
                    let known: f64 = (column..row)
                        .map(|i| l[(row, i)] * inverse[i * d + column])
                        .sum();
                    let one = f64::from(row == column);
                    inverse[row * d + column] = (one - known) / l[(row, row)];
                }
            }
        }
        // The diagonal has been raised; where rounding wins all the same, directions are taken for independent.
        Err(_) => (0..d).for_each(|j| {
            inverse[j * d + j] = 1.0 / covariance[(j, j)].max(f64::MIN_POSITIVE).sqrt();
        }),
    }
    inverse
}

fn transform(lower: &[f64], x: &[f64]) -> Vec<f64> {
    let d = x.len();
    (0..d)
        .map(|row| {
            let terms = lower[row * d..row * d + row + 1].iter().zip(x);
            terms.map(|(l, x)| l * x).sum()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two long clusters side by side, one four times as large: k-means would cut them across.
    #[test]
    fn long_clusters_of_different_size_are_found() {
        let noise = |i: usize, k: u64| {
            let x = (i as u64 + 1)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                .wrapping_mul(2 * k + 1);
            ((x >> 40) as f32) / (1u64 << 24) as f32 - 0.5
        };
        let points: Vec<f32> = (0..500)
            .flat_map(|i| {
                let side = if i < 400 { 0.0 } else { 1.5 };
                [20.0 * noise(i, 1), side + 0.4 * noise(i, 2)]
            })
            .collect();
        let some: Vec<usize> = (0..500).collect();
        // A start that is wrong for a fifth of the cells.
        let start: Vec<usize> = (0..500)
            .map(|i| usize::from((i >= 400) != (i % 5 == 0)))
            .collect();
        let mixture = Mixture::fit(&points, 2, &some, &start, 2);
        let (found, confidence) = mixture.assign(&points);
        assert!((0..500).all(|i| (found[i] == found[499]) == (i >= 400)));
        assert!(confidence.iter().all(|c| (0.5..=1.0).contains(c)));
    }

    #[test]
    fn points_that_are_all_the_same_and_empty_components_do_no_harm() {
        let points = vec![1.0; 12];
        let some: Vec<usize> = (0..6).collect();
        let mixture = Mixture::fit(&points, 2, &some, &[0, 1, 0, 1, 0, 1], 3);
        let (found, confidence) = mixture.assign(&points);
        assert!(found.iter().all(|&c| c < 3) && confidence.iter().all(|c| c.is_finite()));
    }
}
