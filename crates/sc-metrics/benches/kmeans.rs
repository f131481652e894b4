//! k-means and silhouette of 10,000 points in 50 dimensions.

use criterion::{Criterion, criterion_group, criterion_main};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sc_metrics::{kmeans, silhouette};

fn bench(c: &mut Criterion) {
    let (n, d, k) = (10_000, 50, 20);
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let centres: Vec<f32> = (0..k * d).map(|_| rng.random_range(-2.0..2.0)).collect();
    let labels: Vec<usize> = (0..n).map(|i| i % k).collect();
    let points: Vec<f32> = (0..n * d)
        .map(|at| centres[labels[at / d] * d + at % d] + rng.random_range(-2.0f32..2.0))
        .collect();
    let mut group = c.benchmark_group("metrics");
    group.sample_size(10);
    group.bench_function("kmeans 10000x50 k20 n_init10", |b| {
        b.iter(|| kmeans(&points, n, d, k, 0, 10, 300))
    });
    group.bench_function("silhouette 10000x50", |b| {
        b.iter(|| silhouette(&points, n, d, &labels))
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
