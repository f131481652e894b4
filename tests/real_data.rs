//! The real CITE-seq sets from file to result: files, cells and features with the defaults, one epoch of
//! a thin model.

mod common;

use std::path::Path;

use cellweave::sc_io::{self, Embedding};
use common::{cellweave, real_data, stderr};

fn run(file: &str, n_cells: usize, labels: &[&str]) {
    let Some(data) = real_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = data.join(file);
    let mut args = vec!["fuse".to_owned(), file.display().to_string()];
    args.extend(["-o".into(), out.display().to_string()]);
    // One epoch over a thin model: this is about files, cells and features, not about quality.
    for setting in [
        "train.epochs=1",
        "model.encoder_depth=1",
        "model.d_model=8",
        "cluster.umap=false",
    ] {
        args.extend(["--set".into(), setting.into()]);
    }
    labels
        .iter()
        .for_each(|l| args.extend(["--labels".into(), (*l).into()]));
    let output = cellweave(args);
    assert!(output.status.success(), "{}", stderr(&output));
    check(&out, n_cells);
}

fn check(out: &Path, n_cells: usize) {
    let result = sc_io::read(out.join("result.h5mu")).unwrap().data;
    assert_eq!(result.obs.len(), n_cells);
    assert!(result.obs.column("scfusionttt_cluster").is_ok());
    match &result.obsm["X_scfusionttt"] {
        Embedding::Matrix(m) => {
            assert_eq!(m.n_rows(), n_cells);
            assert!(m.values().iter().all(|v| v.is_finite()));
        }
        Embedding::Table(_) => panic!("the embedding is a matrix"),
    }
    for name in ["summary.json", "report.html"] {
        assert!(out.join(name).metadata().unwrap().len() > 500, "{name}");
    }
}

#[test]
fn teaseq() {
    run(
        "citeseq_teaseq_pbmc/citeseq_teaseq_pbmc.h5mu",
        1262,
        &["cell_type"],
    );
}

#[test]
fn eccite() {
    run(
        "citeseq_eccite_pbmc500/citeseq_eccite_pbmc500.h5mu",
        500,
        &[],
    );
}

#[test]
fn cd8() {
    run("citeseq_cd8/citeseq_cd8.h5mu", 1774, &["batch"]);
}

#[test]
fn pbmc10k() {
    run(
        "citeseq_pbmc10k_10x/citeseq_pbmc10k_10x.h5mu",
        6855,
        &["singler_rna_main"],
    );
}
