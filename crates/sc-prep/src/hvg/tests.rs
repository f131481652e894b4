//! f64 formulas against the reference values, before anything is stored as f32.

use serde_json::Value;

use super::loess::VarianceFit;
use super::seurat::dispersions;
use super::seurat_v3::{fitted_log10_variances, normalized_variances};
use super::*;
use crate::Moments;

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/prep.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn number(v: &Value) -> f64 {
    v.as_f64()
        .unwrap_or_else(|| v.as_str().unwrap().parse().unwrap())
}

fn vector(v: &Value) -> Vec<f64> {
    v["data"].as_array().unwrap().iter().map(number).collect()
}

fn rows(v: &Value) -> Vec<Vec<f64>> {
    let rows = v["data"].as_array().unwrap();
    rows.iter()
        .map(|r| r.as_array().unwrap().iter().map(number).collect())
        .collect()
}

fn counts(g: &Value) -> Csr {
    let c = rows(&g["small"]["counts"]);
    let values = c.iter().flatten().map(|&v| v as f32).collect();
    Csr::from_dense(&sc_io::Dense::new(c.len(), c[0].len(), values).unwrap())
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let d = |(a, b): (&f64, &f64)| {
        if a.is_nan() && b.is_nan() {
            0.0
        } else {
            (a - b).abs()
        }
    };
    let worst = a
        .iter()
        .zip(b)
        .map(d)
        .fold(0.0, |m: f64, d| if d > m || d.is_nan() { d } else { m });
    assert!(!worst.is_nan(), "NaN on one side only");
    worst
}

#[test]
fn dispersions_in_f64() {
    let g = golden();
    let log = rows(&g["small"]["normalize_total"]["target_1e4"]["log1p"]);
    let (n, p) = (log.len() as f64, log[0].len());
    let column = |c: usize| log.iter().map(move |r| r[c].exp_m1());
    let mean: Vec<f64> = (0..p).map(|c| column(c).sum::<f64>() / n).collect();
    let variance = (0..p)
        .map(|c| column(c).map(|v| (v - mean[c]).powi(2)).sum::<f64>() / (n - 1.0))
        .collect();
    let d = dispersions(&Moments { mean, variance }, 20);
    let want = &g["small"]["highly_variable_genes"]["seurat_top10"];
    assert!(largest_difference(&d.means, &vector(&want["means"])) < 1e-10);
    assert!(largest_difference(&d.dispersions, &vector(&want["dispersions"])) < 1e-10);
    // The reference was stored as f32.
    assert!(largest_difference(&d.normalized, &vector(&want["dispersions_norm"])) < 1e-6);
}

#[test]
fn normalized_variances_in_f64() {
    let g = golden();
    let x = counts(&g);
    let all: Vec<usize> = (0..x.n_rows()).collect();
    let h = &g["small"]["highly_variable_genes"];
    for span in [0.3, 0.6] {
        let mut options = HvgOptions {
            span,
            ..HvgOptions::seurat_v3(10)
        };
        let package = vector(&h[format!("seurat_v3_top10_span{span}")]["variances_norm"]);
        let exact = &h[format!("seurat_v3_span{span}_exact_local_regression")];

        let found = normalized_variances(&x, &all, &options);
        let d = largest_difference(&found, &package);
        assert!(d < 1e-10, "interpolated, span {span}: {d:e}");

        options.fit = VarianceFit::Exact;
        let found = normalized_variances(&x, &all, &options);
        let d = largest_difference(&found, &vector(&exact["variances_norm"]));
        assert!(d < 1e-8, "exact, span {span}: {d:e}");
        let fitted =
            fitted_log10_variances(&Moments::of_rows(&x, 0..x.n_rows(), f64::from), &options);
        let d = largest_difference(&fitted, &vector(&exact["fitted_log10_variance"]));
        assert!(d < 1e-8, "curve, span {span}: {d:e}");
    }
}
