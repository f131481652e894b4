//! Normalisation, feature selection, PCA and genome order for single-cell counts.
//!
//! Everything works on the stored values of [`sc_io::Csr`]; nothing is densified unless the name
//! says so. Sums and logarithms are f64, results are stored in the f32 of the containers. No
//! transform makes NaN of non-negative input; negative or non-finite counts are refused with their
//! place.
//!
//! - counts to logs: [`normalize_total`], [`log1p`], [`log_normalize`]; proteins: [`Clr`]
//! - choice of features: [`highly_variable`]; metrics: [`qc_metrics`]
//! - dense results: [`scale`], [`pca`]
//! - order along the genome: [`genome_order`] for genes, [`protein_order`] for antibodies
//!
//! ```
//! use sc_prep::{HvgOptions, PcaOptions, Target, highly_variable, log_normalize, pca};
//! # let mut x = sc_io::Csr::new(
//! #     3, 3, vec![0, 2, 4, 6], vec![0, 1, 1, 2, 0, 2], vec![3.0, 1.0, 2.0, 7.0, 1.0, 1.0],
//! # ).unwrap();
//! log_normalize(&mut x, Target::Sum(1e4))?;
//! let chosen = highly_variable(&x, &HvgOptions::seurat(2), None)?;
//! let x = sc_io::Matrix::Csr(x.select_columns(&chosen.indices));
//! let scores = pca(&x, &PcaOptions::new(2))?.scores;
//! # assert_eq!(scores.n_rows(), 3);
//! # Ok::<(), sc_prep::PrepError>(())
//! ```

mod antibody;
mod clr;
mod counts;
mod delimited;
mod error;
mod genome;
mod hvg;
mod moments;
mod normalize;
mod pca;
mod qc;
mod scale;

pub use antibody::{AntibodyGene, AntibodyTable, ProteinOrder, antibody_genes, protein_order};
pub use clr::{Clr, clr_per_cell};
pub use counts::looks_like_counts;
pub use error::PrepError;
pub use genome::{
    Arrangement, Chromosome, FeatureOrder, Gene, Genome, GenomeTable, Position, PositionSource,
    genome_order,
};
pub use hvg::{Flavor, HighlyVariable, HvgOptions, Selection, VarianceFit, highly_variable};
pub use moments::Moments;
pub use normalize::{Normalized, Target, log_normalize, log1p, normalize_total};
pub use pca::{Pca, PcaOptions, PcaSolver, pca, project};
pub use qc::{QcMetrics, qc_metrics};
pub use scale::{Scaler, scale};
