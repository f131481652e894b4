//! Clusters of cells from several models at once.

mod mixture;
mod space;
mod ward;

use sc_graph::{Graph, NeighbourOptions, modularity, neighbours};
use sc_metrics::{MetricError, silhouette};

pub use mixture::Mixture;
pub use space::{JointSpace, Part};

use super::PartitionError;

/// Neighbours of a cell in the graph that a number of clusters is judged by, itself included.
const N_NEIGHBORS: usize = 15;
/// Cells at most that the tree of clusters is made of; the mixture is fitted to all.
const IN_TREE: usize = 8192;
/// Cells that a number of clusters is judged by.
const JUDGED: usize = 2000;

/// Clusters of cells in the [`JointSpace`] of what several models and the principal components say of them.
///
/// ```text
/// start:    Ward's tree over all coordinates of the joint space, cut at k                       of 8,192 cells at most, evenly spread
/// clusters: normal mixture with one covariance for all, in the leading directions, from there   see Mixture
/// ```
///
/// One model's embedding depends on its random start, and a partition of it more so; what several agree on is steadier. Labels are nowhere.
///
/// ```
/// use fusion_models::scdefr::{JointClusters, JointSpace, Part};
///
/// // Two groups of directions, as two models have them.
/// let a: Vec<f32> = (0..40).flat_map(|i| if i < 20 { [1.0, i as f32 * 0.01] } else { [i as f32 * 0.01, 2.0] }).collect();
/// let b: Vec<f32> = a.chunks(2).flat_map(|p| [p[1], -p[0]]).collect();
/// let part = |values| Part { values, width: 2 };
/// let (space, clusters) = JointClusters::new(&[part(&a), part(&b)], part(&a))?;
/// let mixture = clusters.of(2)?;
/// let (found, _) = mixture.assign(clusters.points());
/// assert!(found[..20].iter().all(|&c| c == found[0]) && found[20..].iter().all(|&c| c != found[0]));
/// assert_eq!(clusters.estimate(5)?.0, 2);
/// assert_eq!(space.place(&[part(&a), part(&b)], part(&a)), clusters.points());
/// # Ok::<(), fusion_models::scdefr::PartitionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct JointClusters {
    /// `[cells, width]`
    points: Vec<f32>,
    width: usize,
    /// Places of the cells of the tree.
    in_tree: Vec<usize>,
    tree: ward::Tree,
}

impl JointClusters {
    /// The joint space of embeddings and components of the same cells, and their clusters in it.
    ///
    /// # Errors
    /// Embeddings of different numbers of cells, values that are not finite, fewer than two cells.
    pub fn new(
        embeddings: &[Part<'_>],
        components: Part<'_>,
    ) -> Result<(JointSpace, Self), PartitionError> {
        let (space, wide) = JointSpace::fit(embeddings, components)?;
        let n = components.n_cells();
        let points = space.reduce(&wide);
        let n_wide = wide.len() / n;
        let m = n.min(IN_TREE);
        let in_tree: Vec<usize> = (0..m).map(|i| i * n / m).collect();
        let of = |i: usize| &wide[in_tree[i] * n_wide..(in_tree[i] + 1) * n_wide];
        let clusters = Self {
            width: space.width(),
            tree: ward::Tree::new(m, of),
            in_tree,
            points,
        };
        Ok((space, clusters))
    }

    /// The cells in the joint space, `[cells, width]` row by row.
    pub fn points(&self) -> &[f32] {
        &self.points
    }

    /// The mixture of `k` clusters.
    ///
    /// # Errors
    /// `k` of 0 or above the number of cells.
    pub fn of(&self, k: usize) -> Result<Mixture, PartitionError> {
        let n_points = self.in_tree.len();
        if !(1..=n_points).contains(&k) {
            return Err(MetricError::TooManyClusters { k, n_points }.into());
        }
        let start = self.tree.cut(k);
        Ok(Mixture::fit(
            &self.points,
            self.width,
            &self.in_tree,
            &start,
            k,
        ))
    }

    /// The number of clusters, from 2 to `most`, that is worth most, and the worth of each.
    ///
    /// ```text
    /// worth = silhouette of the clusters x their modularity in the graph of 15 neighbours           each at least 0
    /// ```
    ///
    /// Silhouettes alone take a continuum for two clusters: `k` clusters have a modularity of `1 - 1/k` at most, so few of them must be
    /// very well apart. For silhouettes up to 2,000 cells, evenly spread, are judged. One cluster has none and is never found.
    ///
    /// Source: Rousseeuw, "Silhouettes", J. Comput. Appl. Math. 1987; Newman and Girvan, Phys. Rev. E 2004. The product is ours.
    ///
    /// # Errors
    /// Fewer than three cells.
    pub fn estimate(&self, most: usize) -> Result<(usize, Vec<f64>), PartitionError> {
        let (n, width) = (self.points.len() / self.width.max(1), self.width);
        let k = N_NEIGHBORS.min(n);
        let found = neighbours(&self.points, n, width, k, &NeighbourOptions::default())?;
        let graph = Graph::union_unweighted(&found)?;
        let judged = n.min(JUDGED);
        let places: Vec<usize> = (0..judged).map(|i| i * n / judged).collect();
        let rows: Vec<f32> = places
            .iter()
            .flat_map(|&i| self.points[i * width..(i + 1) * width].iter().copied())
            .collect();
        let mut worth = Vec::new();
        for k in 2..=most.min(self.in_tree.len().saturating_sub(1)).max(2) {
            let (found, _) = self.of(k)?.assign(&self.points);
            let labels: Vec<usize> = places.iter().map(|&i| found[i]).collect();
            // Where all judged cells are in one cluster, or each in its own, there is no silhouette.
            let apart = silhouette(&rows, judged, width, &labels).unwrap_or(0.0);
            worth.push(apart.max(0.0) * modularity(&graph, &found, 1.0).max(0.0));
        }
        let best = (0..worth.len()).fold(0, |best, at| match worth[at] > worth[best] {
            true => at,
            false => best,
        });
        Ok((best + 2, worth))
    }
}
