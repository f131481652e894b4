use rayon::prelude::*;

use super::{Modality, WnnOptions};
use crate::Knn;
use crate::points::squared_distance;

/// A modality with what rates distances in it.
pub(super) struct Side<'a> {
    modality: Modality<'a>,
    pub(super) knn: Knn,
    /// Neighbours per point, the point itself included, that count for the weights.
    k: usize,
    /// Distance of every point to its nearest neighbour.
    nearest: Vec<f64>,
    bandwidth: Vec<f64>,
}

impl<'a> Side<'a> {
    pub(super) fn new(modality: Modality<'a>, knn: Knn, options: &WnnOptions) -> Self {
        let n_points = knn.n_points();
        let mut side = Side {
            modality,
            knn,
            k: options.k,
            nearest: Vec::new(),
            bandwidth: Vec::new(),
        };
        side.nearest = (0..n_points)
            .map(|i| side.distance(i, side.neighbours(i)[0] as usize))
            .collect();
        side.bandwidth = side.bandwidths(options.n_bandwidth - 1);
        side
    }

    fn point(&self, i: usize) -> &'a [f32] {
        let n_dims = self.modality.n_dims;
        &self.modality.points[i * n_dims..(i + 1) * n_dims]
    }

    /// The `k - 1` nearest others.
    pub(super) fn neighbours(&self, i: usize) -> &[u32] {
        &self.knn.row(i).0[1..self.k]
    }

    pub(super) fn distance(&self, i: usize, j: usize) -> f64 {
        squared_distance(self.point(i), self.point(j)).sqrt()
    }

    /// Mean distance to the point itself and to `n_others` that share the fewest neighbours with it.
    fn bandwidths(&self, n_others: usize) -> Vec<f64> {
        let n_points = self.knn.n_points();
        let mut listed_by = vec![Vec::new(); n_points];
        for i in 0..n_points {
            for &m in self.neighbours(i) {
                listed_by[m as usize].push(i as u32);
            }
        }
        let counters = || vec![0u32; n_points];
        let bandwidth = |shared: &mut Vec<u32>, i: usize| {
            let mut others = Vec::new();
            for &j in self
                .neighbours(i)
                .iter()
                .flat_map(|&m| &listed_by[m as usize])
            {
                if shared[j as usize] == 0 && j as usize != i {
                    others.push(j);
                }
                shared[j as usize] += 1;
            }
            // All sets have the same size, so that the Jaccard index grows with the shared members.
            let mut order: Vec<(u32, f64, u32)> = others
                .iter()
                .map(|&j| (shared[j as usize], self.distance(i, j as usize), j))
                .collect();
            others.iter().for_each(|&j| shared[j as usize] = 0);
            shared[i] = 0;
            order.sort_unstable_by(|x, y| {
                x.0.cmp(&y.0).then(y.1.total_cmp(&x.1)).then(x.2.cmp(&y.2))
            });
            order.truncate(n_others);
            order.iter().map(|o| o.1).sum::<f64>() / (order.len() + 1) as f64
        };
        (0..n_points)
            .into_par_iter()
            .map_init(counters, bandwidth)
            .collect()
    }

    /// Rating of a prediction or a neighbour of point `i` at `distance`, in [0, 1].
    pub(super) fn rating(&self, i: usize, distance: f64) -> f64 {
        let beyond = (distance - self.nearest[i]).max(0.0);
        let width = self.bandwidth[i] - self.nearest[i];
        match (beyond > 0.0, width > 0.0) {
            (false, _) => 1.0,
            (true, true) => (-beyond / width).exp(),
            (true, false) => 0.0,
        }
    }

    /// Rating of the mean of `neighbours` as a prediction of point `i`.
    pub(super) fn prediction(&self, i: usize, neighbours: &[u32]) -> f64 {
        let squared: f64 = (0..self.modality.n_dims)
            .map(|c| {
                let values = neighbours
                    .iter()
                    .map(|&j| f64::from(self.point(j as usize)[c]));
                let mean = values.sum::<f64>() / neighbours.len() as f64;
                (f64::from(self.point(i)[c]) - mean).powi(2)
            })
            .sum();
        self.rating(i, squared.sqrt())
    }
}
