//! Text files by lines, plain or gzip compressed.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::Error;

/// Longest line of a text file.
const MAX_LINE: u64 = 1 << 20;

/// A text file by lines, plain or gzip compressed (told by its first bytes).
pub(super) struct Lines {
    pub file: PathBuf,
    inner: Box<dyn BufRead>,
    pub is_gzip: bool,
    line: u64,
    text: Vec<u8>,
}

impl Lines {
    pub fn open(file: &Path) -> Result<Self, Error> {
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

    pub fn fault(&self, reason: impl Into<String>) -> Error {
        Error::Line {
            file: self.file.clone(),
            line: self.line,
            reason: reason.into(),
        }
    }

    /// The next line without its end and without a byte order mark; `None` at the end.
    pub fn next(&mut self) -> Result<Option<&str>, Error> {
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
