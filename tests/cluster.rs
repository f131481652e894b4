//! `cellweave cluster` from file to file.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use cellweave::sc_io::{self, Column, Csr, Dense, Embedding, Matrix, Modality};
use common::{cellweave, small, stderr};

const QUICK: [&str; 10] = [
    "--set",
    "train.stages.pretrain.epochs=12",
    "--set",
    "train.stages.cluster.epochs=6",
    "--set",
    "model.widths=[16,8,4]",
    "--set",
    "model.refresh_every=2",
    "--set",
    "umap=false",
];

fn rna() -> Modality {
    small(90).modalities["rna"].clone()
}

fn write(folder: &Path, m: &Modality) -> PathBuf {
    let path = folder.join("cells.h5ad");
    sc_io::write_h5ad(m, &path).unwrap();
    path
}

fn cluster(file: &Path, output: &Path, more: &[&str]) -> Output {
    let mut args = vec!["cluster".to_owned(), file.display().to_string()];
    args.extend(["-o".into(), output.display().to_string()]);
    args.extend(QUICK.iter().chain(more).map(|s| (*s).to_owned()));
    cellweave(args)
}

fn result(output: &Path) -> Modality {
    sc_io::read_h5ad(output.join("result.h5ad")).unwrap().data
}

/// Runs on changed cells and returns the result.
fn done(m: &Modality, more: &[&str]) -> (Modality, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), m);
    let out = folder.path().join("out");
    let output = cluster(&file, &out, more);
    assert!(output.status.success(), "{}", stderr(&output));
    let summary = fs::read_to_string(out.join("summary.json")).unwrap();
    (result(&out), summary)
}

fn with_counts(m: &Modality, counts: Dense) -> Modality {
    let mut m = m.clone();
    m.x = Some(Matrix::Csr(Csr::from_dense(&counts)));
    m
}

fn counts(m: &Modality) -> Dense {
    m.x.as_ref().unwrap().to_dense()
}

#[test]
fn the_result_holds_vectors_clusters_and_confidence() {
    let folder = tempfile::tempdir().unwrap();
    let input = rna();
    let file = write(folder.path(), &input);
    let before = fs::read(&file).unwrap();
    let out = folder.path().join("out");
    let done = cluster(
        &file,
        &out,
        &["-k", "4", "--labels", "cell_type", "--set", "umap=true"],
    );
    assert!(done.status.success(), "{}", stderr(&done));
    assert_eq!(fs::read(&file).unwrap(), before, "the input changed");
    for name in ["report.html", "summary.json"] {
        assert!(out.join(name).exists(), "{name}");
    }
    let r = result(&out);
    assert_eq!(r.obs.index(), input.obs.index());
    assert_eq!(
        r.x.as_ref().unwrap().to_dense().values(),
        counts(&input).values()
    );
    let Embedding::Matrix(z) = &r.obsm["X_scdefr"] else {
        panic!("the embedding is a table")
    };
    // The leading directions of three models of four coordinates each, and of the components.
    assert_eq!((z.n_rows(), z.n_cols()), (90, 20));
    assert!(z.values().iter().all(|v| v.is_finite()));
    assert!(r.obsm.contains_key("X_umap") && r.uns.contains_key("scdefr"));
    let Column::Categorical(clusters) = r.obs.column("scdefr_cluster").unwrap() else {
        panic!("clusters are categories")
    };
    let mut sizes = [0; 4];
    clusters.codes.iter().for_each(|&c| sizes[c as usize] += 1);
    assert!(
        sizes.is_sorted_by(|a, b| a >= b),
        "numbered by size: {sizes:?}"
    );
    let Column::Float(confidence) = r.obs.column("scdefr_confidence").unwrap() else {
        panic!("confidence is a number")
    };
    assert!(confidence.iter().all(|c| (0.25..=1.0).contains(c)));
}

/// The same bytes twice, and after an interruption of any model in either stage.
#[test]
fn repeated_and_resumed_runs_are_equal() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), &rna());
    let bytes = |out: &Path| fs::read(out.join("result.h5ad")).unwrap();
    let out = folder.path().join("whole");
    // In several batches, so that neighbours are sampled.
    let more = [
        "-k",
        "3",
        "--set",
        "full_batch=10",
        "--set",
        "train.batch_size=40",
    ];
    let whole = cluster(&file, &out, &more);
    assert!(whole.status.success(), "{}", stderr(&whole));
    let again = folder.path().join("again");
    cluster(&file, &again, &more);
    assert_eq!(bytes(&out), bytes(&again));
    // In the first and in the second stage of the first model, and in that of the last.
    for steps in ["7", "41", "120", "155"] {
        let out2 = folder.path().join(steps);
        let stopped = [&more[..], &["--stop-after-steps", steps]].concat();
        assert_eq!(cluster(&file, &out2, &stopped).status.code(), Some(130));
        let resumed = cluster(&file, &out2, &[&more[..], &["--resume"]].concat());
        assert!(resumed.status.success(), "{}", stderr(&resumed));
        assert_eq!(bytes(&out), bytes(&out2), "stopped after {steps} steps");
    }
}

