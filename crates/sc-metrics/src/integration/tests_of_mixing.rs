use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::Neighbours;
use crate::MetricError;

/// Points below it are rejected.
const ALPHA: f64 = 0.05;

/// kBET: the share of points whose neighbourhood has the batches in the proportions of the whole, by a chi-square test at 0.05.
///
/// ```text
/// statistic = sum over batches (n_b - k f_b)^2 / (k f_b)       n_b of the first k entries, the point included; batches - 1 degrees of freedom
/// ```
///
/// Batches of different composition are rejected however well they are mixed. Source: Büttner et al., Nat. Methods 2019, in the reading of
/// scib-metrics (`kbet`, no adaptation of `k`).
///
/// # Errors
/// Another number of batches than of points; a single batch.
pub fn kbet<L: Ord>(
    neighbours: &Neighbours<'_>,
    k: usize,
    batches: &[L],
) -> Result<f64, MetricError> {
    let (batch, sizes) = neighbours.coded(batches)?;
    let (n, k) = (neighbours.n_points(), k.min(neighbours.k()));
    let n_batches = sizes.len();
    let degrees = n_batches.saturating_sub(1) as f64;
    let Ok(chi_square) = ChiSquared::new(degrees) else {
        return Err(MetricError::BatchCount { n_batches });
    };
    let expected: Vec<f64> = sizes
        .iter()
        .map(|&s| k as f64 * s as f64 / n as f64)
        .collect();
    let accepted = |i: &usize| {
        let mut counts = vec![0.0; n_batches];
        for &j in neighbours.row(*i, k).0 {
            counts[batch[j as usize]] += 1.0;
        }
        let statistic: f64 = counts
            .iter()
            .zip(&expected)
            .map(|(c, e)| (c - e) * (c - e) / e)
            .sum();
        chi_square.sf(statistic) >= ALPHA
    };
    Ok((0..n).filter(accepted).count() as f64 / n as f64)
}
