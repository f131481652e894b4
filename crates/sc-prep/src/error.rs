//! What can go wrong with data from outside.

use std::path::PathBuf;

/// Why a transform refused its input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepError {
    /// A value that is no count: negative, infinite or not a number.
    #[error(
        "cell {row}, feature {column}: {value} found, a finite number >= 0 expected; \
         pass raw counts, not scaled values"
    )]
    NotACount {
        /// Row (cell), from 0.
        row: usize,
        /// Column (feature), from 0.
        column: usize,
        /// The value.
        value: f32,
    },
    /// A value that is infinite or not a number.
    #[error("{what}: {value} among the values; remove or replace what is not finite")]
    NotFinite {
        /// What was to be computed.
        what: &'static str,
        /// The value.
        value: f32,
    },
    /// An iteration that did not settle.
    #[error("{what} did not converge; are values of very different size mixed?")]
    NoConvergence {
        /// What was to be computed.
        what: &'static str,
    },
    /// A setting outside its range.
    #[error("{setting} is {found}; {expected} expected")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        found: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// An argument of another length than the matrix asks for.
    #[error("{what} has {found} entries, the matrix asks for {expected}")]
    Length {
        /// Name of the argument.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length that fits.
        expected: usize,
    },
    /// Too few cells or features.
    #[error("{what} needs at least {needed} {of}, there are {found}")]
    TooFew {
        /// What was to be computed.
        what: &'static str,
        /// `cells`, `features` ...
        of: &'static str,
        /// How many it takes.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// A file that cannot be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A table without a column that is needed.
    #[error(
        "{}: no column for {wanted} (looked for {spellings}); the header has: {found}; rename the column",
        .path.display()
    )]
    Column {
        /// The file.
        path: PathBuf,
        /// What the column holds.
        wanted: &'static str,
        /// Some of the names it may have.
        spellings: &'static str,
        /// The header.
        found: String,
    },
    /// A line that cannot be understood.
    #[error("{}, line {line}: {found} found, {expected} expected; correct or remove the line", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// What stands there, quoted.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// A file without a single usable row.
    #[error("{}: no {wanted} found; {hint}", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What the rows hold.
        wanted: &'static str,
        /// What to do.
        hint: &'static str,
    },
}
