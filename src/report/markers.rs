//! The features that mark a cluster.

use sc_io::Matrix;

/// Added to the pooled standard deviation, so that features that hardly vary cannot win.
const FLOOR: f64 = 0.1;

/// One feature of one cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Marker {
    /// Column of the feature.
    pub feature: usize,
    /// Standardised difference, see [`GroupStats::marker`].
    pub score: f64,
    /// Mean value in the cluster.
    pub mean_in: f64,
    /// Mean value in all other clusters together.
    pub mean_out: f64,
    /// Share of the cluster's cells with a value above zero.
    pub fraction_in: f64,
    /// Share of the other cells with a value above zero.
    pub fraction_out: f64,
}

/// Sums per cluster and feature, from one pass over the stored values.
///
/// ```
/// use cellweave::report::GroupStats;
/// use sc_io::{Csr, Dense, Matrix};
/// let x = Dense::new(4, 2, vec![2.0, 0.0, 3.0, 1.0, 0.0, 1.0, 0.0, 0.0]).unwrap();
/// let groups = [Some(0), Some(0), Some(1), Some(1)];
/// let stats = GroupStats::new(&Matrix::Csr(Csr::from_dense(&x)), &groups, 2);
/// let top = stats.top(0, 5);
/// assert_eq!(top.len(), 1);
/// assert_eq!((top[0].feature, top[0].mean_in, top[0].mean_out), (0, 2.5, 0.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GroupStats {
    n_features: usize,
    /// Cells per group.
    cells: Vec<usize>,
    /// Per group and feature.
    sums: Vec<Sums>,
    /// Per feature, over all groups.
    totals: Vec<Sums>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    value: f64,
    square: f64,
    above_zero: f64,
}

impl GroupStats {
    /// `x` is cells x features, normalised and logarithmic; `groups` has one entry per cell below
    /// `n_groups`. Cells without a group count nowhere. Memory: 24 bytes per group and feature.
    ///
    /// # Panics
    /// If there is not one group per row, or a group is not below `n_groups`.
    pub fn new(x: &Matrix, groups: &[Option<usize>], n_groups: usize) -> Self {
        assert!(
            groups.len() == x.n_rows(),
            "{} groups for {} cells",
            groups.len(),
            x.n_rows()
        );
        let n_features = x.n_cols();
        let mut cells = vec![0; n_groups];
        let mut sums = vec![Sums::default(); n_groups * n_features];
        for (row, group) in groups.iter().enumerate() {
            let Some(group) = *group else { continue };
            assert!(group < n_groups, "group {group} of {n_groups}");
            cells[group] += 1;
            let own = &mut sums[group * n_features..][..n_features];
            match x {
                Matrix::Dense(m) => m.row(row).iter().zip(own).for_each(|(&v, s)| s.add(v)),
                Matrix::Csr(m) => {
                    let (columns, values) = m.row(row);
                    for (&c, &v) in columns.iter().zip(values) {
                        own[c as usize].add(v);
                    }
                }
            }
        }
        let mut totals = vec![Sums::default(); n_features];
        for own in sums.chunks_exact(n_features.max(1)) {
            for (total, s) in totals.iter_mut().zip(own) {
                total.value += s.value;
                total.square += s.square;
                total.above_zero += s.above_zero;
            }
        }
        Self {
            n_features,
            cells,
            sums,
            totals,
        }
    }

    /// Number of groups.
    pub fn n_groups(&self) -> usize {
        self.cells.len()
    }

    /// Number of features.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// Number of cells of a group.
    pub fn n_cells(&self, group: usize) -> usize {
        self.cells[group]
    }

