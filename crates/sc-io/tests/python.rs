//! Files of ours, opened by anndata and mudata.
//!
//! Runs where `CELLWEAVE_PYTHON` names a Python that has both packages.

#![cfg(feature = "h5")]

use std::path::{Path, PathBuf};
use std::process::Command;

use sc_io::{
    MatrixReader, MatrixWriter, Modality, WriteOptions, read_h5ad, read_h5mu, write_h5ad,
    write_h5mu,
};

/// Copies an `.h5ad`, `X` and the layers by blocks of two rows.
fn copy_by_rows(from: &Path, to: &Path) {
    let whole = read_h5ad(from).unwrap().data;
    let mut w = MatrixWriter::h5ad(to, &WriteOptions::default()).unwrap();
    let mut names: Vec<String> = whole.layers.keys().map(|k| format!("layers/{k}")).collect();
    names.extend(whole.x.is_some().then(|| "X".to_owned()));
    for name in &names {
        let reader = MatrixReader::open(from, name).unwrap();
        match reader.nnz() {
            Some(_) => w.add_csr(name, reader.n_cols()).unwrap(),
            None => w.add_dense(name, reader.n_cols()).unwrap(),
        }
        for block in reader.blocks(2) {
            w.push(name, &block.unwrap().1).unwrap();
        }
    }
    let rest = Modality {
        x: None,
        layers: Default::default(),
        ..whole
    };
    w.finish(&rest).unwrap();
}

#[test]
fn anndata_and_mudata_open_our_files() {
    let Some(python) = std::env::var_os("CELLWEAVE_PYTHON") else {
        println!("skipped: CELLWEAVE_PYTHON is not set");
        return;
    };
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let dir = tempfile::tempdir().unwrap();
    let mut pairs: Vec<PathBuf> = Vec::new();
    for folder in std::fs::read_dir(tests.join("golden/interop")).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("anndata-") || name == "anndata-0.6.22" {
            continue;
        }
        for file in std::fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            let own = dir
                .path()
                .join(format!("{}-{}", name, file.file_name().unwrap().display()));
            match file.extension().and_then(|e| e.to_str()) {
                Some("h5ad") => {
                    write_h5ad(&read_h5ad(&file).unwrap().data, &own).unwrap();
                    let by_rows = own.with_extension("rows.h5ad");
                    copy_by_rows(&file, &by_rows);
                    pairs.extend([file.clone(), by_rows]);
                }
                Some("h5mu") => match read_h5mu(&file) {
                    Ok(loaded) => {
                        write_h5mu(&loaded.data, &own).unwrap();
                    }
                    Err(e) => {
                        assert!(e.to_string().contains("axis is 1"), "{e}");
                        continue;
                    }
                },
                _ => continue,
            }
            pairs.extend([file, own]);
        }
    }
    assert!(pairs.len() >= 200, "{} files", pairs.len() / 2);
    let out = Command::new(python)
        .arg(tests.join("compare.py"))
        .args(&pairs)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    println!("{text}");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert_eq!(text.lines().count(), pairs.len() / 2);
}
