//! Clusters of cells from several models at once.

mod mixture;
mod space;
mod ward;
mod worth;

use fusion_core::Draw;
use rayon::prelude::*;
use sc_metrics::MetricError;

pub use mixture::Mixture;
pub use space::{JointSpace, Part};

use super::PartitionError;
use ward::{Cut, Rules, Tree};
use worth::Worth;

/// Cells at most that the tree of clusters is made of; the mixture is fitted to all.
const IN_TREE: usize = 8192;
/// Further trees, of samples of these cells; up to 100 MB for each that is made at a time.
const TREES: u64 = 8;
/// Share of the largest worth that counts as level with it.
const LEVEL: f64 = 0.9;
/// Fewer cells are outliers rather than a cluster.
const SMALLEST: usize = 10;

/// Clusters of cells in the [`JointSpace`] of what several models and the principal components say of them.
///
/// ```text
/// tree:     Ward's, of 8,192 cells at most, evenly spread
/// start:    the cut of at most k clusters that is worth most; from there on that cluster is split in two, as the tree has it, which leaves most worth,
///           until there are k; a split is passed over if a part of it has less than ten cells (or half of the mean size, where that is less), or ends so
/// clusters: normal mixture with one covariance for all from there                               see Mixture
///           the same from eight trees of four fifths of the cells; that is taken which is worth most
/// worth:    of a cut, silhouette x modularity in the graph of 15 neighbours; of their number, mean over clusters of the silhouette x modularity^5
/// number:   the fewest that are worth nine tenths of the most
/// ```
///
/// Cut at `k`, the tree would halve the largest clusters, since that explains most variance; real clusters differ in size by orders of magnitude.
/// One model's embedding depends on its random start, and a partition of it more so; what several agree on is steadier. Labels are nowhere.
///
/// ```
/// use fusion_models::scdefr::{JointClusters, JointSpace, Part};
///
/// // Two groups of directions, as two models have them.
/// let a: Vec<f32> = (0..40).flat_map(|i| if i < 20 { [1.0, i as f32 * 0.01] } else { [i as f32 * 0.01, 2.0] }).collect();
/// let b: Vec<f32> = a.chunks(2).flat_map(|p| [p[1], -p[0]]).collect();
/// let part = |values| Part { values, width: 2 };
/// let (space, clusters) = JointClusters::new(&[part(&a), part(&b)], part(&a))?;
/// let mixture = clusters.of(2)?;
/// let (found, _) = mixture.assign(clusters.points());
/// assert!(found[..20].iter().all(|&c| c == found[0]) && found[20..].iter().all(|&c| c != found[0]));
/// assert_eq!(clusters.estimate(5)?.0.n_clusters(), 2);
/// assert_eq!(space.place(&[part(&a), part(&b)], part(&a)), clusters.points());
/// # Ok::<(), fusion_models::scdefr::PartitionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct JointClusters {
    /// `[cells, width]`
    points: Vec<f32>,
    width: usize,
    whole: Sample,
}

impl JointClusters {
    /// The joint space of embeddings and components of the same cells, and their clusters in it.
    ///
    /// # Errors
    /// Embeddings of different numbers of cells, values that are not finite, fewer than two cells.
    pub fn new(
        embeddings: &[Part<'_>],
        components: Part<'_>,
    ) -> Result<(JointSpace, Self), PartitionError> {
        let (space, points) = JointSpace::fit(embeddings, components)?;
        let (n, width) = (components.n_cells(), space.width());
        let m = n.min(IN_TREE);
        let in_tree: Vec<usize> = (0..m).map(|i| i * n / m).collect();
        let clusters = Self {
            whole: Sample::new(&points, width, in_tree),
            width,
            points,
        };
        Ok((space, clusters))
    }

    /// The cells in the joint space, `[cells, width]` row by row.
    pub fn points(&self) -> &[f32] {
        &self.points
    }

    /// The mixture of `k` clusters: of those from several trees, the one that is worth most.
    ///
    /// # Errors
    /// `k` of 0 or above the number of cells.
    pub fn of(&self, k: usize) -> Result<Mixture, PartitionError> {
        self.check(k)?;
        let judge = self.whole.worth()?;
        let valued = |sample: &Sample, start: &[usize]| {
            let mixture = self.mixture(sample, start, k);
            let found = mixture.assign(&self.whole.points).0;
            (judge.of(&found, k), mixture)
        };
        let tried: Vec<(f64, Mixture)> = (0..TREES)
            .into_par_iter()
            .filter_map(|tree| self.sample(tree, k))
            .map(|sample| Ok(valued(&sample, &sample.start(k, &sample.worth()?))))
            .collect::<Result<_, PartitionError>>()?;
        let first = valued(&self.whole, &self.whole.start(k, &judge));
        let best = tried
            .into_iter()
            .fold(first, |best, one| if one.0 > best.0 { one } else { best });
        Ok(best.1)
    }

    /// Some four fifths of the cells of the tree, others for every number; none where that leaves too few for `k` clusters.
    fn sample(&self, number: u64, k: usize) -> Option<Sample> {
        let draw = Draw::new(number);
        let kept = |place: &usize| draw.for_use(*place as u64).seed() > u64::MAX / 5;
        let places = (0..self.whole.cells.len()).filter(kept);
        let cells: Vec<usize> = places.map(|place| self.whole.cells[place]).collect();
        (cells.len() >= 2 * k.max(2)).then(|| Sample::new(&self.points, self.width, cells))
    }

    /// The mixture of `k` clusters of similar size: from the tree's cut at `k`.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn of_similar_size(&self, k: usize) -> Result<Mixture, PartitionError> {
        self.check(k)?;
        Ok(self.mixture(&self.whole, &self.whole.of_similar_size(k), k))
    }

