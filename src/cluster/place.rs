//! New cells onto an earlier run.

use std::fs;
use std::path::PathBuf;

use fusion_models::ScDefr;
use indexmap::IndexMap;
use rayon::prelude::*;
use sc_graph::Operator;
use sc_io::{Csr, Dense, Matrix, Modality, Uns, WriteOptions};
use sc_prep::{Target, log_normalize};
use serde::Serialize;
use train::{CellData, CellNetwork, DeviceChoice, NeighbourSampling};

use super::grouping::{Grouped, Grouping};
use super::prepare::{counts, modality, stored};
use super::run::{EMBEDDING, UNS, add_columns, second_stage};
use super::{ClusteringConfig, Expression, prepare};
use crate::evaluate::{self, EvaluateOptions, Evaluation, labels_of};
use crate::fuse::FuseObserver;
use crate::{Error, atomic};

/// Share of the genes of a run that new cells must have.
const ENOUGH_GENES: f64 = 0.5;

/// Which cells, onto what, and where to.
#[derive(Clone, Debug)]
pub struct PlaceOptions {
    /// The new cells.
    pub file: PathBuf,
    /// Folder of a finished run of [`cluster`](super::cluster).
    pub onto: PathBuf,
    /// Folder of the results; made if it does not exist.
    pub output: PathBuf,
    /// Where to compute.
    pub device: DeviceChoice,
    /// Columns of obs that the clusters are scored against. They reach nothing but the scores.
    pub labels: Vec<String>,
}

/// `summary.json` of placed cells.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlacedSummary {
    /// Version of cellweave.
    pub version: String,
    /// The new cells.
    pub input: String,
    /// The run they were placed onto.
    pub onto: String,
    /// New cells in the result.
    pub n_cells: usize,
    /// Cells of the run.
    pub n_cells_before: usize,
    /// Genes of the run that the new cells have.
    pub n_genes_shared: usize,
    /// Genes of the run.
    pub n_genes_used: usize,
    /// New cells per cluster.
    pub clusters: Vec<usize>,
    /// Mean probability of the cells' own clusters.
    pub mean_confidence: f64,
    /// Scores against each column of labels.
    pub scores: Vec<Evaluation>,
    /// What the user should know.
    pub notices: Vec<String>,
}

impl std::fmt::Display for PlacedSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} onto {}", self.input, self.onto)?;
        let (new, before) = (self.n_cells, self.n_cells_before);
        writeln!(f, "  cells      {new} new, {before} of the run")?;
        let (shared, used) = (self.n_genes_shared, self.n_genes_used);
        writeln!(f, "  features   {shared} of {used} genes")?;
        writeln!(f, "  clusters   {:?}", self.clusters)?;
        writeln!(f, "  confidence {:.3} (mean)", self.mean_confidence)?;
        for scores in &self.scores {
            for c in scores.clusterings.iter().filter(|c| c.method == "scdefr") {
                writeln!(f, "  {}: ARI {:.3}, NMI {:.3}", scores.labels, c.ari, c.nmi)?;
            }
        }
        self.notices
            .iter()
            .try_for_each(|n| writeln!(f, "  notice: {n}"))
    }
}

