//! Reads every file of the real data folder.

#![cfg(all(feature = "h5", feature = "mex"))]

use std::path::{Path, PathBuf};

fn data() -> Option<PathBuf> {
    let path = std::env::var_os("CELLWEAVE_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    path.is_dir().then_some(path)
}

fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, out);
        } else if path
            .extension()
            .is_some_and(|e| e == "h5ad" || e == "h5mu" || e == "h5")
        {
            out.push(path);
        }
    }
}

#[test]
fn every_file_reads() {
    let Some(data) = data() else {
        println!("skipped: no data");
        return;
    };
    let mut files = Vec::new();
    walk(&data, &mut files);
    files.sort();
    assert!(files.len() > 20, "{} files", files.len());
    let mut failures = Vec::new();
    for file in files {
        let start = std::time::Instant::now();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        match sc_io::read(&file) {
            Ok(loaded) => {
                print!(
                    "{name}: {:?} in {:.2} s",
                    loaded.format,
                    start.elapsed().as_secs_f64()
                );
                for (k, m) in &loaded.data.modalities {
                    print!(", {k} {} x {}", m.n_obs(), m.n_vars());
                    m.check().unwrap();
                }
                println!();
                loaded.notices.iter().for_each(|n| println!("    {n}"));
            }
            Err(e) => failures.push(e.to_string()),
        }
    }
    println!("{failures:#?}");
    let expected = ["axis1"];
    failures.retain(|f| !expected.iter().any(|e| f.contains(e)));
    assert!(failures.is_empty(), "{failures:#?}");
}
