//! Nearest neighbours, fuzzy graphs, Leiden and UMAP for single cells.

mod error;
mod from_knn;
mod graph;
mod knn;
mod leiden;
mod leiden_at_k;
mod modularity;
mod points;

pub use error::GraphError;
pub use graph::Graph;
pub use knn::{Knn, knn};
pub use leiden::leiden;
pub use leiden_at_k::{LeidenAtK, leiden_with_k};
pub use modularity::modularity;
