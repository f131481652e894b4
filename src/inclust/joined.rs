//! Several files as one data set with a plan of masks.

use std::ops::Range;

use fusion_models::inclust::{COVARIATES, GroupConfig, LABELS};
use indexmap::IndexMap;
use mask_modules::{FeatureGroup, GroupSet, MaskPlan, Source};
use sc_graph::{Graph, Modality, Operator, WnnOptions, wnn};
use sc_io::{Dense, Matrix};
use serde::{Deserialize, Serialize};
use train::{CellData, CellNetwork, NeighbourSampling};

use super::groups::Builder;
use super::part::{Kind, Part};
use super::{InclustSettings, PlanKind};
use crate::{Error, evaluate};

/// Features that the same files measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    /// Name in the plan and in batches.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Names of the features.
    pub features: Vec<String>,
    /// What was taken away from and what divides the values of each feature, file by file; nothing where a file lacks the group.
    pub units: Vec<Option<Units>>,
    /// What the encoder's values of RNA were multiplied by, where they were scaled together.
    pub factor: f64,
    /// The features that totals of cells are taken over.
    pub totals_over: Vec<String>,
}

/// Mean and deviation of each feature before it was standardised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Units {
    /// Means.
    pub centre: Vec<f32>,
    /// Deviations.
    pub scale: Vec<f32>,
}

impl Group {
    /// The units of a file, or of the first that has the group.
    pub fn units_of(&self, part: Option<usize>) -> Option<&Units> {
        let own = part.and_then(|p| self.units.get(p)?.as_ref());
        own.or_else(|| self.units.iter().flatten().next())
    }
}

/// Several files as one data set.
#[derive(Clone, Debug)]
pub struct Joined {
    /// All cells, file after file.
    pub data: CellData,
    /// Which groups are seen and scored, for which files.
    pub plan: MaskPlan,
    /// The groups of the plan.
    pub groups: Vec<Group>,
    /// What the model is told of them.
    pub configs: Vec<GroupConfig>,
    /// The cells of each file.
    pub rows: Vec<Range<usize>>,
    /// Names of the covariates.
    pub batches: Vec<String>,
    /// Names of the classes, in the order of the prior's components.
    pub classes: Vec<String>,
    /// What the user should know.
    pub notices: Vec<String>,
}

/// What is known of the cells beside their features.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The batch of every cell, file by file.
    pub batches: Vec<Vec<String>>,
    /// The label of every cell, file by file; used in training.
    pub labels: Option<Vec<Vec<Option<String>>>>,
    /// Genes that must be used, in upper case, whether or not they vary.
    pub wanted: Vec<String>,
}

impl Known {
    /// Labels of the cells of a file where `keep` says so of the cell's place; the others are withheld.
    ///
    /// # Errors
    /// No such column.
    pub fn labels(part: &Part, column: &str, keep: impl Fn(usize) -> bool) -> Result<Self, Error> {
        let mut labels = evaluate::labels_of(&part.whole, part.cells(), column)?;
        let places = labels.iter_mut().enumerate();
        places
            .filter(|(i, _)| !keep(*i))
            .for_each(|(_, l)| *l = None);
        Ok(Self {
            labels: Some(vec![labels]),
            ..Self::default()
        })
    }
}

impl Joined {
    /// Joins files.
    ///
    /// Features are matched by name, whatever the case. Those of a modality that the same files have make a group. Of RNA the most variable
    /// genes of each group are used.
    ///
    /// # Errors
    /// A modality whose files share no feature; a plan that cannot work.
    pub fn new(parts: &[Part], known: &Known, settings: &InclustSettings) -> Result<Self, Error> {
        let mut notices: Vec<String> = parts.iter().flat_map(|p| p.notices.clone()).collect();
        let mut rows = vec![];
        for part in parts {
            let start = rows.last().map_or(0, |r: &Range<usize>| r.end);
            rows.push(start..start + part.n_cells());
        }
        let n_cells = rows.last().map_or(0, |r| r.end);
        let mut builder = Builder {
            parts,
            known,
            settings,
            groups: vec![],
            configs: vec![],
            measured_by: vec![],
            features: IndexMap::new(),
        };
        for kind in [Kind::Rna, Kind::Protein, Kind::Chromatin] {
            builder.add(kind, &mut notices)?;
        }
        let Builder {
            groups,
            mut configs,
            measured_by,
            mut features,
            ..
        } = builder;
        let only = groups.len() == 1;
        for (group, config) in groups.iter().zip(&mut configs) {
            let all_share = group.name == Kind::Rna.name() && !only;
            config.weight = settings.weights.of(group, all_share);
        }
        let plan = plan(parts, &groups, &measured_by, settings.plan)?;

        let (batches, covariates) = one_hot(&known.batches, n_cells);
        features.insert(COVARIATES.to_owned(), covariates);
        let mut classes = vec![];
        if let Some(labels) = &known.labels {
            let given: Vec<&String> = labels.iter().flatten().flatten().collect();
            classes = given.iter().map(|l| (*l).clone()).collect();
            classes.sort();
            classes.dedup();
            let mut values = vec![0.0; n_cells * classes.len()];
            for (cell, label) in labels.iter().flatten().enumerate() {
                if let Some(at) = label.as_ref().and_then(|l| classes.binary_search(l).ok()) {
                    values[cell * classes.len() + at] = 1.0;
                }
            }
            features.insert(LABELS.to_owned(), dense(n_cells, classes.len(), values)?);
        }
        let sources = rows
            .iter()
            .enumerate()
            .flat_map(|(part, rows)| rows.clone().map(move |_| part as u32))
            .collect();
        let data = CellData::new(features)
            .and_then(|data| data.with_sources(sources))
            .map_err(train::TrainError::from)?;
        Ok(Self {
            data,
            plan,
            groups,
            configs,
            rows,
            batches,
            classes,
            notices,
        })
    }

