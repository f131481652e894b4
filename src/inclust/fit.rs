//! Training on joined files, and reading the models out.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use fusion_core::{CellBatch, Draw, FusionModel, ModelGraph};
use fusion_models::Inclust;
use fusion_models::inclust::COVARIATES;
use mask_modules::GroupSet;
use sc_io::Dense;
use train::{History, Outcome, Run, Trained};

use super::{InclustSettings, Joined};
use crate::Error;
use crate::fuse::FuseObserver;

/// Cells per block of inference.
pub(super) const BLOCK: usize = 1024;

/// What models are trained with.
#[derive(Clone, Debug)]
pub struct FitOptions<'a> {
    /// Seed of everything random.
    pub seed: u64,
    /// Where to train, without autodiff.
    pub device: &'a Device,
    /// Folder for checkpoints, one below it per model; none are written without.
    pub checkpoints: Option<&'a Path>,
    /// Whether to go on from them.
    pub resume: bool,
}

/// Models that were trained on the same data from different seeds.
#[derive(Debug)]
pub struct Fitted {
    /// The models.
    pub models: Vec<Inclust>,
    /// The epochs of the first.
    pub history: History,
    /// How the last one ended.
    pub outcome: Outcome,
    device: Device,
}

/// A group as it is predicted, in the units of its values: `ln(1 + counts)` of proteins, counts of RNA, probabilities of chromatin.
#[derive(Clone, Debug)]
pub struct Predictions {
    /// Expected values, `[cells, features]`.
    pub mean: Dense,
    /// Standard deviations: of the likelihood, and of the means between models.
    pub sd: Dense,
}

/// Trains the models of the settings on joined files, one after the other.
///
/// # Errors
/// Settings that do not fit the data, and those of training.
pub fn fit(
    joined: &Joined,
    settings: &InclustSettings,
    options: &FitOptions<'_>,
    observer: &mut dyn FuseObserver,
) -> Result<Fitted, Error> {
    let start = |seed: u64, _: usize| {
        let autodiff = options.device.clone().autodiff();
        train::seeded_init(&autodiff, seed, |device| {
            let (n_covariates, k) = (joined.batches.len().max(1), joined.n_components(settings));
            let model = &settings.model;
            model.init(&joined.plan, &joined.configs, n_covariates, k, device)
        })
        .map_err(|e| Error::Settings(format!("model: {e}")))
    };
    fit_from(start, joined, settings, options, observer)
}

/// The same from models that are there: `start` gives each, from its seed and place.
///
/// # Errors
/// Those of `start` and of training.
pub(super) fn fit_from(
    start: impl Fn(u64, usize) -> Result<Inclust, Error>,
    joined: &Joined,
    settings: &InclustSettings,
    options: &FitOptions<'_>,
    observer: &mut dyn FuseObserver,
) -> Result<Fitted, Error> {
    let settings = &settings.for_cells(joined.data.n_cells());
    let mut fitted = Fitted {
        models: vec![],
        history: History::default(),
        outcome: Outcome::Finished,
        device: options.device.clone(),
    };
    for member in 0..settings.n_models {
        let seed = match member {
            0 => options.seed,
            m => Draw::new(options.seed).for_use(m as u64).seed(),
        };
        let model = start(seed, member)?;
        if member == 0 {
            observer.say(&format!(
                "{} cells, {} parameters, {} epochs, {} models\n{}",
                joined.data.n_cells(),
                model.describe().n_params(),
                settings.train.epochs,
                settings.n_models,
                joined.plan
            ));
        }
        let checkpoints = options
            .checkpoints
            .map(|c| c.join(format!("model-{member}")));
        let run = Run {
            config: &settings.train,
            seed,
            device: options.device,
            checkpoints: checkpoints.as_deref(),
            resume: options.resume && checkpoints.as_ref().is_some_and(|c| c.exists()),
            context: serde_json::json!({
                "version": env!("CARGO_PKG_VERSION"),
                "seed": seed,
                "config": settings,
                "plan": joined.plan,
                "data": joined.data.fingerprint(),
            }),
        };
        let Trained {
            model,
            history,
            outcome,
        } = train::train(model, &joined.data, &run, observer)?;
        if member == 0 {
            fitted.history = history;
        }
        fitted.models.push(model.valid());
        fitted.outcome = outcome;
        if outcome == Outcome::Interrupted {
            break;
        }
    }
    Ok(fitted)
}

impl Fitted {
    /// Models as they are, which were not trained here.
    pub(super) fn of(models: Vec<Inclust>, device: &Device) -> Self {
        Self {
            models,
            history: History::default(),
            outcome: Outcome::Finished,
            device: device.clone(),
        }
    }

    /// The first model's picture.
    pub fn describe(&self) -> ModelGraph {
        self.models
            .first()
            .map(FusionModel::describe)
            .unwrap_or_default()
    }

    fn blocks(&self, joined: &Joined, rows: &[usize], mut see: impl FnMut(&CellBatch)) {
        let device = self.device.clone().without_autodiff();
        for block in rows.chunks(BLOCK) {
            see(&joined.data.batch(block, Draw::new(0), &device));
        }
    }

    /// The latent vectors of some cells without their covariates, `[cells, n_latent]`, of the first model, from everything that was measured.
    pub fn embed(&self, joined: &Joined, rows: &[usize]) -> Dense {
        let mut values = vec![];
        self.blocks(joined, rows, |batch| {
            values.extend(self.models[0].embed(batch).into_data().iter::<f32>());
        });
        shaped(rows.len(), values)
    }

