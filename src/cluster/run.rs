//! One run from file to result.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use fusion_core::{Draw, FusionModel};
use fusion_models::ScDefr;
use indexmap::IndexMap;
use sc_io::{Categorical, Column, Dense, Modality, Uns, WriteOptions};
use train::{CellData, DeviceChoice, History, Outcome, Run, Trained};

use super::grouping::{self, Grouped, Grouping, names_by_size};
use super::leak::choose_by_labels;
use super::show::{self, Findings};
use super::{ClusteringConfig, ClusteringSummary, prepare};
use crate::clock::Clock;
use crate::evaluate::{self, EvaluateOptions, labels_of};
use crate::fuse::FuseObserver;
use crate::layout::{neighbour_graph, plane};
use crate::{Error, atomic, resources};

/// Keys of the result.
pub(super) const EMBEDDING: &str = "X_scdefr";
/// What the seeds of further models are drawn for.
const OF_MEMBERS: u64 = 1000;
const UMAP: &str = "X_umap";
const CLUSTER: &str = "scdefr_cluster";
const CONFIDENCE: &str = "scdefr_confidence";
pub(super) const UNS: &str = "scdefr";

/// What to cluster, and where to.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// The input.
    pub file: PathBuf,
    /// Folder of the results; made if it does not exist.
    pub output: PathBuf,
    /// Seed of everything random.
    pub seed: u64,
    /// Where to train.
    pub device: DeviceChoice,
    /// Columns of obs that the clusters are scored against. They reach nothing but the scores and the pictures.
    pub labels: Vec<String>,
    /// Whether to go on from the checkpoints in the output folder.
    pub resume: bool,
    /// The command, for the report.
    pub command: String,
}

/// What a run leaves behind.
#[derive(Clone, Debug)]
pub struct Clustered {
    /// The summary, as in `summary.json`.
    pub summary: ClusteringSummary,
    /// `false` if the run was interrupted; then there are checkpoints and no result.
    pub finished: bool,
}

