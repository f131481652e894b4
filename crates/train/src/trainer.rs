//! The training loop.

use std::path::Path;

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device};
use fused_optim::{FusedAdamW, add_gradients, clip_global_norm};
use fusion_core::{CellBatch, Draw, EpochStart, FusionModel, Stage};
use indexmap::IndexMap;

use crate::ahead::{batches_ahead, on_cpu};
use crate::part::Part;
use crate::{
    CellData, Checkpoint, CheckpointError, Checkpoints, EpochRecord, History, Observer, Progress,
    Sampler, Split, StepReport, TrainConfig, TrainError,
};

/// What to train with.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// Settings of the loop.
    pub config: &'a TrainConfig,
    /// Seed of order, masks and split (initial weights are the caller's).
    pub seed: u64,
    /// The device, without autodiff.
    pub device: &'a Device,
    /// Folder for checkpoints; `None` writes none.
    pub checkpoints: Option<&'a Path>,
    /// Whether to go on from the newest checkpoint.
    pub resume: bool,
    /// What the run was started with: settings, features, data. A checkpoint of another context
    /// cannot be resumed.
    pub context: serde_json::Value,
}

impl<'a> Run<'a> {
    /// A run from the beginning, with checkpoints in a folder; of no context but its settings.
    pub fn new(
        config: &'a TrainConfig,
        seed: u64,
        device: &'a Device,
        checkpoints: &'a Path,
    ) -> Self {
        Self {
            config,
            seed,
            device,
            checkpoints: Some(checkpoints),
            resume: false,
            context: serde_json::json!({ "config": config, "seed": seed }),
        }
    }

