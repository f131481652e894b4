use crate::GraphError;

/// Checks that `points` is a finite row-major `n_points` x `n_dims` matrix with indices that fit 32 bits.
pub(crate) fn check_points(
    points: &[f32],
    n_points: usize,
    n_dims: usize,
) -> Result<(), GraphError> {
    if n_points.checked_mul(n_dims) != Some(points.len()) {
        return Err(GraphError::Shape {
            n_points,
            n_dims,
            found: points.len(),
        });
    }
    if n_points > u32::MAX as usize {
        return Err(GraphError::TooManyPoints { n_points });
    }
    match points.iter().position(|v| !v.is_finite()) {
        Some(at) => Err(GraphError::NotFinite {
            row: at / n_dims,
            col: at % n_dims,
            value: points[at],
        }),
        None => Ok(()),
    }
}

/// Squared Euclidean distance in f64, summed in four lanes in a fixed order; symmetric to the last bit.
pub(crate) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    let mut lanes = [0f64; 4];
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    let tail: f64 = a4
        .remainder()
        .iter()
        .zip(b4.remainder())
        .map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2))
        .sum();
    for (x, y) in a4.zip(b4) {
        for l in 0..4 {
            lanes[l] += (f64::from(x[l]) - f64::from(y[l])).powi(2);
        }
    }
    (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]) + tail
}
