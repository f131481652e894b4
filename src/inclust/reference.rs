//! What a run must remember for cells that come later.

use std::path::Path;

use burn::tensor::Device;
use fusion_models::Inclust;
use fusion_models::inclust::{COVARIATES, GroupConfig, LABELS};
use indexmap::IndexMap;
use mask_modules::{FeatureGroup, GroupSet, MaskPlan, Pass, Source};
use sc_io::{Csr, Dense, Matrix};
use serde::{Deserialize, Serialize};
use train::CellData;

use super::groups::{Builder, INPUT};
use super::joined::{Group, Known, dense};
use super::part::{Kind, Measured, Part};
use super::values::{by_maximum, logged, scale, standardize};
use super::{InclustSettings, Joined, Scaling};
use crate::{Error, atomic};

/// Name of the file beside the checkpoints.
const FILE: &str = "reference.json";
/// Share of the features of a modality that new cells must have.
const ENOUGH: f64 = 0.5;

/// The data set that models were trained on, without its cells.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Reference {
    /// The settings of the run.
    pub settings: InclustSettings,
    /// Names of the classes.
    pub classes: Vec<String>,
    plan: MaskPlan,
    configs: Vec<GroupConfig>,
    groups: Vec<Group>,
    batches: Vec<String>,
    /// The covariates of its cells, averaged.
    covariates: Vec<f32>,
}

impl Reference {
    pub fn of(joined: &Joined, settings: &InclustSettings) -> Self {
        let x = joined.data.features()[COVARIATES].to_dense();
        let n = x.n_rows().max(1) as f32;
        let mut covariates = vec![0.0; x.n_cols()];
        for row in 0..x.n_rows() {
            let pairs = covariates.iter_mut().zip(x.row(row));
            pairs.for_each(|(c, v)| *c += v / n);
        }
        Self {
            settings: settings.clone(),
            classes: joined.classes.clone(),
            plan: joined.plan.clone(),
            configs: joined.configs.clone(),
            groups: joined.groups.clone(),
            batches: joined.batches.clone(),
            covariates,
        }
    }

    pub fn save(&self, checkpoints: &Path) -> Result<(), Error> {
        atomic::save(&checkpoints.join(FILE), self)
    }

    pub fn load(checkpoints: &Path) -> Result<Self, Error> {
        atomic::load(&checkpoints.join(FILE))
    }

    /// The trained models of the run.
    ///
    /// # Errors
    /// Checkpoints that are missing, of a run that has not finished, or of other settings.
    pub fn models(&self, checkpoints: &Path, device: &Device) -> Result<Vec<Inclust>, Error> {
        let (n_covariates, k) = (self.batches.len().max(1), self.n_components());
        let of = |member: usize| {
            let model = &self.settings.model;
            let model = model
                .init(&self.plan, &self.configs, n_covariates, k, device)
                .map_err(|e| Error::Settings(format!("model: {e}")))?;
            let folder = checkpoints.join(format!("model-{member}"));
            Ok(train::trained(model, &folder)?.0)
        };
        (0..self.settings.n_models).map(of).collect()
    }

    /// Number of its groups.
    pub fn n_groups(&self) -> usize {
        self.groups.len()
    }

    fn n_components(&self) -> usize {
        match self.classes.len() {
            0 => self.settings.n_components,
            n => n,
        }
    }

    /// Those of its groups that the only file of a later data set measured.
    pub fn measured(&self, later: &Joined) -> GroupSet {
        let known = GroupSet::of(0..self.groups.len());
        later.plan.sources()[0].measured.intersection(known)
    }

