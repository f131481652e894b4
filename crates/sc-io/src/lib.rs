//! Single-cell data in memory and on disk.
//!
//! Containers ([`Csr`], [`Dense`], [`Table`], [`Modality`], [`MultiModal`]) need nothing but this
//! crate; the file formats sit behind features, so that a crate that only wants the containers
//! takes `sc-io` with `default-features = false` and builds no HDF5 code.
//!
//! Rows are cells (`obs`), columns are features (`var`), as in anndata.

mod column;
mod csr;
mod dense;
mod modality;
mod multimodal;
mod table;
mod uns;

pub use column::{Categorical, Column};
pub use csr::{Csr, CsrError};
pub use dense::Dense;
pub use modality::{Embedding, Matrix, Modality, Raw, ShapeError};
pub use multimodal::{MultiModal, PairedCells};
pub use table::{Table, TableError};
pub use uns::Uns;
