//! One run from file to result.

use std::fs;
use std::path::{Path, PathBuf};

use fusion_core::{FusionModel, ModelGraph};
use indexmap::IndexMap;
use sc_graph::{Graph, NeighbourOptions, UmapConfig, leiden, neighbours, umap};
use sc_io::{Dense, MultiModal, WriteOptions};
use train::{DeviceChoice, History, Observer, Outcome, Run, Trained};

use super::result::{self, Additions};
use super::{FuseConfig, Prepared, RunRecord, Summary, prepare, show};
use crate::clock::Clock;
use crate::evaluate::{EvaluateOptions, labels_of, score};
use crate::{Error, atomic, resources};

/// The simulated CITE-seq data that a run without a file uses.
const EMBEDDED: &[u8] = include_bytes!("../../data-fixtures/citeseq_small.h5mu");
const EMBEDDED_NAME: &str = "citeseq_small.h5mu";

/// What to fuse, and where to.
#[derive(Clone, Debug)]
pub struct FuseOptions {
    /// The input; `None` for the embedded simulated data.
    pub file: Option<PathBuf>,
    /// Folder of the results; made if it does not exist.
    pub output: PathBuf,
    /// Seed of everything random.
    pub seed: u64,
    /// Where to train.
    pub device: DeviceChoice,
    /// Columns of obs that the embedding is scored against. They reach nothing but the scores and
    /// the pictures.
    pub labels: Vec<String>,
    /// Whether to go on from the checkpoints in the output folder.
    pub resume: bool,
    /// The command, for the report.
    pub command: String,
}

/// Somebody who watches a run.
pub trait FuseObserver: Observer {
    /// A phase begins or has something to tell.
    fn say(&mut self, line: &str);
    /// Training cells per second.
    fn cells_per_second(&self) -> Option<f64> {
        None
    }
}

impl FuseObserver for train::Silent {
    fn say(&mut self, _line: &str) {}
}

/// What a run leaves behind.
#[derive(Clone, Debug)]
pub struct Fused {
    /// The summary, as in `summary.json`.
    pub summary: Summary,
    /// `false` if the run was interrupted; then there are checkpoints and no result.
    pub finished: bool,
}

/// Everything that the report shows.
pub(super) struct Findings<'a> {
    pub prepared: &'a Prepared,
    pub clusters: &'a [usize],
    pub umap: Option<&'a Dense>,
    pub history: &'a History,
    pub summary: &'a Summary,
    pub config: &'a FuseConfig,
    pub command: &'a str,
    pub labels: &'a [(String, Vec<Option<String>>)],
    pub model: &'a ModelGraph,
}

