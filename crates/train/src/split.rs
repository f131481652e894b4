//! Training and validation cells.

use fusion_core::Draw;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// A random split of cells; a pure function of (number of cells, fraction, seed).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Cells that are trained on, increasing.
    pub training: Vec<usize>,
    /// Cells that the validation loss is measured on, increasing.
    pub validation: Vec<usize>,
}

impl Split {
    /// Puts `round(n fraction)` cells aside, at least 1, and leaves at least 2 for training. A fraction of 0 puts none
    /// aside. `None` if there are fewer than 3 cells.
    pub fn random(n_cells: usize, fraction: f64, seed: u64) -> Option<Self> {
        if n_cells < 3 {
            return None;
        }
        if fraction == 0.0 {
            return Some(Self {
                training: (0..n_cells).collect(),
                validation: vec![],
            });
        }
        let n_validation = ((n_cells as f64 * fraction).round() as usize).clamp(1, n_cells - 2);
        let mut rows: Vec<usize> = (0..n_cells).collect();
        rows.shuffle(&mut ChaCha8Rng::seed_from_u64(
            Draw::new(seed).for_use(SPLIT).seed(),
        ));
        let mut training = rows.split_off(n_validation);
        training.sort_unstable();
        rows.sort_unstable();
        Some(Self {
            training,
            validation: rows,
        })
    }
}

/// Key of the split among the uses of a seed.
const SPLIT: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_all_cells_once() {
        for n in 3..200 {
            let s = Split::random(n, 0.25, 9).unwrap();
            let mut all = [s.training.clone(), s.validation.clone()].concat();
            all.sort_unstable();
            assert_eq!(all, (0..n).collect::<Vec<_>>());
            assert!(s.training.len() >= 2 && !s.validation.is_empty());
        }
        let whole = Split::random(9, 0.0, 9).unwrap();
        assert_eq!((whole.training.len(), whole.validation.len()), (9, 0));
        assert_eq!(Split::random(2, 0.25, 9), None);
        assert_eq!(Split::random(50, 0.2, 1), Split::random(50, 0.2, 1));
        assert_ne!(Split::random(50, 0.2, 1), Split::random(50, 0.2, 2));
    }
}
