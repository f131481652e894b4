//! Centred log-ratio in the form used for surface proteins.

use sc_io::Csr;

use crate::PrepError;
use crate::counts::{require_counts, to_f32};

/// Per-protein centred log-ratio: `ln(1 + n_ij / g_j)`, `g_j = exp(mean_i ln(1 + n_ij))`.
///
/// The mean runs over all cells, zeros included, so `g_j >= 1`; zeros stay zero and the matrix
/// stays sparse. This is the form of Seurat (`NormalizeData(method = "CLR", margin = 2)`) and of
/// muon (`prot.pp.clr`, axis 0), and the usual choice for CITE-seq. Keep the fitted value to
/// transform further cells the same way.
///
/// ```
/// use sc_prep::Clr;
/// let mut x = sc_io::Csr::new(2, 1, vec![0, 1, 1], vec![0], vec![3.0]).unwrap();
/// let clr = Clr::fit(&x).unwrap();
/// assert!((clr.g[0] - 2.0).abs() < 1e-12); // exp(ln(4) / 2)
/// clr.transform(&mut x).unwrap();
/// assert_eq!(x.values(), [2.5_f64.ln() as f32]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Clr {
    /// `g_j` of each protein; 1 for a protein that was never seen.
    pub g: Vec<f64>,
}

impl Clr {
    /// Computes `g` of each column. Without cells every `g` is 1.
    ///
    /// # Errors
    /// Negative or non-finite values.
    pub fn fit(x: &Csr) -> Result<Self, PrepError> {
        require_counts(x)?;
        let mut sums = vec![0.0; x.n_cols()];
        for (&c, &v) in x.indices().iter().zip(x.values()) {
            sums[c as usize] += f64::from(v).ln_1p();
        }
        let n = x.n_rows().max(1) as f64;
        Ok(Self {
            g: sums.into_iter().map(|s: f64| (s / n).exp()).collect(),
        })
    }

    /// Replaces each count by `ln(1 + n / g)`.
    ///
    /// # Errors
    /// Negative or non-finite values, or another number of columns than was fitted.
    pub fn transform(&self, x: &mut Csr) -> Result<(), PrepError> {
        if x.n_cols() != self.g.len() {
            let (found, expected) = (self.g.len(), x.n_cols());
            return Err(PrepError::Length {
                what: "the fitted CLR",
                found,
                expected,
            });
        }
        require_counts(x)?;
        for row in 0..x.n_rows() {
            let span = x.indptr()[row]..x.indptr()[row + 1];
            for k in span {
                let g = self.g[x.indices()[k] as usize];
                let v = &mut x.values_mut()[k];
                *v = (f64::from(*v) / g).ln_1p() as f32;
            }
        }
        Ok(())
    }

    /// [`fit`](Self::fit), then [`transform`](Self::transform).
    ///
    /// # Errors
    /// Negative or non-finite values.
    pub fn fit_transform(x: &mut Csr) -> Result<Self, PrepError> {
        let fitted = Self::fit(x)?;
        fitted.transform(x)?;
        Ok(fitted)
    }

    /// The count that a transformed value of protein `column` stands for: `g (exp(y) - 1)`.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn inverse(&self, column: usize, y: f32) -> f64 {
        self.g[column] * f64::from(y).exp_m1()
    }
}

/// The same formula along the other axis: `ln(1 + n_ij / g_i)`, `g_i = exp(mean_j ln(1 + n_ij))`
/// over the proteins of one cell (muon axis 1). Returns `g` of each cell; an empty cell has 1.
///
/// # Errors
/// Negative or non-finite values.
pub fn clr_per_cell(x: &mut Csr) -> Result<Vec<f64>, PrepError> {
    require_counts(x)?;
    let p = x.n_cols().max(1) as f64;
    let g_of_row = |row| {
        let values = x.row(row).1.iter();
        (values.map(|&v| f64::from(v).ln_1p()).sum::<f64>() / p).exp()
    };
    let g: Vec<f64> = (0..x.n_rows()).map(g_of_row).collect();
    for (row, g) in g.iter().enumerate() {
        for v in x.row_values_mut(row) {
            *v = to_f32((f64::from(*v) / g).ln_1p());
        }
    }
    Ok(g)
}
