//! A matrix in a file, read by blocks of rows.

mod blocks;
mod open;

use std::cell::Cell;
use std::ops::Range;
use std::path::Path;

pub use blocks::Blocks;

use super::anndata::read_annotations;
use super::matrix::{csr_fault, refuse_overflow};
use super::store::number::Loss;
use super::store::{Dataset, Part, Store};
use crate::error::{Error, Fault, Notice};
use crate::read::ReadOptions;
use crate::{Csr, CsrError, Dense, Matrix, Modality, Table};

/// Limits of reading by rows.
#[derive(Clone, Debug)]
pub struct RowOptions {
    /// Limits of each array that is read; for the matrix itself they bound one block, not the
    /// whole.
    pub read: ReadOptions,
    /// A matrix stored by columns (`csc_matrix`) cannot be read by rows: it is read whole, turned
    /// and held. That takes 16 bytes per stored value while opening and 8 afterwards. If it would
    /// take more than this many bytes, opening is an error instead. Default: 1 GiB.
    pub max_turned_bytes: u64,
}

impl Default for RowOptions {
    fn default() -> Self {
        Self {
            read: ReadOptions::default(),
            max_turned_bytes: 1 << 30,
        }
    }
}

/// A matrix of an `.h5ad`, or of a modality of an `.h5mu`, of which only the rows asked for are
/// read.
///
/// Opening reads `obs`, `var` and, for a sparse matrix, the row offsets (8 bytes per row), and
/// checks what a whole read checks: declared sizes, types, offsets. The values and column indices
/// of a block are checked when it is read. A block read twice gives the same values, equal to
/// those of [`read_h5ad`](crate::read_h5ad) bit by bit.
///
/// Memory, beside `obs` and `var`: the offsets, the block, and a cache of decoded chunks of
/// 32 MiB, or of two rows of chunks of each array where that is more. Blocks may be read in any
/// order; next to each other they share the chunks on their border, elsewhere these are decoded
/// again.
///
/// A matrix stored by columns is read whole and held, up to a limit: see
/// [`RowOptions::max_turned_bytes`]. Features are not split by `feature_types`, as
/// [`read`](crate::read()) does; use [`Matrix::select_columns`] on the blocks.
///
/// ```
/// use sc_io::{Csr, Matrix, MatrixReader, Modality, Table, write_h5ad};
/// let x = Csr::new(3, 2, vec![0, 1, 1, 3], vec![1, 0, 1], vec![3.0, 4.0, 5.0]).unwrap();
/// let m = Modality::new(
///     Matrix::Csr(x), Table::new(["c1", "c2", "c3"]), Table::new(["g1", "g2"]),
/// ).unwrap();
/// let path = std::env::temp_dir().join(format!("sc-io-rows-{}.h5ad", std::process::id()));
/// write_h5ad(&m, &path).unwrap();
/// let reader = MatrixReader::open(&path, "X").unwrap();
/// assert_eq!((reader.n_rows(), reader.n_cols(), reader.nnz()), (3, 2, Some(3)));
/// let mut totals = vec![];
/// for block in reader.blocks(2) {
///     let (rows, x) = block.unwrap();
///     assert_eq!(x.n_rows(), rows.len());
///     totals.extend(x.to_csr().row_sums());
/// }
/// assert_eq!(totals, [3.0, 0.0, 9.0]);
/// # std::fs::remove_file(path).unwrap();
/// ```
pub struct MatrixReader {
    store: Store,
    options: RowOptions,
    element: String,
    obs: Table,
    var: Table,
    dtype: &'static str,
    body: Body,
    earlier: Vec<Notice>,
    told_integers: Cell<bool>,
    told_rounded: Cell<bool>,
}

/// Where the rows come from.
enum Body {
    Dense(Part),
    Csr {
        offsets: Vec<usize>,
        indices: Part,
        data: Part,
    },
    Turned(Csr),
}

impl MatrixReader {
    /// Opens a matrix by its name in the file: `X`, `layers/NAME` or `raw/X`, in an `.h5mu` with
    /// `mod/MODALITY/` in front.
    ///
    /// # Errors
    /// If the file or the matrix is not there, is of another format, does not fit `obs` and
    /// `var`, has row offsets that are not valid, or is stored by columns and beyond the limit.
    pub fn open(path: impl AsRef<Path>, element: &str) -> Result<Self, Error> {
        Self::open_with(path, element, &RowOptions::default())
    }

    /// [`MatrixReader::open`] with limits of one's own.
    pub fn open_with(
        path: impl AsRef<Path>,
        element: &str,
        options: &RowOptions,
    ) -> Result<Self, Error> {
        let path = path.as_ref();
        let store = Store::open(path, &options.read)?;
        let found = open::find(&store, element, options)?;
        let earlier = store.into_notices();
        // Again, with a cache for the chunks found.
        let store = Store::open_cached(path, &options.read, found.cache)?;
        let body = open::body(&store, element, found.shape)?;
        Ok(Self {
            store,
            options: options.clone(),
            element: element.to_owned(),
            obs: found.obs,
            var: found.var,
            dtype: found.dtype,
            body,
            earlier,
            told_integers: Cell::new(false),
            told_rounded: Cell::new(false),
        })
    }

    /// Number of rows (cells).
    pub fn n_rows(&self) -> usize {
        self.obs.len()
    }

