//! Files of ours, opened by anndata and mudata.
//!
//! Runs where `CELLWEAVE_PYTHON` names a Python that has both packages.

#![cfg(feature = "h5")]

use std::path::{Path, PathBuf};
use std::process::Command;

use sc_io::{read_h5ad, read_h5mu, write_h5ad, write_h5mu};

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
    assert!(pairs.len() >= 120, "{} files", pairs.len() / 2);
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
