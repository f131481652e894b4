//! Dispersion within bins of equal mean (`seurat`).

use sc_io::Csr;

use super::{Flavor, HighlyVariable, HvgOptions, Selection, by_decreasing, decreasing};
use crate::Moments;

/// `exp` of this squared still leaves room for sums in f64.
const LARGEST_LOG: f64 = 300.0;

pub(super) fn choose(
    x: &Csr,
    options: &HvgOptions,
    batches: Option<&[Vec<usize>]>,
) -> HighlyVariable {
    let moments = |rows: &[usize]| {
        let linear = |v| f64::from(v).min(LARGEST_LOG).exp_m1();
        Moments::of_rows(x, rows.iter().copied(), linear)
    };
    let mut d = match batches {
        None => {
            let rows: Vec<usize> = (0..x.n_rows()).collect();
            dispersions(&moments(&rows), options.n_bins)
        }
        Some(batches) => over_batches(
            batches.iter().map(|rows| moments(rows)),
            x.n_cols(),
            options,
        ),
    };
    let mut order = by_decreasing(&d.normalized);
    if let Some(n) = &d.n_batches {
        // The number of batches counts first; the sort is stable, so ties stay in column order.
        let key = |c: usize| (std::cmp::Reverse(n[c]), d.normalized[c]);
        order.sort_by(|&a, &b| {
            let ((na, za), (nb, zb)) = (key(a), key(b));
            na.cmp(&nb).then(decreasing(za, zb))
        });
    }
    let scored = order.iter().copied().filter(|&c| !d.normalized[c].is_nan());
    let mut rank = vec![f64::NAN; x.n_cols()];
    for (r, c) in scored.clone().enumerate() {
        rank[c] = r as f64;
    }
    let chosen: Vec<usize> = match options.selection {
        Selection::Top(n) => scored.take(n).collect(),
        Selection::Thresholds {
            min_mean,
            max_mean,
            min_dispersion,
        } => (0..x.n_cols())
            .filter(|&c| {
                let z = if d.normalized[c].is_nan() {
                    0.0
                } else {
                    d.normalized[c]
                };
                d.means[c] > min_mean && d.means[c] < max_mean && z > min_dispersion
            })
            .collect(),
    };
    let mut result = HighlyVariable {
        flavor: Flavor::Seurat,
        means: std::mem::take(&mut d.means),
        spread: d.dispersions,
        normalized: d.normalized,
        rank,
        n_batches: d.n_batches,
        highly_variable: vec![],
        indices: vec![],
    };
    result.choose(chosen);
    result
}

/// Statistics of every feature.
#[derive(Clone, Debug)]
pub(super) struct Dispersions {
    /// `ln(1 + m)`.
    pub means: Vec<f64>,
    /// `ln(v / m)`, NaN where `v = 0`.
    pub dispersions: Vec<f64>,
    /// Standardised within the bin, NaN where `v = 0`.
    pub normalized: Vec<f64>,
    /// Batches in which the feature is chosen.
    pub n_batches: Option<Vec<u32>>,
}

/// `d = ln(v / m)`, then `z = (d - mean_bin) / sd_bin` over `n_bins` bins of equal width in
/// `ln(1 + m)`. A bin with one feature gives `z = 1`, a bin of equal `d` gives `z = 0`.
pub(super) fn dispersions(moments: &Moments, n_bins: usize) -> Dispersions {
    let p = moments.mean.len();
    let floor = |m: f64| if m == 0.0 { 1e-12 } else { m };
    let dispersion = |(&m, &v): (&f64, &f64)| {
        let ratio = v / floor(m);
        if ratio > 0.0 { ratio.ln() } else { f64::NAN }
    };
    let dispersions: Vec<f64> = moments
        .mean
        .iter()
        .zip(&moments.variance)
        .map(dispersion)
        .collect();
    let means: Vec<f64> = moments.mean.iter().map(|&m| floor(m).ln_1p()).collect();
    let bins = equal_width_bins(&means, n_bins);
    let mut normalized = vec![f64::NAN; p];
    for bin in 0..n_bins {
        let members: Vec<usize> = (0..p)
            .filter(|&c| bins[c] == bin && !dispersions[c].is_nan())
            .collect();
        let n = members.len() as f64;
        let mean = members.iter().map(|&c| dispersions[c]).sum::<f64>() / n;
        let squares: f64 = members
            .iter()
            .map(|&c| (dispersions[c] - mean).powi(2))
            .sum();
        let sd = (squares / (n - 1.0)).sqrt();
        for &c in &members {
            normalized[c] = rounded(match members.len() {
                1 => 1.0,
                _ if sd > 0.0 => (dispersions[c] - mean) / sd,
                _ => 0.0,
            });
        }
    }
    Dispersions {
        means,
        dispersions,
        normalized,
        n_batches: None,
    }
}

