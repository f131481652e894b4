//! Broken and treacherous files: no panic, an error where one is wanted, good values elsewhere.

#![cfg(all(feature = "h5", feature = "mex"))]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sc_io::{
    CountScan, Error, Loaded, MultiModal, read, read_h5ad, read_h5mu, read_mex, read_tenx_h5,
};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/interop/bad")
}

/// With the reader that the name promises.
fn by_name(path: &Path) -> Result<Loaded, Error> {
    match path.extension().and_then(|e| e.to_str()) {
        Some("h5ad") => read_h5ad(path).map(|l| Loaded {
            data: MultiModal::new([("rna".to_owned(), l.data)].into_iter().collect()),
            format: l.format,
            notices: l.notices,
        }),
        Some("h5mu") => read_h5mu(path),
        Some("h5") => read_tenx_h5(path),
        _ => read_mex(path),
    }
}

/// Words of the wanted message that the error must carry.
const WORDS: [(&str, &[&str]); 42] = [
    ("empty.h5ad", &["empty"]),
    ("truncated_half.h5ad", &["truncated", "13080", "6540"]),
    ("html_page.h5ad", &["HTML"]),
    ("csv_named.h5ad", &["text"]),
    ("lfs_pointer.h5ad", &["git-lfs"]),
    ("gzipped.h5ad", &["gzip"]),
    ("signature_only.h5ad", &["superblock"]),
    ("directory.h5ad", &["directory"]),
    ("unknown_filter.h5ad", &["X/data", "32001", "Blosc"]),
    ("corrupt_chunk.h5ad", &["X/data"]),
    ("checksum_error.h5ad", &["X/data", "checksum"]),
    ("index_out_of_range.h5ad", &["X/indices", "0..4"]),
    ("index_negative.h5ad", &["X/indices", "-1"]),
    ("indptr_not_monotone.h5ad", &["X/indptr", "goes down"]),
    ("indptr_short.h5ad", &["X/indptr", "6", "7"]),
    ("indptr_start.h5ad", &["X/indptr", "0"]),
    ("indptr_end.h5ad", &["X/indptr", "99"]),
    ("float_indices.h5ad", &["X/indices", "integers"]),
    ("shape_2pow40.h5ad", &["1099511627776"]),
    ("dense_2pow60.h5ad", &["X", "expected"]),
    ("sparse_data_2pow40.h5ad", &["X/data", "1099511627776"]),
    ("x_text.h5ad", &["X", "not numeric"]),
    ("x_complex.h5ad", &["X", "not real"]),
    ("index_not_utf8.h5ad", &["obs", "UTF-8"]),
    (
        "codes_too_large.h5ad",
        &["obs/type", "code 2", "2 categories"],
    ),
    (
        "categories_duplicate.h5ad",
        &["obs/type", "duplicate category 'B'"],
    ),
    ("column_short.h5ad", &["obs/extra", "5", "6"]),
    ("column_order_unknown.h5ad", &["ghost"]),
    ("encoding_unknown_type.h5ad", &["ell_matrix"]),
    ("encoding_unknown_version.h5ad", &["9.9.9"]),
    ("external_link.h5ad", &["X", "external link"]),
    ("external_storage.h5ad", &["X", "another file"]),
    ("soft_link_dangling.h5ad", &["X", "nowhere"]),
    ("soft_link_loop.h5ad", &["uns/a"]),
    ("self_link.h5ad", &["uns/k", "itself"]),
    ("obsmap_wrong.h5mu", &["obsmap/prot", "names"]),
    ("mod_duplicate_cells.h5mu", &["mod/prot", "'c0'"]),
    ("h5mu_named.h5ad", &["MuData"]),
    ("h5ad_named.h5mu", &["AnnData"]),
    ("tenx_named.h5ad", &["10x"]),
    ("mex_zero_based", &["line 4", "count from 1"]),
    ("mex_truncated_gz", &["truncated gzip"]),
];

