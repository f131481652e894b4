use sc_graph::{Graph, GraphError, NeighbourOptions, modularity, neighbours};

/// Neighbours of a cell in the graph, itself included.
const N_NEIGHBORS: usize = 15;
/// Cells that silhouettes are taken of, evenly spread.
const JUDGED: usize = 2000;

/// What a clustering of cells is worth, without any label.
///
/// ```text
/// worth = silhouette of the clusters x their modularity in the graph of 15 neighbours           each at least 0
/// ```
///
/// Silhouettes alone take a continuum for two clusters: `k` clusters have a modularity of `1 - 1/k` at most, so few of them must be
/// very well apart.
///
/// Source: Rousseeuw, "Silhouettes", J. Comput. Appl. Math. 1987; Newman and Girvan, Phys. Rev. E 2004. The product is ours.
pub(super) struct Worth {
    graph: Graph,
    places: Vec<usize>,
    /// Between the cells that silhouettes are taken of, row by row: many clusterings are judged by them.
    distances: Vec<f32>,
}

impl Worth {
    /// For cells `[n, width]`.
    pub fn new(points: &[f32], width: usize) -> Result<Self, GraphError> {
        let n = points.len() / width.max(1);
        let found = neighbours(
            points,
            n,
            width,
            N_NEIGHBORS.min(n),
            &NeighbourOptions::default(),
        )?;
        let m = n.min(JUDGED);
        let places: Vec<usize> = (0..m).map(|i| i * n / m.max(1)).collect();
        let row = |i: usize| &points[i * width..(i + 1) * width];
        let mut distances = Vec::with_capacity(m * m);
        for &i in &places {
            distances.extend(places.iter().map(|&j| {
                let pairs = row(i).iter().zip(row(j));
                let squares = pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
                squares.sum::<f64>().sqrt() as f32
            }));
        }
        Ok(Self {
            graph: Graph::union_unweighted(&found)?,
            places,
            distances,
        })
    }

    /// Of a cluster for every cell, each below `k`.
    pub fn of(&self, labels: &[usize], k: usize) -> f64 {
        self.silhouette(labels, k).max(0.0) * modularity(&self.graph, labels, 1.0).max(0.0)
    }

    /// Mean silhouette; 0 where all judged cells are in one cluster.
    fn silhouette(&self, labels: &[usize], k: usize) -> f64 {
        let m = self.places.len();
        let of: Vec<usize> = self.places.iter().map(|&i| labels[i]).collect();
        let mut sizes = vec![0.0f64; k];
        of.iter().for_each(|&c| sizes[c] += 1.0);
        let mut sum = 0.0;
        let mut sums = vec![0.0f64; k];
        for (row, &own) in self.distances.chunks_exact(m.max(1)).zip(&of) {
            if sizes[own] == 1.0 {
                continue;
            }
            sums.fill(0.0);
            for (&d, &c) in row.iter().zip(&of) {
                sums[c] += f64::from(d);
            }
            let within = sums[own] / (sizes[own] - 1.0);
            let nearest = (0..k)
                .filter(|&c| c != own && sizes[c] > 0.0)
                .map(|c| sums[c] / sizes[c])
                .fold(f64::INFINITY, f64::min);
            let larger = within.max(nearest);
            if nearest.is_finite() && larger > 0.0 {
                sum += (nearest - within) / larger;
            }
        }
        sum / m.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silhouettes_are_those_of_the_metric() {
        let points: Vec<f32> = (0..60)
            .map(|i| ((i * 37 % 60) as f32 * 0.1).sin() + (i % 4) as f32)
            .collect();
        let labels: Vec<usize> = (0..60).map(|i| if i == 7 { 4 } else { i % 4 }).collect();
        let worth = Worth::new(&points, 1).unwrap();
        let wanted = sc_metrics::silhouette(&points, 60, 1, &labels).unwrap();
        assert!((worth.silhouette(&labels, 5) - wanted).abs() < 1e-6);
        assert_eq!(worth.silhouette(&[0; 60], 1), 0.0);
    }
}
