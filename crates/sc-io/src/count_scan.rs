//! A look at every value of a matrix: is it raw counts?

use std::fmt;

use crate::Matrix;

/// How many offending values are kept.
const OFFENDERS: usize = 5;
/// `ln(1 + x)` of counts stays below this: `exp(15)` counts of one gene in a cell do not occur.
const LOG_LIMIT: f32 = 15.0;

/// What the values of a matrix look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No negative, no fractional and no non-finite value.
    Counts,
    /// Fractional, not negative, and all below 15: what `log1p` of normalised counts gives.
    LogNormalised,
    /// Anything else: scaled values, plain normalised counts, damaged values.
    Other,
}

/// A value that no count matrix holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offender {
    /// Row (cell).
    pub row: usize,
    /// Column (feature).
    pub column: usize,
    /// The value.
    pub value: f32,
}

/// The result of looking at every value of a matrix, never at a sample.
///
/// A non-zero value is an offender if it is negative, NaN, infinite, or no integer.
///
/// ```
/// use sc_io::{CountScan, Dense, Matrix, Verdict};
/// let x = Matrix::Dense(Dense::new(2, 2, vec![0.0, 3.0, 2.5, 0.0]).unwrap());
/// let scan = CountScan::of(&x);
/// assert_eq!(scan.non_integers, 1);
/// assert_eq!((scan.offenders[0].row, scan.offenders[0].column), (1, 0));
/// assert_eq!(scan.verdict(), Verdict::LogNormalised);
/// assert!(!scan.is_counts());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CountScan {
    /// Rows of the matrix.
    pub n_rows: usize,
    /// Columns of the matrix.
    pub n_cols: usize,
    /// Values that are not zero (NaN is not zero).
    pub non_zeros: usize,
    /// Smallest value, implied zeros included, NaN left out; 0 for an empty matrix.
    pub min: f32,
    /// Largest value, as `min`.
    pub max: f32,
    /// Finite values that are no integers.
    pub non_integers: usize,
    /// Values below zero, minus infinity included.
    pub negatives: usize,
    /// NaN values.
    pub nans: usize,
    /// Infinite values of either sign.
    pub infinities: usize,
    /// The first five offending values, by row and column.
    pub offenders: Vec<Offender>,
    /// Rows without a non-zero value.
    pub empty_rows: usize,
    /// Columns without a non-zero value.
    pub empty_columns: usize,
}

impl CountScan {
    /// Looks at every value.
    pub fn of(m: &Matrix) -> Self {
        let (n_rows, n_cols) = (m.n_rows(), m.n_cols());
        let mut scan = Self {
            n_rows,
            n_cols,
            non_zeros: 0,
            min: f32::INFINITY,
            max: f32::NEG_INFINITY,
            non_integers: 0,
            negatives: 0,
            nans: 0,
            infinities: 0,
            offenders: Vec::new(),
            empty_rows: 0,
            empty_columns: 0,
        };
        let mut seen = vec![false; n_cols];
        for row in 0..n_rows {
            let before = scan.non_zeros;
            match m {
                Matrix::Dense(d) => {
                    for (column, &value) in d.row(row).iter().enumerate() {
                        seen[column] |= scan.add(row, column, value);
                    }
                }
                Matrix::Csr(m) => {
                    let (columns, values) = m.row(row);
                    for (&column, &value) in columns.iter().zip(values) {
                        seen[column as usize] |= scan.add(row, column as usize, value);
                    }
                }
            }
            scan.empty_rows += (scan.non_zeros == before) as usize;
        }
        scan.empty_columns = seen.iter().filter(|s| !**s).count();
        // Every value that is not stored is a zero.
        if scan.non_zeros < n_rows * n_cols || scan.min > scan.max {
            (scan.min, scan.max) = (scan.min.min(0.0), scan.max.max(0.0));
        }
        scan
    }

    /// Counts one value; true unless it is zero.
    fn add(&mut self, row: usize, column: usize, value: f32) -> bool {
        if value == 0.0 {
            return false;
        }
        self.non_zeros += 1;
        let mut is_offender = false;
        if value.is_nan() {
            self.nans += 1;
            is_offender = true;
        } else {
            (self.min, self.max) = (self.min.min(value), self.max.max(value));
            if value < 0.0 {
                self.negatives += 1;
                is_offender = true;
            }
            if value.is_infinite() {
                self.infinities += 1;
                is_offender = true;
            } else if value.fract() != 0.0 {
                self.non_integers += 1;
                is_offender = true;
            }
        }
        if is_offender && self.offenders.len() < OFFENDERS {
            self.offenders.push(Offender { row, column, value });
        }
        true
    }

