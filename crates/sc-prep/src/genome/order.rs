//! Orders of features.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::PositionSource;

/// What to do with an order before it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrangement {
    /// Keep it.
    #[default]
    Keep,
    /// Last feature first.
    Reverse,
    /// A random permutation that depends on the seed alone (ChaCha8).
    Shuffled(u64),
}

/// An order of the features of a modality.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureOrder {
    /// The column of the file that stands at each place: a permutation. Hand it to
    /// `select_columns`.
    pub order: Vec<usize>,
    /// How many features have a position; they come first.
    pub placed: usize,
    /// The names of the others, in file order.
    pub unplaced: Vec<String>,
    /// Where the positions came from and how many each source gave; empty for the file's order.
    pub source: Vec<(PositionSource, usize)>,
    /// What a user should read.
    pub notices: Vec<String>,
}

impl FeatureOrder {
    /// The order of the file.
    pub fn as_file<S: AsRef<str>>(names: &[S]) -> Self {
        Self {
            order: (0..names.len()).collect(),
            placed: 0,
            unplaced: names.iter().map(|n| n.as_ref().to_owned()).collect(),
            source: vec![],
            notices: vec![],
        }
    }

    /// Reverses or shuffles the whole order, features without a position included.
    ///
    /// ```
    /// use sc_prep::{Arrangement, FeatureOrder};
    /// let order = FeatureOrder::as_file(&["a", "b", "c"]);
    /// assert_eq!(order.arranged(Arrangement::Reverse).order, [2, 1, 0]);
    /// ```
    pub fn arranged(mut self, how: Arrangement) -> Self {
        match how {
            Arrangement::Keep => {}
            Arrangement::Reverse => self.order.reverse(),
            Arrangement::Shuffled(seed) => {
                // From the file's order, so that the result does not depend on positions.
                self.order.sort_unstable();
                self.order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
            }
        }
        self
    }

    /// The given columns (highly variable ones, say) in this order.
    ///
    /// # Panics
    /// If a column does not exist.
    pub fn of(&self, columns: &[usize]) -> Vec<usize> {
        let mut wanted = vec![false; self.order.len()];
        for &c in columns {
            wanted[c] = true;
        }
        self.order.iter().copied().filter(|&c| wanted[c]).collect()
    }

    /// Features with a known key by increasing key, the others after them in file order.
    pub(crate) fn by_key<K: Ord>(names: &[String], keys: &[Option<K>]) -> Self {
        let (mut order, rest): (Vec<usize>, Vec<usize>) =
            (0..names.len()).partition(|&c| keys[c].is_some());
        let placed = order.len();
        order.sort_by(|&a, &b| keys[a].cmp(&keys[b]));
        let unplaced = rest.iter().map(|&c| names[c].clone()).collect();
        order.extend(rest);
        Self {
            order,
            placed,
            unplaced,
            source: vec![],
            notices: vec![],
        }
    }
}