#[test]
fn every_bad_file() {
    let text = std::fs::read_to_string(folder().join("expected.json")).unwrap();
    let table: Value = serde_json::from_str(&text).unwrap();
    let good: Vec<Vec<f32>> = serde_json::from_value(table["good_counts"].clone()).unwrap();
    let rows = table["rows"].as_array().unwrap();
    let mut registered = BTreeSet::new();
    let mut wrong = Vec::new();
    for row in rows {
        let (file, want) = (row["file"].as_str().unwrap(), row["want"].as_str().unwrap());
        registered.insert(file.to_owned());
        let path = folder().join(file);
        // Git keeps no empty folder.
        if file == "directory.h5ad" && !path.exists() {
            std::fs::create_dir(&path).unwrap();
        }
        let result = by_name(&path);
        // Content decides here; it must never panic either.
        let _ = read(&path);
        let verdict = match (&result, want) {
            (Err(_), "error" | "ok_or_error") | (Ok(_), "ok_or_error") => Ok(()),
            // The table allows to read it as text and say so.
            (Ok(l), "error") if file == "mex_plain_named_gz" && !l.notices.is_empty() => {
                check_good(l, file, &good)
            }
            (Ok(_), "error") => Err("loaded, an error is wanted".to_owned()),
            (Err(e), _) => Err(format!("refused: {e}")),
            (Ok(l), "warn") if l.notices.is_empty() => Err("no notice".to_owned()),
            (Ok(_), "warn") => Ok(()),
            (Ok(l), "error_counts") => not_counts(l),
            (Ok(l), "error_paired") => match l.data.paired("rna", "prot") {
                Some(p) if p.first.is_empty() => Ok(()),
                p => Err(format!("{p:?}")),
            },
            (Ok(l), "ok") => check_good(l, file, &good),
            (Ok(_), other) => Err(format!("unknown wish {other}")),
        };
        if let Err(reason) = verdict {
            wrong.push(format!(
                "{file} ({want}: {}): {reason}",
                row["say"].as_str().unwrap()
            ));
        }
        if let Some((_, words)) = WORDS.iter().find(|(f, _)| *f == file) {
            match result {
                Err(e) => {
                    let message = e.to_string();
                    for word in words.iter().filter(|w| !message.contains(**w)) {
                        wrong.push(format!("{file}: '{word}' is not in: {message}"));
                    }
                }
                Ok(_) => wrong.push(format!("{file} loaded")),
            }
        }
    }
    assert!(rows.len() >= 133, "{} rows", rows.len());
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name != "TABLE.md" && name != "expected.json" && !registered.contains(&name) {
            wrong.push(format!("{name} is not in expected.json"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn not_counts(l: &Loaded) -> Result<(), String> {
    let x = l
        .data
        .modalities
        .values()
        .next()
        .and_then(|m| m.x.as_ref())
        .ok_or("no X")?;
    let scan = CountScan::of(x);
    let told = l.notices.iter().any(|n| n.message.contains("rounded"));
    if scan.is_counts() && !told {
        Err(format!("passes as counts: {scan:?}"))
    } else {
        Ok(())
    }
}

/// The good values, except where the file is about another value.
fn check_good(l: &Loaded, file: &str, good: &[Vec<f32>]) -> Result<(), String> {
    let m = l.data.modalities.values().next().ok_or("no modality")?;
    let x = m.x.as_ref().ok_or("no X")?.to_dense();
    let wrong = |what: &str| Err(format!("{what}: {x:?}"));
    match file {
        "mex_empty_matrix" => {
            if x.values().iter().any(|&v| v != 0.0) || (x.n_rows(), x.n_cols()) != (6, 4) {
                return wrong("not zeros");
            }
        }
        "counts_2pow24_plus_1.h5ad" => {
            if !l.notices.iter().any(|n| n.message.contains("2^24")) {
                return wrong("no notice of the rounding");
            }
        }
        "obsmap_missing.h5mu" => {
            if l.data.paired("rna", "prot").map(|p| p.first.len()) != Some(6) {
                return wrong("not paired");
            }
        }
        _ => {
            let rows: Vec<Vec<f32>> = (0..x.n_rows()).map(|r| x.row(r).to_vec()).collect();
            if rows != good {
                return wrong("other values");
            }
        }
    }
    if file == "mex_bom" || file == "mex_crlf" {
        let names: Vec<String> = (0..6).map(|i| format!("BC{i}-1")).collect();
        if m.obs.index() != names {
            return Err(format!("names {:?}", m.obs.index()));
        }
    }
    Ok(())
}
