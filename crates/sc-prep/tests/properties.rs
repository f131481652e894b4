//! What must hold for any input.

use proptest::prelude::*;
use sc_io::{Column, Csr, Dense, Matrix, Table};
use sc_prep::*;

/// Non-negative matrices: empty, tiny, huge, mostly zero, with many ties.
fn counts() -> impl Strategy<Value = Csr> {
    let value = prop_oneof![
        6 => Just(0.0f32),
        4 => (1u8..4).prop_map(f32::from),
        1 => 0f32..1e4,
        1 => Just(f32::MAX),
        1 => Just(1e-45f32),
    ];
    (0usize..8, 0usize..9).prop_flat_map(move |(n, p)| {
        prop::collection::vec(value.clone(), n * p)
            .prop_map(move |v| Csr::from_dense(&Dense::new(n, p, v).unwrap()))
    })
}

fn finite(values: &[f32]) -> bool {
    values.iter().all(|v| v.is_finite())
}

fn is_permutation(order: &[usize], n: usize) -> bool {
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    sorted == (0..n).collect::<Vec<_>>()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn transforms_stay_finite(x in counts()) {
        for target in [Target::Median, Target::Sum(1e4)] {
            let mut y = x.clone();
            let done = normalize_total(&mut y, target).unwrap();
            prop_assert!(finite(y.values()) && done.target.is_finite());
            let mut y = x.clone();
            log_normalize(&mut y, target).unwrap();
            prop_assert!(finite(y.values()));
        }
        let mut y = x.clone();
        log1p(&mut y).unwrap();
        prop_assert!(finite(y.values()));
        let mut y = x.clone();
        let clr = Clr::fit_transform(&mut y).unwrap();
        prop_assert!(finite(y.values()) && clr.g.iter().all(|g| g.is_finite() && *g >= 1.0));
        let mut y = x.clone();
        prop_assert!(clr_per_cell(&mut y).unwrap().iter().all(|g| g.is_finite()));
        prop_assert!(finite(y.values()));
        prop_assert!(finite(scale(&Matrix::Csr(x.clone()), Some(10.0)).unwrap().values()));
        let mask = vec![true; x.n_cols()];
        let qc = qc_metrics(&x, &[("all", &mask)], &[3]).unwrap();
        for (name, column) in qc.obs.iter().chain(&qc.var) {
            for r in 0..column.len() {
                prop_assert!(column.number(r).unwrap().is_finite(), "{name}");
            }
        }
    }

    #[test]
    fn highly_variable_features_are_defined(x in counts(), n in 1usize..12, exact: bool, split: bool) {
        let batch: Vec<i32> = (0..x.n_rows() as i32).map(|i| i % 2).collect();
        let batch = split.then_some(&batch[..]);
        let fit = if exact { VarianceFit::Exact } else { VarianceFit::Interpolated };
        let v3 = HvgOptions { fit, ..HvgOptions::seurat_v3(n) };
        let found = highly_variable(&x, &v3, batch).unwrap();
        prop_assert!(found.normalized.iter().all(|v| v.is_finite() && *v >= 0.0));
        prop_assert!(found.means.iter().chain(&found.spread).all(|v| v.is_finite()));
        prop_assert_eq!(found.indices.len(), n.min(x.n_cols()));
        // seurat: undefined exactly where a feature does not vary, never chosen there.
        let found = highly_variable(&x, &HvgOptions::seurat(n), batch).unwrap();
        for c in 0..x.n_cols() {
            prop_assert!(!found.normalized[c].is_infinite() && found.means[c].is_finite());
            if batch.is_none() {
                prop_assert_eq!(found.normalized[c].is_nan(), found.spread[c].is_nan());
            }
            prop_assert!(!(found.highly_variable[c] && found.normalized[c].is_nan()));
        }
        prop_assert!(found.indices.len() <= n);
        prop_assert!(found.indices.windows(2).all(|w| w[0] < w[1]));
    }

    #[test]
    fn pca_is_finite(x in counts(), k in 1usize..4, randomized: bool) {
        prop_assume!(x.n_rows() >= 2 && x.n_cols() >= 1);
        let solver = if randomized { PcaSolver::Randomized } else { PcaSolver::Exact };
        let p = pca(&Matrix::Csr(x), &PcaOptions { solver, ..PcaOptions::new(k) }).unwrap();
        prop_assert!(finite(p.scores.values()) && finite(p.loadings.values()));
        prop_assert!(p.variance_ratio.iter().all(|r| (0.0..1.0 + 1e-9).contains(r)));
        prop_assert!(p.singular_values.windows(2).all(|w| w[0] >= w[1]));
    }

    #[test]
    fn orders_are_permutations(
        places in prop::collection::vec(prop::option::of((0u8..30, 0i64..5)), 0..20),
        seed: u64,
    ) {
        let mut var = Table::new((0..places.len()).map(|i| format!("gene{}", i % 7)));
        let chromosomes = places.iter().map(|p| p.map(|(c, _)| match c {
            0..=22 => format!("chr{c}"), 23 => "X".into(), 24 => "MT".into(), c => format!("GL{c}"),
        }));
        var.insert("Chr", Column::Text(chromosomes.collect())).unwrap();
        let starts = places.iter().map(|p| p.map_or(0, |(_, s)| s)).collect();
        var.insert("GENE_START", Column::ints(starts)).unwrap();
        let order = genome_order(&var, &Genome::default());
        let n = places.len();
        prop_assert!(is_permutation(&order.order, n));
        prop_assert_eq!(order.placed, places.iter().flatten().count());
        prop_assert_eq!(order.unplaced.len(), n - order.placed);
        prop_assert!(order.order[order.placed..].windows(2).all(|w| w[0] < w[1]));
        let shuffled = order.clone().arranged(Arrangement::Shuffled(seed));
        prop_assert!(is_permutation(&shuffled.order, n));
        let twice = order.clone().arranged(Arrangement::Reverse).arranged(Arrangement::Reverse);
        prop_assert_eq!(&twice, &order);
        let from_file = FeatureOrder::as_file(var.index()).arranged(Arrangement::Shuffled(seed));
        prop_assert_eq!(from_file.order, shuffled.order);
    }

    #[test]
    fn antibody_names_never_panic(name in "\\PC*", decorated in "[A-Za-z0-9_.() /α-ω-]{0,20}") {
        antibody_genes(&[name, decorated], None, |_| None);
    }
}