/// Gives cells that a model was not trained on a vector and a cluster; the model and the cells of its run stay as they are.
///
/// New cells are normalised as the run's were, found in the run's principal components, and see their nearest cells of the run, which do
/// not see them. The model then embeds all; new cells meet each other in its global fusion alone, where each is one of all cells.
/// Leaves `result.h5ad` with the same columns as [`cluster`](super::cluster), and `summary.json`.
///
/// # Errors
/// A folder without a finished run, weights of other data, fewer than half of the run's genes, values that are not counts, the disk.
pub fn place(
    options: &PlaceOptions,
    observer: &mut dyn FuseObserver,
) -> Result<PlacedSummary, Error> {
    let device = options.device.open()?;
    fs::create_dir_all(&options.output).map_err(Error::io(&options.output))?;
    let target = options.output.join("result.h5ad");
    let reference = options.onto.join("result.h5ad");
    crate::fuse::refuse_same_file(&options.file, &target)?;
    crate::fuse::refuse_same_file(&reference, &target)?;

    observer.say(&format!("reading {}", reference.display()));
    let run = sc_io::read(&reference)?;
    let record = run
        .data
        .modalities
        .values()
        .find_map(|m| match m.uns.get(UNS) {
            Some(Uns::Map(record)) => Some(record.clone()),
            _ => None,
        });
    let Some((config, seed)) = record.as_ref().and_then(settings) else {
        return Err(Error::Input(format!(
            "{} is not the result of `cellweave cluster`",
            reference.display()
        )));
    };
    let before = prepare(&run.data, &config, seed)?;
    let n_before = before.data.n_cells();
    let config = config.for_cells(n_before);
    let root = options.onto.join("checkpoints");
    let grouping = Grouping::load(&root)?;
    let n_clusters = grouping.n_clusters();
    let mut models = vec![];
    for member in 0..config.n_models {
        let model = config
            .model
            .init(before.genes.len(), 1, n_before, &device)
            .map_err(|e| Error::Settings(format!("model: {e}")))?
            .for_clustering(grouping.n_assigned());
        let checkpoints = second_stage(&root, member);
        let (model, context) = train::trained(model, &checkpoints)?;
        if context["data"] != serde_json::json!(before.data.fingerprint()) {
            return Err(Error::Input(format!(
                "{} was trained on other cells than {} holds",
                checkpoints.display(),
                reference.display()
            )));
        }
        models.push(model);
    }

    observer.say(&format!("reading {}", options.file.display()));
    let loaded = sc_io::read(&options.file)?;
    let new = NewCells::of(&loaded.data, &before, &config)?;
    let n_new = new.cells.n_obs();
    let names = new.cells.obs.index().to_vec();
    let labels = options
        .labels
        .iter()
        .map(|column| Ok((column.clone(), labels_of(&loaded.data, &names, column)?)))
        .collect::<Result<Vec<_>, Error>>()?;
    let all = new.behind(&before, &config)?;
    let batch = match n_before <= config.full_batch {
        true => all.n_cells(),
        false => config.train.batch_size,
    };
    let rows: Vec<usize> = (n_before..n_before + n_new).collect();
    let embed = |model: &ScDefr| train::embed(model, &all, batch, &device).select_rows(&rows);
    let embeddings: Vec<Dense> = models.iter().map(embed).collect();
    let Grouped {
        embedding,
        clusters,
        confidence,
    } = grouping.place(&models, &embeddings, &new.components, &device)?;

    let mut summary = PlacedSummary {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        input: options.file.display().to_string(),
        onto: options.onto.display().to_string(),
        n_cells: n_new,
        n_cells_before: n_before,
        n_genes_shared: new.n_shared,
        n_genes_used: before.genes.len(),
        clusters: vec![0; n_clusters],
        mean_confidence: confidence.iter().map(|&c| f64::from(c)).sum::<f64>() / n_new as f64,
        scores: vec![],
        notices: new.notices.clone(),
    };
    clusters.iter().for_each(|&c| summary.clusters[c] += 1);
    for (name, truth) in &labels {
        match evaluate::score(&embedding, name, truth, &EvaluateOptions::default()) {
            Ok(mut evaluation) => {
                let (known, _) = evaluate::known(truth);
                let own = evaluate::compare("scdefr", None, &known, &clusters);
                evaluation.clusterings.insert(0, own);
                summary.scores.push(evaluation);
            }
            Err(e) => summary.notices.push(format!("'{name}' is not scored: {e}")),
        }
    }
    observer.say(&format!("writing {}", target.display()));
    let mut cells = new.cells;
    cells.obsm.insert(EMBEDDING.to_owned(), embedding.into());
    add_columns(&mut cells, &clusters, &confidence, n_clusters)?;
    let onto = Uns::Text(summary.onto.clone());
    let record = IndexMap::from([("placed_onto".to_owned(), onto)]);
    cells.uns.insert(UNS.to_owned(), Uns::Map(record));
    let forbid = vec![options.file.clone(), reference];
    let written = sc_io::write_h5ad_with(&cells, &target, &WriteOptions { forbid })?;
    summary
        .notices
        .extend(written.iter().map(ToString::to_string));
    atomic::save_readable(&options.output.join("summary.json"), &summary)?;
    Ok(summary)
}

/// Settings and seed that a result names.
fn settings(record: &IndexMap<String, Uns>) -> Option<(ClusteringConfig, u64)> {
    match (record.get("config")?, record.get("seed")?) {
        (Uns::Text(config), Uns::Int(seed)) => {
            let config = ClusteringConfig::from_toml(config, &[]).ok()?;
            Some((config, u64::try_from(*seed).ok()?))
        }
        _ => None,
    }
}

/// Cells as the run's were prepared.
struct NewCells {
    cells: Modality,
    counts: Csr,
    rna: Csr,
    size_factors: Vec<f32>,
    /// In the principal components of the run.
    components: Dense,
    /// Places of the nearest cells of the run.
    neighbours: Vec<Vec<u32>>,
    n_shared: usize,
    notices: Vec<String>,
}

