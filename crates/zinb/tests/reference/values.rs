//! The reference values: 80-digit arithmetic, rounded to f64.

use serde_json::Value;

pub fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/zinb.json")).unwrap()
}

/// Points between those of the grid, by `golden/offgrid.py`.
pub fn offgrid() -> Value {
    serde_json::from_str(include_str!("../golden/offgrid.json")).unwrap()
}

/// A number, or one of the strings "nan", "inf", "-inf".
fn number(v: &Value) -> f64 {
    v.as_f64()
        .unwrap_or_else(|| v.as_str().unwrap().parse().unwrap())
}

/// All numbers of a (nested) list, row by row.
pub fn numbers(v: &Value) -> Vec<f64> {
    match v {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        Value::Object(array) => numbers(&array["data"]),
        _ => vec![number(v)],
    }
}

/// The named columns of a block, as rows.
pub fn rows<const N: usize>(block: &Value, names: [&str; N]) -> Vec<[f64; N]> {
    let columns = names.map(|name| numbers(&block[name]));
    (0..columns[0].len())
        .map(|i| std::array::from_fn(|c| columns[c][i]))
        .collect()
}

/// The largest of many errors and where it was met.
#[derive(Default)]
pub struct Worst {
    /// In units of the scale; infinite where a value is NaN.
    pub error: f64,
    place: String,
    count: usize,
}

impl Worst {
    /// Counts `|found - wanted| / scale`; infinite values must be equal.
    pub fn add(&mut self, found: f64, wanted: f64, scale: f64, place: impl std::fmt::Debug) {
        self.count += 1;
        let error = if found == wanted {
            0.0
        } else {
            (found - wanted).abs() / scale
        };
        if error.is_nan() || error > self.error {
            self.error = if error.is_nan() { f64::INFINITY } else { error };
            self.place = format!("{place:?}: {found:e}, wanted {wanted:e}");
        }
    }

    /// Fails where the largest error is beyond the limit.
    pub fn check(&self, what: &str, limit: f64) {
        println!(
            "{what}: {} values, largest error {:.3e} (limit {limit:e}) at {}",
            self.count, self.error, self.place
        );
        assert!(
            self.count > 0 && self.error <= limit,
            "{what}: error {:e} > {limit:e} at {}",
            self.error,
            self.place
        );
    }
}