/// Counts with a few strong programmes, so that components are well separated.
fn structured(n: usize, p: usize) -> Csr {
    let mut state = 1u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let mut values = vec![0.0; n * p];
    for i in 0..n {
        for j in 0..p {
            let strong = j % 5 == i % 5 && j % 5 < 3;
            let rate = if strong {
                2.0 + 2.0 * (j % 5) as f32
            } else {
                0.3
            };
            values[i * p + j] = (-(1.0 - uniform()).ln() * rate).floor();
        }
    }
    Csr::from_dense(&Dense::new(n, p, values).unwrap())
}

#[test]
fn permuted_cells_permute_scores() {
    let mut x = structured(600, 300);
    log_normalize(&mut x, Target::Median).unwrap();
    let rows: Vec<usize> = (0..600).map(|i| (i * 7) % 600).collect();
    let permuted = Matrix::Csr(x.select_rows(&rows));
    let x = Matrix::Csr(x);
    for solver in [PcaSolver::Exact, PcaSolver::Randomized] {
        let options = PcaOptions {
            solver,
            ..PcaOptions::new(3)
        };
        let (a, b) = (
            pca(&x, &options).unwrap(),
            pca(&permuted, &options).unwrap(),
        );
        let expected = a.scores.select_rows(&rows);
        let scale = expected.values().iter().fold(0f32, |m, v| m.max(v.abs()));
        for (x, y) in expected.values().iter().zip(b.scores.values()) {
            assert!((x - y).abs() < 1e-5 * scale, "{solver:?}: {x} against {y}");
        }
    }
}

#[test]
fn pca_does_not_depend_on_threads() {
    let mut x = structured(300, 400);
    log_normalize(&mut x, Target::Median).unwrap();
    let x = Matrix::Csr(x);
    let options = PcaOptions {
        solver: PcaSolver::Randomized,
        ..PcaOptions::new(5)
    };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| pca(&x, &options).unwrap())
    };
    assert_eq!(with(1), with(3));
    let other = PcaOptions { seed: 1, ..options };
    assert_ne!(with(1).scores, pca(&x, &other).unwrap().scores);
}

#[test]
fn bad_input_is_refused_with_its_place() {
    let mut x = Csr::new(2, 3, vec![0, 1, 2], vec![0, 2], vec![1.0, -4.0]).unwrap();
    let message = normalize_total(&mut x, Target::Median)
        .unwrap_err()
        .to_string();
    assert!(message.contains("cell 1, feature 2: -4 found"), "{message}");
    assert_eq!(x.values(), [1.0, -4.0], "refused input is left alone");
    let nan = Csr::new(1, 1, vec![0, 1], vec![0], vec![f32::NAN]).unwrap();
    assert!(Clr::fit(&nan).is_err());
    assert!(highly_variable(&nan, &HvgOptions::seurat(1), None).is_err());
    assert!(pca(&Matrix::Csr(Csr::zeros(3, 3)), &PcaOptions::new(0)).is_err());
    assert!(pca(&Matrix::Csr(Csr::zeros(1, 3)), &PcaOptions::new(1)).is_err());
    let ok = Csr::zeros(3, 3);
    assert!(highly_variable(&ok, &HvgOptions::seurat_v3(2), Some(&[0, 1])).is_err());
    let zero = normalize_total(&mut ok.clone(), Target::Sum(0.0))
        .unwrap_err()
        .to_string();
    assert!(zero.contains("target sum is 0"), "{zero}");
}