/// Reads, prepares, trains, assigns, writes.
///
/// Leaves `result.h5ad`, `report.html`, `summary.json`, `pictures/` and `checkpoints/` in the output folder. The result holds what
/// the file said of the cells that have counts, and `obsm["X_scdefr"]`, `obs["scdefr_cluster"]`,
/// `obs["scdefr_confidence"]` (the probability of the cell's cluster), `obsm["X_umap"]`, `uns["scdefr"]`.
///
/// # Errors
/// A file that cannot be read, values that are not counts, more clusters than cells, settings, the disk.
pub fn cluster(
    options: &ClusterOptions,
    config: &ClusteringConfig,
    observer: &mut dyn FuseObserver,
) -> Result<Clustered, Error> {
    config.validate()?;
    let device = options.device.open()?;
    let mut clock = Clock::new();
    fs::create_dir_all(&options.output).map_err(Error::io(&options.output))?;
    let target = options.output.join("result.h5ad");
    crate::fuse::refuse_same_file(&options.file, &target)?;

    observer.say(&format!("reading {}", options.file.display()));
    let loaded = sc_io::read(&options.file)?;
    clock.lap("read");
    let expression = prepare(&loaded.data, config, options.seed)?;
    let names = expression.cells.obs.index().to_vec();
    let labels = options
        .labels
        .iter()
        .map(|column| Ok((column.clone(), labels_of(&loaded.data, &names, column)?)))
        .collect::<Result<Vec<_>, Error>>()?;
    let leaked = match config.leak_labels.as_str() {
        "" => vec![],
        column => labels_of(&loaded.data, &names, column)?,
    };
    let mut notices: Vec<String> = loaded.notices.iter().map(ToString::to_string).collect();
    notices.extend(expression.notices.iter().cloned());
    let format = loaded.format.to_string();
    drop(loaded);
    for notice in &notices {
        observer.say(&format!("notice: {notice}"));
    }
    let (n_cells, n_genes) = (names.len(), expression.genes.len());
    clock.lap("prepare");

    let given = config;
    let config = &config.for_cells(n_cells);
    if config.n_clusters > n_cells {
        let k = config.n_clusters;
        return Err(Error::Settings(format!(
            "model: {k} clusters of {n_cells} cells: at least 1 and not more than cells"
        )));
    }
    let stages = Stages {
        options,
        config,
        data: &expression.data,
        device: &device,
    };
    // The first stage knows no clusters: one stands for those to come.
    let mut first = vec![];
    for member in 0..config.n_models {
        let seed = stages.seed(member);
        let model = train::seeded_init(&device.clone().autodiff(), seed, |device| {
            config.model.init(n_genes, 1, n_cells, device)
        })
        .map_err(|e| Error::Settings(format!("model: {e}")))?;
        if member == 0 {
            observer.say(&format!(
                "{n_cells} cells, {n_genes} genes, {} models of {} parameters on {}",
                config.n_models,
                model.describe().n_params(),
                options.device.name()
            ));
        }
        first.push(stages.train(model.for_pretraining(), member, None, observer)?);
        if first[member].outcome == Outcome::Interrupted {
            break;
        }
    }
    clock.lap("pretrain");
    let mut n_clusters = config.n_clusters;
    let interrupted =
        |all: &[Trained<ScDefr>]| all.last().is_none_or(|t| t.outcome == Outcome::Interrupted);
    let mut trained = first;
    if !interrupted(&trained) {
        if n_clusters == 0 {
            let z = stages.embed(&trained);
            let components = &expression.components.scores;
            n_clusters = grouping::estimate(&z, components, config.max_clusters)?;
            observer.say(&format!(
                "{n_clusters} clusters by silhouette and modularity, to begin with"
            ));
            clock.lap("number of clusters");
        }
        let mut second: Vec<Trained<ScDefr>> = vec![];
        for (member, first) in trained.into_iter().enumerate() {
            let model = first.model.for_clustering(n_clusters);
            let done = stages.train(model, member, Some(n_clusters), observer)?;
            let outcome = done.outcome;
            second.push(Trained {
                history: first.history.then(done.history),
                ..done
            });
            if outcome == Outcome::Interrupted {
                break;
            }
        }
        trained = second;
    }
    let outcome = trained.last().map_or(Outcome::Interrupted, |t| t.outcome);
    let history = trained
        .first()
        .map(|t| t.history.clone())
        .unwrap_or_default();
    let graph = trained
        .first()
        .map(|t| t.model.describe())
        .unwrap_or_default();
    clock.lap("cluster");
    let mut summary = ClusteringSummary {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        input: options.file.display().to_string(),
        format,
        outcome: match outcome {
            Outcome::Finished => "all epochs ran",
            Outcome::StoppedEarly => "stopped early",
            Outcome::Interrupted => "interrupted; go on with --resume",
        }
        .to_owned(),
        seed: options.seed,
        device: options.device.name().to_owned(),
        n_cells,
        n_genes_used: n_genes,
        n_parameters: graph.n_params(),
        n_models: config.n_models,
        n_clusters,
        estimated: given.n_clusters == 0,
        n_epochs: history.epochs.len(),
        final_losses: history.final_losses(),
        clusters: vec![],
        mean_confidence: 0.0,
        scores: vec![],
        seconds: IndexMap::new(),
        cells_per_second: observer.cells_per_second(),
        peak_memory_bytes: None,
        notices,
    };
    let finished = outcome != Outcome::Interrupted;
    if finished {
        observer.say("embedding, clusters");
        let z = stages.embed(&trained);
        let models: Vec<ScDefr> = trained.into_iter().map(|t| t.model).collect();
        let components = &expression.components.scores;
        let (grouping, found) =
            Grouping::new(&models, &z, components, config, n_clusters, &device)?;
        grouping.save(&stages.root())?;
        let n_clusters = grouping.n_clusters();
        summary.n_clusters = n_clusters;
        let Grouped {
            embedding,
            mut clusters,
            confidence,
        } = found;
        if !leaked.is_empty() {
            let chosen = choose_by_labels(
                &embedding,
                &expression.neighbours,
                n_clusters,
                options.seed,
                &leaked,
            )
            .map_err(|e| Error::Input(e.to_string()))?;
            clusters = chosen.0;
            let name = names_by_size(&clusters, n_clusters);
            clusters.iter_mut().for_each(|c| *c = name[*c]);
            summary.notices.push(format!(
                "the clusters are {}, chosen by the labels '{}' as the published program does: scores against them leak",
                chosen.1, config.leak_labels
            ));
        }
        clock.lap("embed");
        let layout = match config.umap {
            true => {
                let graph = neighbour_graph(&embedding, config.graph.n_neighbors)?;
                Some(plane(&graph, &embedding, options.seed)?)
            }
            false => None,
        };
        clock.lap("umap");
        summary.clusters = sizes(&clusters);
        summary.mean_confidence =
            confidence.iter().map(|&c| f64::from(c)).sum::<f64>() / n_cells as f64;
        for (name, truth) in &labels {
            let scoring = EvaluateOptions {
                seed: options.seed,
                ..EvaluateOptions::default()
            };
            match evaluate::score(&embedding, name, truth, &scoring) {
                Ok(mut evaluation) => {
                    let (known, _) = evaluate::known(truth);
                    let own = evaluate::compare("scdefr", None, &known, &clusters);
                    evaluation.clusterings.insert(0, own);
                    summary.scores.push(evaluation);
                }
                // A run is not lost over a score.
                Err(e) => summary.notices.push(format!("'{name}' is not scored: {e}")),
            }
        }
        clock.lap("score");
        observer.say(&format!("writing {}", target.display()));
        let mut cells = expression.cells.clone();
        cells.obsm.insert(EMBEDDING.to_owned(), embedding.into());
        if let Some(layout) = &layout {
            cells.obsm.insert(UMAP.to_owned(), layout.clone().into());
        }
        add_columns(&mut cells, &clusters, &confidence, n_clusters)?;
        cells
            .uns
            .insert(UNS.to_owned(), record(options, given, &summary, &history)?);
        let write = WriteOptions {
            forbid: vec![options.file.clone()],
        };
        let written = sc_io::write_h5ad_with(&cells, &target, &write)?;
        summary
            .notices
            .extend(written.iter().map(ToString::to_string));
        clock.lap("write");
        summary.seconds = clock.seconds();
        summary.peak_memory_bytes = resources::peak_memory();
        show::write(
            &options.output,
            &Findings {
                expression: &expression,
                clusters: &clusters,
                confidence: &confidence,
                umap: layout.as_ref(),
                history: &history,
                summary: &summary,
                config: given,
                command: &options.command,
                labels: &labels,
                model: &graph,
            },
        )?;
        clock.lap("report");
    }
    summary.seconds = clock.into_seconds();
    summary.peak_memory_bytes = resources::peak_memory();
    atomic::save_readable(&options.output.join("summary.json"), &summary)?;
    Ok(Clustered { summary, finished })
}