/// To f32 precision: scores that are equal in exact arithmetic (two features alone in a bin have
/// `z = 1 / sqrt 2`) must tie, as they do in scanpy.
fn rounded(z: f64) -> f64 {
    f64::from(z as f32)
}

/// Bin of each value: edges equally spaced from the smallest to the largest, closed on the right.
fn equal_width_bins(values: &[f64], n_bins: usize) -> Vec<usize> {
    let lo = values.iter().copied().fold(f64::INFINITY, f64::min);
    let hi = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let step = (hi - lo) / n_bins as f64;
    let edges: Vec<f64> = (1..n_bins).map(|k| k as f64 * step + lo).collect();
    values
        .iter()
        .map(|v| edges.partition_point(|e| e < v))
        .collect()
}

/// Means over the batches. A feature that a batch never saw counts there as zero and not chosen,
/// and does not take part in the bins; undefined dispersions are left out of the means.
fn over_batches(
    batches: impl Iterator<Item = Moments>,
    p: usize,
    options: &HvgOptions,
) -> Dispersions {
    let mut sum = [vec![0.0; p], vec![0.0; p], vec![0.0; p]];
    let mut count = [vec![0u32; p], vec![0u32; p], vec![0u32; p]];
    let mut n_batches = vec![0u32; p];
    for moments in batches {
        let seen: Vec<usize> = (0..p).filter(|&c| moments.mean[c] > 0.0).collect();
        let pick = |v: &[f64]| seen.iter().map(|&c| v[c]).collect();
        let seen_moments = Moments {
            mean: pick(&moments.mean),
            variance: pick(&moments.variance),
        };
        let d = dispersions(&seen_moments, options.n_bins);
        let mut full = [vec![0.0; p], vec![0.0; p], vec![0.0; p]];
        for (k, &c) in seen.iter().enumerate() {
            (full[0][c], full[1][c], full[2][c]) = (d.means[k], d.dispersions[k], d.normalized[k]);
        }
        for (s, values) in full.iter().enumerate() {
            for c in (0..p).filter(|&c| !values[c].is_nan()) {
                sum[s][c] += values[c];
                count[s][c] += 1;
            }
        }
        match options.selection {
            Selection::Top(n) => {
                // All that tie with the n-th count, so that no column is preferred.
                let order = by_decreasing(&d.normalized);
                let scored = order.iter().take_while(|&&k| !d.normalized[k].is_nan());
                let cut = scored.take(n).last().map(|&k| d.normalized[k]);
                for (k, &c) in seen.iter().enumerate() {
                    n_batches[c] += u32::from(cut.is_some_and(|cut| d.normalized[k] >= cut));
                }
            }
            Selection::Thresholds {
                min_mean,
                max_mean,
                min_dispersion,
            } => {
                for c in 0..p {
                    let inside = full[0][c] > min_mean && full[0][c] < max_mean;
                    n_batches[c] += u32::from(inside && full[2][c] > min_dispersion);
                }
            }
        }
    }
    let mean_of =
        |s: usize| -> Vec<f64> { (0..p).map(|c| sum[s][c] / f64::from(count[s][c])).collect() };
    Dispersions {
        means: (0..p)
            .map(|c| sum[0][c] / f64::from(count[0][c].max(1)))
            .collect(),
        dispersions: mean_of(1),
        normalized: mean_of(2).into_iter().map(rounded).collect(),
        n_batches: Some(n_batches),
    }
}