    /// New cells as a data set of the same groups, with a plan of their own.
    ///
    /// Features of the reference that the file lacks are taken for average. What else the file has makes groups of its own behind those of the reference, if
    /// that is asked for: whole modalities, and where the run used features of some files alone, those of modalities that it had. Old groups are seen alone and with
    /// the new.
    ///
    /// # Errors
    /// No group with enough features.
    pub fn joined(&self, part: &Part, with_new: bool) -> Result<Joined, Error> {
        let n = part.n_cells();
        let mut notices = part.notices.clone();
        let mut features = IndexMap::new();
        let mut measured = vec![];
        let mut groups = self.groups.clone();
        for (place, group) in groups.iter_mut().enumerate() {
            let name = group.name.clone();
            let n_features = group.features.len();
            group.units = group
                .units
                .iter()
                .flatten()
                .next()
                .cloned()
                .into_iter()
                .map(Some)
                .collect();
            let found = part
                .of(group.kind)
                .map(|m| (m, columns(m, &group.features)));
            let Some((m, (counts, n_found))) = found.filter(|(_, (_, n))| *n > 0) else {
                continue;
            };
            if (n_found as f64) < ENOUGH * n_features as f64 {
                return Err(Error::Input(format!(
                    "the new cells have {n_found} of the {n_features} features of '{name}'; half of them are needed"
                )));
            }
            if n_found < n_features {
                notices.push(format!(
                    "{name}: {} of {n_features} features are not in the file and count as average",
                    n_features - n_found
                ));
            }
            measured.push(place);
            self.add(group, m, counts, &self.configs[place], &mut features);
        }
        if measured.is_empty() {
            return Err(Error::Input(
                "the new cells have no modality of the reference".to_owned(),
            ));
        }
        let mut configs = self.configs.clone();
        let new = match with_new {
            true => self.new_groups(part, &measured, &mut notices)?,
            false => New::default(),
        };
        groups.extend(new.groups);
        configs.extend(new.configs);
        features.extend(new.features);
        let plan = self.plan_for(part, &groups, measured)?;
        let covariates = Dense::new(n, self.covariates.len(), self.covariates.repeat(n));
        let covariates = covariates.unwrap_or_else(|| Dense::zeros(n, self.covariates.len()));
        features.insert(COVARIATES.to_owned(), Matrix::Dense(covariates));
        if !self.classes.is_empty() {
            let none = vec![0.0; n * self.classes.len()];
            features.insert(LABELS.to_owned(), dense(n, self.classes.len(), none)?);
        }
        let data = CellData::new(features)
            .and_then(|data| data.with_sources(vec![0; n]))
            .map_err(train::TrainError::from)?;
        Ok(Joined {
            data,
            plan,
            groups,
            configs,
            rows: std::iter::once(0..n).collect(),
            batches: self.batches.clone(),
            classes: self.classes.clone(),
            notices,
        })
    }

    /// Groups of what the file has and the reference lacks.
    fn new_groups(
        &self,
        part: &Part,
        measured: &[usize],
        notices: &mut Vec<String>,
    ) -> Result<New, Error> {
        let mut builder = Builder {
            parts: std::slice::from_ref(part),
            known: &Known::default(),
            settings: &self.settings,
            groups: vec![],
            configs: vec![],
            measured_by: vec![],
            features: IndexMap::new(),
        };
        for kind in [Kind::Rna, Kind::Protein, Kind::Chromatin] {
            let had = self.groups.iter().any(|g| g.kind == kind);
            let mut old = measured.iter().map(|&g| &self.groups[g]);
            let anchor = old.find(|g| g.kind == kind);
            if !had || (anchor.is_some() && self.settings.specific) {
                builder.add_new(kind, &self.groups, anchor, notices)?;
            }
        }
        for (group, config) in builder.groups.iter().zip(&mut builder.configs) {
            config.weight = self.settings.weights.of(group, false);
        }
        Ok(New {
            groups: builder.groups,
            configs: builder.configs,
            features: builder.features,
        })
    }