/// What both stages are trained with.
struct Stages<'a> {
    options: &'a ClusterOptions,
    config: &'a ClusteringConfig,
    data: &'a CellData,
    device: &'a Device,
}

impl Stages<'_> {
    fn root(&self) -> PathBuf {
        self.options.output.join("checkpoints")
    }

    /// The seed of a model: the first has that of the run.
    fn seed(&self, member: usize) -> u64 {
        match member {
            0 => self.options.seed,
            m => Draw::new(self.options.seed)
                .for_use(OF_MEMBERS + m as u64)
                .seed(),
        }
    }

    /// The first stage of a model, or the second, which knows the number of clusters.
    fn train(
        &self,
        model: ScDefr,
        member: usize,
        n_clusters: Option<usize>,
        observer: &mut dyn FuseObserver,
    ) -> Result<Trained<ScDefr>, Error> {
        let second = second_stage(&self.root(), member);
        let checkpoints = match n_clusters {
            None => of_member(&self.root(), member).join("pretrain"),
            Some(_) => second.clone(),
        };
        if n_clusters.is_none() && !self.options.resume && second.exists() {
            // Of a run before this one.
            fs::remove_dir_all(&second).map_err(Error::io(&second))?;
        }
        let seed = self.seed(member);
        let run = Run {
            config: &self.config.train,
            seed: match n_clusters {
                None => seed,
                Some(_) => Draw::new(seed).for_use(1).seed(),
            },
            device: self.device,
            checkpoints: Some(&checkpoints),
            resume: self.options.resume && checkpoints.exists(),
            context: serde_json::json!({
                "version": env!("CARGO_PKG_VERSION"),
                "seed": seed,
                "config": match n_clusters {
                    None => self.config.of_pretraining(),
                    Some(_) => self.config.clone(),
                },
                "n_clusters": n_clusters,
                "data": self.data.fingerprint(),
            }),
        };
        Ok(train::train(model, self.data, &run, observer)?)
    }

    fn embed(&self, trained: &[Trained<ScDefr>]) -> Vec<Dense> {
        let batch = self.config.train.batch_size;
        let of = |t: &Trained<ScDefr>| train::embed(&t.model, self.data, batch, self.device);
        trained.iter().map(of).collect()
    }
}

