//! New cells onto a trained reference: `cellweave map`.

use std::path::PathBuf;

use fusion_models::Inclust;
use indexmap::IndexMap;
use sc_io::{Categorical, Column, Uns, WriteOptions};

use super::InclustSettings;
use super::fit::{FitOptions, Fitted, fit_from};
use super::labeller::Labeller;
use super::part::Part;
use super::reference::Reference;
use super::task::{CONFIDENCE, Done, EMBEDDING, LABEL, N_NEIGHBORS, Task, TaskOptions, add};
use crate::Error;
use crate::fuse::FuseObserver;
use crate::layout::{neighbour_graph, plane};
use crate::plot::Categories;
use crate::report::MapColour;

/// Which cells, and onto what.
#[derive(Clone, Debug)]
pub struct MapFiles {
    /// The new cells.
    pub file: PathBuf,
    /// Folder of a finished run of any verb of inClust+.
    pub onto: PathBuf,
    /// Optimiser steps for what the new cells' batch has of its own; 0 takes the models as they are.
    pub steps: usize,
}

/// Settings of a mapping: those of the run it maps onto, but for the length of the training.
fn settings_of(reference: &Reference, steps: usize) -> InclustSettings {
    let mut settings = reference.settings.clone();
    settings.train.epochs = 0;
    settings.steps = steps.max(1);
    settings.least_epochs = 1;
    settings.model.kl_warmup = 0.0;
    settings
}

/// Gives cells that models were not trained on a vector, and where the run was told labels, a label.
///
/// The models stay as they are, but for biases that the new cells' batch has of its own ([`Inclust::for_new_batch`](fusion_models::Inclust::for_new_batch)), which are
/// learned from the new cells alone, without labels. The folder of the run is not changed. Features of the run that the file lacks are taken for
/// average. A modality that the run has not seen is learned too, by weights of its own, as are other features of a modality where the run used features that not all its files
/// had (`specific`); with 0 steps they stay in the file and are not used.
///
/// Leaves `result.h5ad` or `.h5mu` (the file with `obsm["X_inclust"]`, and after `transfer` `obs["inclust_label"]` and `obs["inclust_confidence"]`, as `transfer` makes
/// them, but that no cell is called unknown and the confidence is calibrated for the run's cells), `report.html`, `summary.json`, `pictures/` and `checkpoints/`.
///
/// # Errors
/// A folder without a finished run, or that the results would go into; a file that cannot be read or has too few of its features; the disk.
pub fn map(
    files: &MapFiles,
    options: &TaskOptions,
    observer: &mut dyn FuseObserver,
) -> Result<Done, Error> {
    crate::fuse::refuse_same_file(&files.onto, &options.output)?;
    let root = files.onto.join("checkpoints");
    let reference = Reference::load(&root)?;
    let settings = settings_of(&reference, files.steps);
    let mut task = Task::new("map", &[&files.file], options, &settings, observer)?;
    task.observer
        .say(&format!("reading {}", files.file.display()));
    let part = Part::read("new", &files.file, &settings)?;
    let joined = reference.joined(&part, files.steps > 0)?;
    let new = &joined.configs[reference.n_groups()..];
    task.prepared(&joined);
    let device = options.device.open()?;
    let models = reference.models(&root, &device.clone().autodiff())?;
    let for_new = |model: Inclust| model.for_new_batch(&joined.plan, new);
    let fitted = match files.steps {
        0 => Fitted::of(models.into_iter().map(for_new).collect(), &device),
        _ => {
            let checkpoints = options.output.join("checkpoints");
            let fit = FitOptions {
                seed: options.seed,
                device: &device,
                checkpoints: Some(&checkpoints),
                resume: options.resume,
            };
            let start = |seed: u64, member: usize| {
                let model = models.get(member).cloned();
                let model = model.ok_or_else(|| Error::Input("there is no model".to_owned()))?;
                let autodiff = device.clone().autodiff();
                train::seeded_init(&autodiff, seed, |_| Ok(for_new(model)))
            };
            fit_from(start, &joined, &settings, &fit, task.observer)?
        }
    };
    let Some(fitted) = task.trained(fitted) else {
        return task.finish(None, None);
    };
    let rows: Vec<usize> = (0..joined.data.n_cells()).collect();
    let embedding = fitted.embed(&joined, &rows);
    let labelled = match joined.classes.is_empty() {
        true => None,
        false => {
            let labeller = Labeller::load(&root)?;
            // What labels were learned from.
            let of_models = fitted.components(&joined, &rows, reference.measured(&joined));
            Some(labeller.most_likely(&labeller.later(of_models, &joined)))
        }
    };
    task.score(&embedding, &[&part.measured[0].modality]);
    let graph = neighbour_graph(&embedding, N_NEIGHBORS)?;
    let layout = plane(&graph, &embedding, options.seed)?;
    task.clock.lap("umap");
    let mut result = part.kept();
    if let Some((codes, confidence)) = labelled {
        let names = codes.iter().map(|&c| Some(joined.classes[c].clone()));
        let colour = MapColour::Labels(Categories::from_labels(&names.collect::<Vec<_>>()));
        task.colours.insert(0, (LABEL.to_owned(), colour));
        let codes = codes.iter().map(|&c| c as i32).collect();
        let column = Categorical::from_codes(codes, joined.classes.clone());
        add(&mut result.obs, "obs", LABEL, Column::Categorical(column))?;
        add(
            &mut result.obs,
            "obs",
            CONFIDENCE,
            Column::Float(confidence),
        )?;
    }
    result.obsm.insert(EMBEDDING.to_owned(), embedding.into());
    result
        .obsm
        .insert("X_umap".to_owned(), layout.clone().into());
    let (key, record) = task.record()?;
    let onto = Uns::Text(files.onto.display().to_string());
    let record = match record {
        Uns::Map(mut record) => {
            record.insert("mapped_onto".to_owned(), onto);
            record
        }
        _ => IndexMap::from([("mapped_onto".to_owned(), onto)]),
    };
    result.uns.insert(key, Uns::Map(record));
    let write = WriteOptions {
        forbid: vec![files.file.clone()],
    };
    task.write(result, &write)?;
    task.finish(Some(&fitted), Some(&layout))
}
