use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::points::check_points;
use crate::{Graph, GraphError};

mod curve;
mod init;
mod layout;

/// Settings of [`umap`]; the defaults are scanpy's.
#[derive(Debug, Clone, PartialEq)]
pub struct UmapConfig {
    /// Distance in the plane below which points count as touching; 0.5 (umap-learn: 0.1).
    pub min_dist: f64,
    /// Scale of the embedded points, 1.0.
    pub spread: f64,
    /// Passes over the edges; `None` means 500 up to 10,000 points and 200 above.
    pub n_epochs: Option<usize>,
    /// First step size, 1.0; it falls to zero linearly.
    pub learning_rate: f64,
    /// Repelling points per attracting edge, 5.
    pub negative_sample_rate: usize,
    /// Weight of the repulsion, 1.0.
    pub repulsion_strength: f64,
    /// Seed of the initial noise and of the repelling points.
    pub seed: u64,
}

impl Default for UmapConfig {
    fn default() -> Self {
        UmapConfig {
            min_dist: 0.5,
            spread: 1.0,
            n_epochs: None,
            learning_rate: 1.0,
            negative_sample_rate: 5,
            repulsion_strength: 1.0,
            seed: 0,
        }
    }
}

impl UmapConfig {
    fn check(&self) -> Result<(), GraphError> {
        let settings = [
            ("min_dist", self.min_dist, 0.0, self.spread),
            ("spread", self.spread, f64::MIN_POSITIVE, f64::MAX),
            (
                "learning_rate",
                self.learning_rate,
                f64::MIN_POSITIVE,
                f64::MAX,
            ),
            ("repulsion_strength", self.repulsion_strength, 0.0, f64::MAX),
        ];
        for (name, value, least, most) in settings {
            if !(least..=most).contains(&value) {
                return Err(GraphError::Setting {
                    name,
                    value,
                    expected: "a positive number, and min_dist from 0 to spread",
                });
            }
        }
        Ok(())
    }
}

/// UMAP of a graph into the plane, `n_nodes` x 2, row-major.
///
/// Minimises the fuzzy cross-entropy between the edge weights and `1 / (1 + a d^(2b))` of the distances
/// in the plane by stochastic gradient descent with negative sampling; a and b are fitted to `min_dist`
/// and `spread`. The start is the spectral embedding of the graph (second and third eigenvector of the
/// normalised Laplacian), or the first two principal components of `points` where the graph is not
/// connected. `points` (`n_nodes` x `n_dims`, row-major) serves for nothing else.
///
/// Runs on one thread: same input and seed, same bytes. Source: McInnes, Healy, Melville, "UMAP",
/// arXiv:1802.03426, with the sampling schedule of umap-learn.
///
/// # Errors
/// Points of the wrong shape or not finite; a setting out of range.
pub fn umap(
    graph: &Graph,
    points: &[f32],
    n_dims: usize,
    config: &UmapConfig,
) -> Result<Vec<f32>, GraphError> {
    let n = graph.n_nodes();
    check_points(points, n, n_dims)?;
    config.check()?;
    if n == 0 {
        return Ok(Vec::new());
    }
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let mut start = init::spectral(graph, &mut rng)
        .unwrap_or_else(|| init::principal_components(points, n, n_dims, &mut rng));
    place(&mut start, &mut rng);
    let mut plane: Vec<f32> = start.into_iter().map(|v| v as f32).collect();
    let (a, b) = curve::fit(config.min_dist, config.spread);
    layout::optimise(&mut plane, graph, a, b, config, &mut rng);
    Ok(plane)
}

/// Scales to a square of side 10 with a little noise, so that equal points can part.
fn place(plane: &mut [f64], rng: &mut ChaCha8Rng) {
    let largest = plane.iter().fold(0f64, |m, v| m.max(v.abs()));
    let scale = if largest > 0.0 { 10.0 / largest } else { 0.0 };
    for v in plane.iter_mut() {
        *v = *v * scale + 1e-4 * normal(rng);
    }
    for axis in 0..2 {
        let column = || plane.iter().skip(axis).step_by(2);
        let low = column().fold(f64::INFINITY, |m, &v| m.min(v));
        let high = column().fold(f64::NEG_INFINITY, |m, &v| m.max(v));
        let scale = if high > low { 10.0 / (high - low) } else { 0.0 };
        for v in plane.iter_mut().skip(axis).step_by(2) {
            *v = (*v - low) * scale;
        }
    }
}

/// A standard normal number (Box-Muller).
pub(crate) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}
