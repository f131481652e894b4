//! A dense matrix by rows.

/// A dense row-major f32 matrix.
///
/// ```
/// use sc_io::Dense;
/// let m = Dense::new(2, 2, vec![1.0, 2.0, 3.0, 4.0]).unwrap();
/// assert_eq!(m.row(1), &[3.0, 4.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    n_rows: usize,
    n_cols: usize,
    values: Vec<f32>,
}

impl Dense {
    /// `None` unless there are `n_rows * n_cols` values.
    pub fn new(n_rows: usize, n_cols: usize, values: Vec<f32>) -> Option<Self> {
        (n_rows.checked_mul(n_cols) == Some(values.len())).then_some(Self {
            n_rows,
            n_cols,
            values,
        })
    }

    /// All zeros.
    pub fn zeros(n_rows: usize, n_cols: usize) -> Self {
        Self {
            n_rows,
            n_cols,
            values: vec![0.0; n_rows * n_cols],
        }
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of columns.
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All values, to be changed in place.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Gives the values away.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// One row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.n_cols..][..self.n_cols]
    }

    /// One row, to be changed in place.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.n_cols..][..self.n_cols]
    }

    /// The given rows, in the given order.
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        let mut values = Vec::with_capacity(rows.len() * self.n_cols);
        for &r in rows {
            values.extend_from_slice(self.row(r));
        }
        Self {
            n_rows: rows.len(),
            n_cols: self.n_cols,
            values,
        }
    }

    /// The given columns, in the given order.
    pub fn select_columns(&self, columns: &[usize]) -> Self {
        let mut values = Vec::with_capacity(self.n_rows * columns.len());
        for r in 0..self.n_rows {
            let row = self.row(r);
            values.extend(columns.iter().map(|&c| row[c]));
        }
        Self {
            n_rows: self.n_rows,
            n_cols: columns.len(),
            values,
        }
    }
}