    /// The plan for cells that measured some groups of the reference and all behind these.
    fn plan_for(
        &self,
        part: &Part,
        groups: &[Group],
        measured: Vec<usize>,
    ) -> Result<MaskPlan, Error> {
        let old = GroupSet::of(measured);
        let all = old.union(GroupSet::of(self.groups.len()..groups.len()));
        let shapes = groups.iter().map(|g| FeatureGroup {
            name: g.name.clone(),
            n_features: g.features.len(),
        });
        let source = Source {
            name: part.name.clone(),
            measured: all,
        };
        let mut seen = vec![old, all];
        seen.dedup();
        let pass = |visible| Pass {
            source: 0,
            visible,
            scored: all,
        };
        let passes = seen.into_iter().map(pass).collect();
        MaskPlan::new(shapes.collect(), vec![source], passes)
            .map_err(|e| Error::Input(e.to_string()))
    }

    /// The values of a group, as they were made for the reference.
    fn add(
        &self,
        group: &mut Group,
        m: &Measured,
        mut counts: Csr,
        config: &GroupConfig,
        features: &mut IndexMap<String, Matrix>,
    ) {
        let rows: Vec<usize> = (0..counts.n_rows()).collect();
        let input = match group.kind {
            Kind::Rna => {
                let totals = columns(m, &group.totals_over).0.row_sums();
                let mut input = logged(&counts, &totals, self.settings.target_sum);
                match self.settings.scaling {
                    Scaling::Together => {
                        scale(&mut input, group.factor);
                        Matrix::Csr(input)
                    }
                    Scaling::PerDataset => {
                        let mut input = input.to_dense();
                        let units = standardize(&mut input, &rows);
                        if !config.likelihood.counts() {
                            group.units = vec![Some(units)];
                        }
                        Matrix::Dense(input)
                    }
                    Scaling::ByMaximum => {
                        let units = by_maximum(&mut input, &rows);
                        if !config.likelihood.counts() {
                            group.units = vec![Some(units)];
                        }
                        Matrix::Csr(input)
                    }
                }
            }
            Kind::Protein => {
                let mut x = counts.to_dense();
                x.values_mut().iter_mut().for_each(|v| *v = v.ln_1p());
                match group.units.first() {
                    Some(Some(units)) => {
                        for &row in &rows {
                            for (j, v) in x.row_mut(row).iter_mut().enumerate() {
                                *v = (*v - units.centre[j]) / units.scale[j];
                            }
                        }
                    }
                    // Of counts: the encoder's values have no units to go back to.
                    _ => {
                        standardize(&mut x, &rows);
                    }
                }
                Matrix::Dense(x)
            }
            Kind::Chromatin => {
                let values = counts.values_mut().iter_mut();
                values.for_each(|v| *v = f32::from(*v > 0.0));
                Matrix::Csr(counts.clone())
            }
        };
        if config.likelihood.counts() {
            features.insert(format!("{}{INPUT}", group.name), input);
            features.insert(group.name.clone(), Matrix::Csr(counts));
        } else {
            features.insert(group.name.clone(), input);
        }
    }
}

/// Groups that a reference has not seen.
#[derive(Default)]
struct New {
    groups: Vec<Group>,
    configs: Vec<GroupConfig>,
    features: IndexMap<String, Matrix>,
}

/// Counts of the named features, zeros where the file lacks one, and how many it has.
fn columns(m: &Measured, names: &[String]) -> (Csr, usize) {
    let mut to = vec![u32::MAX; m.counts.n_cols()];
    let mut n_found = 0;
    for (place, name) in names.iter().enumerate() {
        if let Some(&from) = m.places.get(name) {
            to[from] = place as u32;
            n_found += 1;
        }
    }
    let mut out = Csr::zeros(0, names.len());
    for row in 0..m.counts.n_rows() {
        let (columns, values) = m.counts.row(row);
        let mut entries: Vec<(u32, f32)> = columns
            .iter()
            .zip(values)
            .map(|(&c, &v)| (to[c as usize], v))
            .filter(|(c, _)| *c != u32::MAX)
            .collect();
        entries.sort_unstable_by_key(|(c, _)| *c);
        out.push_row(entries);
    }
    (out, n_found)
}
