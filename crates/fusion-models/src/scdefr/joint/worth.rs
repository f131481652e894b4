use sc_graph::{Graph, GraphError, NeighbourOptions, modularity, neighbours};

/// Neighbours of a cell in the graph, itself included.
const N_NEIGHBORS: usize = 15;
/// Cells that silhouettes are taken of, evenly spread.
const JUDGED: usize = 2000;

/// What a clustering of cells is worth, without any label.
///
/// ```text
/// of a partition into k clusters: silhouette, mean over cells, x modularity
/// of k itself:                    silhouette, mean over clusters, x modularity^5                each at least 0
/// ```
///
/// with the modularity in the graph of 15 neighbours. Silhouettes alone take a continuum for two clusters: `k` clusters have a modularity of `1 - 1/k`
/// at most, so few of them must be very well apart. Between numbers of clusters a mean over cells is that of the largest cluster, whatever the others are.
///
/// Source: Rousseeuw, "Silhouettes", J. Comput. Appl. Math. 1987; Newman and Girvan, Phys. Rev. E 2004. The products are ours; exponents from 4 to 10 find the same
/// numbers on seven of the nine sets of `docs/results.md`.
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
        let (sums, _) = self.silhouettes(labels, k);
        let mean = sums.iter().sum::<f64>() / self.places.len().max(1) as f64;
        mean.max(0.0) * self.modularity(labels)
    }

    /// Of that number of clusters.
    pub fn of_number(&self, labels: &[usize], k: usize) -> f64 {
        let (sums, sizes) = self.silhouettes(labels, k);
        let means = sums.iter().zip(&sizes).filter(|(_, n)| **n > 0.0);
        let (sum, n) = means.fold((0.0, 0.0), |(sum, n), (s, size)| (sum + s / size, n + 1.0));
        (sum / f64::max(n, 1.0)).max(0.0) * self.modularity(labels).powi(5)
    }

    fn modularity(&self, labels: &[usize]) -> f64 {
        modularity(&self.graph, labels, 1.0).max(0.0)
    }

    /// Sum of the silhouettes of the judged cells of each cluster, and their number; all 0 where all of them are in one.
    fn silhouettes(&self, labels: &[usize], k: usize) -> (Vec<f64>, Vec<f64>) {
        let m = self.places.len();
        let of: Vec<usize> = self.places.iter().map(|&i| labels[i]).collect();
        let mut sizes = vec![0.0f64; k];
        of.iter().for_each(|&c| sizes[c] += 1.0);
        let mut silhouettes = vec![0.0f64; k];
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
                silhouettes[own] += (nearest - within) / larger;
            }
        }
        (silhouettes, sizes)
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
        let (sums, sizes) = worth.silhouettes(&labels, 5);
        assert_eq!(sizes, [15.0, 15.0, 15.0, 14.0, 1.0]);
        assert!((sums.iter().sum::<f64>() / 60.0 - wanted).abs() < 1e-6);
        assert_eq!(worth.silhouettes(&[0; 60], 1).0, [0.0]);
        assert_eq!(worth.of_number(&[0; 60], 1), 0.0);
    }
}
