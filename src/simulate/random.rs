//! Samplers of the distributions the simulator draws from.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// An independent generator for one part of the simulation.
pub(super) fn stream(seed: u64, part: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(part);
    rng
}

/// Standard normal (Box-Muller, one of the pair).
pub(super) fn normal(rng: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

/// Gamma with the given shape and mean (Marsaglia and Tsang 2000).
pub(super) fn gamma(rng: &mut impl Rng, shape: f64, mean: f64) -> f64 {
    if shape < 1.0 {
        let boost = (1.0 - rng.random::<f64>()).powf(1.0 / shape);
        // Gamma(a) = Gamma(a + 1) U^(1/a); the scale is mean / shape.
        return gamma(rng, shape + 1.0, mean / shape * (shape + 1.0)) * boost;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(rng);
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - rng.random::<f64>()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v * mean / shape;
        }
    }
}

/// Poisson (Knuth's product of uniforms, in chunks so that `exp(-mean)` cannot underflow).
pub(super) fn poisson(rng: &mut impl Rng, mean: f64) -> u32 {
    let mut left = mean;
    let mut count = 0;
    while left > 0.0 {
        let limit = (-left.min(32.0)).exp();
        left -= 32.0;
        let mut product: f64 = rng.random();
        while product > limit {
            count += 1;
            product *= rng.random::<f64>();
        }
    }
    count
}

/// Negative binomial of the given mean with variance `mean + mean^2 / shape`.
pub(super) fn negative_binomial(rng: &mut impl Rng, mean: f64, shape: f64) -> u32 {
    let rate = gamma(rng, shape, mean);
    poisson(rng, rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(mut draw: impl FnMut() -> f64) -> (f64, f64) {
        let n = 40_000;
        let x: Vec<f64> = (0..n).map(|_| draw()).collect();
        let mean = x.iter().sum::<f64>() / n as f64;
        (
            mean,
            x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64,
        )
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut rng = stream(1, 0);
        let near = |found: f64, expected: f64, share: f64| {
            assert!(
                (found / expected - 1.0).abs() < share,
                "{found} instead of {expected}"
            );
        };
        let (mean, var) = moments(|| normal(&mut rng));
        assert!(mean.abs() < 0.02);
        near(var, 1.0, 0.03);
        for (shape, m) in [(0.3, 2.0), (2.0, 0.5), (50.0, 90.0)] {
            let (mean, var) = moments(|| gamma(&mut rng, shape, m));
            near(mean, m, 0.05);
            near(var, m * m / shape, 0.10);
        }
        for m in [0.05, 3.0, 31.9, 200.0] {
            let (mean, var) = moments(|| poisson(&mut rng, m) as f64);
            near(mean, m, 0.05);
            near(var, m, 0.06);
        }
        let (mean, var) = moments(|| negative_binomial(&mut rng, 6.0, 3.0) as f64);
        near(mean, 6.0, 0.03);
        near(var, 6.0 + 36.0 / 3.0, 0.05);
        assert_eq!(poisson(&mut rng, 0.0), 0);
    }
}