    /// The same of another model, from some groups alone: cells of files that measured different things are comparable only from what both
    /// have.
    ///
    /// # Panics
    /// If there is no such model.
    pub fn embed_with(
        &self,
        model: usize,
        joined: &Joined,
        rows: &[usize],
        seen: GroupSet,
    ) -> Dense {
        let model = &self.models[model];
        let mut values = vec![];
        self.blocks(joined, rows, |batch| {
            let rows = joined.plan.showing(vec![seen; batch.len()]);
            values.extend(model.encode(batch, &rows).free.into_data().iter::<f32>());
        });
        shaped(rows.len(), values)
    }

    /// Probabilities of the components from some groups, `[cells, n_components]`, averaged over the models.
    pub fn components(&self, joined: &Joined, rows: &[usize], seen: GroupSet) -> Dense {
        let mut values = vec![];
        self.blocks(joined, rows, |batch| {
            let each = self.models.iter().map(|m| {
                let rows = joined.plan.showing(vec![seen; batch.len()]);
                m.encode(batch, &rows).components
            });
            let sum = each.reduce(|a, b| a + b);
            let mean = sum.map(|s| s.div_scalar(self.models.len() as f64));
            values.extend(
                mean.into_iter()
                    .flat_map(|m| m.into_data().iter::<f32>().collect::<Vec<_>>()),
            );
        });
        shaped(rows.len(), values)
    }

    /// A group of features for some cells, decoded from the latent mean with the covariates of other cells in place of their own: `like` is the
    /// file whose batches they are averaged over.
    ///
    /// # Errors
    /// A plan that never trained what leads there.
    pub fn predict(
        &self,
        joined: &Joined,
        rows: &[usize],
        group: usize,
        like: Option<usize>,
    ) -> Result<Predictions, Error> {
        let n_features = joined.groups[group].features.len();
        let mut out = Predictions {
            mean: Dense::zeros(rows.len(), n_features),
            sd: Dense::zeros(rows.len(), n_features),
        };
        for start in (0..rows.len()).step_by(BLOCK) {
            let block = &rows[start..rows.len().min(start + BLOCK)];
            let of = self.predict_block(joined, block, group, like)?;
            let at = start * n_features..(start + block.len()) * n_features;
            out.mean.values_mut()[at.clone()].copy_from_slice(of.mean.values());
            out.sd.values_mut()[at].copy_from_slice(of.sd.values());
        }
        Ok(out)
    }

    /// The same for cells that fit into one batch.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn predict_block(
        &self,
        joined: &Joined,
        rows: &[usize],
        group: usize,
        like: Option<usize>,
    ) -> Result<Predictions, Error> {
        let sources = joined.data.sources();
        if let Some(&row) = rows.first() {
            let route = joined.plan.route(sources[row] as usize, group);
            route.map_err(|e| Error::Input(e.to_string()))?;
        }
        let device = self.device.clone().without_autodiff();
        let batch = joined.data.batch(rows, Draw::new(0), &device);
        let own = batch.modality(COVARIATES);
        let other = like.map(|part| {
            let shares = mean_covariates(joined, part);
            let n = shares.len();
            let row = Tensor::<1>::from_data(TensorData::new(shares, [n]), &device);
            row.unsqueeze::<2>().expand([rows.len(), n])
        });
        let n_models = self.models.len() as f64;
        let mut sums: Option<[Tensor<2>; 3]> = None;
        for model in &self.models {
            let z = model.encode_cells(&batch).mean;
            let z = match &other {
                Some(other) => model.swap_covariates(z, own.clone(), other.clone()),
                None => z,
            };
            let told = other.clone().unwrap_or_else(|| own.clone());
            let p = model.decode(z, told, group, model.library(&batch, group));
            let of = [p.mean.clone(), p.mean.square(), p.sd.square()];
            sums = Some(match sums {
                None => of,
                Some([a, b, c]) => {
                    let [x, y, z] = of;
                    [a + x, b + y, c + z]
                }
            });
        }
        let Some([mean, squares, variance]) = sums else {
            return Err(Error::Input("there is no model".to_owned()));
        };
        let mean = mean / n_models;
        let between = (squares / n_models - mean.clone().square()).clamp_min(0.0);
        let sd = (variance / n_models + between).sqrt();
        let read = |x: Tensor<2>| shaped(rows.len(), x.into_data().iter::<f32>().collect());
        let (mut mean, mut sd) = (read(mean), read(sd));
        let part = like.or_else(|| rows.first().map(|&r| sources[r] as usize));
        if let Some(units) = joined.groups[group].units_of(part) {
            for row in 0..rows.len() {
                for (j, v) in mean.row_mut(row).iter_mut().enumerate() {
                    *v = *v * units.scale[j] + units.centre[j];
                }
                let scales = units.scale.iter();
                sd.row_mut(row)
                    .iter_mut()
                    .zip(scales)
                    .for_each(|(v, s)| *v *= s);
            }
        }
        Ok(Predictions { mean, sd })
    }
}

/// The covariates of a file's cells, averaged.
fn mean_covariates(joined: &Joined, part: usize) -> Vec<f32> {
    let x = &joined.data.features()[COVARIATES];
    let rows: Vec<usize> = joined.rows[part].clone().collect();
    let n = rows.len().max(1) as f64;
    let of = x.select_rows(&rows).to_dense();
    let mut sums = vec![0.0f64; of.n_cols()];
    for row in 0..of.n_rows() {
        let values = of.row(row).iter();
        sums.iter_mut()
            .zip(values)
            .for_each(|(s, &v)| *s += f64::from(v));
    }
    sums.into_iter().map(|s| (s / n) as f32).collect()
}

fn shaped(n_rows: usize, values: Vec<f32>) -> Dense {
    let n_cols = values.len().checked_div(n_rows).unwrap_or(0);
    Dense::new(n_rows, n_cols, values).unwrap_or_else(|| Dense::zeros(n_rows, n_cols))
}
