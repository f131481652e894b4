//! `cellweave evaluate`: scores of an embedding against labels.
//!
//! Labels are used here and nowhere else: clusters are made from the embedding of all cells, then
//! compared with the labels of the cells that have one.

mod mixing;

use std::collections::BTreeSet;
use std::path::Path;

use sc_graph::{Graph, NeighbourOptions, leiden, leiden_with_k, neighbours};
use sc_io::{Column, Dense, Embedding, MultiModal};
use sc_metrics::{ClusteringScores, calinski_harabasz, davies_bouldin, kmeans, silhouette};
use serde::Serialize;

use crate::Error;

pub use mixing::{Mixing, mixing};

/// Labels that stand for "not known"; compared in lower case. The same list as the peers' scores in
/// `docs/results.md` use.
pub const NOT_A_LABEL: [&str; 10] = [
    "",
    "nan",
    "none",
    "na",
    "unknown",
    "unassigned",
    "undefined",
    "unmatched",
    "ambiguous",
    "doublet",
];

/// How an embedding is clustered for scoring.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluateOptions {
    /// Clusters for k-means and for Leiden at a fixed number; `None` takes the number of classes.
    pub k: Option<usize>,
    /// Neighbours of a cell, itself included.
    pub n_neighbors: usize,
    /// Resolution of Leiden.
    pub resolution: f64,
    /// Seed.
    pub seed: u64,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self {
            k: None,
            n_neighbors: 15,
            resolution: 1.0,
            seed: 0,
        }
    }
}

/// Scores of one embedding against one column of labels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// The column.
    pub labels: String,
    /// Cells that were clustered.
    pub n_cells: usize,
    /// Cells whose embedding is missing; they are not clustered.
    pub n_without_embedding: usize,
    /// Cells that have a label and are scored.
    pub n_scored: usize,
    /// Classes among them.
    pub n_classes: usize,
    /// Cells per value that was not taken for a label.
    pub left_out: Vec<(String, usize)>,
    /// Scores per way of clustering: `leiden`, `leiden_k` and `kmeans`.
    pub clusterings: Vec<Scored>,
    /// Mean silhouette of the labels on the embedding, -1 to 1.
    pub silhouette: f64,
    /// Calinski-Harabasz index of the labels.
    pub calinski_harabasz: f64,
    /// Davies-Bouldin index of the labels; lower is better.
    pub davies_bouldin: f64,
    /// Scores of integration, where batches were named.
    pub mixing: Option<Mixing>,
}

/// What scores of integration need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MixingOptions {
    /// Column of obs with the batches.
    pub batch: String,
    /// Entry of obsm that nothing was corrected in, for the comparison of what the batch explains.
    pub before: Option<String>,
}

/// Scores of one clustering.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scored {
    /// How the clusters were made.
    pub method: String,
    /// Resolution, where the method has one.
    pub resolution: Option<f64>,
    /// Number of clusters among the scored cells.
    pub n_clusters: usize,
    /// Adjusted Rand index.
    pub ari: f64,
    /// Normalised mutual information (arithmetic mean).
    pub nmi: f64,
    /// Adjusted mutual information.
    pub ami: f64,
    /// Fowlkes-Mallows index.
    pub fmi: f64,
    /// Share of cells in clusters of their majority class.
    pub purity: f64,
    /// Accuracy of the best one-to-one matching of clusters and classes.
    pub accuracy: f64,
    /// Homogeneity.
    pub homogeneity: f64,
    /// Completeness.
    pub completeness: f64,
    /// V-measure.
    pub v_measure: f64,
}

/// Scores an embedding of a file against its labels, and how well its batches are mixed.
///
/// # Errors
/// A file that cannot be read, no such entry or column, cells without a batch.
pub fn evaluate(
    path: &Path,
    representation: &str,
    labels: &str,
    options: &EvaluateOptions,
    mixed: Option<&MixingOptions>,
) -> Result<Evaluation, Error> {
    let data = sc_io::read(path)?.data;
    let find = |key: &str| find_embedding(&data, key).ok_or_else(|| no_embedding(path, &data, key));
    let (embedding, cells, n_without_embedding) = find(representation)?;
    let truth = labels_of(&data, &cells, labels)?;
    let mixing = mixed
        .map(|mixed| {
            let batches = labels_of(&data, &cells, &mixed.batch)?;
            let batches: Option<Vec<String>> = batches.into_iter().collect();
            let batches = batches.ok_or_else(|| {
                Error::Input(format!(
                    "column '{}' lacks the batch of some cells",
                    mixed.batch
                ))
            })?;
            let before = match &mixed.before {
                None => None,
                Some(key) => {
                    let (before, others, _) = find(key)?;
                    if others != cells {
                        return Err(Error::Input(format!(
                            "obsm['{key}'] is not of the cells of obsm['{representation}']"
                        )));
                    }
                    Some(before)
                }
            };
            mixing(&embedding, before.as_ref(), &batches, &truth, options.seed)
        })
        .transpose()?;
    Ok(Evaluation {
        n_without_embedding,
        mixing,
        ..score(&embedding, labels, &truth, options)?
    })
}

