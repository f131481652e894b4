//! 10x MEX folders: a MatrixMarket file of features x barcodes with two lists of names.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Notice};
use crate::features::{self, Features};
use crate::read::{Format, Loaded};
use crate::{Csr, Table};

/// Longest line of a text file.
const MAX_LINE: u64 = 1 << 20;

/// Reads a 10x MEX folder of version 2 (`genes.tsv`) or 3 (`features.tsv.gz`).
///
/// Files may be plain or gzip compressed and may carry a common prefix. Cells become rows;
/// features are split by the third column of the feature list as in
/// [`read_tenx_h5`](crate::read_tenx_h5); without it all are `rna`.
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

/// A text file by lines, plain or gzip compressed (told by its first bytes).
struct Lines {
    file: PathBuf,
    inner: Box<dyn BufRead>,
    is_gzip: bool,
    line: u64,
    text: Vec<u8>,
}

impl Lines {
    fn open(file: &Path) -> Result<Self, Error> {
        let disk = File::open(file).map_err(|e| Error::io(file, "open", e))?;
        let mut plain = BufReader::with_capacity(1 << 16, disk);
        let head = plain.fill_buf().map_err(|e| Error::io(file, "read", e))?;
        let is_gzip = head.starts_with(&[0x1f, 0x8b]);
        let inner: Box<dyn BufRead> = if is_gzip {
            Box::new(BufReader::with_capacity(
                1 << 16,
                MultiGzDecoder::new(plain),
            ))
        } else {
            Box::new(plain)
        };
        Ok(Self {
            file: file.to_owned(),
            inner,
            is_gzip,
            line: 0,
            text: Vec::new(),
        })
    }

    fn fault(&self, reason: impl Into<String>) -> Error {
        Error::Line {
            file: self.file.clone(),
            line: self.line,
            reason: reason.into(),
        }
    }

    /// The next line without its end and without a byte order mark; `None` at the end.
    fn next(&mut self) -> Result<Option<&str>, Error> {
        self.text.clear();
        self.line += 1;
        let read = (&mut self.inner)
            .take(MAX_LINE)
            .read_until(b'\n', &mut self.text);
        match read {
            Ok(0) => return Ok(None),
            Ok(n) if n as u64 == MAX_LINE => return Err(self.fault("the line is too long")),
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(self.fault("truncated gzip stream; copy or download the file again"));
            }
            Err(e) => return Err(Error::io(&self.file, "read", e)),
        }
        while matches!(self.text.last(), Some(b'\n' | b'\r')) {
            self.text.pop();
        }
        if std::str::from_utf8(&self.text).is_err() {
            return Err(self.fault("not UTF-8 text"));
        }
        let text = std::str::from_utf8(&self.text).unwrap_or_default();
        Ok(Some(if self.line == 1 {
            text.trim_start_matches('\u{feff}')
        } else {
            text
        }))
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

/// The values of a MatrixMarket file.
#[derive(Clone, Copy, PartialEq)]
enum Field {
    Integer,
    Real,
}

/// A MatrixMarket file whose header has been checked.
struct Matrix {
    lines: Lines,
    field: Field,
    features: usize,
    cells: usize,
    entries: u64,
}

impl Matrix {
    fn open(file: &Path, features: usize, cells: usize) -> Result<Self, Error> {
        let mut lines = Lines::open(file)?;
        let Some(banner) = lines.next()?.map(str::to_lowercase) else {
            return Err(lines.fault("the file is empty"));
        };
        let words: Vec<&str> = banner.split_whitespace().collect();
        let field = match words.as_slice() {
            [
                "%%matrixmarket",
                "matrix",
                "coordinate",
                "integer",
                "general",
            ] => Field::Integer,
            ["%%matrixmarket", "matrix", "coordinate", "real", "general"] => Field::Real,
            ["%%matrixmarket", rest @ ..] => {
                let reason = format!(
                    "'{}' is not supported; 'matrix coordinate integer general' or real is expected",
                    rest.join(" ")
                );
                return Err(lines.fault(reason));
            }
            _ => return Err(lines.fault("the MatrixMarket banner (%%MatrixMarket ...) is missing")),
        };
        let size = loop {
            match lines.next()? {
                Some(line) if line.starts_with('%') || line.trim().is_empty() => {}
                Some(line) => break line.to_owned(),
                None => return Err(lines.fault("the line of sizes is missing")),
            }
        };
        let sizes: Vec<Option<u64>> = size.split_whitespace().map(|w| w.parse().ok()).collect();
        let &[Some(rows), Some(cols), Some(entries)] = sizes.as_slice() else {
            return Err(lines.fault(format!("three sizes are expected, '{size}' is found")));
        };
        if (rows, cols) != (features as u64, cells as u64) {
            let reason = format!(
                "sizes are {rows} x {cols}, but there are {features} features and {cells} barcodes \
                 (features x barcodes is expected)"
            );
            return Err(lines.fault(reason));
        }
        Ok(Self {
            lines,
            field,
            features,
            cells,
            entries,
        })
    }

