//! Normalisation, feature selection, PCA and genome order for single-cell counts.
//!
//! Everything works on the stored values of [`sc_io::Csr`]; nothing is densified unless the name
//! says so. Sums and logarithms are f64, results are stored in the f32 of the containers.

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
pub use pca::{Pca, PcaOptions, PcaSolver, pca};
pub use qc::{QcMetrics, qc_metrics};
pub use scale::{Scaler, scale};
