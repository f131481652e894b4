//! Blocks of consecutive rows.

use std::ops::Range;

use super::MatrixReader;
use crate::Matrix;
use crate::error::Error;

/// The rows of a [`MatrixReader`] in order: each block with the rows it holds. Ends after an
/// error.
pub struct Blocks<'a> {
    reader: &'a MatrixReader,
    n_rows: usize,
    next: usize,
    end: usize,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(reader: &'a MatrixReader, n_rows: usize) -> Self {
        assert!(n_rows > 0, "blocks must have rows");
        Self {
            reader,
            n_rows,
            next: 0,
            end: reader.n_rows(),
        }
    }
}

impl Iterator for Blocks<'_> {
    type Item = Result<(Range<usize>, Matrix), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let rows = self.next..self.next.saturating_add(self.n_rows).min(self.end);
        self.next = rows.end;
        let block = self.reader.read_rows(rows.clone());
        if block.is_err() {
            self.next = self.end;
        }
        Some(block.map(|m| (rows, m)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.end - self.next).div_ceil(self.n_rows);
        (0, Some(left))
    }
}

impl std::iter::FusedIterator for Blocks<'_> {}