    fn check(&self, k: usize) -> Result<(), MetricError> {
        let n_points = self.whole.cells.len();
        match (1..=n_points).contains(&k) {
            true => Ok(()),
            false => Err(MetricError::TooManyClusters { k, n_points }),
        }
    }

    /// The mixture of the fewest clusters, 2 to `most`, that is worth nine tenths of the most, and the worth of each number from 2 on; mixtures start from
    /// cuts of the tree. One cluster has no worth and is never found.
    ///
    /// Worth is flat around its top, and where of several numbers none is clearly better, fewer clusters say less that is not so (as the rule of one standard error
    /// does: Breiman et al., "Classification and Regression Trees", 1984).
    ///
    /// # Errors
    /// Fewer than three cells.
    pub fn estimate(&self, most: usize) -> Result<(Mixture, Vec<f64>), PartitionError> {
        let judge = self.whole.worth()?;
        let most = most.min(self.whole.cells.len().saturating_sub(1)).max(2);
        let (mut mixtures, mut worths) = (vec![], vec![]);
        for k in 2..=most {
            let mixture = self.mixture(&self.whole, &self.whole.of_similar_size(k), k);
            worths.push(judge.of_number(&mixture.assign(&self.whole.points).0, k));
            mixtures.push(mixture);
        }
        let top = worths.iter().copied().fold(0.0, f64::max);
        let fewest = worths.iter().position(|&worth| worth >= LEVEL * top);
        // No worth is negative, and two clusters are always tried.
        Ok((mixtures.swap_remove(fewest.unwrap_or(0)), worths))
    }

    fn mixture(&self, sample: &Sample, start: &[usize], k: usize) -> Mixture {
        Mixture::fit(&self.points, self.width, &sample.cells, start, k)
    }
}

/// Some cells and their tree.
#[derive(Clone, Debug)]
struct Sample {
    cells: Vec<usize>,
    /// `[cells, width]`
    points: Vec<f32>,
    width: usize,
    tree: Tree,
}

impl Sample {
    /// Those of all `points` `[cells, width]`.
    fn new(points: &[f32], width: usize, cells: Vec<usize>) -> Self {
        let row = |&i: &usize| points[i * width..(i + 1) * width].iter();
        let points: Vec<f32> = cells.iter().flat_map(row).copied().collect();
        let tree = Tree::new(cells.len(), |i| &points[i * width..(i + 1) * width]);
        Self {
            cells,
            points,
            width,
            tree,
        }
    }

    fn worth(&self) -> Result<Worth, PartitionError> {
        Ok(Worth::new(&self.points, self.width)?)
    }

    /// `k` clusters of these cells. Where a mixture from there leaves less than [`SMALLEST`] cells to one, the split that made it is barred and all
    /// is done again.
    fn start(&self, k: usize, judge: &Worth) -> Vec<usize> {
        let n = self.cells.len();
        let least = SMALLEST.min(n / (2 * k)).max(1);
        let all: Vec<usize> = (0..n).collect();
        let mut rules = Rules::parts_of(least);
        let mut start = None;
        for _ in 0..k {
            let Some(cut) = self.clusters(k, judge, &rules) else {
                // Small ones alone are left.
                break;
            };
            let mixture = Mixture::fit(&self.points, self.width, &all, &cut.labels, k);
            let mut sizes = vec![0; k];
            for c in mixture.assign(&self.points).0 {
                sizes[c] += 1;
            }
            start = Some(cut.labels);
            let small = (0..k).filter(|&c| sizes[c] < least);
            let n_barred = rules.barred.len();
            rules.barred.extend(small.filter_map(|c| cut.made_by[c]));
            if rules.barred.len() == n_barred {
                break;
            }
        }
        start.unwrap_or_else(|| self.of_similar_size(k))
    }

