//! What the module documentation promises, measured.

use sc_io::{Csr, Matrix};

use super::*;

fn counts(data: &MultiModal, modality: &str) -> Csr {
    data.modalities[modality]
        .x
        .as_ref()
        .map(Matrix::to_csr)
        .expect("counts")
}

/// `ln(1 + x)` after scaling every row to the median row sum, dense.
fn log_normalised(x: &Csr) -> Vec<Vec<f64>> {
    let sums = x.row_sums();
    let mut sorted = sums.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    (0..x.n_rows())
        .map(|r| {
            let mut row = vec![0.0; x.n_cols()];
            let (c, v) = x.row(r);
            for (&c, &v) in c.iter().zip(v) {
                row[c as usize] = (v as f64 * median / sums[r]).ln_1p();
            }
            row
        })
        .collect()
}

/// Accuracy of the nearest centroid on the cells of two types: centroids from every second cell,
/// tested on the others.
fn accuracy(data: &MultiModal, modality: &str, pair: [&str; 2]) -> f64 {
    let labels = data.obs.column("cell_type").unwrap().labels();
    let x = log_normalised(&counts(data, modality));
    let cells = pair.map(|name| {
        (0..x.len())
            .filter(|&i| labels[i].as_deref() == Some(name))
            .collect::<Vec<_>>()
    });
    let centroids = cells.each_ref().map(|cells| {
        let train: Vec<usize> = cells.iter().copied().step_by(2).collect();
        (0..x[0].len())
            .map(|f| train.iter().map(|&i| x[i][f]).sum::<f64>() / train.len() as f64)
            .collect::<Vec<f64>>()
    });
    let (mut right, mut total) = (0, 0);
    for (own, cells) in cells.iter().enumerate() {
        for &i in cells.iter().skip(1).step_by(2) {
            let distance =
                |c: &[f64]| -> f64 { x[i].iter().zip(c).map(|(a, b)| (a - b).powi(2)).sum() };
            let nearer = distance(&centroids[1]) < distance(&centroids[0]);
            right += usize::from(nearer == (own == 1));
            total += 1;
        }
    }
    right as f64 / total as f64
}

#[test]
fn same_settings_same_bytes() {
    let config = SimulateConfig {
        n_cells: 80,
        n_genes: 150,
        ..SimulateConfig::default()
    };
    let (a, b) = (simulate(&config).unwrap(), simulate(&config).unwrap());
    assert_eq!(a, b);
    let other = simulate(&SimulateConfig { seed: 1, ..config }).unwrap();
    assert_ne!(counts(&a, "rna"), counts(&other, "rna"));
}

#[test]
fn summaries_are_in_the_stated_ranges() {
    let data = simulate(&SimulateConfig::default()).unwrap();
    let rna = counts(&data, "rna");
    let zeros = 1.0 - rna.nnz() as f64 / (rna.n_rows() * rna.n_cols()) as f64;
    assert!((0.75..0.90).contains(&zeros), "share of zeros {zeros}");

    let mut logs: Vec<f64> = rna.row_sums().iter().map(|s| s.ln()).collect();
    logs.sort_by(f64::total_cmp);
    let median = logs[500].exp();
    assert!(
        (800.0..1200.0).contains(&median),
        "median library size {median}"
    );
    // Half the interquartile range of a normal is 0.674 sd.
    let sd = (logs[750] - logs[250]) / 2.0 / 0.6745;
    assert!((0.3..0.5).contains(&sd), "sd of the log library size {sd}");

    // Dropout rises as the mean falls: more zeros than the same counts without it, above all
    // in genes of low mean.
    let without = simulate(&SimulateConfig {
        dropout_midpoint: 0.0,
        ..SimulateConfig::default()
    })
    .unwrap();
    let (kept, all) = (rna.column_sums(), counts(&without, "rna").column_sums());
    let survival = |low: f64, high: f64| {
        let genes = (0..all.len()).filter(|&g| (low..high).contains(&(all[g] / 1000.0)));
        let (k, a) = genes.fold((0.0, 0.0), |(k, a), g| (k + kept[g], a + all[g]));
        k / a
    };
    let (rare, common) = (survival(0.0, 0.3), survival(3.0, f64::INFINITY));
    assert!(rare < 0.6 && common > 0.85, "survival {rare} and {common}");

    // Ambient and foreground of one protein.
    let labels = data.obs.column("cell_type").unwrap().labels();
    let adt = counts(&data, "adt").to_dense();
    let mean = |types: &[&str], column: usize| {
        let cells = (0..adt.n_rows()).filter(|&i| types.contains(&labels[i].as_deref().unwrap()));
        let (s, n) = cells.fold((0.0, 0), |(s, n), i| (s + adt.row(i)[column] as f64, n + 1));
        s / n as f64
    };
    let (foreground, ambient) = (mean(&["CD4 naive T", "CD8 T"], 0), mean(&["B", "NK"], 0));
    assert!(
        (100.0..160.0).contains(&foreground),
        "CD3 in T cells {foreground}"
    );
    assert!(
        (4.0..9.0).contains(&ambient),
        "CD3 in other cells {ambient}"
    );
}

