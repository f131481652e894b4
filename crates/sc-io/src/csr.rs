//! Compressed sparse rows.

use crate::Dense;

/// Why raw parts do not form a valid [`Csr`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CsrError {
    /// `indptr` has the wrong number of entries.
    #[error("indptr has {found} entries, {expected} expected (rows + 1)")]
    IndptrLength {
        /// Entries found.
        found: usize,
        /// Rows + 1.
        expected: usize,
    },
    /// `indptr` does not start at zero.
    #[error("indptr must start at 0, it starts at {0}")]
    IndptrStart(usize),
    /// `indptr` goes down.
    #[error(
        "indptr goes down at row {row} ({before} -> {after}); a 32-bit overflow in the writer looks like this"
    )]
    IndptrOrder {
        /// First row where it happens.
        row: usize,
        /// Offset before.
        before: usize,
        /// Offset after.
        after: usize,
    },
    /// The last offset is not the number of stored values.
    #[error("indptr ends at {end}, but {stored} values are stored")]
    IndptrEnd {
        /// Last offset.
        end: usize,
        /// Stored values.
        stored: usize,
    },
    /// `indices` and `values` differ in length.
    #[error("{indices} column indices for {values} values")]
    Lengths {
        /// Column indices.
        indices: usize,
        /// Values.
        values: usize,
    },
    /// A column index is too large.
    #[error("column index {index} in row {row} is outside 0..{n_cols}")]
    IndexRange {
        /// Row.
        row: usize,
        /// Offending index.
        index: u32,
        /// Number of columns.
        n_cols: usize,
    },
    /// A column appears twice in one row.
    #[error("column {index} is stored twice in row {row}")]
    Duplicate {
        /// Row.
        row: usize,
        /// Column.
        index: u32,
    },
}