    /// `k` clusters under the rules, if there are so many.
    fn clusters(&self, k: usize, judge: &Worth, rules: &Rules) -> Option<Cut> {
        let mut best = dearest((1..=k).map_while(|k| self.tree.cut(k, rules)), judge)?;
        while best.nodes.len() < k {
            let splits = (0..best.nodes.len()).filter_map(|at| {
                let split = self.tree.split(&best, at, rules)?;
                Some(self.tree.apart(&best, split))
            });
            best = dearest(splits, judge)?;
        }
        Some(best)
    }

    /// `k` clusters of these cells, at most as many as there are.
    fn of_similar_size(&self, k: usize) -> Vec<usize> {
        let cut = self.tree.cut(k, &Rules::parts_of(1));
        cut.map_or_else(|| (0..self.cells.len()).collect(), |cut| cut.labels)
    }
}

/// The cut that is worth most, of several the first.
fn dearest(cuts: impl Iterator<Item = Cut>, judge: &Worth) -> Option<Cut> {
    let valued = cuts.map(|cut| (judge.of(&cut.labels, cut.nodes.len()), cut));
    valued
        .reduce(|best, one| if one.0 > best.0 { one } else { best })
        .map(|(_, cut)| cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three long groups that lie side by side, and a small one.
    fn clusters(seed: u64) -> JointClusters {
        let uniform = |use_: u64| Draw::new(seed).for_use(use_).seed() as f32 / u64::MAX as f32;
        let points: Vec<f32> = (0..300u64)
            .flat_map(|i| {
                let group = if i < 15 { 3 } else { i % 3 };
                [
                    group as f32 + 0.6 * uniform(2 * i),
                    3.0 * uniform(2 * i + 1),
                ]
            })
            .collect();
        let part = Part {
            values: &points,
            width: 2,
        };
        JointClusters::new(&[part], part).unwrap().1
    }

    #[test]
    fn cells_far_off_are_not_split_off() {
        let mut points = clusters(0).points;
        points[200] += 50.0;
        points[401] -= 40.0;
        let cells: Vec<usize> = (0..300).collect();
        let sample = Sample::new(&points, 2, cells);
        let smallest = |labels: Vec<usize>| {
            let size = |k| labels.iter().filter(|&&c| c == k).count();
            (0..5).map(size).min()
        };
        assert_eq!(smallest(sample.of_similar_size(5)), Some(1));
        let judge = sample.worth().unwrap();
        let found = smallest(sample.start(5, &judge));
        assert!(found >= Some(10), "{found:?}");
    }

    #[test]
    fn samples_are_four_fifths_and_differ() {
        let clusters = clusters(0);
        let [a, b] = [0, 1].map(|number| clusters.sample(number, 4).unwrap().cells);
        assert!((210..270).contains(&a.len()), "{}", a.len());
        assert_ne!(a, b);
        assert!(a.is_sorted() && clusters.sample(0, 150).is_none());
    }

    #[test]
    fn further_trees_never_make_the_result_worth_less() {
        let mut better = 0;
        for seed in 0..12 {
            let all = clusters(seed);
            let judge = all.whole.worth().unwrap();
            let alone = all.mixture(&all.whole, &all.whole.start(4, &judge), 4);
            let worth = |m: &Mixture| judge.of(&m.assign(&all.points).0, 4);
            let (found, alone) = (worth(&all.of(4).unwrap()), worth(&alone));
            assert!(found >= alone, "{seed}: {found}, {alone}");
            better += usize::from(found > alone);
        }
        assert!(better > 0);
    }

    #[test]
    fn of_numbers_of_clusters_that_are_level_the_fewest_is_found() {
        let mut fewer = 0;
        for seed in 0..12 {
            let (mixture, worths) = clusters(seed).estimate(12).unwrap();
            let top = worths.iter().copied().fold(0.0, f64::max);
            let at = mixture.n_clusters() - 2;
            assert!(worths[at] >= 0.9 * top, "{seed}: {worths:?}");
            assert!(
                worths[..at].iter().all(|&w| w < 0.9 * top),
                "{seed}: {worths:?}"
            );
            fewer += usize::from(worths[at] < top);
        }
        assert!(fewer > 0);
    }
}
