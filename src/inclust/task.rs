//! What all verbs have in common: from joined files to models, from findings to a folder.

use std::fs;
use std::path::PathBuf;

use fusion_core::ModelGraph;
use indexmap::IndexMap;
use sc_io::{Column, Dense, Modality, MultiModal, Uns, WriteOptions};
use train::{DeviceChoice, History, Outcome};

use super::fit::{FitOptions, Fitted, fit};
use super::reference::Reference;
use super::{InclustSettings, InclustSummary, Joined};
use crate::clock::Clock;
use crate::evaluate::{self, EvaluateOptions};
use crate::fuse::FuseObserver;
use crate::plot::Categories;
use crate::report::{Block, Level, Map, MapColour, Notice, Report, Section, parts};
use crate::{Error, atomic, resources};

/// Keys of results.
pub(super) const EMBEDDING: &str = "X_inclust";
pub(super) const LABEL: &str = "inclust_label";
pub(super) const CONFIDENCE: &str = "inclust_confidence";
/// Neighbours of a cell in graphs of embeddings, itself included.
pub(super) const N_NEIGHBORS: usize = 15;
const UNS: &str = "inclust";

/// What every verb is told beside its files.
#[derive(Clone, Debug)]
pub struct TaskOptions {
    /// Folder of the results; made if it does not exist.
    pub output: PathBuf,
    /// Seed of everything random.
    pub seed: u64,
    /// Where to train.
    pub device: DeviceChoice,
    /// Whether to go on from the checkpoints in the output folder.
    pub resume: bool,
    /// Columns of obs that embeddings are scored against. They reach nothing but the scores and the pictures.
    pub scored: Vec<String>,
    /// The command, for the report.
    pub command: String,
}

/// What a run leaves behind.
#[derive(Clone, Debug)]
pub struct Done {
    /// The summary, as in `summary.json`.
    pub summary: InclustSummary,
    /// `false` if the run was interrupted; then there are checkpoints and no result.
    pub finished: bool,
}

/// A verb at work.
pub(super) struct Task<'a> {
    pub options: &'a TaskOptions,
    pub settings: &'a InclustSettings,
    pub observer: &'a mut dyn FuseObserver,
    pub clock: Clock,
    pub summary: InclustSummary,
    /// Sections of the report.
    pub sections: Vec<Section>,
    /// What colours the map of the cells that are embedded.
    pub colours: Vec<(String, MapColour)>,
    /// Maps beside that of the embedding.
    pub maps: Vec<Map>,
}

impl<'a> Task<'a> {
    pub fn new(
        task: &str,
        inputs: &[&PathBuf],
        options: &'a TaskOptions,
        settings: &'a InclustSettings,
        observer: &'a mut dyn FuseObserver,
    ) -> Result<Self, Error> {
        settings.validate()?;
        fs::create_dir_all(&options.output).map_err(Error::io(&options.output))?;
        for target in ["result.h5ad", "result.h5mu"] {
            for input in inputs {
                crate::fuse::refuse_same_file(input, &options.output.join(target))?;
            }
        }
        let summary = InclustSummary {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            task: task.to_owned(),
            inputs: inputs.iter().map(|p| p.display().to_string()).collect(),
            outcome: String::new(),
            seed: options.seed,
            device: options.device.name().to_owned(),
            n_cells: vec![],
            groups: IndexMap::new(),
            plan: vec![],
            n_parameters: 0,
            n_models: settings.n_models,
            n_epochs: 0,
            final_losses: IndexMap::new(),
            found: IndexMap::new(),
            scores: vec![],
            mixing: None,
            seconds: IndexMap::new(),
            cells_per_second: None,
            peak_memory_bytes: None,
            notices: vec![],
        };
        Ok(Self {
            options,
            settings,
            observer,
            clock: Clock::new(),
            summary,
            sections: vec![],
            colours: vec![],
            maps: vec![],
        })
    }

    /// Notes what was read.
    pub fn prepared(&mut self, joined: &Joined) {
        for notice in &joined.notices {
            self.observer.say(&format!("notice: {notice}"));
        }
        self.summary.notices.extend(joined.notices.iter().cloned());
        self.summary.n_cells = joined.rows.iter().map(|r| r.len()).collect();
        self.summary.groups = joined
            .groups
            .iter()
            .map(|g| (g.name.clone(), g.features.len()))
            .collect();
        self.summary.plan = joined.plan.to_string().lines().map(str::to_owned).collect();
        self.clock.lap("prepare");
    }

