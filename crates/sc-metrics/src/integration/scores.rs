/// Scores of one embedding of several batches, each from 0 to 1, higher is better.
///
/// What needs labels is nothing where there are none, the regression where there is nothing to compare with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IntegrationScores {
    /// [`ilisi`](crate::ilisi) of 90 neighbours.
    pub ilisi: Option<f64>,
    /// [`kbet`](crate::kbet) of 50 neighbours.
    pub kbet: Option<f64>,
    /// [`bras`](crate::bras).
    pub bras: Option<f64>,
    /// [`graph_connectivity`](crate::graph_connectivity) of 15 neighbours.
    pub graph_connectivity: Option<f64>,
    /// `(before - after) / before` of the variance that the batch explains, at least 0.
    pub pcr_comparison: Option<f64>,
    /// [`clisi`](crate::clisi) of 90 neighbours.
    pub clisi: Option<f64>,
    /// Silhouette of the labels, scaled.
    pub silhouette_label: Option<f64>,
    /// [`isolated_labels`](crate::isolated_labels).
    pub isolated_labels: Option<f64>,
    /// NMI of k-means with the number of labels.
    pub nmi_kmeans: Option<f64>,
    /// ARI of the same.
    pub ari_kmeans: Option<f64>,
}

impl IntegrationScores {
    /// The scores of mixing, by name.
    pub fn batch_scores(&self) -> [(&'static str, Option<f64>); 5] {
        [
            ("iLISI", self.ilisi),
            ("kBET", self.kbet),
            ("BRAS", self.bras),
            ("graph connectivity", self.graph_connectivity),
            ("PCR comparison", self.pcr_comparison),
        ]
    }

    /// The scores of what is left of the biology, by name.
    pub fn bio_scores(&self) -> [(&'static str, Option<f64>); 5] {
        [
            ("cLISI", self.clisi),
            ("silhouette", self.silhouette_label),
            ("isolated labels", self.isolated_labels),
            ("NMI k-means", self.nmi_kmeans),
            ("ARI k-means", self.ari_kmeans),
        ]
    }

    /// Mean of the scores of mixing that there are.
    pub fn batch(&self) -> Option<f64> {
        mean(&self.batch_scores())
    }

    /// Mean of the scores of biology that there are.
    pub fn bio(&self) -> Option<f64> {
        mean(&self.bio_scores())
    }

    /// scIB's total, `0.4 batch + 0.6 bio`.
    pub fn total(&self) -> Option<f64> {
        Some(0.4 * self.batch()? + 0.6 * self.bio()?)
    }
}

fn mean(scores: &[(&'static str, Option<f64>)]) -> Option<f64> {
    let known: Vec<f64> = scores.iter().filter_map(|s| s.1).collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}
