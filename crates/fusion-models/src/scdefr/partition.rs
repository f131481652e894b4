//! Clusters of embedded cells, without any label.

use sc_graph::{Graph, GraphError, NeighbourOptions, Spectrum, neighbours};
use sc_metrics::{MetricError, kmeans, kmeans_from};
use thiserror::Error;

/// Neighbours of a cell, itself included.
const N_NEIGHBORS: usize = 15;
/// Starts of k-means in spectral coordinates.
const STARTS: usize = 20;
/// Rounds of k-means.
const ROUNDS: usize = 300;

/// Why cells cannot be clustered.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum PartitionError {
    /// The neighbours or their graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Points or numbers of clusters.
    #[error(transparent)]
    Points(#[from] MetricError),
}

/// Spectral clusters of embedded cells, refined by direction.
///
/// ```text
/// graph:   15 nearest neighbours of the embedding, an edge where either cell lists the other
/// start:   k-means in the k leading eigenvectors of D^-1/2 (A + I) D^-1/2, rows of length 1
/// refine:  k-means on z / |z| from there
/// ```
///
/// The graph follows clusters of any shape; the directions give cells on a border to the side that they resemble.
///
/// ```
/// use fusion_models::scdefr::SpectralClusters;
///
/// // Two directions.
/// let z: Vec<f32> = (0..40).flat_map(|i| if i < 20 { [1.0, i as f32 * 0.01] } else { [i as f32 * 0.01, 2.0] }).collect();
/// let clusters = SpectralClusters::new(&z, 2, 5, 0)?;
/// let found = clusters.of(2)?;
/// assert!(found[..20].iter().all(|&c| c == found[0]) && found[20..].iter().all(|&c| c != found[0]));
/// # Ok::<(), fusion_models::scdefr::PartitionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SpectralClusters {
    directions: Vec<f32>,
    width: usize,
    spectrum: Spectrum,
    seed: u64,
}

impl SpectralClusters {
    /// Of an embedding `[cells, width]` row by row, for up to `most` clusters.
    ///
    /// # Errors
    /// Values that are not finite, fewer than two cells.
    pub fn new(z: &[f32], width: usize, most: usize, seed: u64) -> Result<Self, PartitionError> {
        let n = z.len() / width.max(1);
        let neighbours = neighbours(
            z,
            n,
            width,
            N_NEIGHBORS.min(n),
            &NeighbourOptions::default(),
        )?;
        let graph = Graph::union_unweighted(&neighbours)?;
        Ok(Self {
            directions: directions(z, width),
            width,
            spectrum: Spectrum::leading(&graph, most.min(n), seed)?,
            seed,
        })
    }

    /// The cluster of every cell, each below `k`.
    ///
    /// # Errors
    /// `k` of 0 or above what the clusters were made for.
    pub fn of(&self, k: usize) -> Result<Vec<usize>, PartitionError> {
        self.refined(&self.unrefined(k)?, k)
    }

    /// The same without the refinement: clusters of the graph alone.
    ///
    /// # Errors
    /// `k` of 0 or above what the clusters were made for.
    pub fn unrefined(&self, k: usize) -> Result<Vec<usize>, PartitionError> {
        let n = self.n_cells();
        let most = self.spectrum.values().len();
        if !(1..=most).contains(&k) {
            return Err(MetricError::TooManyClusters { k, n_points: most }.into());
        }
        let rows = self.spectrum.rows(k);
        Ok(kmeans(&rows, n, k, k, self.seed, STARTS, ROUNDS)?.labels)
    }

    fn refined(&self, start: &[usize], k: usize) -> Result<Vec<usize>, PartitionError> {
        let (n, width) = (self.n_cells(), self.width);
        Ok(kmeans_from(&self.directions, n, width, start, k, ROUNDS)?.labels)
    }

    fn n_cells(&self) -> usize {
        self.directions.len() / self.width.max(1)
    }
}

/// Rows scaled to length 1; rows of zeros stay.
fn directions(z: &[f32], width: usize) -> Vec<f32> {
    let mut z = z.to_vec();
    for row in z.chunks_exact_mut(width.max(1)) {
        let length = row
            .iter()
            .map(|&x| f64::from(x).powi(2))
            .sum::<f64>()
            .sqrt();
        if length > 0.0 {
            row.iter_mut()
                .for_each(|x| *x = (f64::from(*x) / length) as f32);
        }
    }
    z
}
