//! Neighbours: exact ones of 10,000 points in 50 dimensions, exact and approximate ones of 20,000 points in 30.

use criterion::{Criterion, criterion_group, criterion_main};
use sc_graph::{ApproximateOptions, knn, knn_approximate};

#[path = "cloud.rs"]
mod cloud;

fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("knn");
    group.sample_size(10);
    let points = cloud::groups(10_000, 50, 20);
    group.bench_function("10000x50 k15", |b| b.iter(|| knn(&points, 10_000, 50, 15)));
    let points = cloud::groups(20_000, 30, 20);
    group.bench_function("20000x30 k15", |b| b.iter(|| knn(&points, 20_000, 30, 15)));
    let options = ApproximateOptions::default();
    group.bench_function("20000x30 k15 approximate", |b| {
        b.iter(|| knn_approximate(&points, 20_000, 30, 15, &options))
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
