//! Correlations of predicted and measured values.

/// Pearson's correlation; 0 where either side does not vary.
///
/// `r = sum (x - mean x)(y - mean y) / sqrt(sum (x - mean x)^2 sum (y - mean y)^2)`, in double precision.
///
/// # Panics
/// If there is not one `y` per `x`.
///
/// ```
/// use sc_metrics::pearson;
/// assert!((pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 7.0]) - 0.9933992677987828).abs() < 1e-12);
/// assert_eq!(pearson(&[1.0, 1.0], &[1.0, 2.0]), 0.0);
/// ```
pub fn pearson(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len(), "pairs of values");
    let n = x.len().max(1) as f64;
    let mean = |v: &[f64]| v.iter().sum::<f64>() / n;
    let (mx, my) = (mean(x), mean(y));
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (a, b) in x.iter().zip(y) {
        let (a, b) = (a - mx, b - my);
        xy += a * b;
        xx += a * a;
        yy += b * b;
    }
    match xx > 0.0 && yy > 0.0 {
        true => xy / (xx * yy).sqrt(),
        false => 0.0,
    }
}

/// Ranks from 1, equal values sharing the mean of theirs.
///
/// ```
/// use sc_metrics::ranks;
/// assert_eq!(ranks(&[10.0, 30.0, 10.0, 20.0]), [1.5, 4.0, 1.5, 3.0]);
/// ```
pub fn ranks(x: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
    let mut ranks = vec![0.0; x.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&a, &b| x[a] == x[b]) {
        let rank = before as f64 + (tied.len() as f64 + 1.0) / 2.0;
        tied.iter().for_each(|&t| ranks[t] = rank);
        before += tied.len();
    }
    ranks
}

/// Spearman's correlation: Pearson's of the ranks.
///
/// ```
/// use sc_metrics::spearman;
/// assert!((spearman(&[1.0, 2.0, 3.0, 9.0], &[2.0, 1.0, 30.0, 40.0]) - 0.8).abs() < 1e-12);
/// ```
pub fn spearman(x: &[f64], y: &[f64]) -> f64 {
    pearson(&ranks(x), &ranks(y))
}

/// Spearman's correlation of `x` and `y` with what both owe to `given` removed; 0 where `given` says all of either.
///
/// `(r_xy - r_xg r_yg) / sqrt((1 - r_xg^2)(1 - r_yg^2))` of the correlations of ranks. Given the total of a spot, it says what a predicted gene
/// knows beyond depth.
///
/// ```
/// use sc_metrics::partial_spearman;
/// let total = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// // The total itself knows nothing beyond the total.
/// assert_eq!(partial_spearman(&total, &[1.0, 3.0, 2.0, 4.0, 6.0, 5.0], &total), 0.0);
/// ```
pub fn partial_spearman(x: &[f64], y: &[f64], given: &[f64]) -> f64 {
    let (x, y, g) = (ranks(x), ranks(y), ranks(given));
    let (xy, xg, yg) = (pearson(&x, &y), pearson(&x, &g), pearson(&y, &g));
    let rest = (1.0 - xg * xg) * (1.0 - yg * yg);
    match rest > 1e-9 {
        true => (xy - xg * yg) / rest.sqrt(),
        false => 0.0,
    }
}
