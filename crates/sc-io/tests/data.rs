//! Every file of the real data folder: it reads, and what is written from it reads back equal.

#![cfg(all(feature = "h5", feature = "mex"))]

use std::path::{Path, PathBuf};

use sc_io::{CountScan, Format, Modality, read, read_h5mu, write_h5mu};

fn data() -> Option<PathBuf> {
    let path = std::env::var_os("CELLWEAVE_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    path.is_dir().then_some(path)
}

fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.join("matrix.mtx.gz").exists() {
            out.push(path);
        } else if path.is_dir() {
            walk(&path, out);
        } else if path
            .extension()
            .is_some_and(|e| e == "h5ad" || e == "h5mu" || e == "h5")
        {
            out.push(path);
        }
    }
}

/// Everything but floats in tables and annotation, where NaN differs from itself.
fn assert_same(a: &Modality, b: &Modality, what: &str) {
    assert_eq!(a.x, b.x, "{what}");
    assert_eq!(a.layers, b.layers, "{what}");
    for (s, t) in [(&a.obs, &b.obs), (&a.var, &b.var)] {
        assert_eq!(s.index(), t.index(), "{what}");
        assert_eq!(s.columns().len(), t.columns().len(), "{what}");
        for (name, column) in s.columns() {
            assert_eq!(
                column.labels(),
                t.column(name).unwrap().labels(),
                "{what}/{name}"
            );
        }
    }
    assert!(a.obsm.keys().all(|k| b.obsm.contains_key(k)), "{what}");
}

#[test]
fn every_file_reads_and_round_trips() {
    let Some(data) = data() else {
        println!("skipped: no data");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    walk(&data, &mut files);
    files.sort();
    assert!(files.len() > 30, "{} files", files.len());
    let mut failures = Vec::new();
    for file in &files {
        let start = std::time::Instant::now();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let loaded = match read(file) {
            Ok(loaded) => loaded,
            Err(e) => {
                failures.push(e.to_string());
                continue;
            }
        };
        let read_time = start.elapsed().as_secs_f64();
        let m = &loaded.data;
        m.modalities.values().for_each(|m| m.check().unwrap());
        let start = std::time::Instant::now();
        let path = dir.path().join("out.h5mu");
        write_h5mu(m, &path).unwrap();
        let write_time = start.elapsed().as_secs_f64();
        let back = read_h5mu(&path).unwrap().data;
        assert_eq!(back.obs.index(), m.obs.index(), "{name}");
        for (k, modality) in &m.modalities {
            assert_same(&back.modalities[k], modality, &format!("{name}/{k}"));
        }
        println!(
            "{name}: {:?}, read {read_time:.2} s, write {write_time:.2} s",
            loaded.format
        );
        loaded.notices.iter().for_each(|n| println!("    {n}"));
    }
    // One fixture holds parts that share features.
    assert_eq!(failures.len(), 1, "{failures:#?}");
    assert!(
        failures[0].contains("axis1") && failures[0].contains("axis is 1"),
        "{failures:#?}"
    );
}

/// What MANIFEST.md says about two of the files.
#[test]
fn known_sizes_and_counts() {
    let Some(data) = data() else {
        println!("skipped: no data");
        return;
    };
    let loaded = read(data.join("citeseq_pbmc10k_10x/citeseq_pbmc10k_10x.h5mu")).unwrap();
    assert_eq!(loaded.format, Format::H5mu);
    let (rna, adt) = (
        &loaded.data.modalities["rna"],
        &loaded.data.modalities["adt"],
    );
    assert_eq!((rna.n_obs(), rna.n_vars(), adt.n_vars()), (6855, 4000, 14));
    assert!(CountScan::of(rna.x.as_ref().unwrap()).is_counts());
    assert_eq!(loaded.data.paired("rna", "adt").unwrap().first.len(), 6855);
    let loaded = read(data.join("format_fixtures/10x_v3_mtx")).unwrap();
    let h5 = read(data.join("format_fixtures/10x_v3_filtered_feature_bc_matrix.h5")).unwrap();
    assert_eq!(loaded.format, Format::MexV3);
    // The folder and the file hold the same matrix.
    let (a, b) = (&loaded.data.modalities, &h5.data.modalities);
    assert_eq!(a["rna"].x, b["rna"].x);
    assert_eq!(a["rna"].obs.index(), b["rna"].obs.index());
    assert_eq!(a["rna"].var.index(), b["rna"].var.index());
}