fn of_member(root: &Path, member: usize) -> PathBuf {
    root.join(format!("model-{member}"))
}

/// Where the checkpoints of the second stage of a model are.
pub(super) fn second_stage(root: &Path, member: usize) -> PathBuf {
    of_member(root, member).join("cluster")
}

fn sizes(clusters: &[usize]) -> Vec<usize> {
    let mut sizes = vec![0; clusters.iter().max().map_or(0, |m| m + 1)];
    clusters.iter().for_each(|&c| sizes[c] += 1);
    sizes
}

pub(super) fn add_columns(
    cells: &mut Modality,
    clusters: &[usize],
    confidence: &[f32],
    n_clusters: usize,
) -> Result<(), Error> {
    let in_obs = |source| Error::Column {
        place: "obs".to_owned(),
        source,
    };
    let codes = clusters.iter().map(|&c| c as i32).collect();
    let names = (0..n_clusters).map(|c| c.to_string()).collect();
    let clusters = Column::Categorical(Categorical::from_codes(codes, names));
    cells.obs.insert(CLUSTER, clusters).map_err(in_obs)?;
    let confidence = confidence.iter().map(|&c| f64::from(c)).collect();
    cells
        .obs
        .insert(CONFIDENCE, Column::Float(confidence))
        .map_err(in_obs)
}

fn record(
    options: &ClusterOptions,
    config: &ClusteringConfig,
    summary: &ClusteringSummary,
    history: &History,
) -> Result<Uns, Error> {
    let floats = |v: Vec<f64>| Uns::Array(Column::Float(v));
    let mut losses = IndexMap::new();
    for e in &history.epochs {
        for term in e.training.keys() {
            if !losses.contains_key(term) {
                losses.insert(term.clone(), floats(history.series(term).0));
            }
        }
    }
    Ok(Uns::Map(IndexMap::from([
        ("version".to_owned(), Uns::Text(summary.version.clone())),
        ("seed".to_owned(), Uns::Int(options.seed as i64)),
        ("config".to_owned(), Uns::Text(config.to_toml()?)),
        ("n_clusters".to_owned(), Uns::Int(summary.n_clusters as i64)),
        (
            "n_clusters_estimated".to_owned(),
            Uns::Bool(summary.estimated),
        ),
        ("history".to_owned(), Uns::Map(losses)),
    ])))
}