/// Reads, prepares, trains, embeds, clusters, writes.
///
/// Leaves `result.h5mu`, `report.html`, `summary.json`, `pictures/` and `checkpoints/` in the
/// output folder. The input is not changed. An interrupted run leaves checkpoints and a summary, and
/// what an earlier run left.
pub fn fuse(
    options: &FuseOptions,
    config: &FuseConfig,
    observer: &mut dyn FuseObserver,
) -> Result<Fused, Error> {
    config.validate()?;
    let device = options.device.open()?;
    let mut clock = Clock::new();
    fs::create_dir_all(&options.output).map_err(Error::io(&options.output))?;
    let input = input_file(options)?;
    let target = options.output.join("result.h5mu");
    refuse_same_file(&input, &target)?;

    observer.say(&format!("reading {}", input.display()));
    let loaded = sc_io::read(&input)?;
    let format = loaded.format.to_string();
    clock.lap("read");
    let prepared = prepare(&loaded.data, config, options.seed)?;
    let names = prepared.cells.modalities[&prepared.modalities[0]]
        .obs
        .index()
        .to_vec();
    let labels = options
        .labels
        .iter()
        .map(|column| Ok((column.clone(), labels_of(&loaded.data, &names, column)?)))
        .collect::<Result<Vec<_>, Error>>()?;
    let mut notices: Vec<String> = loaded.notices.iter().map(ToString::to_string).collect();
    notices.extend(prepared.notices.iter().cloned());
    for notice in &notices {
        observer.say(&format!("notice: {notice}"));
    }
    drop(loaded);
    clock.lap("prepare");

    let (n_genes, n_proteins) = (prepared.genes.len(), prepared.proteins.len());
    let model = train::seeded_init(&device.clone().autodiff(), options.seed, |device| {
        config.model.init(n_genes, n_proteins, device)
    })
    .map_err(|e| Error::Settings(format!("model: {e}")))?;
    let graph = model.describe();
    observer.say(&format!(
        "{} cells, {n_genes} genes, {n_proteins} proteins; {} parameters on {}",
        names.len(),
        graph.n_params(),
        options.device.name()
    ));
    train::split(names.len(), &config.train, options.seed)?;
    RunRecord {
        file: options.file.clone(),
        seed: options.seed,
        device: options.device,
        labels: options.labels.clone(),
        config: config.clone(),
    }
    .save(&options.output)?;
    let checkpoints = options.output.join("checkpoints");
    let run = Run {
        config: &config.train,
        seed: options.seed,
        device: &device,
        checkpoints: Some(&checkpoints),
        resume: options.resume,
        context: context(config, &prepared, &names, options.seed),
    };
    let Trained {
        model,
        history,
        outcome,
    } = train::train(model, &prepared.data, &run, observer)?;
    clock.lap("train");
    let mut summary = Summary {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        input: options.file.as_ref().map_or_else(
            || "embedded simulated data".to_owned(),
            |f| f.display().to_string(),
        ),
        format,
        outcome: match outcome {
            Outcome::Finished => "all epochs ran",
            Outcome::StoppedEarly => "the validation loss stopped falling",
            Outcome::Interrupted => "interrupted; go on with --resume",
        }
        .to_owned(),
        seed: options.seed,
        device: options.device.name().to_owned(),
        n_cells: names.len(),
        left_out: prepared.left_out.clone(),
        shapes: shapes(&prepared.cells),
        n_genes_used: n_genes,
        n_proteins_used: n_proteins,
        n_parameters: graph.n_params(),
        n_latent: 0,
        n_epochs: history.epochs.len(),
        best_epoch: history.best.map(|e| e + 1),
        final_losses: history.final_losses(),
        clusters: vec![],
        scores: vec![],
        seconds: IndexMap::new(),
        cells_per_second: observer.cells_per_second(),
        peak_memory_bytes: None,
        notices,
    };
    if outcome == Outcome::Interrupted {
        summary.seconds = clock.into_seconds();
        summary.peak_memory_bytes = resources::peak_memory();
        atomic::save_readable(&options.output.join("summary.json"), &summary)?;
        return Ok(Fused {
            summary,
            finished: false,
        });
    }

    observer.say("embedding, neighbours, clusters");
    let embedding = train::embed(&model, &prepared.data, config.train.micro_batch, &device);
    clock.lap("embed");
    let (n, d) = (embedding.n_rows(), embedding.n_cols());
    let neighbours = neighbours(
        embedding.values(),
        n,
        d,
        config.cluster.n_neighbors.min(n),
        &NeighbourOptions::default(),
    )?;
    let neighbour_graph = Graph::fuzzy(&neighbours)?;
    let clusters = leiden(&neighbour_graph, config.cluster.resolution, options.seed)?;
    clock.lap("cluster");
    let layout = match config.cluster.umap {
        true => {
            let options = UmapConfig {
                seed: options.seed,
                ..UmapConfig::default()
            };
            let points = umap(&neighbour_graph, embedding.values(), d, &options)?;
            Dense::new(n, 2, points)
        }
        false => None,
    };
    clock.lap("umap");
    summary.n_latent = d;
    summary.clusters = sizes(&clusters);
    for (name, truth) in &labels {
        // A run is not lost over a score.
        match score(&embedding, name, truth, &scoring(config, options.seed)) {
            Ok(evaluation) => summary.scores.push(evaluation),
            Err(e) => summary.notices.push(format!("'{name}' is not scored: {e}")),
        }
    }
    clock.lap("score");

    observer.say(&format!("writing {}", target.display()));
    let mut cells = prepared.cells.clone();
    result::add(
        &mut cells,
        &Additions {
            embedding: &embedding,
            umap: layout.as_ref(),
            clusters: &clusters,
            config,
            seed: options.seed,
            history: &history,
            genes: &prepared.genes,
            proteins: &prepared.proteins,
        },
    )?;
    let write = WriteOptions {
        forbid: vec![input.clone()],
    };
    let written = sc_io::write_h5mu_with(&cells, &target, &write)?;
    summary
        .notices
        .extend(written.iter().map(ToString::to_string));
    clock.lap("write");
    summary.seconds = clock.seconds();
    summary.peak_memory_bytes = resources::peak_memory();
    show::write(
        &options.output,
        &Findings {
            prepared: &prepared,
            clusters: &clusters,
            umap: layout.as_ref(),
            history: &history,
            summary: &summary,
            config,
            command: &options.command,
            labels: &labels,
            model: &graph,
        },
    )?;
    clock.lap("report");
    summary.seconds = clock.into_seconds();
    summary.peak_memory_bytes = resources::peak_memory();
    atomic::save_readable(&options.output.join("summary.json"), &summary)?;
    Ok(Fused {
        summary,
        finished: true,
    })
}

/// The input; the embedded data are put into the output folder, so that they can be looked at.
fn input_file(options: &FuseOptions) -> Result<PathBuf, Error> {
    match &options.file {
        Some(file) => Ok(file.clone()),
        None => {
            let path = options.output.join(EMBEDDED_NAME);
            atomic::write(&path, EMBEDDED)?;
            Ok(path)
        }
    }
}

/// The result must not replace the input, by whatever name it is called.
pub(crate) fn refuse_same_file(input: &Path, target: &Path) -> Result<(), Error> {
    let same = match (input.canonicalize(), target.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    };
    if same {
        return Err(Error::Input(format!(
            "{} is the input; a result is never written over it. Choose another folder with -o",
            target.display()
        )));
    }
    Ok(())
}

/// What must be equal for a run to be resumed.
fn context(
    config: &FuseConfig,
    prepared: &Prepared,
    cells: &[String],
    seed: u64,
) -> serde_json::Value {
    // What comes after training may change between runs.
    serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "seed": seed,
        "input": config.input,
        "prep": config.prep,
        "model": config.model,
        "train": config.train,
        "genes": prepared.genes,
        "proteins": prepared.proteins,
        "cells": cells,
        "data": prepared.data.fingerprint(),
    })
}

fn shapes(cells: &MultiModal) -> IndexMap<String, [usize; 2]> {
    cells
        .modalities
        .iter()
        .map(|(k, m)| (k.clone(), [m.n_obs(), m.n_vars()]))
        .collect()
}

fn sizes(clusters: &[usize]) -> Vec<usize> {
    let mut sizes = vec![0; clusters.iter().max().map_or(0, |m| m + 1)];
    clusters.iter().for_each(|&c| sizes[c] += 1);
    sizes
}

fn scoring(config: &FuseConfig, seed: u64) -> EvaluateOptions {
    EvaluateOptions {
        n_neighbors: config.cluster.n_neighbors,
        resolution: config.cluster.resolution,
        seed,
        ..EvaluateOptions::default()
    }
}
