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
    pub fn new<'a>(n: usize, point: impl Fn(usize) -> &'a [f64]) -> Self {
        let mut distances = Vec::with_capacity(n * n.saturating_sub(1) / 2);
        for i in 0..n {
            let a = point(i);
            for j in i + 1..n {
                let squares = a.iter().zip(point(j)).map(|(a, b)| (a - b) * (a - b));
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

    /// The cluster of every point where `k` are left, numbered in the order of their first points.
    pub fn cut(&self, k: usize) -> Vec<usize> {
        let steps = self.n.saturating_sub(k);
        let mut above: Vec<usize> = (0..self.n + steps).collect();
        for (step, &(a, b)) in self.joined[..steps].iter().enumerate() {
            above[a] = self.n + step;
            above[b] = self.n + step;
        }
        // From the last step down, so that each is named before what it joined.
        for node in (0..self.n + steps).rev() {
            above[node] = above[above[node]];
        }
        let mut names: Vec<usize> = vec![];
        above[..self.n]
            .iter()
            .map(|root| match names.iter().position(|n| n == root) {
                Some(name) => name,
                None => {
                    names.push(*root);
                    names.len() - 1
                }
            })
            .collect()
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
    }
}
