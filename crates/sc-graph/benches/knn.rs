//! Exact neighbours of 10,000 points in 50 dimensions.

use criterion::{Criterion, criterion_group, criterion_main};
use sc_graph::knn;

#[path = "cloud.rs"]
mod cloud;

fn bench(c: &mut Criterion) {
    let (n, d) = (10_000, 50);
    let points = cloud::groups(n, d, 20);
    let mut group = c.benchmark_group("knn");
    group.sample_size(10);
    group.bench_function("10000x50 k15", |b| b.iter(|| knn(&points, n, d, 15)));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
