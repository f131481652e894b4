//! Groups of features, and sets of groups.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Features that are seen, hidden and scored together: a modality, or the part of one that some data sets lack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureGroup {
    /// Name, unique in a plan.
    pub name: String,
    /// Number of features.
    pub n_features: usize,
}

/// A set of groups, a bit each.
///
/// ```
/// use mask_modules::GroupSet;
/// let set = GroupSet::of([0, 2]);
/// assert!(set.has(2) && !set.has(1));
/// assert_eq!(set.iter().collect::<Vec<_>>(), [0, 2]);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupSet(u64);

impl GroupSet {
    /// Groups at most in a plan.
    pub const MOST: usize = 64;

    /// The set of the groups at these places.
    ///
    /// # Panics
    /// If a place is not below [`MOST`](Self::MOST).
    pub fn of(groups: impl IntoIterator<Item = usize>) -> Self {
        Self(groups.into_iter().fold(0, |set, g| {
            assert!(g < Self::MOST, "group {g} of at most {}", Self::MOST);
            set | (1 << g)
        }))
    }

    /// Whether a group is in it.
    pub fn has(self, group: usize) -> bool {
        group < Self::MOST && self.0 & (1 << group) != 0
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Number of groups.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether all groups of this set are in the other.
    pub fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Groups of either set.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Groups of both sets.
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The places of its groups, increasing.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..Self::MOST).filter(move |&g| self.has(g))
    }
}

impl fmt::Debug for GroupSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
