//! One entry point for every format.

use std::path::Path;

use crate::MultiModal;
use crate::error::{Error, Notice};

/// The format that a file was found to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// AnnData in HDF5.
    H5ad,
    /// MuData in HDF5.
    H5mu,
    /// 10x HDF5 of version 2: one group per genome.
    TenxH5v2,
    /// 10x HDF5 of version 3: one group `matrix`.
    TenxH5v3,
    /// A 10x MEX folder with `genes.tsv`.
    MexV2,
    /// A 10x MEX folder with `features.tsv.gz`.
    MexV3,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::H5ad => "AnnData (.h5ad)",
            Self::H5mu => "MuData (.h5mu)",
            Self::TenxH5v2 => "10x HDF5, version 2",
            Self::TenxH5v3 => "10x HDF5, version 3",
            Self::MexV2 => "10x MEX, version 2",
            Self::MexV3 => "10x MEX, version 3",
        })
    }
}

/// Data with the format it was read from and what is worth knowing about it.
#[derive(Clone, Debug)]
pub struct Loaded<T = MultiModal> {
    /// The data.
    pub data: T,
    /// The format found.
    pub format: Format,
    /// What was left out or changed, and what looks odd.
    pub notices: Vec<Notice>,
}

/// Limits of a reading.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// Largest array as stored, in bytes; a larger one is an error before anything is allocated.
    /// Default: 64 GiB.
    pub max_array_bytes: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            max_array_bytes: 64 << 30,
        }
    }
}

/// Reads a file or folder of any known format; its content decides, not its suffix.
///
/// - MuData: its modalities.
/// - AnnData: one modality named `rna`; where `var` has a column `feature_types`, one modality
///   per type, named by [`modality_name`](crate::modality_name) (each with the columns of `obs`;
///   `obsm` and `uns` then belong to the whole).
/// - 10x HDF5 (version 2 and 3): one modality per feature type; version 2 with several genomes:
///   `rna_<genome>` each.
/// - A folder: 10x MEX, split likewise.
///
/// Values become f32; what that rounds is told in [`Loaded::notices`]. A matrix larger than memory
/// is read by blocks of rows with `MatrixReader`.
///
/// # Errors
/// A file of no known format is named by what its first bytes look like; a truncated one by its
/// found and recorded size; anything else by file, element and reason.
pub fn read(path: impl AsRef<Path>) -> Result<Loaded, Error> {
    read_with(path, &ReadOptions::default())
}

/// [`read`] with limits of one's own.
pub fn read_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Loaded, Error> {
    let path = path.as_ref();
    let meta = std::fs::metadata(path).map_err(|e| Error::io(path, "open", e))?;
    if meta.is_dir() {
        read_folder(path)
    } else {
        read_file(path, options)
    }
}

#[cfg(feature = "mex")]
fn read_folder(path: &Path) -> Result<Loaded, Error> {
    crate::mex::read_mex(path)
}

#[cfg(not(feature = "mex"))]
fn read_folder(path: &Path) -> Result<Loaded, Error> {
    let found = "it is a folder; this build reads no MEX folders (feature `mex`)".into();
    Err(Error::Unrecognised {
        file: path.to_owned(),
        expected: "a known file",
        found,
    })
}

#[cfg(feature = "h5")]
fn read_file(path: &Path, options: &ReadOptions) -> Result<Loaded, Error> {
    crate::h5::read(path, options)
}

#[cfg(not(feature = "h5"))]
fn read_file(path: &Path, _: &ReadOptions) -> Result<Loaded, Error> {
    use std::io::Read;
    let mut head = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, "open", e))?;
    file.take(512)
        .read_to_end(&mut head)
        .map_err(|e| Error::io(path, "read", e))?;
    let found = if head.starts_with(b"\x89HDF") {
        "it is an HDF5 file; this build reads none (feature `h5`)".into()
    } else {
        crate::sniff::describe(&head)
    };
    Err(Error::Unrecognised {
        file: path.to_owned(),
        expected: "a known file",
        found,
    })
}
