//! Checks on values that should be counts.

use sc_io::Csr;

use crate::PrepError;

/// Whether every stored value is a whole number >= 0, as raw counts are.
///
/// Log-normalised data are not: `seurat_v3` and the likelihoods want counts, `seurat` wants logs.
///
/// ```
/// let m = sc_io::Csr::new(1, 2, vec![0, 1], vec![0], vec![2.0]).unwrap();
/// assert!(sc_prep::looks_like_counts(&m));
/// ```
pub fn looks_like_counts(x: &Csr) -> bool {
    x.values()
        .iter()
        .all(|v| *v >= 0.0 && v.is_finite() && v.fract() == 0.0)
}

/// Refuses negative and non-finite values and says where the first one stands.
pub(crate) fn require_counts(x: &Csr) -> Result<(), PrepError> {
    match x
        .values()
        .iter()
        .position(|v| !(*v >= 0.0 && v.is_finite()))
    {
        None => Ok(()),
        Some(k) => Err(PrepError::NotACount {
            row: x.indptr().partition_point(|&start| start <= k) - 1,
            column: x.indices()[k] as usize,
            value: x.values()[k],
        }),
    }
}

/// To storage precision; what f32 cannot hold becomes its largest number instead of infinity.
pub(crate) fn to_f32(x: f64) -> f32 {
    x.clamp(f32::MIN as f64, f32::MAX as f64) as f32
}
