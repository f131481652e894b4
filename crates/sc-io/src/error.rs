//! What can go wrong while reading and writing files.

use std::fmt;
use std::path::PathBuf;

/// The kind of a problem inside a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Something that must be there is not.
    Missing,
    /// Another type than the format asks for.
    WrongType,
    /// Sizes that do not fit together.
    Shape,
    /// A value outside its range.
    Value,
    /// Legal, but not understood by this reader: an encoding, a type, a filter.
    Unsupported,
    /// More than the limits of the reader allow.
    TooLarge,
    /// Bytes that cannot be decoded.
    Damaged,
    /// A link that leads out of the file, nowhere, or back to itself.
    Link,
}

/// An error of reading or writing, with the file and the place in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{}: cannot {action}: {source}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The reason of the system.
        source: std::io::Error,
    },
    /// The file is not of the expected kind.
    #[error("{}: not {expected}: {found}", .file.display())]
    Unrecognised {
        /// The file.
        file: PathBuf,
        /// The kind that was expected.
        expected: &'static str,
        /// What the file looks like, and what to do.
        found: String,
    },
    /// The end of the file is missing.
    #[error(
        "{}: truncated: {found} bytes found, {recorded} recorded in its header; copy or download it again",
        .file.display()
    )]
    Truncated {
        /// The file.
        file: PathBuf,
        /// Bytes on disk.
        found: u64,
        /// Bytes that its header records.
        recorded: u64,
    },
    /// A problem at one element of the file.
    #[error("{}: {element}: {reason}", .file.display())]
    Element {
        /// The file.
        file: PathBuf,
        /// Path inside the file, such as `X/indices` or `obs/cell_type`.
        element: String,
        /// The kind of the problem.
        fault: Fault,
        /// What was expected and found.
        reason: String,
    },
    /// A problem at one line of a text file.
    #[error("{}, line {line}: {reason}", .file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// Line, counted from 1.
        line: u64,
        /// What was expected and found.
        reason: String,
    },
    /// Nothing was written; a file that was there before is unchanged.
    #[error("{}: not written: {reason}", .file.display())]
    Write {
        /// The target.
        file: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Error {
    /// The kind of the problem, for a problem at an element.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Element { fault, .. } => Some(*fault),
            _ => None,
        }
    }

    #[cfg(any(feature = "h5", feature = "mex"))]
    pub(crate) fn io(file: &std::path::Path, action: &'static str, source: std::io::Error) -> Self {
        Self::Io {
            file: file.to_owned(),
            action,
            source,
        }
    }
}

/// Something worth telling that did not stop the reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Path inside the file.
    pub element: String,
    /// What was found and what was done.
    pub message: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.element, self.message)
    }
}
