//! Clusters of embedded cells, without any label.

use sc_graph::{Graph, GraphError, NeighbourOptions, Spectrum, modularity, neighbours};
use sc_metrics::{MetricError, kmeans, kmeans_from, silhouette};
use thiserror::Error;

/// Neighbours of a cell, itself included.
const N_NEIGHBORS: usize = 15;
/// Starts of k-means in spectral coordinates.
const STARTS: usize = 20;
/// Rounds of k-means.
const ROUNDS: usize = 300;
/// Cells that a number of clusters is judged by.
const JUDGED: usize = 2000;

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
/// assert_eq!(clusters.estimate()?.0, 2);
/// # Ok::<(), fusion_models::scdefr::PartitionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SpectralClusters {
    directions: Vec<f32>,
    width: usize,
    graph: Graph,
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
            graph,
            seed,
        })
    }

    /// The cluster of every cell, each below `k`.
    ///
    /// # Errors
    /// `k` of 0 or above what the clusters were made for.
    pub fn of(&self, k: usize) -> Result<Vec<usize>, PartitionError> {
        self.refined(&self.on_graph(k, STARTS)?, k)
    }

    /// The same without the refinement: clusters of the graph alone.
    ///
    /// # Errors
    /// `k` of 0 or above what the clusters were made for.
    pub fn unrefined(&self, k: usize) -> Result<Vec<usize>, PartitionError> {
        self.on_graph(k, STARTS)
    }

    fn on_graph(&self, k: usize, starts: usize) -> Result<Vec<usize>, PartitionError> {
        let n = self.n_cells();
        let most = self.spectrum.values().len();
        if !(1..=most).contains(&k) {
            return Err(MetricError::TooManyClusters { k, n_points: most }.into());
        }
        let rows = self.spectrum.rows(k);
        Ok(kmeans(&rows, n, k, k, self.seed, starts, ROUNDS)?.labels)
    }

    fn refined(&self, start: &[usize], k: usize) -> Result<Vec<usize>, PartitionError> {
        let (n, width) = (self.n_cells(), self.width);
        Ok(kmeans_from(&self.directions, n, width, start, k, ROUNDS)?.labels)
    }

    /// The number of clusters, from 2 on, that is worth most, and the worth of each from 2 on.
    ///
    /// ```text
    /// worth = silhouette of the clusters by direction x their modularity in the graph      each at least 0
    /// ```
    ///
    /// Silhouettes alone take a continuum for two clusters: `k` clusters have a modularity of `1 - 1/k` at most, so few of them must be
    /// very well apart. For silhouettes up to 2,000 cells, evenly spread, are judged. One cluster has none and is never found.
    ///
    /// Source: Rousseeuw, "Silhouettes", J. Comput. Appl. Math. 1987; Newman and Girvan, Phys. Rev. E 2004. The product is ours.
    ///
    /// # Errors
    /// Fewer than three cells.
    pub fn estimate(&self) -> Result<(usize, Vec<f64>), PartitionError> {
        let (n, width) = (self.n_cells(), self.width);
        let most = self.spectrum.values().len().min(n.saturating_sub(1));
        let judged = n.min(JUDGED);
        let places: Vec<usize> = (0..judged).map(|i| i * n / judged).collect();
        let rows: Vec<f32> = places
            .iter()
            .flat_map(|&i| self.directions[i * width..(i + 1) * width].iter().copied())
            .collect();
        let mut worth = Vec::new();
        for k in 2..=most.max(2) {
            let found = self.refined(&self.on_graph(k, 5)?, k)?;
            let labels: Vec<usize> = places.iter().map(|&i| found[i]).collect();
            // Where all judged cells are in one cluster, or each in its own, there is no silhouette.
            let apart = silhouette(&rows, judged, width, &labels).unwrap_or(0.0);
            worth.push(apart.max(0.0) * modularity(&self.graph, &found, 1.0).max(0.0));
        }
        let best = (0..worth.len()).fold(0, |best, at| match worth[at] > worth[best] {
            true => at,
            false => best,
        });
        Ok((best + 2, worth))
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
