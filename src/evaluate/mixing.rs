//! How well batches are mixed in an embedding, and what of its labels is left.

use indexmap::IndexMap;
use sc_graph::{NeighbourOptions, neighbours};
use sc_io::Dense;
use sc_metrics::{
    IntegrationScores, Neighbours, ari, bras, clisi, graph_connectivity, ilisi, isolated_labels,
    kbet, kmeans, nmi, principal_component_regression, silhouette,
};
use serde::Serialize;

use super::known;
use crate::Error;

/// Neighbours that scores are taken over, as in scib-metrics: LISI, kBET, connectivity.
const WIDE: usize = 90;
const MIDDLE: usize = 50;
const NEAR: usize = 15;

/// Scores of integration: those of mixing over all cells, those of biology over cells with a label.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mixing {
    /// Batches.
    pub n_batches: usize,
    /// Each score that could be taken, by name, 0 to 1.
    pub scores: IndexMap<String, f64>,
    /// Mean of the scores of mixing.
    pub batch: Option<f64>,
    /// Mean of the scores of biology.
    pub biology: Option<f64>,
    /// `0.4 batch + 0.6 biology`.
    pub total: Option<f64>,
}

/// Scores an embedding of batches; `before` is one of the same cells that nothing was corrected in.
///
/// # Errors
/// Fewer than two batches, values that are not finite.
pub fn mixing(
    embedding: &Dense,
    before: Option<&Dense>,
    batches: &[String],
    labels: &[Option<String>],
    seed: u64,
) -> Result<Mixing, Error> {
    let (z, n, d) = (embedding.values(), embedding.n_rows(), embedding.n_cols());
    let found = neighbours(z, n, d, WIDE.min(n), &NeighbourOptions::default())?;
    let near = Neighbours::new(found.k, &found.indices, &found.distances)?;
    let mut scores = IntegrationScores {
        ilisi: Some(ilisi(&near, WIDE, batches)?),
        kbet: Some(kbet(&near, MIDDLE, batches)?),
        ..IntegrationScores::default()
    };
    if let Some(before) = before {
        let explained =
            |x: &Dense| principal_component_regression(x.values(), x.n_rows(), x.n_cols(), batches);
        let (was, is) = (explained(before)?, explained(embedding)?);
        scores.pcr_comparison = (was > 0.0).then(|| ((was - is) / was).max(0.0));
    }
    let (labels, _) = known(labels);
    let rows: Vec<usize> = (0..n).filter(|&i| labels[i].is_some()).collect();
    let of: Vec<&String> = labels.iter().flatten().collect();
    let batch: Vec<&String> = rows.iter().map(|&i| &batches[i]).collect();
    let mut classes = of.clone();
    classes.sort_unstable();
    classes.dedup();
    let (m, k) = (rows.len(), classes.len());
    if k > 1 && k < m {
        let part = embedding.select_rows(&rows);
        let z = part.values();
        let found = neighbours(z, m, d, WIDE.min(m), &NeighbourOptions::default())?;
        let near = Neighbours::new(found.k, &found.indices, &found.distances)?;
        let clusters = kmeans(z, m, d, k, seed, 10, 300)?.labels;
        // Where no label has two batches there is nothing to compare within one.
        scores.bras = bras(z, m, d, &of, &batch).ok();
        scores.graph_connectivity = Some(graph_connectivity(&near, NEAR, &of)?);
        scores.clisi = Some(clisi(&near, WIDE, &of)?);
        scores.silhouette_label = Some((silhouette(z, m, d, &of)? + 1.0) / 2.0);
        scores.isolated_labels = Some(isolated_labels(z, m, d, &of, &batch)?);
        scores.nmi_kmeans = Some(nmi(&of, &clusters));
        scores.ari_kmeans = Some(ari(&of, &clusters));
    }
    let mut names: Vec<&String> = batches.iter().collect();
    names.sort_unstable();
    names.dedup();
    let all = scores.batch_scores().into_iter().chain(scores.bio_scores());
    Ok(Mixing {
        n_batches: names.len(),
        scores: all.filter_map(|(n, s)| Some((n.to_owned(), s?))).collect(),
        batch: scores.batch(),
        biology: scores.bio(),
        total: scores.total(),
    })
}

impl std::fmt::Display for Mixing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let show = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.3}"));
        writeln!(
            f,
            "  {} batches: mixing {}, biology {}, total {}",
            self.n_batches,
            show(self.batch),
            show(self.biology),
            show(self.total)
        )?;
        let each = self.scores.iter().map(|(n, v)| format!("{n} {v:.3}"));
        writeln!(f, "    {}", each.collect::<Vec<_>>().join(", "))
    }
}