    /// Share of zeros, in 0..=1; 0 for an empty matrix.
    pub fn sparsity(&self) -> f64 {
        let all = self.n_rows as f64 * self.n_cols as f64;
        if all == 0.0 {
            0.0
        } else {
            1.0 - self.non_zeros as f64 / all
        }
    }

    /// Whether every value is a count: an integer, not negative, finite.
    pub fn is_counts(&self) -> bool {
        self.verdict() == Verdict::Counts
    }

    /// What the values look like.
    pub fn verdict(&self) -> Verdict {
        let is_sound = self.negatives == 0 && self.nans == 0 && self.infinities == 0;
        match (is_sound, self.non_integers) {
            (true, 0) => Verdict::Counts,
            (true, _) if self.max < LOG_LIMIT => Verdict::LogNormalised,
            _ => Verdict::Other,
        }
    }
}

impl fmt::Display for CountScan {
    /// One sentence for a report.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.verdict() {
            Verdict::Counts => "counts",
            Verdict::LogNormalised => "values that look log-normalised",
            Verdict::Other => "values that are no counts",
        };
        write!(
            f,
            "{} x {} {what} from {} to {}, {:.1} % zeros",
            self.n_rows,
            self.n_cols,
            self.min,
            self.max,
            100.0 * self.sparsity()
        )?;
        let parts = [
            (self.negatives, "negative"),
            (self.non_integers, "not integer"),
            (self.nans, "NaN"),
            (self.infinities, "infinite"),
            (self.empty_rows, "empty rows"),
            (self.empty_columns, "empty columns"),
        ];
        for (n, name) in parts.iter().filter(|(n, _)| *n > 0) {
            write!(f, ", {n} {name}")?;
        }
        if let Some(o) = self.offenders.first() {
            write!(
                f,
                "; first: {} at row {}, column {}",
                o.value, o.row, o.column
            )?;
        }
        write!(f, ".")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Csr, Dense};

    fn dense(rows: usize, cols: usize, values: Vec<f32>) -> Matrix {
        Matrix::Dense(Dense::new(rows, cols, values).unwrap())
    }

    #[test]
    fn counts_everything_once() {
        let values = vec![
            0.0,
            -3.0,
            2.5,
            f32::NAN,
            f32::INFINITY,
            0.0,
            7.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
        ];
        let scan = CountScan::of(&dense(4, 3, values));
        assert_eq!(
            (
                scan.negatives,
                scan.non_integers,
                scan.nans,
                scan.infinities
            ),
            (1, 1, 1, 1)
        );
        assert_eq!(
            (scan.min, scan.max, scan.non_zeros),
            (-3.0, f32::INFINITY, 5)
        );
        assert_eq!((scan.empty_rows, scan.empty_columns), (1, 0));
        let places: Vec<_> = scan.offenders.iter().map(|o| (o.row, o.column)).collect();
        assert_eq!(places, [(0, 1), (0, 2), (1, 0), (1, 1)]);
        assert_eq!(scan.verdict(), Verdict::Other);
    }

    #[test]
    fn implied_zeros_count_for_the_range() {
        let m = Matrix::Csr(Csr::new(2, 2, vec![0, 1, 1], vec![1], vec![5.0]).unwrap());
        let scan = CountScan::of(&m);
        assert_eq!((scan.min, scan.max, scan.sparsity()), (0.0, 5.0, 0.75));
        assert_eq!(scan.verdict(), Verdict::Counts);
        assert_eq!(
            scan.to_string(),
            "2 x 2 counts from 0 to 5, 75.0 % zeros, 1 empty rows, 1 empty columns."
        );
        let full = CountScan::of(&dense(1, 2, vec![2.0, 3.0]));
        assert_eq!(full.min, 2.0);
    }

    #[test]
    fn verdicts() {
        assert_eq!(
            CountScan::of(&dense(1, 2, vec![0.0, 0.69])).verdict(),
            Verdict::LogNormalised
        );
        assert_eq!(
            CountScan::of(&dense(1, 2, vec![0.5, 200.0])).verdict(),
            Verdict::Other
        );
        assert_eq!(
            CountScan::of(&dense(1, 2, vec![-0.5, 1.0])).verdict(),
            Verdict::Other
        );
        assert_eq!(
            CountScan::of(&dense(0, 3, vec![])).verdict(),
            Verdict::Counts
        );
    }
}