    /// Compares a feature in a group with the same feature in all other groups together:
    ///
    /// ```text
    /// score = (mean_in - mean_out) / (s + 0.1)
    /// s^2   = (sum of squared deviations in + out) / (n_in + n_out - 2)
    /// ```
    ///
    /// that is Cohen's d with a floor under the deviation (as in SAM, Tusher et al. 2001). It
    /// ranks; it is no test and has no p-value, because the clusters were made from the same
    /// values. The score is 0 where a side has no cell.
    pub fn marker(&self, group: usize, feature: usize) -> Marker {
        let own = self.sums[group * self.n_features + feature];
        let total = self.totals[feature];
        let n_in = self.cells[group] as f64;
        let n_out = self.cells.iter().sum::<usize>() as f64 - n_in;
        let share = |sum: f64, n: f64| if n > 0.0 { sum / n } else { 0.0 };
        let (mean_in, mean_out) = (
            share(own.value, n_in),
            share(total.value - own.value, n_out),
        );
        let score = if n_in > 0.0 && n_out > 0.0 {
            // Rounding can leave a tiny negative number.
            let squares = total.square - n_in * mean_in * mean_in - n_out * mean_out * mean_out;
            let s = (squares.max(0.0) / (n_in + n_out - 2.0).max(1.0)).sqrt();
            (mean_in - mean_out) / (s + FLOOR)
        } else {
            0.0
        };
        Marker {
            feature,
            score,
            mean_in,
            mean_out,
            fraction_in: share(own.above_zero, n_in),
            fraction_out: share(total.above_zero - own.above_zero, n_out),
        }
    }

    /// The features with the highest positive scores, best first; the first feature wins a tie.
    pub fn top(&self, group: usize, n: usize) -> Vec<Marker> {
        let all = (0..self.n_features).map(|f| self.marker(group, f));
        let mut markers: Vec<Marker> = all.filter(|m| m.score > 0.0).collect();
        markers.sort_by(|a, b| b.score.total_cmp(&a.score));
        markers.truncate(n);
        markers
    }
}

impl Sums {
    fn add(&mut self, v: f32) {
        let v = f64::from(v);
        self.value += v;
        self.square += v * v;
        self.above_zero += f64::from(v > 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sc_io::{Csr, Dense};

    #[test]
    fn score_is_the_standardised_difference() {
        // In: 1, 3; out: 0, 0, 3. Means 2 and 1; squares 2 + 6; s^2 = 8 / 3.
        let x = Matrix::Dense(Dense::new(5, 1, vec![1.0, 3.0, 0.0, 0.0, 3.0]).unwrap());
        let groups = [Some(0), Some(0), Some(1), Some(1), Some(1)];
        let m = GroupStats::new(&x, &groups, 2).marker(0, 0);
        assert!((m.score - 1.0 / ((8.0f64 / 3.0).sqrt() + 0.1)).abs() < 1e-12);
        assert_eq!((m.mean_in, m.mean_out, m.fraction_in), (2.0, 1.0, 1.0));
        assert!((m.fraction_out - 1.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn one_group_has_no_markers() {
        let x = Matrix::Dense(Dense::new(2, 1, vec![1.0, 3.0]).unwrap());
        let stats = GroupStats::new(&x, &[Some(0), None], 1);
        assert_eq!(stats.n_cells(0), 1);
        assert!(stats.top(0, 3).is_empty());
    }

    proptest! {
        #[test]
        fn sparse_and_dense_agree(
            values in prop::collection::vec(prop_oneof![Just(0f32), 0.1f32..5.0], 24),
            groups in prop::collection::vec(prop::option::of(0usize..3), 6),
        ) {
            let dense = Dense::new(6, 4, values).unwrap();
            let sparse = Matrix::Csr(Csr::from_dense(&dense));
            let a = GroupStats::new(&sparse, &groups, 3);
            let b = GroupStats::new(&Matrix::Dense(dense), &groups, 3);
            prop_assert_eq!(&a, &b);
            for g in 0..3 {
                let top = a.top(g, 4);
                prop_assert!(top.windows(2).all(|w| w[0].score >= w[1].score));
            }
        }
    }
}
