//! The batch kernel, forward with all gradients, at 256 cells x 2,000 genes: mean `e^h` or the softmax, dispersion per gene,
//! for ZINB logits of extra zeros per cell and gene; and the squared error. The outputs of the network are copied into place each time, where the gradients
//! then take their place; `benches/torch_peers.py zinb` copies its inputs too.
//!
//! `RAYON_NUM_THREADS=2 cargo bench -p zinb`

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use zinb::kernel::{
    Counts, Family, Input, MeanLink, Rows, ThetaLink, ValueFamily, ValueLink, run_in_place,
    value_nll_in_place,
};

const CELLS: usize = 256;
const GENES: usize = 2000;

/// Counts with about that share of zeros: a gene's mean is spread over two orders of magnitude.
fn counts(zeros: f64) -> Vec<f32> {
    let mut state = 1u64;
    let mut uniform = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    };
    (0..CELLS * GENES)
        .map(|_| {
            if uniform() < zeros {
                0.0
            } else {
                (1.0 - 2.0 * uniform().ln() * uniform()).floor() as f32
            }
        })
        .collect()
}

fn wave(n: usize, k: f32) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * k).sin()).collect()
}

fn kernels(c: &mut Criterion) {
    let mut group = c.benchmark_group("zinb/256x2000");
    let (h, logit, theta) = (
        wave(CELLS * GENES, 0.7),
        wave(CELLS * GENES, 0.3),
        wave(GENES, 0.1),
    );
    let (scale, cell_weights) = (vec![1.0; CELLS], vec![1.0 / CELLS as f32; CELLS]);
    for zeros in [0.75, 0.95] {
        let dense = counts(zeros);
        let (mut offsets, mut columns, mut values) = (vec![0], vec![], vec![]);
        for row in dense.chunks(GENES) {
            for (j, &x) in row.iter().enumerate().filter(|(_, x)| **x != 0.0) {
                columns.push(j as u32);
                values.push(x);
            }
            offsets.push(values.len());
        }
        let sparse = Counts::Sparse {
            offsets: &offsets,
            columns: &columns,
            values: &values,
        };
        let cases = [
            (
                "dense/exp",
                Family::Zinb,
                MeanLink::Exp,
                Counts::Dense(&dense),
            ),
            (
                "dense/softmax",
                Family::Zinb,
                MeanLink::Softmax,
                Counts::Dense(&dense),
            ),
            ("sparse/exp", Family::Zinb, MeanLink::Exp, sparse),
            ("sparse/softmax", Family::Zinb, MeanLink::Softmax, sparse),
            ("nb/sparse/softmax", Family::Nb, MeanLink::Softmax, sparse),
        ];
        for (case, family, mean_link, counts) in cases {
            let logit: &[f32] = if family == Family::Zinb { &logit } else { &[] };
            let input = Input {
                family,
                n_features: GENES,
                h: &[],
                mean_link,
                scale: &scale,
                theta: &theta,
                theta_link: ThetaLink::Exp,
                theta_rows: Rows::One,
                logit: &[],
                weights: None,
                counts,
                cell_weights: &cell_weights,
            };
            let (mut own_h, mut own_logit) = (h.clone(), logit.to_vec());
            group.bench_function(format!("{}%_zeros/{case}", zeros * 100.0), |b| {
                b.iter(|| {
                    own_h.copy_from_slice(&h);
                    own_logit.copy_from_slice(logit);
                    black_box(run_in_place(&input, &mut own_h, &mut own_logit))
                });
            });
        }
        let mut raw = h.clone();
        for (name, family) in [
            ("squared/sigmoid", ValueFamily::Squared(ValueLink::Sigmoid)),
            ("bernoulli", ValueFamily::Bernoulli),
        ] {
            let name = format!("{}%_zeros/{name}/sparse", zeros * 100.0);
            group.bench_function(name, |b| {
                b.iter(|| {
                    raw.copy_from_slice(&h);
                    black_box(value_nll_in_place(&mut raw, family, &sparse, &cell_weights))
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, kernels);
criterion_main!(benches);
