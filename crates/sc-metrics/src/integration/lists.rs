use crate::MetricError;
use crate::contingency::codes;

/// The nearest neighbours of every point, itself first: what `sc_graph::knn` and most search libraries give.
#[derive(Clone, Copy, Debug)]
pub struct Neighbours<'a> {
    k: usize,
    indices: &'a [u32],
    distances: &'a [f32],
}

impl<'a> Neighbours<'a> {
    /// Of rows of `k` indices and their distances, row by row.
    ///
    /// # Errors
    /// Rows that are not whole, an index beyond the points, another number of distances.
    pub fn new(k: usize, indices: &'a [u32], distances: &'a [f32]) -> Result<Self, MetricError> {
        let n_points = indices.len() / k.max(1);
        let whole = k > 0 && n_points * k == indices.len() && distances.len() == indices.len();
        if !whole || indices.iter().any(|&i| i as usize >= n_points) {
            return Err(MetricError::Neighbours { n_points });
        }
        Ok(Self {
            k,
            indices,
            distances,
        })
    }

    /// Entries per point, itself included.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Number of points.
    pub fn n_points(&self) -> usize {
        self.indices.len() / self.k
    }

    /// Neighbours and distances of a point, at most the first `k` entries of the row.
    pub(super) fn row(&self, i: usize, k: usize) -> (&'a [u32], &'a [f32]) {
        let range = i * self.k..i * self.k + k.min(self.k);
        (&self.indices[range.clone()], &self.distances[range])
    }

    /// One label per point, numbered from 0, and how often each stands.
    pub(super) fn coded<L: Ord>(
        &self,
        labels: &[L],
    ) -> Result<(Vec<usize>, Vec<u64>), MetricError> {
        match labels.len() == self.n_points() {
            true => Ok(codes(labels.iter())),
            false => Err(MetricError::LabelCount {
                n_points: self.n_points(),
                found: labels.len(),
            }),
        }
    }
}

/// Mean over labels of the share of a label's points that hang together in the graph of the first `k` entries.
///
/// An edge joins two points of the label where either lists the other. 1 where every label is one piece. Source: scIB (Luecken et al., Nat.
/// Methods 2022); scib-metrics asks for paths in both directions of the lists instead.
///
/// # Errors
/// Another number of labels than of points.
pub fn graph_connectivity<L: Ord>(
    neighbours: &Neighbours<'_>,
    k: usize,
    labels: &[L],
) -> Result<f64, MetricError> {
    let (label, sizes) = neighbours.coded(labels)?;
    let n = neighbours.n_points();
    let mut parent: Vec<usize> = (0..n).collect();
    for i in 0..n {
        for &j in neighbours.row(i, k).0 {
            if label[j as usize] == label[i] {
                let (a, b) = (root(&mut parent, i), root(&mut parent, j as usize));
                parent[a.max(b)] = a.min(b);
            }
        }
    }
    let mut pieces = vec![0u64; n];
    for i in 0..n {
        pieces[root(&mut parent, i)] += 1;
    }
    let mut largest = vec![0u64; sizes.len()];
    for i in 0..n {
        largest[label[i]] = largest[label[i]].max(pieces[i]);
    }
    let shares = largest
        .iter()
        .zip(&sizes)
        .map(|(&l, &n)| l as f64 / n as f64);
    Ok(shares.sum::<f64>() / sizes.len().max(1) as f64)
}

fn root(parent: &mut [usize], mut i: usize) -> usize {
    while parent[i] != i {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    i
}
