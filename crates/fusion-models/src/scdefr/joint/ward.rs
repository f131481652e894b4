use kodama::{Method, linkage};

/// Ward's tree: from single cells on, the two clusters are joined whose union adds least to the squared distances to the means.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    n: usize,
    /// Clusters that are joined, in that order; the result of step `s` is called `n + s`.
    joined: Vec<(usize, usize)>,
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
        }
    }

    /// The clusters where `k` are left, in the order of their first points.
    pub fn roots(&self, k: usize) -> Vec<usize> {
        let steps = self.n.saturating_sub(k);
        let mut whole = vec![true; self.n + steps];
        for &(a, b) in &self.joined[..steps] {
            whole[a] = false;
            whole[b] = false;
        }
        let mut roots: Vec<usize> = (0..self.n + steps).filter(|&node| whole[node]).collect();
        roots.sort_by_key(|&node| self.cells(node).min());
        roots
    }

    /// The two clusters that one was joined from; nothing of a single point.
    pub fn parts(&self, node: usize) -> Option<(usize, usize)> {
        self.joined.get(node.checked_sub(self.n)?).copied()
    }

    /// The points of a cluster.
    pub fn cells(&self, node: usize) -> impl Iterator<Item = usize> {
        let (mut open, mut cells) = (vec![node], vec![]);
        while let Some(node) = open.pop() {
            match self.parts(node) {
                Some((a, b)) => open.extend([a, b]),
                None => cells.push(node),
            }
        }
        cells.into_iter()
    }

    /// The cluster of every point where `k` are left, numbered as [`roots`](Self::roots).
    pub fn cut(&self, k: usize) -> Vec<usize> {
        let mut labels = vec![0; self.n];
        for (name, root) in self.roots(k).into_iter().enumerate() {
            self.cells(root).for_each(|i| labels[i] = name);
        }
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_are_nested_and_join_the_nearest() {
        let points = [[0.0], [0.1], [5.0], [5.2], [20.0]];
        let tree = Tree::new(5, |i| &points[i]);
        assert_eq!(tree.cut(5), [0, 1, 2, 3, 4]);
        assert_eq!(tree.cut(3), [0, 0, 1, 1, 2]);
        assert_eq!(tree.cut(2), [0, 0, 0, 0, 1]);
        assert_eq!(tree.cut(1), [0; 5]);
        let whole = tree.roots(1)[0];
        let (a, b) = tree.parts(whole).unwrap();
        let mut sizes = [a, b].map(|part| tree.cells(part).count());
        sizes.sort();
        assert_eq!((sizes, tree.parts(0)), ([1, 4], None));
    }
}
