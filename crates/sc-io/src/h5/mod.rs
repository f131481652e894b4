//! HDF5 files: `.h5ad`, `.h5mu` and 10x `.h5`.
//!
//! [`store`] is the only room that talks to the reading library, `sink` the only one that talks
//! to the writing library; either can be replaced without touching the formats above them.

mod anndata;
mod atomic;
mod element;
mod encode;
mod encoding;
mod matrix;
mod mudata;
mod rows;
mod sink;
mod store;
mod table;
mod tenx;
mod uns;
mod verify;
mod write;
mod writer;

use std::path::Path;

pub use rows::{Blocks, MatrixReader, RowOptions};
pub use write::{WriteOptions, write_h5ad, write_h5ad_with, write_h5mu, write_h5mu_with};
pub use writer::{MatrixWriter, RowBlock};

use crate::Modality;
use crate::error::Error;
use crate::features;
use crate::read::{Format, Loaded, ReadOptions};
use store::{AttrValue, Group, Store};

/// Reads an AnnData file (`.h5ad`).
///
/// Encodings of anndata 0.7 to 0.13 are understood. Duplicate names are legal and become a
/// [`Notice`](crate::Notice); so do elements that are left out.
///
/// # Errors
/// When `obs`, `var`, `X`, a layer or anything else that is kept is broken or does not fit, and
/// for files of another format.
pub fn read_h5ad(path: impl AsRef<Path>) -> Result<Loaded<Modality>, Error> {
    let store = Store::open(path.as_ref(), &ReadOptions::default())?;
    let root = store.root()?;
    expect(&root, Format::H5ad)?;
    let data = anndata::read_modality(&root)?;
    drop(root);
    Ok(Loaded {
        data,
        format: Format::H5ad,
        notices: store.into_notices(),
    })
}

/// Reads a MuData file (`.h5mu`) whose modalities share cells (axis 0).
///
/// Rows are matched by the names in each modality; `obsmap`, where present, must agree. Columns
/// of the global `obs` that repeat a column of a modality (`rna:n_counts`) are not kept twice.
///
/// # Errors
/// As [`read_h5ad`]; also for duplicate cell names within a modality and for axis 1 or -1.
pub fn read_h5mu(path: impl AsRef<Path>) -> Result<Loaded, Error> {
    let store = Store::open(path.as_ref(), &ReadOptions::default())?;
    let root = store.root()?;
    expect(&root, Format::H5mu)?;
    let data = mudata::read_multimodal(&root)?;
    drop(root);
    Ok(Loaded {
        data,
        format: Format::H5mu,
        notices: store.into_notices(),
    })
}

/// Reads a 10x HDF5 file of version 2 (one or several genomes) or 3.
///
/// Cells become rows. Features are split by their type: `Gene Expression` is `rna`,
/// `Antibody Capture` is `adt`, `Peaks` is `atac`. Features are named by their symbol; `var`
/// keeps `gene_ids`, `feature_types` and `genome`. Version 2 with several genomes gives one
/// modality per genome, `rna_<genome>`.
///
/// # Errors
/// When sizes or indices do not fit, and for files of another format.
pub fn read_tenx_h5(path: impl AsRef<Path>) -> Result<Loaded, Error> {
    let store = Store::open(path.as_ref(), &ReadOptions::default())?;
    let root = store.root()?;
    let format = detect(&root)?;
    let data = match format {
        Format::TenxH5v2 | Format::TenxH5v3 => tenx::read(&root, format)?,
        _ => return Err(wrong_format(&root, "a 10x HDF5 file", format)),
    };
    drop(root);
    Ok(Loaded {
        data,
        format,
        notices: store.into_notices(),
    })
}

/// Reads an HDF5 file of any known format.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Loaded, Error> {
    let store = Store::open(path, options)?;
    let root = store.root()?;
    let format = detect(&root)?;
    let data = match format {
        Format::H5mu => mudata::read_multimodal(&root)?,
        Format::TenxH5v2 | Format::TenxH5v3 => tenx::read(&root, format)?,
        _ => {
            let (data, messages) = features::into_multimodal(anndata::read_modality(&root)?);
            messages
                .into_iter()
                .for_each(|(element, m)| store.notice(&element, m));
            data
        }
    };
    drop(root);
    Ok(Loaded {
        data,
        format,
        notices: store.into_notices(),
    })
}

/// The format of a file from what its root holds.
fn detect(root: &Group<'_>) -> Result<Format, Error> {
    let names = root.names()?;
    let has = |name: &str| names.iter().any(|n| n == name);
    let encoding = root
        .attr("encoding-type")
        .and_then(|a| a.text())
        .unwrap_or_default();
    if encoding == "MuData" || has("mod") {
        return Ok(Format::H5mu);
    }
    if encoding == "anndata" || has("obs") || has("var") {
        return Ok(Format::H5ad);
    }
    if has("matrix") {
        return Ok(Format::TenxH5v3);
    }
    if tenx::genomes(root, &names)?.is_some() {
        return Ok(Format::TenxH5v2);
    }
    let shown: Vec<&str> = names.iter().take(8).map(String::as_str).collect();
    Err(Error::Unrecognised {
        file: root.store.path().to_owned(),
        expected: "an AnnData, MuData or 10x file",
        found: format!(
            "an HDF5 file without X, obs, var, mod or matrix; its root holds: {}",
            if shown.is_empty() {
                "nothing".into()
            } else {
                shown.join(", ")
            }
        ),
    })
}

fn expect(root: &Group<'_>, wanted: Format) -> Result<(), Error> {
    let name = match wanted {
        Format::H5mu => "a MuData file",
        _ => "an AnnData file",
    };
    match detect(root)? {
        found if found == wanted => Ok(()),
        found => Err(wrong_format(root, name, found)),
    }
}

fn wrong_format(root: &Group<'_>, expected: &'static str, found: Format) -> Error {
    let found = match found {
        Format::H5ad => "this is an AnnData file; read it with read_h5ad or read",
        Format::H5mu => "this is a MuData file; read it with read_h5mu or read",
        _ => "this is a 10x HDF5 file; read it with read_tenx_h5 or read",
    };
    Error::Unrecognised {
        file: root.store.path().to_owned(),
        expected,
        found: found.into(),
    }
}
