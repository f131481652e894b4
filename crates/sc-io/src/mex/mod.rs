//! 10x MEX folders: a MatrixMarket file of features x barcodes with two lists of names.

mod lines;
mod market;

use std::path::{Path, PathBuf};

use crate::Table;
use crate::error::{Error, Notice};
use crate::features::{self, Features};
use crate::read::{Format, Loaded};
use lines::Lines;
use market::Matrix;

/// Reads a 10x MEX folder of version 2 (`genes.tsv`) or 3 (`features.tsv.gz`).
///
/// Files may be plain or gzip compressed and may carry a common prefix. Cells become rows;
/// features are split by the third column of the feature list as those of a 10x HDF5 file are;
/// without that column all are `rna`.
///
/// # Errors
/// When a file is missing or stands there twice, and for malformed lines, with their number.
pub fn read_mex(folder: impl AsRef<Path>) -> Result<Loaded, Error> {
    let folder = folder.as_ref();
    let files = Files::find(folder)?;
    let mut notices = Vec::new();
    for file in [&files.matrix, &files.barcodes, &files.features] {
        if file.extension().is_some_and(|e| e == "gz") && !Lines::open(file)?.is_gzip {
            let message = "is not gzip compressed in spite of its name; read as text".into();
            notices.push(Notice {
                element: file_name(file),
                message,
            });
        }
    }
    let barcodes = read_rows(&files.barcodes)?;
    let barcodes: Vec<String> = barcodes
        .into_iter()
        .map(|mut row| std::mem::take(&mut row[0]))
        .collect();
    if let Some((name, a, b)) = Table::new(barcodes.iter().cloned()).first_duplicate() {
        let message = format!("duplicate barcode '{name}' (lines {} and {})", a + 1, b + 1);
        notices.push(Notice {
            element: file_name(&files.barcodes),
            message,
        });
    }
    let features = read_features(&files.features, &mut notices)?;
    let x = Matrix::open(&files.matrix, features.ids.len(), barcodes.len())?.read(&mut notices)?;
    let data = features::split(x, &barcodes, &features).map_err(|reason| Error::Line {
        file: folder.to_owned(),
        line: 0,
        reason,
    })?;
    let format = if files.is_v2 {
        Format::MexV2
    } else {
        Format::MexV3
    };
    Ok(Loaded {
        data,
        format,
        notices,
    })
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The three files of a folder.
struct Files {
    matrix: PathBuf,
    barcodes: PathBuf,
    features: PathBuf,
    is_v2: bool,
}

impl Files {
    fn find(folder: &Path) -> Result<Self, Error> {
        let wrong = |found: String| Error::Unrecognised {
            file: folder.to_owned(),
            expected: "a 10x MEX folder",
            found,
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(|e| Error::io(folder, "list", e))? {
            let entry = entry.map_err(|e| Error::io(folder, "list", e))?;
            names.extend(entry.file_name().into_string());
        }
        names.sort_unstable();
        let find = |ends: &[&str]| -> Result<String, Error> {
            let hits: Vec<&String> = names
                .iter()
                .filter(|n| ends.iter().any(|e| n.ends_with(e)))
                .collect();
            match hits.as_slice() {
                [one] => Ok((*one).clone()),
                [] => Err(wrong(format!(
                    "it is a directory without {}",
                    ends.join(" or ")
                ))),
                several => {
                    let list: Vec<&str> = several.iter().map(|s| s.as_str()).collect();
                    Err(wrong(format!(
                        "it holds {}; keep one of them",
                        list.join(" and ")
                    )))
                }
            }
        };
        let matrix = find(&["matrix.mtx", "matrix.mtx.gz"])?;
        let barcodes = find(&["barcodes.tsv", "barcodes.tsv.gz"])?;
        let features = find(&[
            "features.tsv",
            "features.tsv.gz",
            "genes.tsv",
            "genes.tsv.gz",
        ])?;
        let is_v2 = features.contains("genes.tsv");
        let [matrix, barcodes, features] = [matrix, barcodes, features].map(|n| folder.join(n));
        Ok(Self {
            matrix,
            barcodes,
            features,
            is_v2,
        })
    }
}

/// All rows of a tab-separated list; each has at least one field.
fn read_rows(file: &Path) -> Result<Vec<Vec<String>>, Error> {
    let mut lines = Lines::open(file)?;
    let mut rows = Vec::new();
    while let Some(line) = lines.next()? {
        rows.push(line.split('\t').map(str::to_owned).collect::<Vec<_>>());
    }
    // A last empty line is the end of the file, not a name.
    while rows.last().is_some_and(|r| r.len() == 1 && r[0].is_empty()) {
        rows.pop();
    }
    Ok(rows)
}

/// Columns: id, name, type; the last two may be absent.
fn read_features(file: &Path, notices: &mut Vec<Notice>) -> Result<Features, Error> {
    let rows = read_rows(file)?;
    let width = rows.iter().map(Vec::len).min().unwrap_or(3);
    if width < 2 {
        let message = "no second column: ids serve as names".into();
        notices.push(Notice {
            element: file_name(file),
            message,
        });
    }
    let column = |i: usize| rows.iter().map(|r| r[i].clone()).collect::<Vec<_>>();
    let ids = column(0);
    let names = if width < 2 { ids.clone() } else { column(1) };
    Ok(Features {
        names,
        ids,
        types: (width >= 3).then(|| column(2)),
        genomes: None,
    })
}
