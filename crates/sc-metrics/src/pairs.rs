use crate::Contingency;

/// Counts of ordered pairs of distinct points, after whether each labelling joins them.
struct Pairs {
    both: f64,
    truth_only: f64,
    prediction_only: f64,
    neither: f64,
}

/// Scores that count pairs of points.
impl Contingency {
    fn pairs(&self) -> Pairs {
        let joined = |counts: &mut dyn Iterator<Item = u64>| -> u128 {
            counts.map(|c| u128::from(c) * u128::from(c)).sum()
        };
        let n = u128::from(self.n);
        let both = joined(&mut self.cells.iter().map(|c| c.2));
        let truth = joined(&mut self.classes.iter().copied());
        let prediction = joined(&mut self.clusters.iter().copied());
        Pairs {
            both: (both - n) as f64,
            truth_only: (truth - both) as f64,
            prediction_only: (prediction - both) as f64,
            neither: (n * n + both - truth - prediction) as f64,
        }
    }

    /// Adjusted Rand index: 1 for equal partitions, expectation 0 for independent ones.
    ///
    /// With pairs joined in both (TP), one (FN, FP) or no (TN) labelling,
    /// `2 (TP TN - FN FP) / ((TP + FN)(FN + TN) + (TP + FP)(FP + TN))`; 1 when FN = FP = 0.
    /// Source: Hubert, Arabie (1985), in the form of scikit-learn.
    pub fn ari(&self) -> f64 {
        let p = self.pairs();
        if p.truth_only == 0.0 && p.prediction_only == 0.0 {
            return 1.0;
        }
        let numerator = p.both * p.neither - p.truth_only * p.prediction_only;
        let denominator = (p.both + p.truth_only) * (p.truth_only + p.neither)
            + (p.both + p.prediction_only) * (p.prediction_only + p.neither);
        2.0 * numerator / denominator
    }

    /// Rand index: share of pairs on which both labellings agree; 1 for fewer than two points.
    pub fn rand_index(&self) -> f64 {
        let p = self.pairs();
        let agree = p.both + p.neither;
        if p.truth_only + p.prediction_only == 0.0 {
            1.0
        } else {
            agree / (agree + p.truth_only + p.prediction_only)
        }
    }

    /// Fowlkes-Mallows index, `TP / sqrt((TP + FP)(TP + FN))`; 0 when no pair is joined in both.
    pub fn fmi(&self) -> f64 {
        let p = self.pairs();
        if p.both == 0.0 {
            return 0.0;
        }
        (p.both / (p.both + p.prediction_only)).sqrt() * (p.both / (p.both + p.truth_only)).sqrt()
    }

    /// Pair F score, `2 TP / (2 TP + FP + FN)`; NaN when no pair is joined anywhere.
    pub fn pair_f(&self) -> f64 {
        let p = self.pairs();
        2.0 * p.both / (2.0 * p.both + p.truth_only + p.prediction_only)
    }

    /// Pair Jaccard index, `TP / (TP + FP + FN)`; NaN when no pair is joined anywhere.
    pub fn pair_jaccard(&self) -> f64 {
        let p = self.pairs();
        p.both / (p.both + p.truth_only + p.prediction_only)
    }
}
