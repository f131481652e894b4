//! Scaling of values.

use sc_io::{Csr, Dense};

use super::joined::Units;

/// `ln(1 + target x / total)`; a target of 0 takes counts as they are.
pub(super) fn logged(counts: &Csr, totals: &[f64], target: f64) -> Csr {
    let mut x = counts.clone();
    for (row, &total) in totals.iter().enumerate() {
        let factor = match target {
            0.0 => 1.0,
            sum if total > 0.0 => sum / total,
            _ => 0.0,
        };
        for v in x.row_values_mut(row) {
            *v = (f64::from(*v) * factor).ln_1p() as f32;
        }
    }
    x
}

/// Multiplies the values that are stored.
pub(super) fn scale(x: &mut Csr, factor: f64) {
    let values = x.values_mut().iter_mut();
    values.for_each(|v| *v = (f64::from(*v) * factor) as f32);
}

/// Takes the mean of each column over some rows away and divides by the deviation; returns both.
pub(super) fn standardize(x: &mut Dense, rows: &[usize]) -> Units {
    let (n, d) = (rows.len().max(1) as f64, x.n_cols());
    let (mut sum, mut squares) = (vec![0.0f64; d], vec![0.0f64; d]);
    for &r in rows {
        for (j, &v) in x.row(r).iter().enumerate() {
            sum[j] += f64::from(v);
            squares[j] += f64::from(v) * f64::from(v);
        }
    }
    let centre: Vec<f32> = sum.iter().map(|s| (s / n) as f32).collect();
    let scale: Vec<f32> = (0..d)
        .map(|j| {
            let mean = sum[j] / n;
            let deviation = (squares[j] / n - mean * mean).max(0.0).sqrt() as f32;
            // What does not vary stays as it is.
            if deviation > 1e-6 { deviation } else { 1.0 }
        })
        .collect();
    for &r in rows {
        for (j, v) in x.row_mut(r).iter_mut().enumerate() {
            *v = (*v - centre[j]) / scale[j];
        }
    }
    Units { centre, scale }
}

/// Divides each column over some rows by its largest value there; returns these. For values that are not below 0.
pub(super) fn by_maximum(x: &mut Csr, rows: &[usize]) -> Units {
    let mut scale = vec![0.0f32; x.n_cols()];
    for &row in rows {
        let (columns, values) = x.row(row);
        for (&j, &v) in columns.iter().zip(values) {
            scale[j as usize] = scale[j as usize].max(v);
        }
    }
    // What is 0 everywhere stays so.
    scale
        .iter_mut()
        .filter(|s| **s <= 0.0)
        .for_each(|s| *s = 1.0);
    for &row in rows {
        let columns = x.row(row).0.to_vec();
        for (v, j) in x.row_values_mut(row).iter_mut().zip(columns) {
            *v /= scale[j as usize];
        }
    }
    Units {
        centre: vec![0.0; x.n_cols()],
        scale,
    }
}

/// Mean over columns of the standard deviation, zeros that are not stored counted for `n` rows.
pub(super) fn mean_deviation(x: &Csr, n: usize) -> f64 {
    let (n, d) = (n.max(1) as f64, x.n_cols());
    let (mut sum, mut squares) = (vec![0.0f64; d], vec![0.0f64; d]);
    for (&j, &v) in x.indices().iter().zip(x.values()) {
        sum[j as usize] += f64::from(v);
        squares[j as usize] += f64::from(v) * f64::from(v);
    }
    let of = |j: usize| (squares[j] / n - (sum[j] / n).powi(2)).max(0.0).sqrt();
    (0..d).map(of).sum::<f64>() / d.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standardised_rows_have_mean_0_and_deviation_1_and_others_stay() {
        let mut x = Dense::new(4, 2, vec![1.0, 5.0, 3.0, 5.0, 5.0, 5.0, 9.0, 9.0]).unwrap();
        let units = standardize(&mut x, &[0, 1, 2]);
        assert_eq!(units.centre, [3.0, 5.0]);
        // What does not vary is centred only.
        assert_eq!(units.scale[1], 1.0);
        assert!((f64::from(units.scale[0]) - (8.0f64 / 3.0).sqrt()).abs() < 1e-6);
        assert_eq!(x.row(3), [9.0, 9.0]);
        let squares: f32 = (0..3).map(|r| x.row(r)[0].powi(2)).sum();
        assert!((squares / 3.0 - 1.0).abs() < 1e-6 && x.row(1) == [0.0, 0.0]);
    }

    #[test]
    fn the_largest_value_of_each_column_becomes_1_and_other_rows_stay() {
        let x = Dense::new(3, 3, vec![2.0, 0.0, 0.5, 4.0, 0.0, 0.0, 3.0, 9.0, 0.0]).unwrap();
        let mut x = Csr::from_dense(&x);
        let units = by_maximum(&mut x, &[0, 1]);
        assert_eq!(
            (units.centre, units.scale),
            (vec![0.0; 3], vec![4.0, 1.0, 0.5])
        );
        let x = x.to_dense();
        assert_eq!(x.row(0), [0.5, 0.0, 1.0]);
        assert_eq!(x.row(1), [1.0, 0.0, 0.0]);
        assert_eq!(x.row(2), [3.0, 9.0, 0.0]);
    }

    #[test]
    fn zeros_count_in_the_deviation() {
        let x = Csr::from_dense(
            &Dense::new(4, 2, vec![2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0]).unwrap(),
        );
        assert!((mean_deviation(&x, 4) - 0.5).abs() < 1e-9);
    }
}
