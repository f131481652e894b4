//! How well the batches of a data set are mixed in an embedding, and what of its biology is left.

mod lisi;
mod lists;
mod regression;
mod scores;
mod silhouettes;
mod tests_of_mixing;

pub use lisi::{clisi, ilisi, lisi};
pub use lists::{Neighbours, graph_connectivity};
pub use regression::principal_component_regression;
pub use scores::IntegrationScores;
pub use silhouettes::{batch_silhouette, bras, isolated_labels};
pub use tests_of_mixing::kbet;
