//! How surprising cells are beside withheld ones of the reference.

use std::collections::HashMap;

use mask_modules::GroupSet;
use sc_io::Dense;

use super::Joined;
use super::calibration::share_above;
use super::fit::Fitted;
use super::novelty::{enrichment, novelty};
use crate::Error;

/// Cells of a file at most that distances are taken to.
const MOST: usize = 20_000;

/// How surprising cells are beside known ones, by several measures: the sum of `-ln(share of known cells of which it says as much)`.
pub(super) struct Surprise {
    measures: [Shares; 3],
}

impl Surprise {
    /// Against those cells.
    pub fn new(known: &[Vec<f64>; 3]) -> Self {
        Self {
            measures: known.each_ref().map(|of| Shares::new(of)),
        }
    }

    /// Of other cells.
    pub fn of(&self, cells: &[Vec<f64>; 3]) -> Vec<f64> {
        let of = |cell: usize| -> f64 {
            let measures = self.measures.iter().zip(cells);
            measures.map(|(known, of)| known.surprise(of[cell])).sum()
        };
        (0..cells[0].len()).map(of).collect()
    }
}

/// Shares of known values that are as large as one, and as they go on beyond.
struct Shares {
    sorted: Vec<f64>,
    /// Where the largest tenth begins.
    tail: f64,
    /// Mean of what its values are above that.
    excess: f64,
}

impl Shares {
    fn new(known: &[f64]) -> Self {
        let mut sorted = known.to_vec();
        sorted.sort_by(f64::total_cmp);
        let from = sorted.len() - sorted.len() / 10;
        let tail = sorted.get(from).or(sorted.last()).copied().unwrap_or(0.0);
        let above = &sorted[from.min(sorted.len())..];
        let excess = above.iter().map(|v| v - tail).sum::<f64>() / above.len().max(1) as f64;
        Self {
            sorted,
            tail,
            excess,
        }
    }

    /// `-ln(share)`; in the tail, where known values are few or none, that of an exponential distribution.
    fn surprise(&self, value: f64) -> f64 {
        let share = share_above(&self.sorted, value.min(self.tail));
        let beyond = match self.excess > 0.0 {
            true => (value - self.tail).max(0.0) / self.excess,
            false => 0.0,
        };
        beyond - share.ln()
    }
}

/// Logarithms of the [`novelty`] of withheld cells and of the query's against the cells of training, by the latent vectors and averaged over the models,
/// and their [`enrichment`] among the query's cells by principal components: the latent space keeps what tells the reference's classes apart, and a class
/// that it lacks may differ in something else.
pub(super) fn strangeness(
    fitted: &Fitted,
    joined: &Joined,
    components: &Dense,
    trained: &[usize],
    of: [&[usize]; 2],
    seen: GroupSet,
) -> Result<[[Vec<f64>; 2]; 2], Error> {
    let (trained, own) = (some(trained), some(of[1]));
    let places: HashMap<usize, usize> = own.iter().enumerate().map(|(p, &row)| (row, p)).collect();
    let share = 1.0 / fitted.models.len() as f64;
    let mut far = of.map(|rows| vec![0.0; rows.len()]);
    for model in 0..fitted.models.len() {
        let embed = |rows: &[usize]| fitted.embed_with(model, joined, rows, seen);
        let known = embed(&trained);
        for (sums, rows) in far.iter_mut().zip(of) {
            let found = novelty(&known, &embed(rows))?;
            let logs = found.iter().map(|f| f.max(1e-12).ln());
            sums.iter_mut().zip(logs).for_each(|(s, v)| *s += share * v);
        }
    }
    let (known, own) = (
        components.select_rows(&trained),
        components.select_rows(&own),
    );
    let apart = of.map(|rows| {
        let place = |cell: usize| places.get(&rows[cell]).copied();
        enrichment(&known, &own, &components.select_rows(rows), place)
    });
    let [far, apart] = [far, apart].map(|[held, query]| (held, query));
    Ok([[far.0, apart.0], [far.1, apart.1]])
}

/// Evenly spread cells.
fn some(rows: &[usize]) -> Vec<usize> {
    let n = rows.len().min(MOST);
    (0..n).map(|i| rows[i * rows.len() / n]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surprise_is_a_share_and_goes_on_beyond_the_known() {
        // Exponential values: the share above v is e^-v.
        let known: Vec<f64> = (0..999).map(|i| -((i as f64 + 0.5) / 999.0).ln()).collect();
        let shares = Shares::new(&known);
        for v in [0.1, 1.0, 2.0, 5.0, 20.0] {
            let found = shares.surprise(v);
            assert!((found - v).abs() < 0.05 * v + 0.01, "{v}: {found}");
        }
        assert_eq!(Shares::new(&[]).surprise(3.0), 0.0);
        assert!(Shares::new(&[1.0, 2.0]).surprise(9.0).is_finite());
        let three = [known.clone(), known.clone(), known];
        let of = Surprise::new(&three).of(&[vec![1.0, 9.0], vec![1.0, 1.0], vec![1.0, 1.0]]);
        assert!((of[1] - of[0] - 8.0).abs() < 0.5, "{of:?}");
    }
}
