//! What can be wrong with a sparse matrix that comes from outside.

use thiserror::Error;

/// A structure or values that do not describe a sparse matrix.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SparseError {
    /// The number of row offsets is not the number of rows plus one.
    #[error(
        "sparse matrix of {rows} rows: expected {} row offsets, found {found}; give one offset per \
         row and one at the end",
        rows.saturating_add(1)
    )]
    OffsetCount {
        /// Rows of the matrix.
        rows: usize,
        /// Offsets given.
        found: usize,
    },
    /// The first row does not start at the first entry.
    #[error("row offset 0: expected 0, found {found}; a slice of a larger matrix must be rebased")]
    FirstOffset {
        /// The offset given.
        found: usize,
    },
    /// A row ends before it starts.
    #[error("row {row}: ends at entry {end} but starts at entry {start}; offsets must not fall")]
    FallingOffsets {
        /// The row.
        row: usize,
        /// Its first entry.
        start: usize,
        /// Its end.
        end: usize,
    },
    /// The last row does not end at the last entry.
    #[error("the last row ends at entry {end}, but there are {found} column indices")]
    EntryCount {
        /// Last row offset.
        end: usize,
        /// Column indices given.
        found: usize,
    },
    /// An entry lies outside of the matrix.
    #[error("row {row}, entry {entry}: column {column} is outside of a matrix of {cols} columns")]
    Column {
        /// Row of the entry.
        row: usize,
        /// Place of the entry among all entries.
        entry: usize,
        /// Its column.
        column: u32,
        /// Columns of the matrix.
        cols: usize,
    },
    /// Row indices are kept in 32 bits.
    #[error("{rows} rows: a sparse tensor holds fewer than 2^32; split it into batches")]
    TooManyRows {
        /// Rows of the matrix.
        rows: usize,
    },
    /// There is not one value per entry.
    #[error("expected {entries} values, one per stored entry, found {found}")]
    ValueCount {
        /// Entries of the structure.
        entries: usize,
        /// Values given.
        found: usize,
    },
}
