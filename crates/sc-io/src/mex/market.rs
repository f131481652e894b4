//! MatrixMarket files: coordinates and values, one per line.

use std::path::Path;

use super::file_name;
use super::lines::Lines;
use crate::Csr;
use crate::error::{Error, Fault, Notice};

/// The values of a MatrixMarket file.
#[derive(Clone, Copy, PartialEq)]
enum Field {
    Integer,
    Real,
}

/// A MatrixMarket file whose header has been checked.
pub(super) struct Matrix {
    lines: Lines,
    field: Field,
    features: usize,
    cells: usize,
    entries: u64,
}

impl Matrix {
    pub fn open(file: &Path, features: usize, cells: usize) -> Result<Self, Error> {
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

    pub fn read(mut self, notices: &mut Vec<Notice>) -> Result<Csr, Error> {
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
            fault: Fault::Value,
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
