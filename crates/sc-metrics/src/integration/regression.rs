use crate::MetricError;
use crate::contingency::codes;
use crate::points::{Points, add};

/// Share of the variance of an embedding that the batch explains, 0 to 1: principal component regression over all components.
///
/// ```text
/// sum over components c of var_c R2_c / sum of var_c = sum over batches of n_b |mean_b - mean|^2 / sum over points of |x - mean|^2
/// ```
///
/// With every component and one column per batch the regression needs no components: both sums are those of the given coordinates. The comparison of
/// scIB is `(before - after) / before`, at least 0. 0 for points that are all the same. Source: scIB (Luecken et al., Nat. Methods 2022).
///
/// # Errors
/// Wrong lengths, values that are not finite.
///
/// ```
/// let explained = sc_metrics::principal_component_regression(&[0.0, 1.0, 10.0, 11.0], 4, 1, &["a", "a", "b", "b"])?;
/// assert!((explained - 100.0 / 101.0).abs() < 1e-12);
/// # Ok::<(), sc_metrics::MetricError>(())
/// ```
pub fn principal_component_regression<L: Ord>(
    points: &[f32],
    n_points: usize,
    n_dims: usize,
    batches: &[L],
) -> Result<f64, MetricError> {
    let points = Points::new(points, n_points, n_dims)?;
    if batches.len() != n_points {
        return Err(MetricError::LabelCount {
            n_points,
            found: batches.len(),
        });
    }
    let (batch, sizes) = codes(batches.iter());
    let mut sums = vec![0f64; sizes.len() * n_dims];
    for (i, &b) in batch.iter().enumerate() {
        add(&mut sums[b * n_dims..(b + 1) * n_dims], points.row(i));
    }
    let between: f64 = sums
        .chunks_exact(n_dims.max(1))
        .zip(&sizes)
        .map(|(sum, &size)| sum.iter().map(|s| s * s).sum::<f64>() / size as f64)
        .sum();
    let total: f64 = points.values.iter().map(|v| v * v).sum();
    Ok(if total > 0.0 { between / total } else { 0.0 })
}