    /// Trains. Without a result the run was interrupted.
    pub fn fit(&mut self, joined: &Joined) -> Result<Option<Fitted>, Error> {
        self.prepared(joined);
        let device = self.options.device.open()?;
        let checkpoints = self.options.output.join("checkpoints");
        let options = FitOptions {
            seed: self.options.seed,
            device: &device,
            checkpoints: Some(&checkpoints),
            resume: self.options.resume,
        };
        let fitted = fit(joined, self.settings, &options, self.observer)?;
        Reference::of(joined, self.settings).save(&checkpoints)?;
        Ok(self.trained(fitted))
    }

    /// Notes what was trained. Without a result the run was interrupted.
    pub fn trained(&mut self, fitted: Fitted) -> Option<Fitted> {
        self.clock.lap("train");
        self.summary.n_parameters = fitted.describe().n_params();
        self.summary.n_epochs = fitted.history.epochs.len();
        self.summary.final_losses = fitted.history.final_losses();
        self.summary.outcome = match fitted.outcome {
            Outcome::Finished => "all epochs ran",
            Outcome::StoppedEarly => "the validation loss stopped falling",
            Outcome::Interrupted => "interrupted; go on with --resume",
        }
        .to_owned();
        match fitted.outcome {
            Outcome::Interrupted => None,
            _ => Some(fitted),
        }
    }

    /// The provenance of a result, for its `uns`.
    pub fn record(&self) -> Result<(String, Uns), Error> {
        let text = |t: &str| Uns::Text(t.to_owned());
        let record = IndexMap::from([
            ("version".to_owned(), text(&self.summary.version)),
            ("task".to_owned(), text(&self.summary.task)),
            ("inputs".to_owned(), text(&self.summary.inputs.join("\n"))),
            ("plan".to_owned(), text(&self.summary.plan.join("\n"))),
            ("seed".to_owned(), Uns::Int(self.options.seed as i64)),
            ("config".to_owned(), Uns::Text(self.settings.to_toml()?)),
        ]);
        Ok((UNS.to_owned(), Uns::Map(record)))
    }

    /// Scores an embedding against columns of labels of the same cells, and draws them.
    pub fn score(&mut self, embedding: &Dense, cells: &[&Modality]) {
        for column in &self.options.scored {
            let labels = labels_in(cells, column);
            let options = EvaluateOptions {
                seed: self.options.seed,
                ..EvaluateOptions::default()
            };
            match evaluate::score(embedding, column, &labels, &options) {
                Ok(evaluation) => self.summary.scores.push(evaluation),
                Err(e) => {
                    let notice = format!("'{column}' is not scored: {e}");
                    self.summary.notices.push(notice);
                }
            }
            let colour = MapColour::Labels(Categories::from_labels(&labels));
            self.colours.push((column.clone(), colour));
        }
        self.clock.lap("score");
    }

    /// Scores clusters of the task against the same columns.
    pub fn compare(&mut self, name: &str, cells: &Modality, clusters: &[usize]) {
        for scores in &mut self.summary.scores {
            let (known, _) = evaluate::known(&labels_in(&[cells], &scores.labels));
            let own = evaluate::compare(name, None, &known, clusters);
            scores.clusterings.insert(0, own);
        }
    }

    /// Writes the result: an `.h5ad` where there is one modality, whose own annotations then hold those of all, else an `.h5mu`.
    pub fn write(&mut self, mut result: MultiModal, options: &WriteOptions) -> Result<(), Error> {
        let folder = &self.options.output;
        let (target, written) = match result.modalities.len() {
            1 => {
                let target = folder.join("result.h5ad");
                let whole = std::mem::take(&mut result);
                let mut only = whole.modalities.into_values().next().unwrap_or_default();
                for (name, column) in whole.obs.columns() {
                    if only.obs.column(name).is_err() {
                        add(&mut only.obs, "obs", name, column.clone())?;
                    }
                }
                only.obsm.extend(whole.obsm);
                only.uns.extend(whole.uns);
                (
                    target.clone(),
                    sc_io::write_h5ad_with(&only, &target, options)?,
                )
            }
            _ => {
                let target = folder.join("result.h5mu");
                (
                    target.clone(),
                    sc_io::write_h5mu_with(&result, &target, options)?,
                )
            }
        };
        self.observer.say(&format!("written: {}", target.display()));
        self.summary
            .notices
            .extend(written.iter().map(ToString::to_string));
        self.clock.lap("write");
        Ok(())
    }

