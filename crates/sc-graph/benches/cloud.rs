//! The synthetic PCA space of the benchmarks.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// `k` Gaussian groups: in dimension c, centres N(0, 3 / sqrt(1 + c / 5)), spread N(0, 1 / sqrt(1 + c / 10)).
pub fn groups(n: usize, d: usize, k: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let decay = |c: usize, rate: f64| 1.0 / (1.0 + c as f64 / rate).sqrt();
    let centres: Vec<f64> = (0..k * d)
        .map(|at| 3.0 * decay(at % d, 5.0) * normal(&mut rng))
        .collect();
    let label: Vec<usize> = (0..n).map(|_| rng.random_range(0..k)).collect();
    (0..n * d)
        .map(|at| {
            (centres[label[at / d] * d + at % d] + decay(at % d, 10.0) * normal(&mut rng)) as f32
        })
        .collect()
}