/// Scores an embedding (cells x dimensions) against one label per cell.
pub fn score(
    embedding: &Dense,
    name: &str,
    labels: &[Option<String>],
    options: &EvaluateOptions,
) -> Result<Evaluation, Error> {
    let (n, d) = (embedding.n_rows(), embedding.n_cols());
    let (truth, left_out) = known(labels);
    let scored: Vec<usize> = (0..n).filter(|&i| truth[i].is_some()).collect();
    let classes: BTreeSet<&str> = truth.iter().flatten().map(String::as_str).collect();
    if classes.is_empty() {
        return Err(Error::Input(format!(
            "column '{name}' labels none of the {n} cells"
        )));
    }
    let k = options.k.unwrap_or(classes.len());
    let neighbours = neighbours(
        embedding.values(),
        n,
        d,
        options.n_neighbors.min(n),
        &NeighbourOptions::default(),
    )?;
    let graph = Graph::fuzzy(&neighbours)?;
    let free = leiden(&graph, options.resolution, options.seed)?;
    let fixed = leiden_with_k(&graph, k, options.seed)?;
    let means = kmeans(embedding.values(), n, d, k, options.seed, 20, 300)?;
    let part = embedding.select_rows(&scored);
    let known: Vec<&String> = truth.iter().flatten().collect();
    let comparable = classes.len() > 1 && classes.len() < scored.len();
    let (silhouette, calinski_harabasz, davies_bouldin) = if comparable {
        let (v, m) = (part.values(), scored.len());
        (
            silhouette(v, m, d, &known)?,
            calinski_harabasz(v, m, d, &known)?,
            davies_bouldin(v, m, d, &known)?,
        )
    } else {
        (f64::NAN, f64::NAN, f64::NAN)
    };
    Ok(Evaluation {
        labels: name.to_owned(),
        n_cells: n,
        n_without_embedding: 0,
        n_scored: scored.len(),
        n_classes: classes.len(),
        left_out,
        clusterings: vec![
            compare("leiden", Some(options.resolution), &truth, &free),
            compare("leiden_k", Some(fixed.resolution), &truth, &fixed.labels),
            compare("kmeans", None, &truth, &means.labels),
        ],
        silhouette,
        calinski_harabasz,
        davies_bouldin,
        mixing: None,
    })
}

/// Scores given clusters against labels; cells without a label are left out.
pub fn compare(
    method: &str,
    resolution: Option<f64>,
    truth: &[Option<String>],
    clusters: &[usize],
) -> Scored {
    let clusters: Vec<Option<usize>> = clusters.iter().map(|&c| Some(c)).collect();
    let s = ClusteringScores::new(truth, &clusters);
    Scored {
        method: method.to_owned(),
        resolution,
        n_clusters: s.n_clusters,
        ari: s.ari,
        nmi: s.nmi,
        ami: s.ami,
        fmi: s.fmi,
        purity: s.purity,
        accuracy: s.accuracy,
        homogeneity: s.homogeneity,
        completeness: s.completeness,
        v_measure: s.v_measure,
    }
}

/// Labels without the values of [`NOT_A_LABEL`], and how often each of those stood.
pub fn known(labels: &[Option<String>]) -> (Vec<Option<String>>, Vec<(String, usize)>) {
    let mut left_out = std::collections::BTreeMap::new();
    let kept = labels
        .iter()
        .map(|l| match l {
            Some(l) if !NOT_A_LABEL.contains(&l.to_lowercase().as_str()) => Some(l.clone()),
            other => {
                *left_out
                    .entry(other.clone().unwrap_or_default())
                    .or_insert(0) += 1;
                None
            }
        })
        .collect();
    (kept, left_out.into_iter().collect())
}