    /// Writes report and summary.
    pub fn finish(
        mut self,
        fitted: Option<&Fitted>,
        layout: Option<&Dense>,
    ) -> Result<Done, Error> {
        let s = &mut self.summary;
        s.cells_per_second = self.observer.cells_per_second();
        s.seconds = self.clock.seconds();
        s.peak_memory_bytes = resources::peak_memory();
        if let Some(fitted) = fitted {
            self.report(&fitted.history, &fitted.describe(), layout)?;
        }
        self.clock.lap("report");
        let mut summary = self.summary;
        summary.seconds = self.clock.into_seconds();
        atomic::save_readable(&self.options.output.join("summary.json"), &summary)?;
        Ok(Done {
            summary,
            finished: fitted.is_some(),
        })
    }

    fn report(
        &mut self,
        history: &History,
        model: &ModelGraph,
        layout: Option<&Dense>,
    ) -> Result<(), Error> {
        let s = &self.summary;
        let map = layout.map(|layout| Map {
            name: "UMAP".to_owned(),
            points: (0..layout.n_rows())
                .map(|r| [layout.row(r)[0], layout.row(r)[1]])
                .collect(),
            colours: self.colours.clone(),
        });
        let mut sections = std::mem::take(&mut self.sections);
        let rows = s.plan.iter().skip(1);
        sections.push(Section {
            title: "Plan of masks".to_owned(),
            blocks: vec![Block::Table(crate::report::Table {
                header: vec!["Row, cells, what is seen, what is scored".to_owned()],
                rows: rows.map(|line| vec![line.clone()]).collect(),
            })],
        });
        sections.push(parts::model(model));
        let cells: Vec<String> = s.n_cells.iter().map(ToString::to_string).collect();
        Report {
            title: format!("inClust+: {}", s.task),
            command: self.options.command.clone(),
            input: vec![
                ("Files".to_owned(), s.inputs.join(", ")),
                ("Cells".to_owned(), cells.join(", ")),
                ("Models".to_owned(), s.n_models.to_string()),
                ("Outcome".to_owned(), s.outcome.clone()),
                (
                    "Seed, device".to_owned(),
                    format!("{}, {}", s.seed, s.device),
                ),
            ],
            notices: s
                .notices
                .iter()
                .map(|text| Notice {
                    level: Level::Note,
                    text: text.clone(),
                })
                .collect(),
            scores: parts::scores(&s.scores)
                .into_iter()
                .chain(s.mixing.as_ref().map(parts::mixing))
                .collect(),
            maps: map
                .into_iter()
                .chain(std::mem::take(&mut self.maps))
                .collect(),
            losses: parts::losses(history),
            markers: vec![],
            clusters: None,
            sections,
            settings: self.settings.to_toml()?,
            versions: vec![
                ("cellweave".to_owned(), s.version.clone()),
                ("burn".to_owned(), crate::fuse::BURN_VERSION.to_owned()),
            ],
            timings: s.seconds.iter().map(|(k, v)| (k.clone(), *v)).collect(),
        }
        .write(&self.options.output)
    }
}

/// A column of obs of all cells, one table after the other; nothing where a table lacks it.
pub(super) fn labels_in(cells: &[&Modality], column: &str) -> Vec<Option<String>> {
    let of = |m: &&Modality| match m.obs.column(column) {
        Ok(c) => c.labels(),
        Err(_) => vec![None; m.n_obs()],
    };
    cells.iter().flat_map(of).collect()
}

/// Adds a column to cells or features.
pub(super) fn add(
    table: &mut sc_io::Table,
    place: &str,
    name: &str,
    column: Column,
) -> Result<(), Error> {
    table.insert(name, column).map_err(|source| Error::Column {
        place: place.to_owned(),
        source,
    })
}
