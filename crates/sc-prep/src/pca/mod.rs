//! Principal components.

mod operand;
mod solve;

use sc_io::{Dense, Matrix};
use serde::{Deserialize, Serialize};

use crate::counts::to_f32;
use crate::{Moments, PrepError};
use operand::{Block, Operand};

/// How the decomposition is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PcaSolver {
    /// `Exact` for up to 256 cells or features and 4 million entries, else `Randomized`.
    #[default]
    Auto,
    /// Singular value decomposition of the densified matrix: `8 n p` bytes.
    Exact,
    /// Randomised subspace iteration (Halko, Martinsson & Tropp 2011); never densifies.
    Randomized,
}

/// Settings of [`pca`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PcaOptions {
    /// Number of components; never more than there are cells or features.
    pub n_components: usize,
    /// Subtract the column means (a sparse matrix stays sparse); `true`.
    pub center: bool,
    /// The algorithm.
    pub solver: PcaSolver,
    /// Seed of the randomised solver.
    pub seed: u64,
    /// Columns of the random block beyond `n_components`; 20.
    pub oversampling: usize,
    /// Power iterations of the randomised solver; 12. More sharpen components whose singular
    /// values are close to each other.
    pub power_iterations: usize,
}

impl Default for PcaOptions {
    /// 50 components.
    fn default() -> Self {
        Self::new(50)
    }
}

impl PcaOptions {
    /// Centred, with defaults for the rest.
    pub fn new(n_components: usize) -> Self {
        let (solver, seed) = (PcaSolver::Auto, 0);
        let (oversampling, power_iterations) = (20, 12);
        Self {
            n_components,
            center: true,
            solver,
            seed,
            oversampling,
            power_iterations,
        }
    }
}

/// Principal components of a matrix.
///
/// The sign of each component makes its largest loading by magnitude positive.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    /// Cells x components: `U S`. scanpy's `obsm["X_pca"]`.
    pub scores: Dense,
    /// Features x components, orthonormal columns. scanpy's `varm["PCs"]`.
    pub loadings: Dense,
    /// Singular values of the (centred) matrix, decreasing.
    pub singular_values: Vec<f64>,
    /// `s^2 / (n_cells - 1)`.
    pub variance: Vec<f64>,
    /// Share of each component in the total variance (uncentred: in the sum of squares); 0 for
    /// a matrix without variance.
    pub variance_ratio: Vec<f64>,
    /// What was subtracted from each column; zeros if not centred.
    pub mean: Vec<f64>,
}

