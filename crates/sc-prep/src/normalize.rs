//! Library-size normalisation and logarithm.

use sc_io::Csr;

use crate::PrepError;
use crate::counts::{require_counts, to_f32};

/// What every cell is scaled to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// The median of the totals of all cells that are not empty.
    Median,
    /// A fixed sum, usually `1e4`.
    Sum(f64),
}

/// What [`normalize_total`] did.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalized {
    /// The sum every non-empty cell was scaled to; pass it as [`Target::Sum`] for further cells.
    /// `1` if all cells are empty.
    pub target: f64,
    /// Total of each cell before.
    pub totals: Vec<f64>,
    /// Cells without counts; they stay all zero.
    pub empty: Vec<usize>,
}

/// Scales each cell to the same total: `x_ij <- x_ij / sum_j x_ij * target`.
///
/// Totals and products are f64, results are stored as f32 (relative error 6e-8); results above
/// the range of f32 become its largest number. Empty cells stay zero. The definition is that of
/// `scanpy.pp.normalize_total`.
///
/// # Errors
/// Negative or non-finite values, or a target that is not a positive number.
///
/// ```
/// use sc_prep::{Target, normalize_total};
/// let mut x = sc_io::Csr::new(2, 2, vec![0, 2, 2], vec![0, 1], vec![1.0, 3.0]).unwrap();
/// let done = normalize_total(&mut x, Target::Sum(8.0)).unwrap();
/// assert_eq!(x.values(), [2.0, 6.0]);
/// assert_eq!(done.empty, [1]);
/// ```
pub fn normalize_total(x: &mut Csr, target: Target) -> Result<Normalized, PrepError> {
    scale_rows(x, target, |v| v)
}

/// The natural logarithm `ln(1 + x)` of each stored value; zeros stay zero.
///
/// # Errors
/// Negative or non-finite values.
pub fn log1p(x: &mut Csr) -> Result<(), PrepError> {
    require_counts(x)?;
    for v in x.values_mut() {
        *v = f64::from(*v).ln_1p() as f32;
    }
    Ok(())
}

/// [`normalize_total`] and [`log1p`] in one pass, rounded to f32 once.
///
/// # Errors
/// As [`normalize_total`].
///
/// ```
/// use sc_prep::{Target, log_normalize};
/// let mut x = sc_io::Csr::new(1, 2, vec![0, 2], vec![0, 1], vec![1.0, 3.0]).unwrap();
/// log_normalize(&mut x, Target::Sum(1e4)).unwrap();
/// assert_eq!(x.values()[0], 2501.0_f64.ln() as f32);
/// ```
pub fn log_normalize(x: &mut Csr, target: Target) -> Result<Normalized, PrepError> {
    scale_rows(x, target, f64::ln_1p)
}

fn scale_rows(
    x: &mut Csr,
    target: Target,
    then: impl Fn(f64) -> f64,
) -> Result<Normalized, PrepError> {
    require_counts(x)?;
    let totals = x.row_sums();
    let target = match target {
        Target::Median => median_of_positive(&totals).unwrap_or(1.0),
        Target::Sum(s) if s > 0.0 && s.is_finite() => s,
        Target::Sum(s) => {
            let (setting, found) = ("target sum", s.to_string());
            return Err(PrepError::Setting {
                setting,
                found,
                expected: "a number above 0",
            });
        }
    };
    for (row, &total) in totals.iter().enumerate() {
        if total > 0.0 {
            for v in x.row_values_mut(row) {
                *v = to_f32(then(f64::from(*v) / total * target));
            }
        }
    }
    let empty = (0..totals.len()).filter(|&r| totals[r] == 0.0).collect();
    Ok(Normalized {
        target,
        totals,
        empty,
    })
}

fn median_of_positive(totals: &[f64]) -> Option<f64> {
    let mut t: Vec<f64> = totals.iter().copied().filter(|t| *t > 0.0).collect();
    t.sort_unstable_by(f64::total_cmp);
    let upper = *t.get(t.len() / 2)?;
    Some(if t.len() % 2 == 1 {
        upper
    } else {
        0.5 * (t[t.len() / 2 - 1] + upper)
    })
}