impl NewCells {
    fn of(
        data: &sc_io::MultiModal,
        before: &Expression,
        config: &ClusteringConfig,
    ) -> Result<Self, Error> {
        let all = modality(data, &config.modality)?;
        let counts = counts(all, config)?;
        let totals = counts.row_sums();
        let kept: Vec<usize> = (0..totals.len()).filter(|&i| totals[i] > 0.0).collect();
        let mut notices = vec![];
        if kept.len() < totals.len() {
            let n = totals.len() - kept.len();
            notices.push(format!("{n} cells without counts are left out"));
        }
        if kept.is_empty() {
            return Err(Error::Input("no new cell has counts".to_owned()));
        }
        let places: std::collections::HashMap<&str, usize> = all
            .var
            .index()
            .iter()
            .enumerate()
            .map(|(at, name)| (name.as_str(), at))
            .collect();
        let names = before.cells.var.index();
        let column: Vec<Option<usize>> = before
            .genes
            .iter()
            .map(|&g| places.get(names[g].as_str()).copied())
            .collect();
        let (n_genes, n_shared) = (column.len(), column.iter().flatten().count());
        if (n_shared as f64) < ENOUGH_GENES * n_genes as f64 {
            return Err(Error::Input(format!(
                "the new cells have {n_shared} of the {n_genes} genes of the run; half of them are needed (same kind of names?)"
            )));
        }
        if n_shared < n_genes {
            let n = n_genes - n_shared;
            notices.push(format!(
                "{n} of {n_genes} genes are not in the file and count as 0"
            ));
        }
        let counts = counts.select_rows(&kept);
        let mut logged = counts.clone();
        let target = match config.target_sum {
            0.0 => before.median_library,
            sum => sum,
        };
        log_normalize(&mut logged, Target::Sum(target))?;
        let size_factors = kept
            .iter()
            .map(|&i| (totals[i] / before.median_library) as f32);
        let rna = Matrix::Csr(columns(&logged, &column));
        let components = before.components.transform(&rna)?;
        Ok(Self {
            cells: all.select_obs(&kept),
            counts: columns(&counts, &column),
            neighbours: nearest(&components, before, config.graph.n_neighbors),
            components,
            rna: rna.to_csr(),
            size_factors: size_factors.collect(),
            n_shared,
            notices,
        })
    }

    /// The cells of the run, and these behind them.
    fn behind(&self, before: &Expression, config: &ClusteringConfig) -> Result<CellData, Error> {
        let old = |name: &str| before.data.features()[name].to_csr();
        let factors = match &before.data.features()["size_factor"] {
            Matrix::Dense(d) => d.values().to_vec(),
            Matrix::Csr(x) => x.to_dense().into_values(),
        };
        let factors: Vec<f32> = factors
            .into_iter()
            .chain(self.size_factors.iter().copied())
            .collect();
        let n = factors.len();
        let Some(factors) = Dense::new(n, 1, factors) else {
            return Err(Error::Input("one size factor per cell".to_owned()));
        };
        let features = IndexMap::from([
            ("rna".to_owned(), stored(stacked(old("rna"), &self.rna))),
            (
                "counts".to_owned(),
                Matrix::Csr(stacked(old("counts"), &self.counts)),
            ),
            ("size_factor".to_owned(), Matrix::Dense(factors)),
        ]);
        let operator: Operator = before.operator.with_followers(&self.neighbours);
        let sampling = NeighbourSampling {
            hops: config.graph.hops,
            fanout: config.graph.fanout,
        };
        let data = CellData::new(features)
            .and_then(|data| data.with_network(CellNetwork::new(operator, sampling)))
            .map_err(train::TrainError::from)?;
        Ok(data)
    }
}

/// The named columns in that order; zeros where there is none.
fn columns(x: &Csr, column: &[Option<usize>]) -> Csr {
    let mut place = vec![u32::MAX; x.n_cols()];
    for (to, from) in column.iter().enumerate() {
        if let Some(from) = from {
            place[*from] = to as u32;
        }
    }
    let mut out = Csr::zeros(0, column.len());
    for row in 0..x.n_rows() {
        let (indices, values) = x.row(row);
        let mut entries: Vec<(u32, f32)> = indices
            .iter()
            .zip(values)
            .map(|(&j, &v)| (place[j as usize], v))
            .filter(|e| e.0 != u32::MAX)
            .collect();
        entries.sort_unstable_by_key(|e| e.0);
        out.push_row(entries);
    }
    out
}

fn stacked(mut above: Csr, below: &Csr) -> Csr {
    for row in 0..below.n_rows() {
        let (indices, values) = below.row(row);
        above.push_row(indices.iter().copied().zip(values.iter().copied()));
    }
    above
}

/// Places of the cells of the run that are nearest in its principal components; one fewer than `k`, which counts the cell itself.
fn nearest(new: &Dense, before: &Expression, k: usize) -> Vec<Vec<u32>> {
    let old = &before.components.scores;
    let k = (k - 1).clamp(1, old.n_rows());
    let of_row = |row: usize| {
        let point = new.row(row);
        let distance = |i: usize| -> f64 {
            let pairs = point.iter().zip(old.row(i));
            pairs
                .map(|(&p, &o)| (f64::from(p) - f64::from(o)).powi(2))
                .sum()
        };
        let mut all: Vec<(f64, u32)> = (0..old.n_rows()).map(|i| (distance(i), i as u32)).collect();
        all.select_nth_unstable_by(k - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        all.truncate(k);
        all.into_iter().map(|(_, i)| i).collect()
    };
    (0..new.n_rows()).into_par_iter().map(of_row).collect()
}
