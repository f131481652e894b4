use crate::{Graph, GraphError, Knn};

/// Neighbour lists with f64 distances, as the graph constructors read them.
///
/// Row `i` lists `k` neighbours, the point itself first, by increasing distance: the layout of [`Knn`].
struct Lists<'a, D> {
    k: usize,
    indices: &'a [u32],
    distance: D,
}

impl Graph {
    /// The fuzzy simplicial set of UMAP: scanpy's default connectivities.
    ///
    /// Per point: rho = smallest positive distance; sigma solves
    /// `sum_{j=1..k-1} exp(-max(d_j - rho, 0) / sigma) = log2 k` (bisection in f64), and is at least 1e-3
    /// of the mean distance of the point (of all points where every distance is zero). With
    /// `a_ij = exp(-max(d_ij - rho_i, 0) / sigma_i)` the edge weight is `a_ij + a_ji - a_ij a_ji`.
    /// Source: McInnes, Healy, Melville, "UMAP", arXiv:1802.03426, section 3.
    ///
    /// # Errors
    /// A neighbour index beyond the number of points, a distance that is negative or not finite.
    pub fn fuzzy(knn: &Knn) -> Result<Graph, GraphError> {
        fuzzy(&Lists {
            k: knn.k,
            indices: &knn.indices,
            distance: |at: usize| f64::from(knn.distances[at]),
        })
    }

    /// [`Graph::fuzzy`] from neighbour lists with distances in f64; `k` entries per point, the point
    /// itself first, by increasing distance.
    ///
    /// # Errors
    /// As [`Graph::fuzzy`], and slices whose lengths are not the same multiple of `k`.
    pub fn fuzzy_from_distances(
        k: usize,
        indices: &[u32],
        distances: &[f64],
    ) -> Result<Graph, GraphError> {
        if k == 0 || indices.len() != distances.len() || !indices.len().is_multiple_of(k) {
            return Err(GraphError::Adjacency(format!(
                "{} neighbours and {} distances; expected the same multiple of k = {k}",
                indices.len(),
                distances.len()
            )));
        }
        fuzzy(&Lists {
            k,
            indices,
            distance: |at: usize| distances[at],
        })
    }

    /// Weight 1 between two points as soon as one is among the neighbours of the other.
    ///
    /// # Errors
    /// A neighbour index beyond the number of points.
    pub fn union_unweighted(knn: &Knn) -> Result<Graph, GraphError> {
        let lists = Lists {
            k: knn.k,
            indices: &knn.indices,
            distance: |_: usize| 0.0,
        };
        lists.union(|_, _| 1.0, f64::max)
    }
}

impl<D: Fn(usize) -> f64> Lists<'_, D> {
    fn n_points(&self) -> usize {
        self.indices.len() / self.k
    }

    /// Distances to the others, without column 0.
    fn others(&self, i: usize) -> impl Iterator<Item = f64> + Clone + '_ {
        (i * self.k + 1..(i + 1) * self.k).map(|at| (self.distance)(at))
    }

    /// Joins the directed memberships `a(i, distance)` of both directions of an edge by `join`.
    fn union(
        &self,
        membership: impl Fn(usize, f64) -> f64,
        join: impl Fn(f64, f64) -> f64,
    ) -> Result<Graph, GraphError> {
        let n_points = self.n_points();
        // (smaller end, larger end, comes from the larger end, membership)
        let mut directed: Vec<(u32, u32, bool, f64)> = Vec::with_capacity(self.indices.len());
        for i in 0..n_points {
            for at in i * self.k..(i + 1) * self.k {
                let j = self.indices[at] as usize;
                let distance = (self.distance)(at);
                if j >= n_points || !(distance.is_finite() && distance >= 0.0) {
                    return Err(GraphError::Edge {
                        i,
                        j,
                        weight: distance,
                        problem: "neighbours must be below the number of points, with finite distances that are not negative",
                    });
                }
                if j != i {
                    let ends = (i.min(j) as u32, i.max(j) as u32);
                    directed.push((ends.0, ends.1, i > j, membership(i, distance)));
                }
            }
        }
        directed.sort_unstable_by_key(|&(i, j, down, _)| (i, j, down));
        let mut edges: Vec<(usize, usize, f64)> = Vec::with_capacity(directed.len());
        let mut rest = directed.as_slice();
        while let [first, tail @ ..] = rest {
            let (pair, weight) = match tail.first() {
                Some(second) if (second.0, second.1) == (first.0, first.1) => {
                    rest = &tail[1..];
                    ((first.0, first.1), join(first.3, second.3))
                }
                _ => {
                    rest = tail;
                    ((first.0, first.1), first.3)
                }
            };
            edges.push((pair.0 as usize, pair.1 as usize, weight));
        }
        Graph::from_edges(n_points, edges)
    }
}

fn fuzzy<D: Fn(usize) -> f64>(lists: &Lists<'_, D>) -> Result<Graph, GraphError> {
    let n_points = lists.n_points();
    let mean_all = (0..lists.indices.len())
        .map(|at| (lists.distance)(at))
        .sum::<f64>()
        / lists.indices.len().max(1) as f64;
    let scales: Vec<(f64, f64)> = (0..n_points)
        .map(|i| {
            let rho = lists.others(i).find(|&d| d > 0.0).unwrap_or(0.0);
            let floor = if rho > 0.0 {
                (lists.distance)(i * lists.k) + lists.others(i).sum::<f64>()
            } else {
                mean_all * lists.k as f64
            } / lists.k as f64;
            let sigma = bandwidth(lists.others(i), rho, (lists.k as f64).log2());
            (rho, sigma.max(1e-3 * floor))
        })
        .collect();
    lists.union(
        |i, distance| {
            let (rho, sigma) = scales[i];
            if distance <= rho {
                1.0
            } else {
                (-(distance - rho) / sigma).exp()
            }
        },
        |a, b| a + b - a * b,
    )
}

/// Solves `sum exp(-max(d - rho, 0) / sigma) = target` for sigma; the sum increases with sigma.
fn bandwidth(distances: impl Iterator<Item = f64> + Clone, rho: f64, target: f64) -> f64 {
    let (mut low, mut high, mut sigma) = (0.0, f64::INFINITY, 1.0);
    // 200 halvings reach the resolution of f64 from any start.
    for _ in 0..200 {
        let sum: f64 = distances
            .clone()
            .map(|d| (-(d - rho).max(0.0) / sigma).exp())
            .sum();
        if (sum - target).abs() < 1e-14 {
            break;
        }
        if sum > target {
            high = sigma;
            sigma = (low + high) / 2.0;
        } else {
            low = sigma;
            sigma = if high.is_infinite() {
                sigma * 2.0
            } else {
                (low + high) / 2.0
            };
        }
        if sigma == low || sigma == high || sigma.is_infinite() {
            break;
        }
    }
    sigma
}
