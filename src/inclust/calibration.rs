//! Confidence that means what it says, and cells that are like none that are known.

use sc_io::Dense;

/// Divides logarithms of probabilities so that the given labels are as likely as can be (temperature scaling: Guo et al., ICML 2017).
///
/// `p_T ~ p^(1/T)`; the temperature is searched between 0.05 and 20 by golden sections of its logarithm. `probabilities` `[cells, classes]`.
pub fn temperature(probabilities: &Dense, labels: &[usize]) -> f64 {
    let loss = |log_t: f64| -> f64 {
        let t = log_t.exp();
        let rows = labels.iter().enumerate();
        rows.map(|(row, &label)| -tempered(probabilities.row(row), t)[label].max(1e-12).ln())
            .sum()
    };
    let ratio = (5.0f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (0.05f64.ln(), 20.0f64.ln());
    for _ in 0..60 {
        let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
        match loss(a) < loss(b) {
            true => high = b,
            false => low = a,
        }
    }
    (0.5 * (low + high)).exp()
}

/// `p^(1/T)`, scaled to sum to 1.
pub fn tempered(p: &[f32], temperature: f64) -> Vec<f64> {
    let powers: Vec<f64> = p
        .iter()
        .map(|&p| (f64::from(p).max(1e-12).ln() / temperature).exp())
        .collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|p| p / sum).collect()
}

/// Mean over bins of confidence of |accuracy - mean confidence|, each weighing as many cells as it has: 15 equal bins of 0 to 1 (Guo et al. 2017).
pub fn expected_calibration_error(confidence: &[f64], right: &[bool]) -> f64 {
    const BINS: usize = 15;
    let mut bins = [(0usize, 0.0f64, 0usize); BINS];
    for (&c, &r) in confidence.iter().zip(right) {
        let bin = &mut bins[((c * BINS as f64) as usize).min(BINS - 1)];
        bin.0 += 1;
        bin.1 += c;
        bin.2 += usize::from(r);
    }
    let n = confidence.len().max(1) as f64;
    let gap = |&(_, c, r): &(usize, f64, usize)| (r as f64 - c).abs() / n;
    bins.iter().map(gap).sum()
}

/// The share of known values that are at least as large: small for what is larger than almost all of them. With `(k + 1) / (n + 1)` it is a valid
/// p-value for a cell like the known ones (conformal prediction).
pub fn share_above(known_sorted: &[f64], value: f64) -> f64 {
    let below = known_sorted.partition_point(|&k| k < value);
    (known_sorted.len() - below + 1) as f64 / (known_sorted.len() + 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperature_undoes_overconfidence() {
        // 70 of 100 cells are right, all say 0.99.
        let rows: Vec<f32> = (0..100).flat_map(|_| [0.99, 0.01]).collect();
        let p = Dense::new(100, 2, rows).unwrap();
        let labels: Vec<usize> = (0..100).map(|i| usize::from(i >= 70)).collect();
        let t = temperature(&p, &labels);
        let after = tempered(p.row(0), t)[0];
        assert!((after - 0.7).abs() < 1e-3, "{after} at {t}");
        let right: Vec<bool> = labels.iter().map(|&l| l == 0).collect();
        let error = |c: f64| expected_calibration_error(&[c; 100], &right);
        assert!((error(0.99) - 0.29).abs() < 1e-9);
        assert!(error(after) < 1e-3);
    }

    #[test]
    fn shares_are_p_values() {
        let known = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(share_above(&known, 0.0), 1.0);
        assert_eq!(share_above(&known, 3.0), 0.6);
        assert_eq!(share_above(&known, 9.0), 0.2);
    }
}
