//! Fuzzy graph, Leiden and UMAP of a synthetic PCA space.

use criterion::{Criterion, criterion_group, criterion_main};
use sc_graph::{Graph, UmapConfig, knn, leiden, umap};

#[path = "cloud.rs"]
mod cloud;

fn bench(c: &mut Criterion) {
    let d = 50;
    let mut group = c.benchmark_group("graph");
    group.sample_size(10);
    let points = cloud::groups(10_000, d, 20);
    if let Ok(lists) = knn(&points, 10_000, d, 15) {
        group.bench_function("fuzzy 10000 k15", |b| b.iter(|| Graph::fuzzy(&lists)));
        if let Ok(graph) = Graph::fuzzy(&lists) {
            group.bench_function("leiden 10000 k15", |b| b.iter(|| leiden(&graph, 1.0, 0)));
        }
    }
    let n = 7_000;
    if let Ok(graph) = knn(&points[..n * d], n, d, 15).and_then(|lists| Graph::fuzzy(&lists)) {
        let config = UmapConfig::default();
        group.bench_function("umap 7000 k15", |b| {
            b.iter(|| umap(&graph, &points[..n * d], d, &config))
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