    /// Number of components of the prior.
    pub fn n_components(&self, settings: &InclustSettings) -> usize {
        match self.classes.len() {
            0 => settings.n_components,
            n => n,
        }
    }

    /// The graph of weighted nearest neighbours of the cells in what two entries of the data hold of them, for models that want one.
    ///
    /// # Errors
    /// No such entry; those of [`wnn`].
    pub fn wnn_network(
        &self,
        entries: [&str; 2],
        sampling: NeighbourSampling,
    ) -> Result<CellNetwork, Error> {
        let of = |name: &str| {
            let values = self.data.features().get(name).map(Matrix::to_dense);
            values.ok_or_else(|| Error::Input(format!("the data have no '{name}'")))
        };
        let [a, b] = [of(entries[0])?, of(entries[1])?];
        let sides = [&a, &b].map(|x| Modality {
            points: x.values(),
            n_dims: x.n_cols(),
        });
        let near = wnn(sides, self.data.n_cells(), &WnnOptions::default())?.neighbours;
        let operator = Operator::new(&Graph::fuzzy(&near)?, 1.0);
        Ok(CellNetwork::new(operator, sampling))
    }

    /// The class of a cell that the models were told, if any.
    pub fn class_of(&self, cell: usize) -> Option<usize> {
        match self.data.features().get(LABELS) {
            Some(Matrix::Dense(told)) => told.row(cell).iter().position(|&v| v > 0.5),
            _ => None,
        }
    }

    /// The groups of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = usize> {
        (0..self.groups.len()).filter(move |&g| self.groups[g].kind == kind)
    }
}

pub(super) fn dense(n_rows: usize, n_cols: usize, values: Vec<f32>) -> Result<Matrix, Error> {
    Dense::new(n_rows, n_cols, values)
        .map(Matrix::Dense)
        .ok_or_else(|| Error::Input("values of another shape".to_owned()))
}

/// Names of the batches, and a column each. A single batch is nothing to correct for: its column is zero.
fn one_hot(batches: &[Vec<String>], n_cells: usize) -> (Vec<String>, Matrix) {
    let mut names: Vec<String> = vec![];
    for batch in batches.iter().flatten() {
        if !names.contains(batch) {
            names.push(batch.clone());
        }
    }
    let n = names.len().max(1);
    let mut values = Dense::zeros(n_cells, n);
    if n > 1 {
        for (cell, batch) in batches.iter().flatten().enumerate() {
            if let Some(at) = names.iter().position(|b| b == batch) {
                values.row_mut(cell)[at] = 1.0;
            }
        }
    }
    (names, Matrix::Dense(values))
}

fn plan(
    parts: &[Part],
    groups: &[Group],
    measured_by: &[Vec<usize>],
    kind: PlanKind,
) -> Result<MaskPlan, Error> {
    let features = groups
        .iter()
        .map(|g| FeatureGroup {
            name: g.name.clone(),
            n_features: g.features.len(),
        })
        .collect();
    let sources = parts
        .iter()
        .enumerate()
        .map(|(part, p)| Source {
            name: p.name.clone(),
            measured: GroupSet::of((0..groups.len()).filter(|&g| measured_by[g].contains(&part))),
        })
        .collect();
    match kind {
        PlanKind::FromShared => MaskPlan::from_shared(features, sources),
        PlanKind::Imputation => MaskPlan::imputation(features, sources),
        PlanKind::Generation => MaskPlan::generation(features, sources),
        PlanKind::Mosaic => MaskPlan::mosaic(features, sources),
        PlanKind::Paired => MaskPlan::paired(features, sources),
        PlanKind::AllWays => MaskPlan::all_ways(features, sources, true),
    }
    .map_err(|e| Error::Input(e.to_string()))
}