    /// Number of columns (features).
    pub fn n_cols(&self) -> usize {
        self.var.len()
    }

    /// Number of stored values of a sparse matrix, `None` for a dense one.
    pub fn nnz(&self) -> Option<usize> {
        match &self.body {
            Body::Dense(_) => None,
            Body::Csr { offsets, .. } => offsets.last().copied(),
            Body::Turned(m) => Some(m.nnz()),
        }
    }

    /// Type of the values in the file as numpy names it, such as `float32` or `int64`; blocks
    /// hold `f32`.
    pub fn dtype(&self) -> &'static str {
        self.dtype
    }

    /// The cells: names and columns.
    pub fn obs(&self) -> &Table {
        &self.obs
    }

    /// The features: names and columns (those of `raw/var` for `raw/X`).
    pub fn var(&self) -> &Table {
        &self.var
    }

    /// What was left out or changed so far, and what looks odd. That values are rounded to f32 is
    /// told once, when the first such block is read.
    pub fn notices(&self) -> Vec<Notice> {
        let mut all = self.earlier.clone();
        all.extend(self.store.notices());
        all
    }

    /// Everything else of the modality: `obs`, `var`, `obsm`, `varm`, `obsp`, `varp` and `uns`,
    /// without `X`, layers and `raw`. Read anew on each call, with what is worth knowing about it.
    ///
    /// # Errors
    /// As [`read_h5ad`](crate::read_h5ad).
    pub fn annotations(&self) -> Result<(Modality, Vec<Notice>), Error> {
        let store = Store::open(self.store.path(), &self.options.read)?;
        let g = open::modality(&store, &self.element)?;
        let m = read_annotations(&g)?;
        drop(g);
        Ok((m, store.into_notices()))
    }

    /// Reads the given rows: sparse if the file is sparse, otherwise dense.
    ///
    /// # Errors
    /// For rows outside the matrix, damaged chunks, column indices outside the matrix or twice in
    /// a row, values beyond the range of f32, and blocks beyond the limits. Rows, columns and
    /// entries in the message count from the start of the matrix.
    pub fn read_rows(&self, rows: Range<usize>) -> Result<Matrix, Error> {
        if rows.start > rows.end || rows.end > self.n_rows() {
            let reason = format!(
                "rows {}..{} are outside 0..{}",
                rows.start,
                rows.end,
                self.n_rows()
            );
            return Err(self.store.fault(&self.element, Fault::Value, reason));
        }
        match &self.body {
            Body::Dense(data) => self.read_dense(data, rows).map(Matrix::Dense),
            Body::Csr {
                offsets,
                indices,
                data,
            } => self.read_csr(offsets, indices, data, rows).map(Matrix::Csr),
            Body::Turned(m) => Ok(Matrix::Csr(m.select_rows(&rows.collect::<Vec<_>>()))),
        }
    }

    /// All rows in order, in blocks of `n_rows`; the last one may be shorter.
    ///
    /// # Panics
    /// If `n_rows` is 0.
    pub fn blocks(&self, n_rows: usize) -> Blocks<'_> {
        Blocks::new(self, n_rows)
    }

    fn read_dense(&self, data: &Part, rows: Range<usize>) -> Result<Dense, Error> {
        let data = data.of(&self.store);
        let (values, loss) = data.rows_f32(rows.start as u64..rows.end as u64)?;
        self.tell_loss(&data, loss, &rows)?;
        let found = values.len();
        Dense::new(rows.len(), self.n_cols(), values)
            .ok_or_else(|| data.fault(Fault::Damaged, format!("holds {found} values")))
    }

    fn read_csr(
        &self,
        offsets: &[usize],
        indices: &Part,
        data: &Part,
        rows: Range<usize>,
    ) -> Result<Csr, Error> {
        let (indices, data) = (indices.of(&self.store), data.of(&self.store));
        let offsets = &offsets[rows.start..=rows.end];
        let first = offsets[0];
        let span = first as u64..offsets[rows.len()] as u64;
        // Sizes are below u32::MAX, they were checked on opening.
        let columns = indices.rows_indices(span.clone(), self.n_cols() as u32)?;
        let (values, loss) = data.rows_f32(span)?;
        self.tell_loss(&data, loss, &rows)?;
        let offsets = offsets.iter().map(|o| o - first).collect();
        Csr::new(rows.len(), self.n_cols(), offsets, columns, values).map_err(|e| {
            let e = match e {
                CsrError::Duplicate { row, index } => CsrError::Duplicate {
                    row: row + rows.start,
                    index,
                },
                other => other,
            };
            csr_fault(&self.store, &self.element, &e)
        })
    }

    /// Refuses values beyond f32; tells once of integers and once of floats that are rounded.
    fn tell_loss(&self, d: &Dataset<'_>, loss: Loss, rows: &Range<usize>) -> Result<(), Error> {
        refuse_overflow(d, loss)?;
        let tell = |n: usize, told: &Cell<bool>, what: &str| {
            if n > 0 && !told.replace(true) {
                let message = format!(
                    "{what} are rounded to the nearest f32, the first of them in rows {}..{}",
                    rows.start, rows.end
                );
                self.store.notice(&d.path, message);
            }
        };
        tell(loss.integers, &self.told_integers, "integers above 2^24");
        tell(loss.rounded, &self.told_rounded, "64-bit values");
        Ok(())
    }
}
