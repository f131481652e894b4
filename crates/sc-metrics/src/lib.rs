//! Clustering scores by the definitions of scikit-learn, integration scores by those of scIB, and k-means for scoring.
//!
//! Label scores come from one [`Contingency`] table; [`ClusteringScores`] holds all of them. Scores of a
//! labelled point cloud ([`silhouette`] and others) and [`kmeans`] take row-major `n_points` x `n_dims` slices.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod assignment;
mod contingency;
mod correlation;
mod error;
mod information;
mod integration;
mod internal;
mod kmeans;
mod pairs;
mod points;
mod scores;

pub use contingency::Contingency;
pub use correlation::{partial_spearman, pearson, ranks, spearman};
pub use error::MetricError;
pub use information::Average;
pub use integration::{
    IntegrationScores, Neighbours, batch_silhouette, bras, clisi, graph_connectivity, ilisi,
    isolated_labels, kbet, lisi, principal_component_regression,
};
pub use internal::{calinski_harabasz, davies_bouldin, silhouette, silhouette_samples};
pub use kmeans::{KMeans, kmeans, kmeans_from};
pub use scores::{ClusteringScores, ari, nmi};
