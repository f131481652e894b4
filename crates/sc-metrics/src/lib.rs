//! Clustering scores by the definitions of scikit-learn, and k-means for scoring.

mod assignment;
mod contingency;
mod error;
mod information;
mod internal;
mod kmeans;
mod pairs;
mod points;
mod scores;

pub use contingency::Contingency;
pub use error::MetricError;
pub use information::Average;
pub use internal::{calinski_harabasz, davies_bouldin, silhouette, silhouette_samples};
pub use kmeans::{KMeans, kmeans};
pub use scores::{ClusteringScores, ari, nmi};
