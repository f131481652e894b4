//! Reference values and comparisons.
#![allow(dead_code)]

use sc_io::{Csr, Dense};
use serde_json::Value;

pub fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/prep.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub fn number(v: &Value) -> f64 {
    match v {
        Value::Bool(b) => f64::from(u8::from(*b)),
        Value::String(s) => s.parse().unwrap(),
        v => v.as_f64().unwrap(),
    }
}

pub fn vector(v: &Value) -> Vec<f64> {
    v["data"].as_array().unwrap().iter().map(number).collect()
}

/// All entries, row after row.
pub fn matrix(v: &Value) -> Vec<f64> {
    let rows = v["data"].as_array().unwrap();
    rows.iter()
        .flat_map(|r| r.as_array().unwrap().iter().map(number))
        .collect()
}

pub fn csr(v: &Value) -> Csr {
    let shape = |k: usize| v["shape"][k].as_u64().unwrap() as usize;
    let values = matrix(v).into_iter().map(|x| x as f32).collect();
    Csr::from_dense(&Dense::new(shape(0), shape(1), values).unwrap())
}

/// Largest `|a - b| / max |b|`; NaN must meet NaN.
pub fn relative(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let scale = b
        .iter()
        .filter(|x| !x.is_nan())
        .fold(1e-300f64, |m, x| m.max(x.abs()));
    let mut worst = 0.0f64;
    for (k, (x, y)) in a.iter().zip(b).enumerate() {
        assert_eq!(x.is_nan(), y.is_nan(), "entry {k}: {x} against {y}");
        if !x.is_nan() {
            worst = worst.max((x - y).abs() / scale);
        }
    }
    worst
}

pub fn dense(x: &Csr) -> Vec<f64> {
    x.to_dense()
        .values()
        .iter()
        .map(|&v| f64::from(v))
        .collect()
}

pub fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}
