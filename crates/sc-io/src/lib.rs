//! Single-cell data in memory and on disk.
//!
//! Containers ([`Csr`], [`Dense`], [`Table`], [`Modality`], [`MultiModal`]) need nothing but this
//! crate; the file formats sit behind features, so that a crate that only wants the containers
//! takes `sc-io` with `default-features = false` and builds no HDF5 code.
//!
//! Rows are cells (`obs`), columns are features (`var`), as in anndata.
//!
//! # Larger than memory
//!
//! [`read`] holds a file whole: 8 bytes per stored value of a sparse matrix, 4 per value of a
//! dense one. [`MatrixReader`] reads one matrix by blocks of rows, and [`MatrixWriter`] writes
//! matrices that come by blocks of rows; both need memory for a block, not for the matrix. A
//! layer is added to a file like this:
//!
//! ```
//! # #[cfg(feature = "h5")] {
//! # use sc_io::{Csr, Matrix, Modality, Table, write_h5ad, read_h5ad};
//! use sc_io::{MatrixReader, MatrixWriter, WriteOptions};
//! # let dir = std::env::temp_dir().join(format!("sc-io-lib-{}", std::process::id()));
//! # std::fs::create_dir_all(&dir).unwrap();
//! # let (input, output) = (dir.join("in.h5ad"), dir.join("out.h5ad"));
//! # let x = Csr::new(2, 2, vec![0, 1, 2], vec![0, 1], vec![3.0, 4.0]).unwrap();
//! # let m = Modality::new(Matrix::Csr(x), Table::new(["c1", "c2"]), Table::new(["g1", "g2"]));
//! # write_h5ad(&m.unwrap(), &input).unwrap();
//! # let work = || -> Result<(), sc_io::Error> {
//! let reader = MatrixReader::open(&input, "X")?;
//! let options = WriteOptions { forbid: vec![input.clone()] };
//! let mut writer = MatrixWriter::h5ad(&output, &options)?;
//! writer.add_dense("layers/double", reader.n_cols())?;
//! for block in reader.blocks(1024) {
//!     let (_rows, x) = block?;
//!     let mut x = x.to_dense();
//!     for row in 0..x.n_rows() {
//!         x.row_mut(row).iter_mut().for_each(|v| *v *= 2.0);
//!     }
//!     writer.push("layers/double", &x)?;
//! }
//! let (annotations, _notices) = reader.annotations()?;
//! writer.finish(&annotations)?;
//! # Ok(()) };
//! # work().unwrap();
//! # let back = read_h5ad(&output).unwrap().data;
//! # assert_eq!(back.layers["double"].values(), [6.0, 0.0, 0.0, 8.0]);
//! # std::fs::remove_dir_all(dir).unwrap();
//! # }
//! ```

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
    Blocks, MatrixReader, MatrixWriter, RowBlock, RowOptions, WriteOptions, read_h5ad, read_h5mu,
    read_tenx_h5, write_h5ad, write_h5ad_with, write_h5mu, write_h5mu_with,
};
#[cfg(feature = "mex")]
pub use mex::read_mex;
pub use modality::{Embedding, Matrix, Modality, Raw, ShapeError};
pub use multimodal::{MultiModal, PairedCells};
#[cfg(any(feature = "h5", feature = "mex"))]
pub use read::{Format, Loaded, ReadOptions, read, read_with};
pub use table::{Table, TableError};
pub use uns::Uns;
