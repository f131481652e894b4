//! Reading of text tables: plain or gzip, tab, comma or semicolon, with or without quotes.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::PrepError;

/// Longer lines are not tables of genes.
const LONGEST_LINE: u64 = 1 << 20;

/// The lines of a text file, numbered, without line ends and byte order mark.
pub(crate) struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    /// Number of the line read last, from 1.
    pub number: usize,
}

impl Lines {
    /// Opens a file; gzip is recognised by its first bytes, whatever the name.
    pub fn open(path: &Path) -> Result<Self, PrepError> {
        let at = |source| PrepError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = BufReader::new(File::open(path).map_err(at)?);
        let gzip = file.fill_buf().map_err(at)?.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn BufRead> = if gzip {
            Box::new(BufReader::new(MultiGzDecoder::new(file)))
        } else {
            Box::new(file)
        };
        Ok(Self {
            path: path.to_owned(),
            reader,
            number: 0,
        })
    }

    /// The next line, or `None` at the end. Bytes that are not UTF-8 become U+FFFD.
    pub fn next(&mut self) -> Result<Option<String>, PrepError> {
        let mut bytes = Vec::new();
        let read = (&mut self.reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut bytes);
        let read = read.map_err(|source| PrepError::Io {
            path: self.path.clone(),
            source,
        })?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if read as u64 == LONGEST_LINE && bytes.last() != Some(&b'\n') {
            return Err(self.unexpected("a line of more than 1 MiB", "a text table"));
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches(['\n', '\r']);
        let text = if self.number == 1 {
            text.trim_start_matches('\u{feff}')
        } else {
            text
        };
        Ok(Some(text.to_owned()))
    }

    /// An error that names the file and the current line.
    pub fn unexpected(&self, found: &str, expected: &'static str) -> PrepError {
        let found = found.chars().take(60).collect();
        PrepError::Line {
            path: self.path.clone(),
            line: self.number,
            found,
            expected,
        }
    }
}

/// The first line of a table.
pub(crate) struct Header {
    path: PathBuf,
    delimiter: char,
    names: Vec<String>,
}

impl Header {
    /// Splits the line that names the columns; a leading `#` is ignored.
    pub fn parse(path: &Path, line: &str) -> Self {
        let line = line.trim_start_matches('#');
        let delimiter = ['\t', ';', ',']
            .into_iter()
            .max_by_key(|d| line.matches(*d).count());
        let delimiter = delimiter.unwrap_or('\t');
        Self {
            path: path.to_owned(),
            delimiter,
            names: split(line, delimiter),
        }
    }

    /// The column whose name, reduced to lower-case letters and digits, comes first in `wanted`.
    pub fn find(&self, wanted: &[&str]) -> Option<usize> {
        let names: Vec<String> = self.names.iter().map(|n| plain(n)).collect();
        wanted
            .iter()
            .find_map(|w| names.iter().position(|n| n == w))
    }

    /// As [`find`](Self::find), or an error that lists the header.
    pub fn require(
        &self,
        wanted: &[&str],
        what: &'static str,
        spellings: &'static str,
    ) -> Result<usize, PrepError> {
        self.find(wanted).ok_or_else(|| PrepError::Column {
            path: self.path.clone(),
            wanted: what,
            spellings,
            found: self
                .names
                .iter()
                .take(20)
                .cloned()
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// The fields of a row.
    pub fn split(&self, line: &str) -> Vec<String> {
        split(line, self.delimiter)
    }
}

/// Lower-case letters and digits only: `Gene start (bp)` and `gene_start_bp` are the same name.
pub(crate) fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Fields between delimiters, trimmed; delimiters inside double quotes do not count, and a
/// doubled quote inside quotes stands for one.
pub(crate) fn split(line: &str, delimiter: char) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let field = fields.last_mut();
        match (c, field) {
            ('"', Some(field)) if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            ('"', _) => quoted = !quoted,
            (c, _) if c == delimiter && !quoted => fields.push(String::new()),
            (c, Some(field)) => field.push(c),
            (_, None) => {}
        }
    }
    fields.into_iter().map(|f| f.trim().to_owned()).collect()
}

/// Text that stands for a missing value.
pub(crate) fn is_missing(text: &str) -> bool {
    matches!(text, "" | "NA" | "NaN" | "nan" | "None" | "null" | ".")
}
