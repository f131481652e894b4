use crate::MetricError;

/// Points as f64, with the coordinates relative to their mean: what every distance in this crate reads.
pub(crate) struct Points {
    pub values: Vec<f64>,
    pub n_points: usize,
    pub n_dims: usize,
}

impl Points {
    /// Checks shape and finiteness, and centres.
    pub fn new(points: &[f32], n_points: usize, n_dims: usize) -> Result<Points, MetricError> {
        if n_points.checked_mul(n_dims) != Some(points.len()) {
            return Err(MetricError::Shape {
                n_points,
                n_dims,
                found: points.len(),
            });
        }
        if let Some(at) = points.iter().position(|v| !v.is_finite()) {
            return Err(MetricError::NotFinite {
                row: at / n_dims,
                col: at % n_dims,
                value: points[at],
            });
        }
        let mut values: Vec<f64> = points.iter().map(|&v| f64::from(v)).collect();
        let mut mean = vec![0f64; n_dims];
        for row in values.chunks_exact(n_dims.max(1)) {
            add(&mut mean, row);
        }
        for row in values.chunks_exact_mut(n_dims.max(1)) {
            for (v, m) in row.iter_mut().zip(&mean) {
                *v -= m / n_points as f64;
            }
        }
        Ok(Points {
            values,
            n_points,
            n_dims,
        })
    }

    /// The same with every row scaled to length 1, not centred; rows of zeros stay.
    pub fn directions(
        points: &[f32],
        n_points: usize,
        n_dims: usize,
    ) -> Result<Points, MetricError> {
        // Checks, then takes the given values instead of the centred ones.
        let mut checked = Points::new(points, n_points, n_dims)?;
        checked.values = points.iter().map(|&v| f64::from(v)).collect();
        for row in checked.values.chunks_exact_mut(n_dims.max(1)) {
            let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
            if length > 0.0 {
                row.iter_mut().for_each(|v| *v /= length);
            }
        }
        Ok(checked)
    }

    pub fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.n_dims..(i + 1) * self.n_dims]
    }
}

/// Adds `row` to `sum`.
pub(crate) fn add(sum: &mut [f64], row: &[f64]) {
    for (s, v) in sum.iter_mut().zip(row) {
        *s += v;
    }
}

/// Squared Euclidean distance, summed in four lanes in a fixed order.
pub(crate) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0f64; 4];
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    let tail: f64 = (a4.remainder().iter().zip(b4.remainder()))
        .map(|(x, y)| (x - y) * (x - y))
        .sum();
    for (x, y) in a4.zip(b4) {
        for l in 0..4 {
            lanes[l] += (x[l] - y[l]) * (x[l] - y[l]);
        }
    }
    (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]) + tail
}
