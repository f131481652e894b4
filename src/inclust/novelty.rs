//! How unlike the known cells a cell is.

use rayon::prelude::*;
use sc_graph::{NeighbourOptions, neighbours};
use sc_io::Dense;

use crate::Error;

/// Neighbours that distances are taken to.
const NEIGHBOURS: usize = 10;

/// Mean distance of each cell to its nearest known cells, relative to the same of those known cells among each other: 1 inside a population of the
/// reference, whatever its density, above 1 outside. `[cells]`
///
/// Both are `[cells, width]`, in the same space. Source: after the local outlier factor (Breunig et al., SIGMOD 2000) with one reference set.
///
/// # Errors
/// Values that are not finite, no known cells.
pub fn novelty(known: &Dense, cells: &Dense) -> Result<Vec<f64>, Error> {
    let (n, width) = (known.n_rows(), known.n_cols());
    let k = NEIGHBOURS.min(n.saturating_sub(1)).max(1);
    let options = NeighbourOptions::default();
    let among = neighbours(known.values(), n, width, (k + 1).min(n), &options)?;
    let own: Vec<f64> = (0..n)
        .map(|i| {
            let (cells, distances) = among.row(i);
            let others = cells
                .iter()
                .zip(distances)
                .filter(|(c, _)| **c as usize != i);
            others.map(|(_, &d)| f64::from(d)).sum::<f64>() / k as f64
        })
        .collect();
    let of = |row: usize| -> f64 {
        let x = cells.row(row);
        let mut nearest: Vec<(f32, usize)> = (0..n)
            .map(|i| {
                let squares = known.row(i).iter().zip(x).map(|(a, b)| (a - b) * (a - b));
                (squares.sum::<f32>(), i)
            })
            .collect();
        nearest.select_nth_unstable_by(k - 1, |a, b| a.0.total_cmp(&b.0));
        let nearest = &nearest[..k];
        let distance: f64 = nearest.iter().map(|(d, _)| f64::from(*d).sqrt()).sum();
        let usual: f64 = nearest.iter().map(|(_, i)| own[*i]).sum();
        distance / usual.max(1e-12)
    };
    Ok((0..cells.n_rows()).into_par_iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_is_1_outside_is_more() {
        let grid: Vec<f32> = (0..400)
            .flat_map(|i| [(i % 20) as f32, (i / 20) as f32])
            .collect();
        let known = Dense::new(400, 2, grid).unwrap();
        let cells = Dense::new(2, 2, vec![9.5, 9.5, 60.0, 60.0]).unwrap();
        let found = novelty(&known, &cells).unwrap();
        assert!((found[0] - 1.0).abs() < 0.3, "{}", found[0]);
        assert!(found[1] > 10.0, "{}", found[1]);
    }
}