#[test]
fn neighbours_on_the_chromosome_are_correlated() {
    let data = simulate(&SimulateConfig {
        n_cells: 1500,
        ..SimulateConfig::default()
    })
    .unwrap();
    let labels = data.obs.column("cell_type").unwrap().labels();
    let chromosomes = data.modalities["rna"]
        .var
        .column("chromosome")
        .unwrap()
        .labels();
    let rna = counts(&data, "rna");
    // One type, so that the types themselves do not correlate the genes.
    let cells: Vec<usize> = (0..rna.n_rows())
        .filter(|&i| labels[i].as_deref() == Some("CD4 naive T"))
        .collect();
    let x = log_normalised(&rna.select_rows(&cells));
    let n = x.len() as f64;
    let column = |g: usize| {
        let mean = x.iter().map(|row| row[g]).sum::<f64>() / n;
        let centred: Vec<f64> = x.iter().map(|row| row[g] - mean).collect();
        let norm = centred.iter().map(|v| v * v).sum::<f64>().sqrt();
        (
            mean,
            centred.into_iter().map(|v| v / norm).collect::<Vec<f64>>(),
        )
    };
    let columns: Vec<_> = (0..rna.n_cols()).map(column).collect();
    let mean_correlation = |distance: usize| {
        let (mut sum, mut n) = (0.0, 0);
        for g in 0..columns.len() - distance {
            let h = g + distance;
            let same = chromosomes[g] == chromosomes[h];
            if same == (distance == 1) && columns[g].0 > 0.3 && columns[h].0 > 0.3 {
                sum += columns[g]
                    .1
                    .iter()
                    .zip(&columns[h].1)
                    .map(|(a, b)| a * b)
                    .sum::<f64>();
                n += 1;
            }
        }
        assert!(n > 40, "{n} pairs");
        sum / n as f64
    };
    let (near, far) = (mean_correlation(1), mean_correlation(300));
    assert!(
        near > 0.08 && far.abs() < 0.03,
        "neighbours {near}, distant {far}"
    );
}

#[test]
fn fusion_is_needed() {
    let data = simulate(&SimulateConfig::default()).unwrap();
    let by_protein = ["CD4 naive T", "CD4 memory T"];
    let by_rna = ["CD14 monocyte", "CD14 monocyte IFN"];
    let found = [
        accuracy(&data, "rna", by_protein),
        accuracy(&data, "adt", by_protein),
        accuracy(&data, "rna", by_rna),
        accuracy(&data, "adt", by_rna),
    ];
    assert!(
        (0.35..0.65).contains(&found[0]),
        "protein pair by RNA: {found:?}"
    );
    assert!(found[1] > 0.95, "protein pair by protein: {found:?}");
    assert!(found[2] > 0.9, "RNA pair by RNA: {found:?}");
    assert!(
        (0.30..0.70).contains(&found[3]),
        "RNA pair by protein: {found:?}"
    );
    // Relatives are closer than strangers, but both are told apart by RNA.
    assert!(accuracy(&data, "rna", ["CD8 T", "B"]) > 0.95);
}

#[test]
fn protein_settings_leave_the_rna_alone() {
    let config = SimulateConfig {
        n_cells: 40,
        n_genes: 150,
        ..SimulateConfig::default()
    };
    let more = SimulateConfig {
        n_proteins: 20,
        ..config.clone()
    };
    let (a, b) = (simulate(&config).unwrap(), simulate(&more).unwrap());
    assert_eq!(counts(&a, "rna"), counts(&b, "rna"));
}

#[test]
fn every_size_of_the_tree_works() {
    for n_types in 2..=12 {
        let config = SimulateConfig {
            n_cells: 60,
            n_genes: 112,
            n_types,
            ..Default::default()
        };
        let data = simulate(&config).unwrap();
        let types: std::collections::HashSet<_> = data
            .obs
            .column("cell_type")
            .unwrap()
            .labels()
            .into_iter()
            .collect();
        assert_eq!(types.len(), n_types);
        for m in data.modalities.values() {
            m.check().unwrap();
        }
    }
}

#[test]
fn the_fixture_is_what_the_defaults_make() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/data-fixtures/citeseq_small.h5mu"
    );
    let fixture = sc_io::read_h5mu(path).unwrap();
    assert!(fixture.notices.is_empty(), "{:?}", fixture.notices);
    assert_eq!(fixture.data, simulate(&SimulateConfig::default()).unwrap());
}

#[test]
fn a_set_written_by_blocks_reads_back_as_the_whole() {
    // More cells than a block holds.
    let config = SimulateConfig {
        n_cells: 1100,
        n_genes: 120,
        ..SimulateConfig::default()
    };
    let whole = simulate(&config).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let simulator = Simulator::new(&config).unwrap();
    let path = folder.path().join("set.h5mu");
    assert!(simulator.write(&path).unwrap().is_empty());
    assert_eq!(sc_io::read_h5mu(&path).unwrap().data, whole);
    let path = folder.path().join("rna.h5ad");
    simulator.write(&path).unwrap();
    let rna = sc_io::read_h5ad(&path).unwrap().data;
    assert_eq!(rna.x, whole.modalities["rna"].x);
    assert_eq!(rna.obs, whole.modalities["rna"].obs);
}
