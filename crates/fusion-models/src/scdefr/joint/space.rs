use faer::{Mat, Side};
use sc_metrics::MetricError;
use serde::{Deserialize, Serialize};

use crate::scdefr::PartitionError;

/// Directions that are kept.
const N_DIMS: usize = 20;
/// Weight of the principal components' coordinates beside the models'.
const COMPONENTS: f64 = 0.5;

/// What one source says of cells, `[cells, width]` row by row.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The values.
    pub values: &'a [f32],
    /// Values per cell.
    pub width: usize,
}

impl Part<'_> {
    /// Number of cells.
    pub fn n_cells(&self) -> usize {
        self.values.len() / self.width.max(1)
    }
}

/// Embeddings of several models and principal components of the expression, side by side, and their leading directions.
///
/// ```text
/// wide  = [ (z_1 / |z_1|, z_2 / |z_2|, ...) , 1/2 components ]            each of both centred and scaled to a total variance of 1
/// point = the 20 leading principal components of wide
/// ```
///
/// The graph encoder of one model may pull together what the expression keeps apart; the components keep it. All numbers that are needed to
/// place further cells are stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JointSpace {
    /// Width of each embedding.
    embeddings: Vec<usize>,
    components: usize,
    mean: Vec<f64>,
    /// What the coordinates of embeddings and of components are multiplied by.
    scale: [f64; 2],
    /// `[coordinates, width]`
    axes: Vec<f64>,
}

impl JointSpace {
    /// The space of some cells, and their points in it, `[cells, width]`.
    ///
    /// # Errors
    /// Different numbers of cells, values that are not finite, fewer than two cells.
    pub(super) fn fit(
        embeddings: &[Part<'_>],
        components: Part<'_>,
    ) -> Result<(Self, Vec<f32>), PartitionError> {
        let n = components.n_cells();
        for part in embeddings.iter().chain([&components]) {
            if part.n_cells() != n || part.values.len() != n * part.width {
                return Err(MetricError::Shape {
                    n_points: n,
                    n_dims: part.width,
                    found: part.values.len(),
                }
                .into());
            }
            if let Some(at) = part.values.iter().position(|v| !v.is_finite()) {
                let (row, col) = (at / part.width, at % part.width);
                let value = part.values[at];
                return Err(MetricError::NotFinite { row, col, value }.into());
            }
        }
        if n < 2 {
            return Err(MetricError::TooManyClusters { k: 2, n_points: n }.into());
        }
        let mut space = Self {
            embeddings: embeddings.iter().map(|e| e.width).collect(),
            components: components.width,
            mean: vec![],
            scale: [1.0, 1.0],
            axes: vec![],
        };
        let raw = space.side_by_side(embeddings, components);
        let d = space.n_wide();
        let mut mean = vec![0.0; d];
        for row in raw.chunks_exact(d) {
            mean.iter_mut()
                .zip(row)
                .for_each(|(m, v)| *m += v / n as f64);
        }
        let n_embedded = d - space.components;
        let mut variance = [0.0; 2];
        for row in raw.chunks_exact(d) {
            for (j, (v, m)) in row.iter().zip(&mean).enumerate() {
                variance[usize::from(j >= n_embedded)] += (v - m) * (v - m) / n as f64;
            }
        }
        // What does not vary says nothing and stays as it is.
        let unit = |v: f64| if v > 0.0 { 1.0 / v.sqrt() } else { 1.0 };
        space.scale = [unit(variance[0]), COMPONENTS * unit(variance[1])];
        space.mean = mean;
        let wide = space.scaled(raw);
        space.axes = leading(&wide, d, N_DIMS.min(d));
        let points = space.reduce(&wide);
        Ok((space, points))
    }

    /// Coordinates of the reduced space.
    pub fn width(&self) -> usize {
        self.axes.len() / self.mean.len().max(1)
    }

    /// Places cells, `[cells, width]` row by row.
    ///
    /// # Panics
    /// If there are other sources than the space was made of, or other numbers of cells.
    pub fn place(&self, embeddings: &[Part<'_>], components: Part<'_>) -> Vec<f32> {
        let widths: Vec<usize> = embeddings.iter().map(|e| e.width).collect();
        assert_eq!(widths, self.embeddings, "the embeddings of the space");
        assert_eq!(components.width, self.components, "its components");
        self.reduce(&self.scaled(self.side_by_side(embeddings, components)))
    }

    fn n_wide(&self) -> usize {
        self.embeddings.iter().sum::<usize>() + self.components
    }

    fn side_by_side(&self, embeddings: &[Part<'_>], components: Part<'_>) -> Vec<f64> {
        let n = components.n_cells();
        let mut wide = Vec::with_capacity(n * self.n_wide());
        for cell in 0..n {
            let row = |part: &Part<'_>| {
                let own = &part.values[cell * part.width..(cell + 1) * part.width];
                own.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>()
            };
            for part in embeddings {
                let z = row(part);
                let length = z.iter().map(|v| v * v).sum::<f64>().sqrt();
                let by = if length > 0.0 { 1.0 / length } else { 0.0 };
                wide.extend(z.into_iter().map(|v| v * by));
            }
            wide.extend(row(&components));
        }
        wide
    }

    fn scaled(&self, mut wide: Vec<f64>) -> Vec<f64> {
        let d = self.n_wide();
        let n_embedded = d - self.components;
        for row in wide.chunks_exact_mut(d) {
            for (j, v) in row.iter_mut().enumerate() {
                *v = (*v - self.mean[j]) * self.scale[usize::from(j >= n_embedded)];
            }
        }
        wide
    }

    fn reduce(&self, wide: &[f64]) -> Vec<f32> {
        let (d, width) = (self.n_wide(), self.width());
        let mut points = Vec::with_capacity(wide.len() / d * width);
        for row in wide.chunks_exact(d) {
            let mut point = vec![0.0; width];
            for (v, axis) in row.iter().zip(self.axes.chunks_exact(width)) {
                point.iter_mut().zip(axis).for_each(|(p, a)| *p += v * a);
            }
            points.extend(point.into_iter().map(|p| p as f32));
        }
        points
    }
}

/// Leading eigenvectors of the covariance of centred rows, `[d, count]`; the largest entry of each is positive.
fn leading(rows: &[f64], d: usize, count: usize) -> Vec<f64> {
    let mut covariance = Mat::<f64>::zeros(d, d);
    for row in rows.chunks_exact(d) {
        for j in 0..d {
            for i in j..d {
                covariance[(i, j)] += row[i] * row[j];
            }
        }
    }
    // Of finite values; were it not to converge, coordinates as they are would do.
    let found = covariance.self_adjoint_eigen(Side::Lower).ok();
    let mut axes = vec![0.0; d * count];
    for to in 0..count {
        let at = |i: usize| match &found {
            // Eigenvalues rise.
            Some(e) => e.U()[(i, d - 1 - to)],
            None => f64::from(i == to),
        };
        let top = (0..d)
            .map(at)
            .fold(0.0, |t: f64, v| if v.abs() > t.abs() { v } else { t });
        let sign = if top < 0.0 { -1.0 } else { 1.0 };
        for i in 0..d {
            axes[i * count + to] = sign * at(i);
        }
    }
    axes
}