    fn read(mut self, notices: &mut Vec<Notice>) -> Result<Csr, Error> {
        // (cell, feature, value), grown as lines come and never by the declared number.
        let mut entries: Vec<(u32, u32, f32)> = Vec::new();
        let mut inexact = 0usize;
        let (features, cells, field, declared) =
            (self.features, self.cells, self.field, self.entries);
        while let Some(line) = self.lines.next()? {
            if line.trim().is_empty() {
                continue;
            }
            let parsed = parse(line, field).and_then(|(row, column, value)| {
                let feature = index(row, features, "row")?;
                Ok((index(column, cells, "column")?, feature, value))
            });
            let (cell, feature, value) = parsed.map_err(|reason| self.lines.fault(reason))?;
            if entries.len() as u64 == declared {
                let reason = format!("more entries than the {declared} of the header");
                return Err(self.lines.fault(reason));
            }
            if value as f32 as f64 != value && !value.is_nan() {
                inexact += 1;
            }
            entries.push((cell, feature, value as f32));
        }
        if (entries.len() as u64) < declared {
            let reason = format!(
                "{} entries found, {declared} declared in the header",
                entries.len()
            );
            return Err(self.lines.fault(reason));
        }
        if inexact > 0 {
            let message = format!("{inexact} values were rounded to f32");
            notices.push(Notice {
                element: file_name(&self.lines.file),
                message,
            });
        }
        let file = self.lines.file.clone();
        build(cells, features, entries).map_err(|reason| Error::Element {
            element: file_name(&file),
            file,
            fault: crate::Fault::Value,
            reason,
        })
    }
}

fn index(text: &str, n: usize, axis: &str) -> Result<u32, String> {
    match text.parse::<u64>() {
        Ok(0) => Err(format!("{axis} index 0 (indices count from 1)")),
        Ok(i) if i <= n as u64 && i <= u32::MAX as u64 => Ok((i - 1) as u32),
        Ok(i) => Err(format!("{axis} index {i}, but the matrix has {n} {axis}s")),
        Err(_) => Err(format!("'{text}' is no {axis} index")),
    }
}

fn parse(line: &str, field: Field) -> Result<(&str, &str, f64), String> {
    let mut words = line.split_ascii_whitespace();
    let (Some(row), Some(column), Some(text), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        let n = line.split_ascii_whitespace().count();
        return Err(format!("three fields are expected, {n} are found"));
    };
    let value = match field {
        // Integers beyond 64 bits are refused, not rounded.
        Field::Integer => text
            .parse::<i64>()
            .map(|v| v as f64)
            .map_err(|_| format!("'{text}' is not a 64-bit integer"))?,
        Field::Real => text
            .parse::<f64>()
            .map_err(|_| format!("'{text}' is not a number"))?,
    };
    Ok((row, column, value))
}

/// Rows from entries in any order: a counting sort by cell.
fn build(cells: usize, features: usize, entries: Vec<(u32, u32, f32)>) -> Result<Csr, String> {
    let mut indptr = vec![0usize; cells + 1];
    for e in &entries {
        indptr[e.0 as usize + 1] += 1;
    }
    for i in 0..cells {
        indptr[i + 1] += indptr[i];
    }
    let mut next = indptr.clone();
    let mut indices = vec![0; entries.len()];
    let mut values = vec![0.0; entries.len()];
    for (cell, feature, value) in entries {
        let slot = &mut next[cell as usize];
        (indices[*slot], values[*slot]) = (feature, value);
        *slot += 1;
    }
    Csr::new(cells, features, indptr, indices, values).map_err(|e| e.to_string())
}