#[test]
fn labels_change_nothing() {
    let input = rna();
    let (with, _) = done(&input, &["-k", "4", "--labels", "cell_type"]);
    let (without, _) = done(&input, &["-k", "4"]);
    assert_eq!(with.obsm["X_scdefr"], without.obsm["X_scdefr"]);
    let clusters = |m: &Modality| m.obs.column("scdefr_cluster").unwrap().labels();
    assert_eq!(clusters(&with), clusters(&without));
}

#[test]
fn the_number_of_clusters_is_estimated_and_may_then_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), &rna());
    let out = folder.path().join("out");
    let first = cluster(&file, &out, &[]);
    assert!(first.status.success(), "{}", stderr(&first));
    let summary = || -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(out.join("summary.json")).unwrap()).unwrap()
    };
    assert_eq!(summary()["estimated"], true);
    let found = summary()["n_clusters"].as_u64().unwrap();
    assert!((2..=30).contains(&found), "{found}");
    // The first stage is that of any number and of any second stage: it is gone on from.
    for model in 0..5 {
        fs::remove_dir_all(out.join(format!("checkpoints/model-{model}/cluster"))).unwrap();
    }
    let otherwise = ["-k", "4", "--set", "model.weights.clustering=1.0"];
    let more = cluster(&file, &out, &[&otherwise[..], &["--resume"]].concat());
    assert!(more.status.success(), "{}", stderr(&more));
    assert_eq!(
        (summary()["n_clusters"].as_u64(), &summary()["estimated"]),
        (Some(4), &false.into())
    );
    let afresh = done(&rna(), &otherwise).0;
    assert_eq!(result(&out).obsm["X_scdefr"], afresh.obsm["X_scdefr"]);
}

/// New cells get a vector and a cluster from the model as it is.
#[test]
fn new_cells_are_placed() {
    let folder = tempfile::tempdir().unwrap();
    let all = small(240).modalities["rna"].clone();
    let (old, new): (Vec<usize>, Vec<usize>) = (0..240).partition(|i| i % 4 != 0);
    let file = write(folder.path(), &all.select_obs(&old));
    let run = folder.path().join("run");
    let settings = ["-k", "4", "--set", "train.stages.pretrain.epochs=60"];
    let trained = cluster(&file, &run, &settings);
    assert!(trained.status.success(), "{}", stderr(&trained));
    let place = |m: &Modality, onto: &Path, name: &str| -> (Output, PathBuf) {
        let new = folder.path().join(format!("{name}.h5ad"));
        sc_io::write_h5ad(m, &new).unwrap();
        let out = folder.path().join(name);
        let paths = [&new, &onto.to_owned(), &out].map(|p| p.display().to_string());
        let [new, onto, folder] = &paths;
        let placed = cellweave(["cluster", new, "--onto", onto, "-o", folder]);
        (placed, out)
    };
    let clusters = |m: &Modality| m.obs.column("scdefr_cluster").unwrap().labels();

    // The cells of the run themselves stay where they are, but for those between clusters.
    let before = result(&run);
    let (placed, out) = place(&all.select_obs(&old), &run, "same");
    assert!(placed.status.success(), "{}", stderr(&placed));
    let (a, b) = (clusters(&before), clusters(&result(&out)));
    let same = a.iter().zip(&b).filter(|(a, b)| a == b).count();
    assert!(
        same as f64 > 0.95 * old.len() as f64,
        "{same} of {}",
        old.len()
    );

    // Cells that the run has not seen find those of their type.
    let (placed, out) = place(&all.select_obs(&new), &run, "new");
    assert!(placed.status.success(), "{}", stderr(&placed));
    let found = result(&out);
    assert_eq!(found.obs.index(), all.select_obs(&new).obs.index());
    assert!(found.obsm.contains_key("X_scdefr"));
    let types = |m: &Modality| m.obs.column("cell_type").unwrap().labels();
    let majority = |t: &Option<String>| -> Option<String> {
        let of = types(&before)
            .into_iter()
            .zip(clusters(&before))
            .filter(|(x, _)| x == t);
        let mut counts = std::collections::BTreeMap::new();
        of.for_each(|(_, c)| *counts.entry(c).or_insert(0) += 1);
        counts.into_iter().max_by_key(|e| e.1).and_then(|e| e.0)
    };
    // There are more types than clusters: as often as the cells of the run.
    let share = |m: &Modality| {
        let pairs = types(m).into_iter().zip(clusters(m));
        pairs.filter(|(t, c)| majority(t) == *c).count() as f64 / m.n_obs() as f64
    };
    let (usual, new) = (share(&before), share(&found));
    assert!(new > 0.9 * usual, "{new}, of the run {usual}");

    // Other genes, other folders.
    let mut strangers = found.clone();
    let names = (0..strangers.n_vars()).map(|g| format!("other{g}"));
    strangers.var = sc_io::Table::new(names);
    let (placed, _) = place(&strangers, &run, "strangers");
    assert_eq!(placed.status.code(), Some(1));
    assert!(
        stderr(&placed).contains("half of them are needed"),
        "{}",
        stderr(&placed)
    );
    let (placed, _) = place(&found, folder.path(), "nowhere");
    assert_eq!(placed.status.code(), Some(1));
}

