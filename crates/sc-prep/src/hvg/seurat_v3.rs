//! Variance against a smooth mean-variance curve (`seurat_v3`).

use sc_io::Csr;

use super::{Flavor, HighlyVariable, HvgOptions, Selection, by_decreasing, loess};
use crate::Moments;

/// Bound of the fitted log10 variance: keeps `sd^2` inside f64 whatever the curve does.
const LARGEST_LOG10: f64 = 150.0;

pub(super) fn choose(
    x: &Csr,
    options: &HvgOptions,
    batches: Option<&[Vec<usize>]>,
) -> HighlyVariable {
    let (p, all) = (x.n_cols(), [(0..x.n_rows()).collect::<Vec<usize>>()]);
    let n_top = match options.selection {
        Selection::Top(n) => n.min(p),
        Selection::Thresholds { .. } => p,
    };
    let batches = batches.unwrap_or(&all);
    let mut normalized = vec![0.0; p];
    let mut ranks = vec![vec![]; p];
    for rows in batches {
        let scores = normalized_variances(x, rows, options);
        for (rank, column) in by_decreasing(&scores).into_iter().take(n_top).enumerate() {
            ranks[column].push(rank as f64);
        }
        for (sum, score) in normalized.iter_mut().zip(&scores) {
            *sum += score / batches.len() as f64;
        }
    }
    let n_batches: Vec<u32> = ranks.iter().map(|r| r.len() as u32).collect();
    let rank: Vec<f64> = ranks.into_iter().map(median).collect();

    let mut order: Vec<usize> = (0..p).collect();
    let by_rank = |a: usize, b: usize| super::decreasing(-rank[a], -rank[b]);
    let by_batches = |a: usize, b: usize| n_batches[b].cmp(&n_batches[a]);
    order.sort_by(|&a, &b| match options.flavor {
        Flavor::SeuratV3Paper => by_batches(a, b).then(by_rank(a, b)),
        _ => by_rank(a, b).then(by_batches(a, b)),
    });

    let whole = Moments::of_rows(x, 0..x.n_rows(), f64::from);
    let mut result = HighlyVariable {
        flavor: options.flavor,
        means: whole.mean,
        spread: whole.variance,
        normalized,
        rank,
        n_batches: Some(n_batches),
        highly_variable: vec![],
        indices: vec![],
    };
    result.choose(order.into_iter().take(n_top));
    result
}

/// Variance of each column over some rows, after counts are clipped at
/// `mean + sd sqrt(n)` and divided by `sd`, where `sd^2` is the variance expected at this mean:
///
/// `sum_i (min(x_i, mean + sd sqrt(n)) - mean)^2 / ((n - 1) sd^2)`
///
/// `log10 sd^2` is a local quadratic regression of `log10 variance` on `log10 mean` over the
/// columns that vary; the others have 0.
pub(super) fn normalized_variances(x: &Csr, rows: &[usize], options: &HvgOptions) -> Vec<f64> {
    let moments = Moments::of_rows(x, rows.iter().copied(), f64::from);
    let fitted = fitted_log10_variances(&moments, options);
    let n = rows.len();
    if n < 2 {
        return vec![0.0; x.n_cols()];
    }
    let sd: Vec<f64> = fitted.iter().map(|f| 10f64.powf(f / 2.0)).collect();
    let clip: Vec<f64> = (moments.mean.iter().zip(&sd))
        .map(|(m, sd)| m + sd * (n as f64).sqrt())
        .collect();
    let mut sum = vec![0.0; x.n_cols()];
    let mut stored = vec![0usize; x.n_cols()];
    for &row in rows {
        let (columns, values) = x.row(row);
        for (&c, &v) in columns.iter().zip(values) {
            let c = c as usize;
            sum[c] += (f64::from(v).min(clip[c]) - moments.mean[c]).powi(2);
            stored[c] += 1;
        }
    }
    (0..x.n_cols())
        .map(|c| {
            let zeros = (n - stored[c]) as f64 * moments.mean[c].powi(2);
            (sum[c] + zeros) / ((n - 1) as f64 * sd[c] * sd[c])
        })
        .collect()
}

/// The curve at each column; 0 where the column does not vary.
pub(super) fn fitted_log10_variances(moments: &Moments, options: &HvgOptions) -> Vec<f64> {
    let varying: Vec<usize> = (0..moments.mean.len())
        .filter(|&c| moments.variance[c] > 0.0)
        .collect();
    let log10 = |v: &[f64]| varying.iter().map(|&c| v[c].log10()).collect::<Vec<f64>>();
    let (x, y) = (log10(&moments.mean), log10(&moments.variance));
    let curve = loess::fit(&x, &y, options.span, options.fit);
    let mut fitted = vec![0.0; moments.mean.len()];
    for (&c, f) in varying.iter().zip(curve) {
        fitted[c] = f.clamp(-LARGEST_LOG10, LARGEST_LOG10);
    }
    fitted
}

fn median(mut ranks: Vec<f64>) -> f64 {
    ranks.sort_unstable_by(f64::total_cmp);
    match ranks.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => ranks[n / 2],
        n => 0.5 * (ranks[n / 2 - 1] + ranks[n / 2]),
    }
}