/// A sparse matrix by rows: 64-bit offsets, 32-bit column indices, f32 values.
///
/// Always valid: offsets start at 0, never go down and end at `nnz`; the columns of a row are
/// strictly increasing and below `n_cols`. Stored zeros are allowed.
///
/// ```
/// use sc_io::Csr;
/// let m = Csr::new(2, 3, vec![0, 2, 3], vec![0, 2, 1], vec![1.0, 2.0, 3.0]).unwrap();
/// assert_eq!(m.row(0), (&[0, 2][..], &[1.0, 2.0][..]));
/// assert_eq!(m.select_columns(&[2, 0]).to_dense().row(0), &[2.0, 1.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Csr {
    n_rows: usize,
    n_cols: usize,
    indptr: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl Csr {
    /// Checks the parts; rows whose columns are out of order are sorted (legal in files).
    pub fn new(
        n_rows: usize,
        n_cols: usize,
        indptr: Vec<usize>,
        indices: Vec<u32>,
        values: Vec<f32>,
    ) -> Result<Self, CsrError> {
        if indptr.len() != n_rows + 1 {
            return Err(CsrError::IndptrLength {
                found: indptr.len(),
                expected: n_rows + 1,
            });
        }
        if indptr[0] != 0 {
            return Err(CsrError::IndptrStart(indptr[0]));
        }
        if let Some(row) = indptr.windows(2).position(|w| w[0] > w[1]) {
            let (before, after) = (indptr[row], indptr[row + 1]);
            return Err(CsrError::IndptrOrder { row, before, after });
        }
        if indices.len() != values.len() {
            return Err(CsrError::Lengths {
                indices: indices.len(),
                values: values.len(),
            });
        }
        if indptr[n_rows] != values.len() {
            return Err(CsrError::IndptrEnd {
                end: indptr[n_rows],
                stored: values.len(),
            });
        }
        let mut m = Self {
            n_rows,
            n_cols,
            indptr,
            indices,
            values,
        };
        for row in 0..n_rows {
            m.check_row(row)?;
        }
        Ok(m)
    }

    /// Sorts one row if needed, then checks range and duplicates.
    fn check_row(&mut self, row: usize) -> Result<(), CsrError> {
        let span = self.indptr[row]..self.indptr[row + 1];
        let (cols, values) = (&mut self.indices[span.clone()], &mut self.values[span]);
        if cols.windows(2).any(|w| w[0] > w[1]) {
            let mut pairs: Vec<(u32, f32)> =
                cols.iter().copied().zip(values.iter().copied()).collect();
            pairs.sort_by_key(|p| p.0);
            for (k, (c, v)) in pairs.into_iter().enumerate() {
                (cols[k], values[k]) = (c, v);
            }
        }
        if let Some(w) = cols.windows(2).find(|w| w[0] == w[1]) {
            return Err(CsrError::Duplicate { row, index: w[0] });
        }
        match cols.last() {
            Some(&index) if index as usize >= self.n_cols => Err(CsrError::IndexRange {
                row,
                index,
                n_cols: self.n_cols,
            }),
            _ => Ok(()),
        }
    }

    /// An `n_rows x n_cols` matrix without stored values.
    pub fn zeros(n_rows: usize, n_cols: usize) -> Self {
        Self {
            n_rows,
            n_cols,
            indptr: vec![0; n_rows + 1],
            indices: vec![],
            values: vec![],
        }
    }

    /// The non-zeros of a dense matrix.
    pub fn from_dense(dense: &Dense) -> Self {
        let mut m = Self::zeros(0, dense.n_cols());
        for r in 0..dense.n_rows() {
            let row = dense.row(r).iter().enumerate();
            m.push_row(row.filter(|(_, v)| **v != 0.0).map(|(c, v)| (c as u32, *v)));
        }
        m
    }

    /// Appends a row; `entries` must have increasing columns below `n_cols`.
    ///
    /// # Panics
    /// If they do not.
    pub fn push_row(&mut self, entries: impl IntoIterator<Item = (u32, f32)>) {
        let start = self.indices.len();
        for (c, v) in entries {
            assert!(
                (c as usize) < self.n_cols,
                "column {c} outside 0..{}",
                self.n_cols
            );
            assert!(
                self.indices.len() == start || self.indices[self.indices.len() - 1] < c,
                "columns must increase"
            );
            self.indices.push(c);
            self.values.push(v);
        }
        self.indptr.push(self.indices.len());
        self.n_rows += 1;
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of columns.
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// Number of stored values.
    pub fn nnz(&self) -> usize {
        self.values.len()
    }

    /// Row offsets, `n_rows + 1` of them.
    pub fn indptr(&self) -> &[usize] {
        &self.indptr
    }

    /// Column of each stored value.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The stored values.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The stored values, to be changed in place (the pattern stays).
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Columns and values of one row.
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let span = self.indptr[row]..self.indptr[row + 1];
        (&self.indices[span.clone()], &self.values[span])
    }

    /// Values of one row, to be changed in place.
    pub fn row_values_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[self.indptr[row]..self.indptr[row + 1]]
    }

    /// Sum of each row, in f64.
    pub fn row_sums(&self) -> Vec<f64> {
        (0..self.n_rows)
            .map(|r| self.row(r).1.iter().map(|&v| v as f64).sum())
            .collect()
    }

    /// Sum of each column, in f64.
    pub fn column_sums(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.n_cols];
        for (&c, &v) in self.indices.iter().zip(&self.values) {
            sums[c as usize] += v as f64;
        }
        sums
    }

    /// The given rows, in the given order (repeats allowed).
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        let mut m = Self::zeros(0, self.n_cols);
        let nnz = rows
            .iter()
            .map(|&r| self.indptr[r + 1] - self.indptr[r])
            .sum();
        m.indices.reserve_exact(nnz);
        m.values.reserve_exact(nnz);
        for &r in rows {
            let (c, v) = self.row(r);
            m.indices.extend_from_slice(c);
            m.values.extend_from_slice(v);
            m.indptr.push(m.indices.len());
        }
        m.n_rows = rows.len();
        m
    }

    /// The given columns, in the given order.
    ///
    /// # Panics
    /// If a column is named twice or does not exist.
    pub fn select_columns(&self, columns: &[usize]) -> Self {
        let mut place = vec![u32::MAX; self.n_cols];
        for (new, &old) in columns.iter().enumerate() {
            assert!(place[old] == u32::MAX, "column {old} selected twice");
            place[old] = new as u32;
        }
        let mut m = Self::zeros(0, columns.len());
        let mut row = Vec::new();
        for r in 0..self.n_rows {
            let (c, v) = self.row(r);
            row.clear();
            row.extend(c.iter().zip(v).filter_map(|(&c, &v)| {
                let new = place[c as usize];
                (new != u32::MAX).then_some((new, v))
            }));
            row.sort_unstable_by_key(|e| e.0);
            m.push_row(row.iter().copied());
        }
        m
    }

    /// Rows become columns.
    pub fn transpose(&self) -> Self {
        let mut indptr = vec![0usize; self.n_cols + 1];
        for &c in &self.indices {
            indptr[c as usize + 1] += 1;
        }
        for i in 0..self.n_cols {
            indptr[i + 1] += indptr[i];
        }
        let mut next = indptr.clone();
        let mut indices = vec![0u32; self.nnz()];
        let mut values = vec![0f32; self.nnz()];
        for r in 0..self.n_rows {
            let (c, v) = self.row(r);
            for (&c, &v) in c.iter().zip(v) {
                let slot = &mut next[c as usize];
                (indices[*slot], values[*slot]) = (r as u32, v);
                *slot += 1;
            }
        }
        Self {
            n_rows: self.n_cols,
            n_cols: self.n_rows,
            indptr,
            indices,
            values,
        }
    }

    /// Every value, zeros included: memory `n_rows * n_cols`.
    pub fn to_dense(&self) -> Dense {
        let mut d = Dense::zeros(self.n_rows, self.n_cols);
        for r in 0..self.n_rows {
            let (c, v) = self.row(r);
            let out = d.row_mut(r);
            for (&c, &v) in c.iter().zip(v) {
                out[c as usize] = v;
            }
        }
        d
    }
}
