//! Nearest neighbours, fuzzy graphs, Leiden and UMAP for single cells.
//!
//! The usual way of a cell through this crate:
//!
//! ```
//! use sc_graph::{Graph, UmapConfig, knn, leiden, umap};
//!
//! // Two groups of five points on a line, 1 dimension.
//! let points: Vec<f32> = (0..10).map(|i| i as f32 + if i < 5 { 0.0 } else { 50.0 }).collect();
//! let neighbours = knn(&points, 10, 1, 4)?;
//! let graph = Graph::fuzzy(&neighbours)?;
//! let clusters = leiden(&graph, 1.0, 0)?;
//! assert_eq!(clusters, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
//! let plane = umap(&graph, &points, 1, &UmapConfig::default())?;
//! assert_eq!(plane.len(), 20);
//! # Ok::<(), sc_graph::GraphError>(())
//! ```

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod approximate;
mod convert;
mod error;
mod from_knn;
mod graph;
mod knn;
mod lanczos;
mod leiden;
mod leiden_at_k;
mod modularity;
mod operator;
mod points;
mod spectral;
mod umap;
mod wnn;

pub use approximate::{ApproximateOptions, NeighbourOptions, knn_approximate, neighbours};
pub use error::GraphError;
pub use graph::Graph;
pub use knn::{Knn, knn};
pub use leiden::leiden;
pub use leiden_at_k::{LeidenAtK, leiden_with_k};
pub use modularity::modularity;
pub use operator::Operator;
pub use spectral::Spectrum;
pub use umap::{UmapConfig, umap};
pub use wnn::{Modality, Wnn, WnnOptions, wnn, wnn_weights};
