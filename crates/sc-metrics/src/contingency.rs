/// How often each pair of (truth, prediction) labels occurs: the one table behind every label score.
///
/// Only the cells that occur are stored, so that predictions of as many clusters as points stay cheap.
#[derive(Debug, Clone, PartialEq)]
pub struct Contingency {
    /// Occurring cells as (class, cluster, count), by class, then cluster.
    pub(crate) cells: Vec<(usize, usize, u64)>,
    /// Points per class.
    pub(crate) classes: Vec<u64>,
    /// Points per cluster.
    pub(crate) clusters: Vec<u64>,
    /// Points.
    pub(crate) n: u64,
}

impl Contingency {
    /// Counts label pairs; labels can be numbers, names or anything ordered.
    ///
    /// # Panics
    /// If the two slices differ in length.
    pub fn new<T: Ord, P: Ord>(truth: &[T], prediction: &[P]) -> Contingency {
        assert_eq!(
            truth.len(),
            prediction.len(),
            "truth and prediction must label the same points"
        );
        let (truth, classes) = codes(truth.iter());
        let (prediction, clusters) = codes(prediction.iter());
        let mut pairs: Vec<(usize, usize)> = truth.into_iter().zip(prediction).collect();
        pairs.sort_unstable();
        let cells = pairs
            .chunk_by(|a, b| a == b)
            .map(|same| (same[0].0, same[0].1, same.len() as u64))
            .collect();
        Contingency {
            cells,
            classes,
            clusters,
            n: pairs.len() as u64,
        }
    }

    /// Like [`Contingency::new`] over the points where neither label is missing.
    ///
    /// # Panics
    /// If the two slices differ in length.
    pub fn of_known<T: Ord, P: Ord>(truth: &[Option<T>], prediction: &[Option<P>]) -> Contingency {
        assert_eq!(
            truth.len(),
            prediction.len(),
            "truth and prediction must label the same points"
        );
        let known = truth.iter().zip(prediction);
        let (truth, prediction): (Vec<&T>, Vec<&P>) = known
            .filter_map(|(t, p)| Some((t.as_ref()?, p.as_ref()?)))
            .unzip();
        Contingency::new(&truth, &prediction)
    }

    /// Number of points.
    pub fn n_points(&self) -> usize {
        self.n as usize
    }

    /// Number of distinct true labels.
    pub fn n_classes(&self) -> usize {
        self.classes.len()
    }

    /// Number of distinct predicted labels.
    pub fn n_clusters(&self) -> usize {
        self.clusters.len()
    }

    /// The whole table, `n_classes` rows of `n_clusters` counts, labels in increasing order.
    pub fn dense(&self) -> Vec<Vec<u64>> {
        let mut table = vec![vec![0; self.n_clusters()]; self.n_classes()];
        for &(class, cluster, count) in &self.cells {
            table[class][cluster] = count;
        }
        table
    }

    /// Share of points in the largest class of their cluster.
    pub fn purity(&self) -> f64 {
        let mut largest = vec![0; self.n_clusters()];
        for &(_, cluster, count) in &self.cells {
            largest[cluster] = count.max(largest[cluster]);
        }
        self.share(largest.iter().sum())
    }

    /// Share of points in the largest cluster of their class.
    pub fn inverse_purity(&self) -> f64 {
        let mut largest = vec![0; self.n_classes()];
        for &(class, _, count) in &self.cells {
            largest[class] = count.max(largest[class]);
        }
        self.share(largest.iter().sum())
    }

    /// `count / n`, NaN without points.
    pub(crate) fn share(&self, count: u64) -> f64 {
        count as f64 / self.n as f64
    }
}

/// Replaces labels by their rank among the distinct ones; also returns the count of each.
pub(crate) fn codes<'a, L: Ord + 'a>(
    labels: impl Iterator<Item = &'a L>,
) -> (Vec<usize>, Vec<u64>) {
    let mut sorted: Vec<(&L, usize)> = labels.zip(0..).collect();
    sorted.sort_unstable();
    let mut codes = vec![0; sorted.len()];
    let mut counts = Vec::new();
    for (code, same) in sorted.chunk_by(|a, b| a.0 == b.0).enumerate() {
        counts.push(same.len() as u64);
        for &(_, at) in same {
            codes[at] = code;
        }
    }
    (codes, counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_names_and_drops_missing_ones() {
        let truth = [Some("B"), Some("T"), None, Some("T"), Some("B")];
        let prediction = [Some(7), Some(1), Some(1), None, Some(7)];
        let table = Contingency::of_known(&truth, &prediction);
        assert_eq!(table.dense(), [[0, 2], [1, 0]]);
        assert_eq!(
            (table.n_points(), table.n_classes(), table.n_clusters()),
            (3, 2, 2)
        );
    }
}
