mod forest;
mod lists;

use rayon::prelude::*;

use self::lists::{Group, Lists};
use crate::points::check_points;
use crate::{GraphError, Knn, knn};

/// Settings of [`knn_approximate`].
#[derive(Debug, Clone, PartialEq)]
pub struct ApproximateOptions {
    /// Seed of the random choices: the same seed gives the same neighbours, whatever the threads.
    pub seed: u64,
    /// Random projection trees that give the first neighbours.
    pub n_trees: usize,
    /// Neighbours that are kept per point while searching; more where `k` is larger. Recall and time
    /// grow with it.
    pub breadth: usize,
    /// Neighbours of a point that meet in one round, in each direction.
    pub sample: usize,
}

impl Default for ApproximateOptions {
    fn default() -> Self {
        ApproximateOptions {
            seed: 0,
            n_trees: 4,
            breadth: 30,
            sample: 15,
        }
    }
}

/// Settings of [`neighbours`].
#[derive(Debug, Clone, PartialEq)]
pub struct NeighbourOptions {
    /// Points up to which the neighbours are the exact ones.
    pub exact_up_to: usize,
    /// The search beyond.
    pub approximate: ApproximateOptions,
}

impl Default for NeighbourOptions {
    fn default() -> Self {
        NeighbourOptions {
            exact_up_to: 100_000,
            approximate: ApproximateOptions::default(),
        }
    }
}

/// Nearest neighbours by [`knn`] for few points, by [`knn_approximate`] for many.
///
/// Matrix products make [`knn`] fast: with wide vector registers it can win beyond the default size too.
///
/// # Errors
/// As both.
///
/// ```
/// use sc_graph::{NeighbourOptions, knn, neighbours};
///
/// let points = [0.0, 1.0, 3.0, 3.0];
/// let found = neighbours(&points, 4, 1, 2, &NeighbourOptions::default())?;
/// assert_eq!(found, knn(&points, 4, 1, 2)?);
/// # Ok::<(), sc_graph::GraphError>(())
/// ```
pub fn neighbours(
    points: &[f32],
    n_points: usize,
    n_dims: usize,
    k: usize,
    options: &NeighbourOptions,
) -> Result<Knn, GraphError> {
    if n_points <= options.exact_up_to {
        knn(points, n_points, n_dims, k)
    } else {
        knn_approximate(points, n_points, n_dims, k, &options.approximate)
    }
}

/// Rounds at most; the usual number is below ten.
const ROUNDS: u64 = 20;
/// A round that changes fewer of the neighbours is the last.
const CHANGED: f64 = 1e-3;

/// Approximate Euclidean nearest neighbours: most, not all, of those that [`knn`] finds.
///
/// Nearest neighbour descent. Random projection trees split the points at medians into small leaves,
/// whose members become the first neighbours of each other. Then, round after round, neighbours of the
/// same point meet, "a neighbour of a neighbour is likely a neighbour", until nearly nothing changes.
/// Every distance is computed in f64 from the given values, and the result keeps the contract of
/// [`Knn`]; only members may be missing. The lists are the nearest of all pairs that met, which does not
/// depend on the order of meeting: the result is the same for any number of threads.
///
/// Memory: `breadth` entries of 16 bytes per point and about as much again. Time: about O(n^1.1 d).
///
/// Source: Dong, Moses, Li, "Efficient k-nearest neighbor graph construction for generic similarity
/// measures", WWW 2011; the first neighbours as in Dasgupta, Freund, "Random projection trees and low
/// dimensional manifolds", STOC 2008.
///
/// # Errors
/// As [`knn`], and a setting that is zero.
///
/// ```
/// use sc_graph::{ApproximateOptions, knn, knn_approximate};
///
/// let points: Vec<f32> = (0..200).map(|i| (i * i % 199) as f32).collect();
/// let found = knn_approximate(&points, 100, 2, 5, &ApproximateOptions::default())?;
/// let exact = knn(&points, 100, 2, 5)?;
/// let hits = |i| found.row(i).0.iter().filter(|j| exact.row(i).0.contains(j)).count();
/// assert!((0..100).map(hits).sum::<usize>() > 475);
/// # Ok::<(), sc_graph::GraphError>(())
/// ```
pub fn knn_approximate(
    points: &[f32],
    n_points: usize,
    n_dims: usize,
    k: usize,
    options: &ApproximateOptions,
) -> Result<Knn, GraphError> {
    check_points(points, n_points, n_dims)?;
    if k == 0 || k > n_points {
        return Err(GraphError::NeighbourCount { k, n_points });
    }
    for (name, value) in [
        ("n_trees", options.n_trees),
        ("breadth", options.breadth),
        ("sample", options.sample),
    ] {
        if value == 0 {
            let (value, expected) = (0.0, "at least 1");
            return Err(GraphError::Setting {
                name,
                value,
                expected,
            });
        }
    }
    if k == 1 {
        return Ok(Knn {
            k,
            indices: (0..n_points as u32).collect(),
            distances: vec![0.0; n_points],
        });
    }
    let capacity = options.breadth.max(k - 1).min(n_points - 1);
    let mut lists = Lists::new(points, n_dims, n_points, capacity);
    for tree in 0..options.n_trees as u64 {
        let leaves = forest::leaves(&lists, mix(options.seed, tree));
        lists.join(leaves.into_par_iter().map(|leaf| Group {
            fresh: leaf,
            known: Vec::new(),
        }));
    }
    let few = (CHANGED * (n_points * capacity) as f64) as usize;
    for round in 0..ROUNDS {
        let salt = mix(options.seed, options.n_trees as u64 + round);
        lists.meet(options.sample, salt);
        if lists.n_fresh() <= few {
            break;
        }
    }
    Ok(lists.nearest(k))
}

/// A random number that depends on nothing but its arguments (splitmix64: Steele, Lea, Flood 2014).
fn mix(seed: u64, salt: u64) -> u64 {
    let mut z = seed
        .rotate_left(17)
        .wrapping_add((salt + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