/// The published faults run, and the choice by labels says what it is.
#[test]
fn the_published_choice_by_labels_is_named() {
    let faults = [
        "-k",
        "3",
        "--set",
        "preset='reproduce_original'",
        "--set",
        "leak_labels='cell_type'",
    ];
    let (_, summary) = done(&rna(), &faults);
    assert!(summary.contains("scores against them leak"), "{summary}");
    let (_, summary) = done(&rna(), &faults[..4]);
    assert!(!summary.contains("leak"), "{summary}");
}

#[test]
fn more_clusters_than_cells_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), &rna());
    let out = cluster(&file, &folder.path().join("out"), &["-k", "91"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(
        stderr(&out).contains("91 clusters of 90 cells"),
        "{}",
        stderr(&out)
    );
}

#[test]
fn one_class() {
    let (r, _) = done(&rna(), &["-k", "1"]);
    let labels = r.obs.column("scdefr_cluster").unwrap().labels();
    assert!(labels.iter().all(|l| l.as_deref() == Some("0")));
}

#[test]
fn fewer_cells_than_neighbours() {
    let few = rna().select_obs(&(0..9).collect::<Vec<_>>());
    let (r, summary) = done(&few, &["-k", "2"]);
    assert_eq!(r.n_obs(), 9);
    assert!(
        summary.contains("each has all others as neighbours"),
        "{summary}"
    );
}

#[test]
fn duplicate_cells_stay_together() {
    let input = rna();
    let all = counts(&input);
    let rows: Vec<usize> = (0..90).map(|i| i / 30 * 30).collect();
    // Three cells, each thirty times: more copies than a cell has neighbours, so the graph falls apart.
    let (r, summary) = done(&with_counts(&input, all.select_rows(&rows)), &["-k", "3"]);
    assert!(summary.contains("falls into 3 parts"), "{summary}");
    let labels = r.obs.column("scdefr_cluster").unwrap().labels();
    for block in labels.chunks(30) {
        assert!(block.iter().all(|l| *l == block[0]), "{block:?}");
    }
}

#[test]
fn constant_genes_and_empty_cells() {
    let input = rna();
    let mut all = counts(&input);
    let n_genes = all.n_cols();
    for row in 0..90 {
        all.row_mut(row)[0] = 2.0;
        all.row_mut(row)[1] = 0.0;
    }
    all.row_mut(7).fill(0.0);
    assert!(n_genes > 2);
    let (r, summary) = done(&with_counts(&input, all), &["-k", "3"]);
    assert_eq!(r.n_obs(), 89);
    assert!(
        summary.contains("1 cells without counts are left out"),
        "{summary}"
    );
}

#[test]
fn values_that_are_no_counts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let input = rna();
    let mut all = counts(&input);
    all.row_mut(3)[2] = 0.5;
    let file = write(folder.path(), &with_counts(&input, all));
    let out = cluster(&file, &folder.path().join("out"), &[]);
    assert_eq!(out.status.code(), Some(1));
    assert!(
        stderr(&out).contains("does not hold counts"),
        "{}",
        stderr(&out)
    );
}
