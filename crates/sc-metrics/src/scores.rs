use crate::{Average, Contingency};

/// Every score of one (truth, prediction) pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClusteringScores {
    /// Points with both labels.
    pub n_points: usize,
    /// Distinct true labels.
    pub n_classes: usize,
    /// Distinct predicted labels.
    pub n_clusters: usize,
    /// [`Contingency::ari`]
    pub ari: f64,
    /// [`Contingency::rand_index`]
    pub rand_index: f64,
    /// [`Contingency::mutual_information`]
    pub mutual_information: f64,
    /// [`Contingency::nmi`], arithmetic mean.
    pub nmi: f64,
    /// [`Contingency::ami`], arithmetic mean.
    pub ami: f64,
    /// [`Contingency::fmi`]
    pub fmi: f64,
    /// [`Contingency::homogeneity`]
    pub homogeneity: f64,
    /// [`Contingency::completeness`]
    pub completeness: f64,
    /// [`Contingency::v_measure`]
    pub v_measure: f64,
    /// [`Contingency::purity`]
    pub purity: f64,
    /// [`Contingency::inverse_purity`]
    pub inverse_purity: f64,
    /// [`Contingency::accuracy`]
    pub accuracy: f64,
    /// [`Contingency::pair_f`]
    pub pair_f: f64,
    /// [`Contingency::pair_jaccard`]
    pub pair_jaccard: f64,
}

impl ClusteringScores {
    /// Scores the points where neither label is missing.
    ///
    /// # Panics
    /// If the two slices differ in length.
    ///
    /// ```
    /// use sc_metrics::ClusteringScores;
    /// let truth = [Some("B"), Some("B"), Some("T"), None];
    /// let found = [Some(1), Some(1), Some(0), Some(0)];
    /// let scores = ClusteringScores::new(&truth, &found);
    /// assert_eq!((scores.n_points, scores.ari, scores.accuracy), (3, 1.0, 1.0));
    /// ```
    pub fn new<T: Ord, P: Ord>(truth: &[Option<T>], prediction: &[Option<P>]) -> ClusteringScores {
        ClusteringScores::of(&Contingency::of_known(truth, prediction))
    }

    /// Scores a contingency table.
    pub fn of(table: &Contingency) -> ClusteringScores {
        ClusteringScores {
            n_points: table.n_points(),
            n_classes: table.n_classes(),
            n_clusters: table.n_clusters(),
            ari: table.ari(),
            rand_index: table.rand_index(),
            mutual_information: table.mutual_information(),
            nmi: table.nmi(Average::Arithmetic),
            ami: table.ami(Average::Arithmetic),
            fmi: table.fmi(),
            homogeneity: table.homogeneity(),
            completeness: table.completeness(),
            v_measure: table.v_measure(),
            purity: table.purity(),
            inverse_purity: table.inverse_purity(),
            accuracy: table.accuracy(),
            pair_f: table.pair_f(),
            pair_jaccard: table.pair_jaccard(),
        }
    }
}

/// Adjusted Rand index of two labellings without missing labels, see [`Contingency::ari`].
///
/// # Panics
/// If the two slices differ in length.
pub fn ari<T: Ord, P: Ord>(truth: &[T], prediction: &[P]) -> f64 {
    Contingency::new(truth, prediction).ari()
}

/// Normalised mutual information (arithmetic mean) of two labellings, see [`Contingency::nmi`].
///
/// # Panics
/// If the two slices differ in length.
pub fn nmi<T: Ord, P: Ord>(truth: &[T], prediction: &[P]) -> f64 {
    Contingency::new(truth, prediction).nmi(Average::Arithmetic)
}
