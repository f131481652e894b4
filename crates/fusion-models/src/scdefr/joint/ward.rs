use std::collections::HashSet;

use kodama::{Method, linkage};

/// Ward's tree: from single cells on, the two clusters are joined whose union adds least to the squared distances to the means.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    n: usize,
    /// Clusters that are joined, in that order; the result of step `s` is called `n + s`.
    joined: Vec<(usize, usize)>,
    /// Points of each result.
    sizes: Vec<usize>,
}

impl Tree {
    /// Of `n` points.
    pub fn new<'a>(n: usize, point: impl Fn(usize) -> &'a [f32]) -> Self {
        let mut distances = Vec::with_capacity(n * n.saturating_sub(1) / 2);
        for i in 0..n {
            let a = point(i);
            for j in i + 1..n {
                let pairs = a.iter().zip(point(j));
                let squares = pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
                distances.push(squares.sum::<f64>().sqrt() as f32);
            }
        }
        let tree = linkage(&mut distances, n, Method::Ward);
        let joined = tree.steps().iter().map(|s| (s.cluster1, s.cluster2));
        Self {
            n,
            joined: joined.collect(),
            sizes: tree.steps().iter().map(|s| s.size).collect(),
        }
    }

    /// All points as one cluster.
    pub fn whole(&self) -> Cut {
        Cut {
            nodes: vec![(2 * self.n).saturating_sub(2)],
            made_by: vec![None],
            labels: vec![0; self.n],
        }
    }

    /// `k` clusters, those apart that were joined last; nothing where the rules allow not so many.
    pub fn cut(&self, k: usize, rules: &Rules) -> Option<Cut> {
        let mut cut = self.whole();
        while cut.nodes.len() < k {
            let splits = (0..cut.nodes.len()).filter_map(|at| self.split(&cut, at, rules));
            let last = splits.max_by_key(|split| split.joined)?;
            cut = self.apart(&cut, last);
        }
        Some(cut)
    }

    /// The uppermost two parts of a cluster that the rules allow.
    pub fn split(&self, cut: &Cut, at: usize, rules: &Rules) -> Option<Split> {
        let mut joined = cut.nodes[at];
        loop {
            let (a, b) = *self.joined.get(joined.checked_sub(self.n)?)?;
            let (small, large) = match self.size(a) < self.size(b) {
                true => (a, b),
                false => (b, a),
            };
            if self.size(small) >= rules.least && !rules.barred.contains(&joined) {
                return Some(Split {
                    at,
                    joined,
                    parts: (a, b),
                });
            }
            joined = large;
        }
    }

    /// One cluster more. Points that are in neither part stay with the first.
    pub fn apart(&self, cut: &Cut, split: Split) -> Cut {
        let mut cut = cut.clone();
        let name = cut.nodes.len();
        self.points(split.parts.1)
            .into_iter()
            .for_each(|i| cut.labels[i] = name);
        cut.nodes[split.at] = split.parts.0;
        cut.nodes.push(split.parts.1);
        cut.made_by[split.at] = Some(split.joined);
        cut.made_by.push(Some(split.joined));
        cut
    }

    fn size(&self, node: usize) -> usize {
        node.checked_sub(self.n).map_or(1, |step| self.sizes[step])
    }

    fn points(&self, node: usize) -> Vec<usize> {
        let (mut open, mut points) = (vec![node], vec![]);
        while let Some(node) = open.pop() {
            match node.checked_sub(self.n) {
                Some(step) => open.extend([self.joined[step].0, self.joined[step].1]),
                None => points.push(node),
            }
        }
        points
    }
}

/// Clusters of a tree.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    /// What each is called in the tree, without the few points that were passed over.
    pub nodes: Vec<usize>,
    /// The split that each comes from.
    pub made_by: Vec<Option<usize>>,
    /// The cluster of every point.
    pub labels: Vec<usize>,
}

/// Which splits are made.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// Fewest points of a part.
    pub least: usize,
    /// Splits that are not made.
    pub barred: HashSet<usize>,
}

impl Rules {
    /// Parts of at least that many points.
    pub fn parts_of(least: usize) -> Self {
        Self {
            least,
            barred: HashSet::new(),
        }
    }
}

/// Two parts of the cluster `at`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Split {
    at: usize,
    joined: usize,
    parts: (usize, usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_are_nested_and_join_the_nearest() {
        let points = [[0.0], [0.1], [5.0], [5.2], [20.0]];
        let tree = Tree::new(5, |i| &points[i]);
        let found = |k, least| {
            let labels = tree.cut(k, &Rules::parts_of(least))?.labels;
            // Named by their first points.
            let first = |c| labels.iter().position(|l| l == c);
            Some(labels.iter().filter_map(first).collect::<Vec<_>>())
        };
        assert_eq!(found(5, 1), Some(vec![0, 1, 2, 3, 4]));
        assert_eq!(found(3, 1), Some(vec![0, 0, 2, 2, 4]));
        assert_eq!(found(2, 1), Some(vec![0, 0, 0, 0, 4]));
        assert_eq!(found(1, 1), Some(vec![0; 5]));
        assert_eq!(found(6, 1), None);
        // The point far off is passed over and stays with one of the two.
        let pairs = found(2, 2).unwrap();
        assert_eq!(pairs[..4], [0, 0, 2, 2]);
        assert_eq!(found(2, 3), None);
        // Without the split into pairs, the next one down.
        let mut rules = Rules::parts_of(1);
        let top = tree.cut(2, &rules).unwrap();
        rules.barred.extend(top.made_by[1]);
        let other = tree.cut(2, &rules).unwrap();
        assert_eq!(other.labels[0], other.labels[1]);
        assert_ne!(other.labels[0], other.labels[2]);
    }
}
