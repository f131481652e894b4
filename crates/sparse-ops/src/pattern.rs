//! Where the entries of a sparse matrix are.

use std::fmt;
use std::sync::OnceLock;

use crate::SparseError;

/// The structure of a sparse matrix `[rows, cols]` by rows (CSR), without its values, on the host.
///
/// Row `r` owns the entries `offsets[r] .. offsets[r + 1]`; entry `k` lies in column `indices[k]`.
/// The columns of a row may come in any order and more than once: entries in the same place add
/// up. Sums over a row run in the order of its entries.
///
/// ```
/// use sparse_ops::CsrPattern;
///
/// // x . y
/// // . . .
/// let pattern = CsrPattern::new([2, 3], vec![0, 2, 2], vec![0, 2])?;
/// assert_eq!((pattern.rows(), pattern.cols(), pattern.nnz()), (2, 3, 2));
/// assert_eq!(pattern.transposed().offsets, [0, 1, 1, 2]);
/// # Ok::<(), sparse_ops::SparseError>(())
/// ```
pub struct CsrPattern {
    cols: usize,
    offsets: Vec<usize>,
    indices: Vec<u32>,
    transposed: OnceLock<Transposed>,
}

/// The same entries by columns, and in each column by rising row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transposed {
    /// Column `c` owns the places `offsets[c] .. offsets[c + 1]` of the two lists below, `[cols + 1]`.
    pub offsets: Vec<usize>,
    /// Row of each entry, `[nnz]`.
    pub rows: Vec<u32>,
    /// Place of each entry in the matrix by rows, `[nnz]`.
    pub entries: Vec<usize>,
}

impl CsrPattern {
    /// Checks and takes a structure of `[rows, cols]`: `offsets` has `rows + 1` elements that start at 0 and do
    /// not fall, `indices` has as many elements as the last offset says, all below `cols`.
    ///
    /// # Errors
    ///
    /// The first rule that is broken, with the row and entry.
    pub fn new(
        [rows, cols]: [usize; 2],
        offsets: Vec<usize>,
        indices: Vec<u32>,
    ) -> Result<Self, SparseError> {
        if rows > u32::MAX as usize {
            return Err(SparseError::TooManyRows { rows });
        }
        if offsets.len() != rows + 1 {
            let found = offsets.len();
            return Err(SparseError::OffsetCount { rows, found });
        }
        if offsets[0] != 0 {
            return Err(SparseError::FirstOffset { found: offsets[0] });
        }
        if let Some(row) = offsets.windows(2).position(|pair| pair[1] < pair[0]) {
            let (start, end) = (offsets[row], offsets[row + 1]);
            return Err(SparseError::FallingOffsets { row, start, end });
        }
        let (end, found) = (offsets[rows], indices.len());
        if end != found {
            return Err(SparseError::EntryCount { end, found });
        }
        if let Some(entry) = indices.iter().position(|&column| column as usize >= cols) {
            return Err(SparseError::Column {
                row: row_of(&offsets, entry),
                entry,
                column: indices[entry],
                cols,
            });
        }
        Ok(Self {
            cols,
            offsets,
            indices,
            transposed: OnceLock::new(),
        })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Number of stored entries.
    pub fn nnz(&self) -> usize {
        self.indices.len()
    }

    /// Row offsets, `[rows + 1]`.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// Column of each entry, `[nnz]`.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The entries by columns, made by the first call in `O(nnz + cols)` and kept.
    ///
    /// The gradient of [`sparse_linear`](crate::sparse_linear) reads it. A loader can call this from its own thread,
    /// so that the training step does not wait for it.
    pub fn transposed(&self) -> &Transposed {
        self.transposed.get_or_init(|| self.transpose())
    }

    /// Whether [`transposed`](Self::transposed) is at hand.
    pub(crate) fn is_transposed(&self) -> bool {
        self.transposed.get().is_some()
    }

    /// Counting sort by column; stable, hence by row inside a column.
    fn transpose(&self) -> Transposed {
        // Counts go two places up: after the sum, `next[c + 1]` is the start of column `c`; when
        // all entries are placed it is the end of `c`, which is the start of `c + 1`.
        let mut next = vec![0usize; self.cols + 2];
        for &column in &self.indices {
            next[column as usize + 2] += 1;
        }
        for c in 2..next.len() {
            next[c] += next[c - 1];
        }
        let mut rows = vec![0u32; self.nnz()];
        let mut entries = vec![0usize; self.nnz()];
        for (row, range) in self.offsets.windows(2).enumerate() {
            for entry in range[0]..range[1] {
                let place = &mut next[self.indices[entry] as usize + 1];
                rows[*place] = row as u32;
                entries[*place] = entry;
                *place += 1;
            }
        }
        next.truncate(self.cols + 1);
        Transposed {
            offsets: next,
            rows,
            entries,
        }
    }
}

/// Row that owns an entry.
pub(crate) fn row_of(offsets: &[usize], entry: usize) -> usize {
    offsets.partition_point(|&start| start <= entry) - 1
}

impl fmt::Debug for CsrPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsrPattern")
            .field("rows", &self.rows())
            .field("cols", &self.cols)
            .field("nnz", &self.nnz())
            .finish()
    }
}