/// Labels of the named cells: from the common `obs`, else from the first modality that has the
/// column; `modality:column` names one. A cell that the table does not have has no label.
///
/// # Errors
/// No such column; names that stand twice, so that a cell's label cannot be told.
pub fn labels_of(
    data: &MultiModal,
    cells: &[String],
    column: &str,
) -> Result<Vec<Option<String>>, Error> {
    let named = column
        .split_once(':')
        .and_then(|(m, c)| Some((&data.modalities.get(m)?.obs, c)));
    let tables = || std::iter::once(&data.obs).chain(data.modalities.values().map(|m| &m.obs));
    let found = named.or_else(|| {
        tables()
            .find(|t| t.columns().contains_key(column))
            .map(|table| (table, column))
    });
    let missing = || {
        let mut available: Vec<String> =
            tables().flat_map(|t| t.columns().keys().cloned()).collect();
        available.sort_unstable();
        available.dedup();
        sc_io::TableError::Missing {
            column: column.to_owned(),
            available,
        }
    };
    let in_obs = |source| Error::Column {
        place: "obs".to_owned(),
        source,
    };
    let (table, column) = found.ok_or_else(|| in_obs(missing()))?;
    let values: &Column = table.column(column).map_err(in_obs)?;
    if table.index() == cells {
        return Ok(values.labels());
    }
    if let Some((name, a, b)) = table.first_duplicate() {
        return Err(Error::Input(format!(
            "column '{column}': the cell name '{name}' stands in rows {a} and {b}, so its label cannot be told; make the names differ"
        )));
    }
    let rows = table.positions();
    Ok(cells
        .iter()
        .map(|c| rows.get(c.as_str()).and_then(|&r| values.label(r)))
        .collect())
}

/// An entry of the common `obsm` or of a modality's, with the names of its cells. Cells whose
/// embedding is missing (not a number) are left out.
fn find_embedding(data: &MultiModal, key: &str) -> Option<(Dense, Vec<String>, usize)> {
    let places = std::iter::once((&data.obsm, &data.obs))
        .chain(data.modalities.values().map(|m| (&m.obsm, &m.obs)));
    let (embedding, obs) = places
        .into_iter()
        .find_map(|(obsm, obs)| Some((obsm.get(key)?, obs)))?;
    let Embedding::Matrix(m) = embedding else {
        return None;
    };
    let dense = m.to_dense();
    let rows: Vec<usize> = (0..dense.n_rows())
        .filter(|&r| dense.row(r).iter().all(|v| v.is_finite()))
        .collect();
    let names = rows.iter().map(|&r| obs.index()[r].clone()).collect();
    let n_missing = dense.n_rows() - rows.len();
    Some((dense.select_rows(&rows), names, n_missing))
}

fn no_embedding(path: &Path, data: &MultiModal, key: &str) -> Error {
    let mut keys: Vec<&str> = data.obsm.keys().map(String::as_str).collect();
    keys.extend(
        data.modalities
            .values()
            .flat_map(|m| m.obsm.keys().map(String::as_str)),
    );
    Error::Input(format!(
        "{}: no numeric obsm entry '{key}'; there are: {}",
        path.display(),
        keys.join(", ")
    ))
}

impl std::fmt::Display for Evaluation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{}: {} of {} cells scored, {} classes",
            self.labels, self.n_scored, self.n_cells, self.n_classes
        )?;
        if self.n_without_embedding > 0 {
            writeln!(
                f,
                "  {} cells have no embedding and were left out",
                self.n_without_embedding
            )?;
        }
        if !self.left_out.is_empty() {
            let list: Vec<String> = self
                .left_out
                .iter()
                .map(|(l, n)| format!("'{l}' {n}"))
                .collect();
            writeln!(f, "  not scored: {}", list.join(", "))?;
        }
        writeln!(
            f,
            "  {:10} {:>3} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6}",
            "clusters", "k", "ARI", "NMI", "AMI", "FMI", "purity", "ACC", "homog", "compl"
        )?;
        for s in &self.clusterings {
            writeln!(
                f,
                "  {:10} {:>3} {:6.3} {:6.3} {:6.3} {:6.3} {:6.3} {:6.3} {:6.3} {:6.3}",
                s.method,
                s.n_clusters,
                s.ari,
                s.nmi,
                s.ami,
                s.fmi,
                s.purity,
                s.accuracy,
                s.homogeneity,
                s.completeness
            )?;
        }
        writeln!(
            f,
            "  labels on the embedding: silhouette {:.3}, Calinski-Harabasz {:.0}, Davies-Bouldin {:.3}",
            self.silhouette, self.calinski_harabasz, self.davies_bouldin
        )?;
        match &self.mixing {
            Some(mixing) => write!(f, "{mixing}"),
            None => Ok(()),
        }
    }
}
