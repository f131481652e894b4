use crate::contingency::codes;
use crate::internal::{Apart, Cloud, silhouette_samples};
use crate::points::{Points, squared_distance};
use crate::{MetricError, contingency};

/// Mean over labels of the mean over a label's points of `1 - |silhouette of the batches within the label|`: 1 where batches overlap.
///
/// Labels of a single batch, or whose points are each a batch, are left out. Source: scIB (Luecken et al., Nat. Methods 2022). Known to reward batches
/// whose nearest other batch overlaps while others do not; [`bras`] repairs that.
///
/// # Errors
/// Wrong lengths, values that are not finite, no label with two batches.
pub fn batch_silhouette<L: Ord, B: Ord>(
    points: &[f32],
    n_points: usize,
    n_dims: usize,
    labels: &[L],
    batches: &[B],
) -> Result<f64, MetricError> {
    let all = Points::new(points, n_points, n_dims)?;
    within_labels(&all, labels, batches, Apart::Nearest, |a, b| {
        squared_distance(a, b).sqrt()
    })
}

/// Batch removal adapted silhouette: as [`batch_silhouette`], by cosine distances, each batch against all points of all others.
///
/// Source: Rautenstrauch and Ohler, Nat. Biotechnol. 2025, with the defaults of scib-metrics.
///
/// # Errors
/// As [`batch_silhouette`].
pub fn bras<L: Ord, B: Ord>(
    points: &[f32],
    n_points: usize,
    n_dims: usize,
    labels: &[L],
    batches: &[B],
) -> Result<f64, MetricError> {
    let all = Points::directions(points, n_points, n_dims)?;
    // Of rows of length 1.
    within_labels(&all, labels, batches, Apart::Others, |a, b| {
        squared_distance(a, b) / 2.0
    })
}

fn within_labels<L: Ord, B: Ord>(
    points: &Points,
    labels: &[L],
    batches: &[B],
    apart: Apart,
    distance: impl Fn(&[f64], &[f64]) -> f64 + Sync,
) -> Result<f64, MetricError> {
    let (n_points, n_dims) = (points.n_points, points.n_dims);
    for found in [labels.len(), batches.len()] {
        if found != n_points {
            return Err(MetricError::LabelCount { n_points, found });
        }
    }
    let (label, sizes) = contingency::codes(labels.iter());
    let mut means = vec![];
    for l in 0..sizes.len() {
        let of: Vec<usize> = (0..n_points).filter(|&i| label[i] == l).collect();
        let own: Vec<&B> = of.iter().map(|&i| &batches[i]).collect();
        let n_batches = codes(own.iter()).1.len();
        if n_batches < 2 || n_batches == of.len() {
            continue;
        }
        let values = of
            .iter()
            .flat_map(|&i| points.row(i).iter().copied())
            .collect();
        let part = Points {
            values,
            n_points: of.len(),
            n_dims,
        };
        let found = Cloud::of(part, &own)?.silhouettes(apart, &distance);
        means.push(found.iter().map(|s| 1.0 - s.abs()).sum::<f64>() / found.len() as f64);
    }
    match means.is_empty() {
        true => Err(MetricError::BatchCount { n_batches: 1 }),
        false => Ok(means.iter().sum::<f64>() / means.len() as f64),
    }
}

/// Mean silhouette, scaled from 0 to 1, of the labels that the fewest batches have.
///
/// Source: scIB (Luecken et al., Nat. Methods 2022), by silhouettes as in scib-metrics.
///
/// # Errors
/// As [`silhouette_samples`]; another number of batches than of points.
pub fn isolated_labels<L: Ord, B: Ord>(
    points: &[f32],
    n_points: usize,
    n_dims: usize,
    labels: &[L],
    batches: &[B],
) -> Result<f64, MetricError> {
    let samples = silhouette_samples(points, n_points, n_dims, labels)?;
    if batches.len() != n_points {
        return Err(MetricError::LabelCount {
            n_points,
            found: batches.len(),
        });
    }
    let (label, sizes) = codes(labels.iter());
    let mut pairs: Vec<(usize, &B)> = label.iter().copied().zip(batches).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let mut n_batches = vec![0usize; sizes.len()];
    pairs.iter().for_each(|&(l, _)| n_batches[l] += 1);
    let fewest = n_batches.iter().min().copied().unwrap_or(0);
    let mut sums = vec![0.0; sizes.len()];
    for (&l, s) in label.iter().zip(&samples) {
        sums[l] += (s + 1.0) / 2.0;
    }
    let isolated: Vec<f64> = (0..sizes.len())
        .filter(|&l| n_batches[l] == fewest)
        .map(|l| sums[l] / sizes[l] as f64)
        .collect();
    Ok(isolated.iter().sum::<f64>() / isolated.len() as f64)
}
