//! Single-cell data in memory and on disk.
//!
//! Containers ([`Csr`], [`Dense`], [`Table`], [`Modality`], [`MultiModal`]) need nothing but this
//! crate; the file formats sit behind features, so that a crate that only wants the containers
//! takes `sc-io` with `default-features = false` and builds no HDF5 code.
//!
//! Rows are cells (`obs`), columns are features (`var`), as in anndata.

#[cfg(all(doctest, feature = "h5"))]
#[doc = include_str!("../README.md")]
struct Readme;

mod column;
mod count_scan;
mod csr;
mod dense;
mod error;
#[cfg(any(feature = "h5", feature = "mex"))]
mod features;
#[cfg(feature = "h5")]
mod h5;
#[cfg(feature = "mex")]
mod mex;
mod modality;
mod multimodal;
#[cfg(any(feature = "h5", feature = "mex"))]
mod read;
#[cfg(any(feature = "h5", feature = "mex"))]
mod sniff;
mod table;
mod uns;

pub use column::{Categorical, Column};
pub use count_scan::{CountScan, Offender, Verdict};
pub use csr::{Csr, CsrError};
pub use dense::Dense;
pub use error::{Error, Fault, Notice};
#[cfg(any(feature = "h5", feature = "mex"))]
pub use features::modality_name;
#[cfg(feature = "h5")]
pub use h5::{
    WriteOptions, read_h5ad, read_h5mu, read_tenx_h5, write_h5ad, write_h5ad_with, write_h5mu,
    write_h5mu_with,
};
#[cfg(feature = "mex")]
pub use mex::read_mex;
pub use modality::{Embedding, Matrix, Modality, Raw, ShapeError};
pub use multimodal::{MultiModal, PairedCells};
#[cfg(any(feature = "h5", feature = "mex"))]
pub use read::{Format, Loaded, ReadOptions, read, read_with};
pub use table::{Table, TableError};
pub use uns::Uns;