    /// The same, going on from the newest checkpoint.
    pub fn resumed(&self) -> Self {
        Self {
            resume: true,
            ..self.clone()
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs ran.
    Finished,
    /// The validation loss stopped falling.
    StoppedEarly,
    /// The observer asked to stop; a checkpoint was saved if there is a folder for it.
    Interrupted,
}

/// A trained model.
#[derive(Debug)]
pub struct Trained<M> {
    /// The model with its best weights (the current ones when interrupted or without early stopping), ready for
    /// inference.
    pub model: M,
    /// All epochs.
    pub history: History,
    /// How the run ended.
    pub outcome: Outcome,
}

/// Purposes that the seed is used for.
mod purpose {
    pub const TRAINING: u64 = 0;
    pub const VALIDATION: u64 = 1;
    pub const BEGINNING: u64 = 2;
}

/// The training and validation cells of a run.
///
/// # Errors
/// Settings that cannot work, too few cells, fewer training cells than a batch holds.
pub fn split(n_cells: usize, config: &TrainConfig, seed: u64) -> Result<Split, TrainError> {
    config.validate()?;
    let split = Split::random(n_cells, config.validation_fraction, seed)
        .ok_or(TrainError::TooFewCells(n_cells))?;
    let (training, batch_size) = (split.training.len(), config.batch_size);
    if training < batch_size {
        return Err(TrainError::SmallerThanBatch {
            training,
            batch_size,
        });
    }
    Ok(split)
}

/// Trains a model on cells. Without `resume`, checkpoints of an earlier run are removed first.
///
/// Each epoch sees every training cell once, in batches of `batch_size` whose gradients are gathered
/// in parts of `micro_batch`. Then the loss on the validation cells is measured, always with the
/// same masks, so that epochs can be compared. Training stops early when it has not fallen for
/// `patience` epochs, and the best weights are restored. With a patience of 0 all epochs run, and the last
/// weights are kept. Each stage of the model begins with a new optimiser.
///
/// # Errors
/// See [`TrainError`]. A loss that is not finite stops the run; the last checkpoint stays.
pub fn train<M: FusionModel>(
    model: M,
    data: &CellData,
    run: &Run<'_>,
    observer: &mut dyn Observer,
) -> Result<Trained<M>, TrainError> {
    let split = split(data.n_cells(), run.config, run.seed)?;
    let n_batches =
        Sampler::new(split.training.clone(), run.config.batch_size, run.seed).n_batches();
    let run = &Run {
        config: &run.config.for_batches(n_batches),
        ..run.clone()
    };
    let mut state = State::start(model, run);
    if run.resume {
        state = state.restore(run)?;
    } else if let Some(root) = run.checkpoints {
        Checkpoints::new(root).clear()?;
    }
    state.run(data, &split, run, observer)
}

/// A model of the same settings with the weights that a run left in a folder of checkpoints, ready for inference, and the context of that
/// run.
///
/// # Errors
/// No checkpoint there, a damaged one, weights of another model, a run that is not finished.
pub fn trained<M: FusionModel>(
    model: M,
    checkpoints: &Path,
) -> Result<(M, serde_json::Value), TrainError> {
    let checkpoint = Checkpoints::new(checkpoints).latest()?;
    let path = || checkpoints.to_owned();
    if !checkpoint.progress.finished {
        return Err(CheckpointError::Unfinished(path()).into());
    }
    let model = load(model, checkpoint.model).map_err(|reason| CheckpointError::Corrupt {
        path: path(),
        reason,
    })?;
    Ok((model.valid(), checkpoint.progress.context))
}

/// Everything that changes while a model trains.
struct State<M> {
    model: M,
    best: Option<Vec<u8>>,
    optimizer: ModuleOptimizer,
    progress: Progress,
}

impl<M: FusionModel> State<M> {
    fn start(model: M, run: &Run<'_>) -> Self {
        let optimizer = new_optimizer(run.config);
        let progress = Progress::start(run.context.clone(), run.seed);
        Self {
            model: model.train(),
            best: None,
            optimizer,
            progress,
        }
    }

    fn restore(self, run: &Run<'_>) -> Result<Self, TrainError> {
        let Some(root) = run.checkpoints else {
            return Err(CheckpointError::None(".".into()).into());
        };
        let checkpoint = Checkpoints::new(root).latest()?;
        let other = |reason: &str| CheckpointError::OtherRun {
            path: root.to_owned(),
            reason: reason.to_owned(),
        };
        if checkpoint.progress.seed != run.seed {
            return Err(other(&format!(
                "its seed is {}, this run's {}",
                checkpoint.progress.seed, run.seed
            ))
            .into());
        }
        if checkpoint.progress.context != run.context {
            let reason = difference(&checkpoint.progress.context, &run.context);
            return Err(other(&reason).into());
        }
        let corrupt = |reason: String| CheckpointError::Corrupt {
            path: root.to_owned(),
            reason,
        };
        let optimizer = self
            .optimizer
            .from_bytes(Bytes::from_bytes_vec(checkpoint.optimizer))
            .map_err(|e| corrupt(format!("optimiser: {e}")))?;
        let model = load(self.model, checkpoint.model).map_err(corrupt)?;
        Ok(Self {
            model,
            best: checkpoint.best,
            optimizer,
            progress: checkpoint.progress,
        })
    }

    fn run(
        mut self,
        data: &CellData,
        split: &Split,
        run: &Run<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Trained<M>, TrainError> {
        let stages = self.model.stages();
        let configs: Vec<TrainConfig> = stages
            .iter()
            .map(|stage| run.config.for_stage(&stage.name))
            .collect();
        let of_stage = |config| Run {
            config,
            ..run.clone()
        };
        let runs: Vec<Run<'_>> = configs.iter().map(of_stage).collect();
        let stale = |p: &Progress| run.config.patience > 0 && p.since_best >= run.config.patience;
        let mut outcome = match stale(&self.progress) {
            true => Outcome::StoppedEarly,
            false => Outcome::Finished,
        };
        let mut cells_seen = 0;
        while !self.progress.finished {
            let (stage, run) = (&stages[self.progress.stage], &runs[self.progress.stage]);
            let complete;
            (self, complete) = self.epoch(stage, data, split, run, observer, &mut cells_seen)?;
            if !complete {
                self.save(run, observer)?;
                let history = self.progress.history;
                let model = self.model.valid();
                return Ok(Trained {
                    model,
                    history,
                    outcome: Outcome::Interrupted,
                });
            }
            self.close_epoch(stage, data, split, run, observer)?;
            let c = run.config;
            if stale(&self.progress) || self.progress.epoch == c.epochs {
                outcome = match stale(&self.progress) {
                    true => Outcome::StoppedEarly,
                    false => Outcome::Finished,
                };
                self.close_stage(stages.len(), run)?;
            }
            if self.progress.finished || self.progress.epoch.is_multiple_of(c.checkpoint_every) {
                self.save(run, observer)?;
            }
        }
        let model = self.model.valid();
        Ok(Trained {
            model,
            history: self.progress.history,
            outcome,
        })
    }

    /// The steps that are left in the current epoch; `false` if the observer stopped it.
    fn epoch(
        mut self,
        stage: &Stage,
        data: &CellData,
        split: &Split,
        run: &Run<'_>,
        observer: &mut dyn Observer,
        cells_seen: &mut usize,
    ) -> Result<(Self, bool), TrainError> {
        let stage_seed = Draw::new(run.seed).for_use(self.progress.stage as u64);
        let sampler = Sampler::new(
            split.training.clone(),
            run.config.batch_size,
            stage_seed.seed(),
        );
        let batches = sampler.epoch(self.progress.epoch);
        if self.progress.step == 0 {
            self.model = self.begin_epoch(stage, data, split, run);
        }
        let rate = run.config.learning_rate_of(self.progress.epoch);
        let training = stage_seed
            .for_use(purpose::TRAINING)
            .for_use(self.progress.epoch as u64);
        let left = batches.iter().enumerate().skip(self.progress.step);
        let micro_batch = run.config.micro_batch;
        let parts = left.flat_map(move |(step, rows)| {
            let draw = training.for_use(step as u64);
            rows.chunks(micro_batch).map(move |part| (part, draw))
        });
        let device = run.device.clone().autodiff();
        let at_once = parts_at_once(&self.model, run);
        batches_ahead(data, parts, &device, at_once, |ready| {
            while self.progress.step < batches.len() {
                let rows = &batches[self.progress.step];
                let draw = training.for_use(self.progress.step as u64);
                let n_parts = rows.len().div_ceil(micro_batch);
                let mut parts = (&mut *ready).take(n_parts);
                self = self.step(&mut parts, rows.len(), stage, draw, rate, run)?;
                self.progress.step += 1;
                self.progress.cells += rows.len();
                *cells_seen += rows.len();
                let cells = self.progress.cells as f64;
                observer.on_step(&StepReport {
                    epoch: self.progress.epoch,
                    epochs: run.config.epochs,
                    step: self.progress.step,
                    steps: batches.len(),
                    losses: self
                        .progress
                        .sums
                        .iter()
                        .map(|(k, v)| (k.clone(), v / cells))
                        .collect(),
                    cells_seen: *cells_seen,
                });
                if observer.should_stop() {
                    return Ok((self, false));
                }
            }
            Ok((self, true))
        })
    }

    /// The model with what it sets itself from all cells.
    fn begin_epoch(&self, stage: &Stage, data: &CellData, split: &Split, run: &Run<'_>) -> M {
        let draw = Draw::new(run.seed)
            .for_use(self.progress.stage as u64)
            .for_use(purpose::BEGINNING);
        let block = run.config.batch_size.max(run.config.micro_batch);
        let each_batch = |see: &mut dyn FnMut(&CellBatch)| {
            for rows in split.training.chunks(block) {
                see(&data.batch(rows, draw, run.device));
            }
        };
        self.model.clone().begin_epoch(&EpochStart {
            stage,
            epoch: self.progress.epoch,
            draw,
            each_batch: &each_batch,
        })
    }

    /// One optimiser step over the parts of a batch of `n_cells`. The model is handed over and back, because a buffer that has one holder
    /// is updated in place.
    fn step(
        mut self,
        parts: &mut dyn Iterator<Item = CellBatch>,
        n_cells: usize,
        stage: &Stage,
        draw: Draw,
        rate: f64,
        run: &Run<'_>,
    ) -> Result<Self, TrainError> {
        let at_once = parts_at_once(&self.model, run);
        let progress = self.progress.epoch as f64 / run.config.epochs.max(1) as f64;
        let mut parts = (0u64..).zip(parts).map(|(i, batch)| {
            let seed = draw.for_use(i).seed();
            (seed, CellBatch { progress, ..batch })
        });
        let mut gradients = GradientsParams::new();
        loop {
            let together: Vec<_> = parts.by_ref().take(at_once).collect();
            if together.is_empty() {
                break;
            }
            for part in Part::of_all(&self.model, together, n_cells, stage) {
                self.book(&part)?;
                gradients = add_gradients(&self.model, gradients, part.gradients);
            }
        }
        if run.config.clip_norm > 0.0 {
            gradients = clip_global_norm(&self.model, gradients, run.config.clip_norm).0;
        }
        self.model = self.optimizer.step(rate, self.model, gradients);
        Ok(self)
    }

    /// Books the losses of a part.
    fn book(&mut self, part: &Part) -> Result<(), TrainError> {
        let p = &mut self.progress;
        for (name, &(weight, value)) in &part.losses {
            if !value.is_finite() {
                return Err(TrainError::NotFinite {
                    term: name.clone(),
                    value,
                    epoch: p.epoch,
                    step: p.step,
                    rows: part.rows.clone(),
                });
            }
            *p.sums.entry(name.clone()).or_insert(0.0) += value * part.rows.len() as f64;
            p.weights.insert(name.clone(), weight);
        }
        Ok(())
    }

    /// Validates and books an epoch.
    fn close_epoch(
        &mut self,
        stage: &Stage,
        data: &CellData,
        split: &Split,
        run: &Run<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let validation = match split.validation.is_empty() {
            true => None,
            false => Some(self.validate(stage, data, split, run)?),
        };
        let p = &mut self.progress;
        // Weights that grow are those of the end of training wherever there is a validation.
        let weights = validation.as_ref().map_or(&p.weights, |v| &v.weights);
        let cells = p.cells as f64;
        let training: IndexMap<String, f64> =
            p.sums.iter().map(|(k, v)| (k.clone(), v / cells)).collect();
        let training_loss = weighted(&training, weights);
        let validation_loss = validation.as_ref().map(|v| weighted(&v.means, &v.weights));
        let judged = validation_loss.unwrap_or(training_loss);
        let stops_early = run.config.patience > 0;
        let is_best = !stops_early || p.best_loss.is_none_or(|best| judged < best);
        let record = EpochRecord {
            epoch: p.epoch,
            stage: stage.name.clone(),
            learning_rate: run.config.learning_rate_of(p.epoch),
            training_loss,
            training,
            validation_loss,
            validation: validation.map(|v| v.means).unwrap_or_default(),
        };
        observer.on_epoch(&record, is_best);
        p.history.epochs.push(record);
        if is_best {
            p.best_loss = Some(judged);
            p.history.best = Some(p.history.epochs.len() - 1);
            p.since_best = 0;
            if stops_early {
                self.best = Some(bytes_of(self.model.clone(), run)?);
            }
        } else {
            p.since_best += 1;
        }
        let p = &mut self.progress;
        p.epoch += 1;
        p.step = 0;
        p.cells = 0;
        p.sums.clear();
        Ok(())
    }

    /// Restores the best weights and moves on to the next stage.
    fn close_stage(&mut self, n_stages: usize, run: &Run<'_>) -> Result<(), TrainError> {
        if let Some(best) = &self.best {
            self.model = load(self.model.clone(), best.clone()).map_err(|reason| {
                let path = run.checkpoints.unwrap_or(Path::new(".")).to_owned();
                CheckpointError::Corrupt { path, reason }
            })?;
        }
        let p = &mut self.progress;
        p.stage += 1;
        p.finished = p.stage == n_stages;
        if !p.finished {
            (p.epoch, p.best_loss, p.since_best) = (0, None, 0);
            p.weights.clear();
            self.best = None;
            self.optimizer = new_optimizer(run.config);
        }
        Ok(())
    }

    /// Mean losses over the validation cells; masks are the same in every epoch.
    fn validate(
        &self,
        stage: &Stage,
        data: &CellData,
        split: &Split,
        run: &Run<'_>,
    ) -> Result<Validation, TrainError> {
        let model = self.model.valid();
        let draw = Draw::new(run.seed)
            .for_use(self.progress.stage as u64)
            .for_use(purpose::VALIDATION);
        let n = split.validation.len() as f64;
        let mut result = Validation::default();
        for part in split.validation.chunks(run.config.micro_batch) {
            let losses = model.losses(&data.batch(part, draw, run.device), stage);
            for (name, value) in losses.values() {
                if !value.is_finite() {
                    return Err(TrainError::NotFinite {
                        term: format!("{name} (validation)"),
                        value,
                        epoch: self.progress.epoch,
                        step: self.progress.step,
                        rows: part.to_vec(),
                    });
                }
                *result.means.entry(name).or_insert(0.0) += value * part.len() as f64 / n;
            }
            for (name, term) in losses.terms() {
                result.weights.insert(name.clone(), term.weight);
            }
        }
        Ok(result)
    }

    /// A failed write while training goes on is a notice: the generation before is still there.
    fn save(&self, run: &Run<'_>, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let Some(root) = run.checkpoints else {
            return Ok(());
        };
        let corrupt = |reason: String| CheckpointError::Corrupt {
            path: root.to_owned(),
            reason,
        };
        // Running statistics of a normalisation are one update behind until somebody asks for them.
        drop(self.model.valid());
        let checkpoint = Checkpoint {
            progress: self.progress.clone(),
            model: bytes_of(self.model.clone(), run)?,
            optimizer: self
                .optimizer
                .into_bytes()
                .map_err(|e| corrupt(format!("optimiser: {e}")))?
                .to_vec(),
            best: self.best.clone(),
        };
        match Checkpoints::new(root).save(&checkpoint) {
            Err(e) if !observer.should_stop() => {
                observer.on_notice(&format!("{e}; training goes on without this checkpoint"));
                Ok(())
            }
            other => Ok(other?),
        }
    }
}

/// How many parts of a batch are computed at the same time.
fn parts_at_once<M: FusionModel>(model: &M, run: &Run<'_>) -> usize {
    match model.independent_parts() && on_cpu(run.device) {
        true => {
            let n_parts = run.config.batch_size.div_ceil(run.config.micro_batch);
            n_parts.min(rayon::current_num_threads())
        }
        false => 1,
    }
}

fn new_optimizer(config: &TrainConfig) -> ModuleOptimizer {
    FusedAdamW::new()
        .with_weight_decay(config.weight_decay as f32)
        .init()
}

#[derive(Default)]
struct Validation {
    means: IndexMap<String, f64>,
    weights: IndexMap<String, f64>,
}

fn weighted(means: &IndexMap<String, f64>, weights: &IndexMap<String, f64>) -> f64 {
    means
        .iter()
        .map(|(name, mean)| mean * weights.get(name).copied().unwrap_or(1.0))
        .sum()
}

fn bytes_of<M: Module>(model: M, run: &Run<'_>) -> Result<Vec<u8>, CheckpointError> {
    let bytes = model
        .into_record()
        .into_bytes()
        .map_err(|e| CheckpointError::Corrupt {
            path: run.checkpoints.unwrap_or(Path::new(".")).to_owned(),
            reason: format!("weights: {e}"),
        })?;
    Ok(bytes.to_vec())
}

fn load<M: Module>(model: M, bytes: Vec<u8>) -> Result<M, String> {
    ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes))
        .and_then(|record| model.try_load_record(record))
        .map_err(|e| format!("weights: {e}"))
}

