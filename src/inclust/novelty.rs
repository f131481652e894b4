//! How unlike the known cells a cell is, and how much its kind is of another file.

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
        let nearest = nearest(known, cells.row(row), k, None);
        let distance: f64 = nearest.iter().map(|(d, _)| f64::from(*d).sqrt()).sum();
        let usual: f64 = nearest.iter().map(|(_, i)| own[*i]).sum();
        distance / usual.max(1e-12)
    };
    Ok((0..cells.n_rows()).into_par_iter().map(of).collect())
}

/// How much denser a file's own cells lie around each cell than the known ones do, beside the file's other cells: `[cells]`
///
/// ```text
/// ln(distance to the k-th known cell) - ln(distance to the k'-th of the file's), less its median over the cells
/// ```
///
/// with 15 of the set that has more cells and the same share of the other's, five at least. 0 where the file is made as the reference is; above 0 where
/// the reference lacks the kind, however near the kinds are that it has. The median takes away what sets all cells of a file apart. All are
/// `[cells, width]`; `itself` says which row of `own` a cell is, if any: it is no neighbour of its own.
pub fn enrichment(
    known: &Dense,
    own: &Dense,
    cells: &Dense,
    itself: impl Fn(usize) -> Option<usize> + Sync,
) -> Vec<f64> {
    const MORE: usize = 15;
    const FEWER: usize = 5;
    let sizes = [known.n_rows(), own.n_rows()];
    if sizes.contains(&0) {
        return vec![0.0; cells.n_rows()];
    }
    let (few, many) = (sizes[0].min(sizes[1]), sizes[0].max(sizes[1]));
    let fewer = (MORE * few / many).max(FEWER);
    let k = sizes.map(|n| match n == few {
        true => fewer.min(n),
        false => (fewer * many / few).min(n),
    });
    let log_distance = |points: &Dense, row: usize, k: usize, except: Option<usize>| {
        let nearest = nearest(points, cells.row(row), k, except);
        let farthest = nearest.iter().fold(0.0f32, |far, n| far.max(n.0));
        0.5 * f64::from(farthest).max(1e-12).ln()
    };
    let mut found: Vec<f64> = (0..cells.n_rows())
        .into_par_iter()
        .map(|row| log_distance(known, row, k[0], None) - log_distance(own, row, k[1], itself(row)))
        .collect();
    let mut sorted = found.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    found.iter_mut().for_each(|v| *v -= median);
    found
}

/// The `k` rows of `points` nearest to `x`, in no order, each with the square of its distance.
fn nearest(points: &Dense, x: &[f32], k: usize, except: Option<usize>) -> Vec<(f32, usize)> {
    let mut all: Vec<(f32, usize)> = (0..points.n_rows())
        .filter(|i| Some(*i) != except)
        .map(|i| {
            let squares = points.row(i).iter().zip(x).map(|(a, b)| (a - b) * (a - b));
            (squares.sum::<f32>(), i)
        })
        .collect();
    let k = k.min(all.len());
    if k > 0 {
        all.select_nth_unstable_by(k - 1, |a, b| a.0.total_cmp(&b.0));
    }
    all.truncate(k);
    all
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

    #[test]
    fn a_kind_that_the_reference_lacks_is_enriched() {
        // Two kinds that touch: the reference has the left one alone.
        let cell = |i: usize, x: f32| [x + (i as f32 * 0.37).sin(), (i as f32 * 0.73).cos()];
        let left = |n: usize, step: usize| (0..n).flat_map(move |i| cell(i * step + 1, 0.0));
        let known = Dense::new(200, 2, left(200, 1).collect()).unwrap();
        let right = (0..30).flat_map(|i| cell(i, 1.5));
        let own: Vec<f32> = left(90, 3).chain(right).collect();
        let own = Dense::new(120, 2, own).unwrap();
        let found = enrichment(&known, &own, &own, Some);
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        assert!(mean(&found[..90]).abs() < 0.3, "{}", mean(&found[..90]));
        assert!(mean(&found[90..]) > 0.4, "{}", mean(&found[90..]));
        // A shift of all of the file's cells is not a kind of its own.
        let moved: Vec<f32> = own.values().iter().map(|v| v + 40.0).collect();
        let moved = Dense::new(120, 2, moved).unwrap();
        let shifted = enrichment(&known, &moved, &moved, Some);
        assert!(mean(&shifted[..90]).abs() < 0.3, "{}", mean(&shifted[..90]));
        let none = Dense::zeros(0, 2);
        assert_eq!(enrichment(&none, &own, &own, Some), [0.0; 120]);
        assert!(enrichment(&known, &own, &none, |_| None).is_empty());
    }
}
