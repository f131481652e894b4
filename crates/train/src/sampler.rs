//! The order in which cells are seen.

use fusion_core::Draw;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Cuts shuffled cells into batches; a pure function of (seed, epoch).
///
/// Every cell is seen once per epoch. Cells that fit into one batch keep their order. A last batch that would hold a single cell borrows from the
/// one before, so no batch has fewer than 2 cells.
///
/// ```
/// use train::Sampler;
/// let sampler = Sampler::new((0..9).collect(), 4, 7);
/// let sizes: Vec<usize> = sampler.epoch(0).iter().map(Vec::len).collect();
/// assert_eq!(sizes, [4, 3, 2]);
/// assert_eq!(sampler.epoch(5), sampler.epoch(5));
/// ```
#[derive(Clone, Debug)]
pub struct Sampler {
    rows: Vec<usize>,
    batch_size: usize,
    draw: Draw,
}

impl Sampler {
    /// A sampler over the given rows of a data set.
    ///
    /// # Panics
    /// Unless there are at least 2 rows and batches hold at least 2.
    pub fn new(rows: Vec<usize>, batch_size: usize, seed: u64) -> Self {
        assert!(
            rows.len() >= 2 && batch_size >= 2,
            "sampling needs 2 cells and batches of 2"
        );
        Self {
            rows,
            batch_size,
            draw: Draw::new(seed),
        }
    }

    /// The batches of an epoch.
    pub fn epoch(&self, epoch: usize) -> Vec<Vec<usize>> {
        let mut rows = self.rows.clone();
        if rows.len() <= self.batch_size {
            return vec![rows];
        }
        rows.shuffle(&mut ChaCha8Rng::seed_from_u64(
            self.draw.for_use(epoch as u64).seed(),
        ));
        let mut batches: Vec<Vec<usize>> = rows
            .chunks(self.batch_size)
            .map(<[usize]>::to_vec)
            .collect();
        if let [.., before, last] = batches.as_mut_slice()
            && last.len() == 1
        {
            if before.len() > 2 {
                last.extend(before.pop());
            } else {
                before.append(last);
                batches.pop();
            }
        }
        batches
    }

    /// Number of batches in every epoch.
    pub fn n_batches(&self) -> usize {
        self.epoch(0).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_size() {
        for n in 2..=300 {
            for batch_size in 2..=60 {
                let batches = Sampler::new((0..n).collect(), batch_size, 1).epoch(3);
                assert!(
                    batches.iter().all(|b| b.len() >= 2),
                    "n {n}, batch {batch_size}"
                );
                assert!(batches.iter().all(|b| b.len() <= batch_size.max(3)));
                assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), n);
            }
        }
    }

    proptest! {
        #[test]
        fn covers_each_row_once(n in 2usize..1000, batch_size in 2usize..300, seed: u64, epoch in 0usize..50) {
            let sampler = Sampler::new((0..n).map(|i| i * 3).collect(), batch_size, seed);
            let batches = sampler.epoch(epoch);
            prop_assert!(batches.iter().all(|b| b.len() >= 2));
            prop_assert_eq!(batches.len(), sampler.n_batches());
            let mut all: Vec<usize> = batches.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..n).map(|i| i * 3).collect::<Vec<_>>());
        }
    }
}