/// The first place where two contexts differ.
fn difference(old: &serde_json::Value, new: &serde_json::Value) -> String {
    fn walk(path: &str, old: &serde_json::Value, new: &serde_json::Value) -> Option<String> {
        use serde_json::Value::{Array, Object};
        if let (Object(a), Object(b)) = (old, new) {
            let keys = a.keys().chain(b.keys().filter(|k| !a.contains_key(*k)));
            return keys.into_iter().find_map(|k| {
                let null = serde_json::Value::Null;
                let (x, y) = (a.get(k).unwrap_or(&null), b.get(k).unwrap_or(&null));
                walk(
                    &if path.is_empty() {
                        k.clone()
                    } else {
                        format!("{path}.{k}")
                    },
                    x,
                    y,
                )
            });
        }
        if let (Array(a), Array(b)) = (old, new) {
            let i = a
                .iter()
                .zip(b)
                .position(|(x, y)| x != y)
                .unwrap_or(a.len().min(b.len()));
            let differs = i < a.len().max(b.len());
            return differs.then(|| {
                let null = serde_json::Value::Null;
                let (x, y) = (a.get(i).unwrap_or(&null), b.get(i).unwrap_or(&null));
                format!("its {path}[{i}] is {x}, this run's {y}")
            });
        }
        (old != new).then(|| format!("its {path} is {old}, this run's {new}"))
    }
    walk("", old, new).unwrap_or_else(|| "its context differs".to_owned())
}