/// Computes principal components of cells x features, sparse or dense.
///
/// f64 inside, results stored as f32. The randomised solver agrees with the exact one as far as
/// singular values are apart (leading components of single-cell data: 1e-6 relative with the
/// defaults). Sums run in a fixed order: the result does not depend on the number of threads. For
/// a sparse matrix a transposed copy is kept while it runs.
///
/// # Errors
/// Fewer than two cells, no features, no components asked for, values that are not finite.
///
/// ```
/// use sc_io::{Dense, Matrix};
/// use sc_prep::{PcaOptions, pca};
/// let x = Dense::new(3, 2, vec![1.0, 1.0, 2.0, 2.0, 3.0, 3.0]).unwrap();
/// let p = pca(&Matrix::Dense(x), &PcaOptions::new(1)).unwrap();
/// assert!((p.variance_ratio[0] - 1.0).abs() < 1e-12);
/// assert!((p.scores.row(2)[0] - 2f32.sqrt()).abs() < 1e-6);
/// ```
pub fn pca(x: &Matrix, options: &PcaOptions) -> Result<Pca, PrepError> {
    let (n, p) = (x.n_rows(), x.n_cols());
    for (of, needed, found) in [("cells", 2, n), ("features", 1, p)] {
        if found < needed {
            return Err(PrepError::TooFew {
                what: "PCA",
                of,
                needed,
                found,
            });
        }
    }
    if options.n_components == 0 {
        let (setting, found) = ("n_components", "0".to_owned());
        return Err(PrepError::Setting {
            setting,
            found,
            expected: "at least 1",
        });
    }
    if let Some(value) = x.values().iter().find(|v| !v.is_finite()) {
        return Err(PrepError::NotFinite {
            what: "PCA",
            value: *value,
        });
    }
    let moments = Moments::of(x);
    let mean = if options.center {
        moments.mean.clone()
    } else {
        vec![0.0; p]
    };
    let k = options.n_components.min(n).min(p);
    let operand = Operand::new(x, &mean);
    let exact = match options.solver {
        PcaSolver::Auto => n.min(p) <= 256 && n * p <= 4_000_000,
        PcaSolver::Exact => true,
        PcaSolver::Randomized => false,
    };
    let svd = if exact {
        solve::exact(&operand)?
    } else {
        solve::randomized(&operand, k, options)?
    };

    let total: f64 = if options.center {
        moments.variance.iter().sum::<f64>() * (n - 1) as f64
    } else {
        x.values().iter().map(|&v| f64::from(v).powi(2)).sum()
    };
    let singular_values = svd.s[..k].to_vec();
    let signs: Vec<f64> = (0..k).map(|c| sign_of_largest(&svd.v, c)).collect();
    let stored = |b: &Block, factor: &dyn Fn(usize) -> f64| {
        let mut out = Dense::zeros(b.rows, k);
        for r in 0..b.rows {
            for (c, o) in out.row_mut(r).iter_mut().enumerate() {
                *o = to_f32(b.row(r)[c] * factor(c));
            }
        }
        out
    };
    let squares = singular_values.iter().map(|s| s * s);
    Ok(Pca {
        scores: stored(&svd.u, &|c| singular_values[c] * signs[c]),
        loadings: stored(&svd.v, &|c| signs[c]),
        variance: squares.clone().map(|q| q / (n - 1) as f64).collect(),
        variance_ratio: squares
            .map(|q| if total > 0.0 { q / total } else { 0.0 })
            .collect(),
        singular_values,
        mean,
    })
}

/// 1 or -1, so that the entry of largest magnitude (the first of equals) becomes positive.
fn sign_of_largest(v: &Block, column: usize) -> f64 {
    let mut largest = 0.0f64;
    for r in 0..v.rows {
        let x = v.row(r)[column];
        if x.abs() > largest.abs() {
            largest = x;
        }
    }
    if largest < 0.0 { -1.0 } else { 1.0 }
}

impl Pca {
    /// Scores of further cells with the same features: `(x - mean) loadings`.
    ///
    /// # Errors
    /// Another number of features.
    pub fn transform(&self, x: &Matrix) -> Result<Dense, PrepError> {
        project(x, &self.mean, &self.loadings)
    }
}

/// `(x - mean) axes`, of cells x features and features x axes: [`Pca::transform`] where only these two were kept.
///
/// f64 inside, results stored as f32; a sparse matrix stays sparse.
///
/// # Errors
/// Other numbers of features.
///
/// ```
/// use sc_io::{Dense, Matrix};
/// let x = Matrix::Dense(Dense::new(1, 2, vec![3.0, 5.0]).unwrap());
/// let axes = Dense::new(2, 1, vec![1.0, 2.0]).unwrap();
/// assert_eq!(sc_prep::project(&x, &[1.0, 1.0], &axes).unwrap().row(0), [10.0]);
/// ```
pub fn project(x: &Matrix, mean: &[f64], axes: &Dense) -> Result<Dense, PrepError> {
    for found in [mean.len(), axes.n_rows()] {
        if found != x.n_cols() {
            return Err(PrepError::Length {
                what: "the fitted PCA",
                found,
                expected: x.n_cols(),
            });
        }
    }
    let scores = Operand::new(x, mean).times(&Block {
        rows: axes.n_rows(),
        cols: axes.n_cols(),
        data: axes.values().iter().map(|&v| f64::from(v)).collect(),
    });
    let mut out = Dense::zeros(scores.rows, scores.cols);
    for (o, s) in out.values_mut().iter_mut().zip(scores.data) {
        *o = to_f32(s);
    }
    Ok(out)
}
