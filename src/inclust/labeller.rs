//! Labels from probabilities of classes.

use std::path::Path;

use mask_modules::GroupSet;
use sc_io::Dense;
use serde::{Deserialize, Serialize};

use super::Joined;
use super::calibration::{temperature, tempered};
use super::components::Components;
use super::linear::{LinearClassifier, both};
use crate::{Error, atomic};

/// Name of the file beside the checkpoints.
const FILE: &str = "labels.json";

/// What makes labels of what the models say, for the cells of a run and for those that come later.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Labeller {
    components: Components,
    linear: Option<LinearClassifier>,
    temperature: f64,
}

impl Labeller {
    /// With a linear classifier in the principal components of those groups, or without; and the cells in these components.
    ///
    /// # Errors
    /// Fewer than two cells.
    pub fn fit(joined: &Joined, groups: GroupSet, linear: bool) -> Result<(Self, Dense), Error> {
        let (components, x) = Components::fit(joined, groups)?;
        let told = |cell| Some((cell, joined.class_of(cell)?));
        let linear = linear.then(|| {
            let told = (0..joined.data.n_cells()).filter_map(told);
            let (cells, classes): (Vec<usize>, Vec<usize>) = told.unzip();
            LinearClassifier::fit(&x.select_rows(&cells), &classes, joined.classes.len())
        });
        let this = Self {
            components,
            linear,
            temperature: 1.0,
        };
        Ok((this, x))
    }

    /// Makes confidence as large as these cells, whose classes are known and were not told, are often right; gives the temperature.
    pub fn calibrate(&mut self, probabilities: &Dense, classes: &[usize]) -> f64 {
        self.temperature = temperature(probabilities, classes);
        self.temperature
    }

    /// Probabilities from those of the models and the cells' components.
    pub fn probabilities(&self, of_models: Dense, components: &Dense) -> Dense {
        match &self.linear {
            Some(linear) => both(&of_models, &linear.probabilities(components)),
            None => of_models,
        }
    }

    /// The same of cells that come later; what the models say where a group of the components was not measured.
    pub fn later(&self, of_models: Dense, joined: &Joined) -> Dense {
        match self.components.place(joined) {
            Some(x) => self.probabilities(of_models, &x),
            None => of_models,
        }
    }

    /// The most likely class of each cell and its confidence.
    pub fn most_likely(&self, probabilities: &Dense) -> (Vec<usize>, Vec<f64>) {
        let of = |row: usize| {
            let p = tempered(probabilities.row(row), self.temperature);
            let best = (0..p.len()).fold(0, |best, c| if p[c] > p[best] { c } else { best });
            (best, p[best])
        };
        (0..probabilities.n_rows()).map(of).unzip()
    }

    pub fn save(&self, checkpoints: &Path) -> Result<(), Error> {
        atomic::save(&checkpoints.join(FILE), self)
    }

    /// That of a finished run of `transfer`.
    pub fn load(checkpoints: &Path) -> Result<Self, Error> {
        atomic::load(&checkpoints.join(FILE))
    }
}
