use rayon::prelude::*;

use super::Neighbours;
use crate::MetricError;

/// How close the entropy must come to its target, and rounds at most.
const TOLERANCE: f64 = 1e-5;
const ROUNDS: usize = 50;

/// Local inverse Simpson index of every point: how many labels its neighbourhood effectively holds.
///
/// ```text
/// p_j ~ exp(-beta d_j) over the first k entries without the point itself, beta such that the entropy of p is ln(k / 3)
/// LISI = 1 / sum over labels of (sum of p_j of the label)^2                                     from 1 to the number of labels
/// ```
///
/// `d` is the distance as it is, `k / 3` is rounded down; `beta` is found by bisection from 1 in 50 rounds at most. Source: Korsunsky et al., Nat.
/// Methods 2019, in the reading of scib-metrics.
///
/// # Errors
/// Another number of labels than of points.
pub fn lisi<L: Ord>(
    neighbours: &Neighbours<'_>,
    k: usize,
    labels: &[L],
) -> Result<Vec<f64>, MetricError> {
    let (label, sizes) = neighbours.coded(labels)?;
    let target = ((k.min(neighbours.k()) / 3).max(1) as f64).ln();
    let one = |i: usize| {
        let (indices, distances) = neighbours.row(i, k);
        let near: Vec<(usize, f64)> = indices
            .iter()
            .zip(distances)
            .filter(|(j, _)| **j as usize != i)
            .map(|(&j, &d)| (label[j as usize], f64::from(d)))
            .collect();
        let mut shares = vec![0.0; sizes.len()];
        for ((label, _), p) in near.iter().zip(weights(&near, target)) {
            shares[*label] += p;
        }
        1.0 / shares.iter().map(|s| s * s).sum::<f64>()
    };
    let n = neighbours.n_points();
    Ok((0..n).into_par_iter().map(one).collect())
}

/// Weights of neighbours, which sum to 1, with an entropy of `target`.
fn weights(near: &[(usize, f64)], target: f64) -> Vec<f64> {
    // Distances from the nearest: the weights are the same and no sum underflows.
    let nearest = near.iter().map(|n| n.1).fold(f64::INFINITY, f64::min);
    let (mut low, mut high, mut beta) = (f64::NEG_INFINITY, f64::INFINITY, 1.0);
    for round in 0.. {
        let p: Vec<f64> = near
            .iter()
            .map(|n| (-(n.1 - nearest) * beta).exp())
            .collect();
        let sum: f64 = p.iter().sum();
        let mean: f64 = near
            .iter()
            .zip(&p)
            .map(|(n, p)| (n.1 - nearest) * p)
            .sum::<f64>()
            / sum;
        let above = sum.ln() + beta * mean - target;
        if above.abs() < TOLERANCE || round == ROUNDS || !above.is_finite() {
            return p.into_iter().map(|p| p / sum).collect();
        }
        if above > 0.0 {
            low = beta;
            beta = if high.is_infinite() {
                beta * 2.0
            } else {
                (beta + high) / 2.0
            };
        } else {
            high = beta;
            beta = if low.is_infinite() {
                beta / 2.0
            } else {
                (beta + low) / 2.0
            };
        }
    }
    vec![]
}

/// Integration LISI, `(median - 1) / (batches - 1)`: 0 where neighbours are of one batch, 1 where all batches are alike around every point.
///
/// # Errors
/// Another number of batches than of points; a single batch.
pub fn ilisi<L: Ord>(
    neighbours: &Neighbours<'_>,
    k: usize,
    batches: &[L],
) -> Result<f64, MetricError> {
    let n_batches = neighbours.coded(batches)?.1.len();
    if n_batches < 2 {
        return Err(MetricError::BatchCount { n_batches });
    }
    let found = median(lisi(neighbours, k, batches)?);
    Ok((found - 1.0) / (n_batches as f64 - 1.0))
}

/// Cell-type LISI, `(labels - median) / (labels - 1)`: 1 where neighbours are of one label.
///
/// # Errors
/// Another number of labels than of points; a single label.
pub fn clisi<L: Ord>(
    neighbours: &Neighbours<'_>,
    k: usize,
    labels: &[L],
) -> Result<f64, MetricError> {
    let (n_points, n_clusters) = (neighbours.n_points(), neighbours.coded(labels)?.1.len());
    if n_clusters < 2 {
        return Err(MetricError::ClusterCount {
            n_clusters,
            n_points,
        });
    }
    let found = median(lisi(neighbours, k, labels)?);
    Ok((n_clusters as f64 - found) / (n_clusters as f64 - 1.0))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        _ => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}
