//! Labels from a reference to other cells: `cellweave transfer`.

use std::path::PathBuf;

use fusion_core::Draw;
use sc_io::{Categorical, Column, WriteOptions};

use super::calibration::{expected_calibration_error, share_above};
use super::generate::{batches, one_batch};
use super::joined::Known;
use super::labeller::Labeller;
use super::part::{Kind, Part};
use super::surprise::{Surprise, strangeness};
use super::task::{CONFIDENCE, Done, EMBEDDING, LABEL, N_NEIGHBORS, Task, TaskOptions, add};
use super::{InclustSettings, Joined};
use crate::fuse::FuseObserver;
use crate::layout::{neighbour_graph, plane};
use crate::plot::Categories;
use crate::report::MapColour;
use crate::{Error, evaluate};

/// Name of the label of cells that are like none of the reference.
pub const UNKNOWN: &str = "unknown";
/// Key of the most likely label in obs, of unknown cells too.
const BEST: &str = "inclust_best_label";
/// Key of the novelty of a cell in obs.
const NOVELTY: &str = "inclust_novelty";

/// Which files, and what is transferred.
#[derive(Clone, Debug)]
pub struct TransferFiles {
    /// Cells with labels.
    pub reference: PathBuf,
    /// Cells without; labels that they have are not looked at.
    pub query: PathBuf,
    /// Column of obs with the labels.
    pub labels: String,
    /// Column of obs with batches. With it the files are batches too, whose means are drawn together: not where their composition differs much.
    pub batch: Option<String>,
    /// Share of the reference's cells whose labels are withheld to calibrate confidence and novelty.
    pub calibration: f64,
    /// Cells are unknown of whose like less than this share is in the reference.
    pub unknown_below: f64,
}

/// Purposes that the seed is used for.
const CALIBRATION: u64 = 17;

/// Gives the query's cells labels of the reference.
///
/// Leaves `result.h5ad` or `.h5mu` (the query's file with `obs["inclust_label"]`, where `unknown` stands for cells that are like none of the
/// reference, `obs["inclust_best_label"]`, where it is not used, `obs["inclust_confidence"]` (of that label, calibrated on reference cells whose labels were withheld), `obs["inclust_novelty"]` (how surprising the cell is beside
/// the withheld ones: `-ln` of the share that is as far from the reference, of the share that is as much among cells of the query alone, and of the share that is as unsure), `obsm["X_inclust"]`), `report.html`, `summary.json`, `pictures/` and `checkpoints/`.
///
/// # Errors
/// Files that cannot be read or share nothing; no such column, no label in it, a single class; settings; the disk.
pub fn transfer(
    files: &TransferFiles,
    options: &TaskOptions,
    settings: &InclustSettings,
    observer: &mut dyn FuseObserver,
) -> Result<Done, Error> {
    let inputs = [&files.reference, &files.query];
    for (name, share) in [
        ("calibration", files.calibration),
        ("unknown-below", files.unknown_below),
    ] {
        if !(0.0..1.0).contains(&share) {
            return Err(Error::Settings(format!("{name} = {share} must be in 0..1")));
        }
    }
    let mut task = Task::new("transfer", &inputs, options, settings, observer)?;
    task.observer.say(&format!(
        "reading {} and {}",
        files.reference.display(),
        files.query.display()
    ));
    let reference = Part::read("reference", &files.reference, settings)?;
    let query = Part::read("query", &files.query, settings)?;
    task.clock.lap("read");
    let given = labels_of(&reference, &files.labels)?;
    // What both files measured: confidence and novelty must mean the same for the cells of both.
    let mut kinds: Vec<Kind> = query.kinds();
    kinds.retain(|&kind| reference.of(kind).is_some());
    if kinds.is_empty() {
        return Err(Error::Input(
            "reference and query have no modality in common".to_owned(),
        ));
    }
    // These cells are to the models what the query's are: without labels, and with what the query has alone.
    let draw = Draw::new(options.seed).for_use(CALIBRATION);
    let held = |&i: &usize| {
        let uniform = (draw.for_use(i as u64).seed() >> 11) as f64 / (1u64 << 53) as f64;
        given[i].is_some() && uniform < files.calibration
    };
    let (withheld, shown): (Vec<usize>, Vec<usize>) = (0..given.len()).partition(held);
    let truth: Vec<&String> = withheld.iter().filter_map(|&i| given[i].as_ref()).collect();
    let mut labels = vec![
        shown.iter().map(|&i| given[i].clone()).collect(),
        vec![None; query.n_cells()],
    ];
    let mut parts = vec![
        reference.select("reference", &shown, &reference.kinds()),
        query,
    ];
    let mut batch = match &files.batch {
        Some(column) => batches(&parts, Some(column))?,
        None => one_batch(&parts),
    };
    if !withheld.is_empty() {
        parts.push(reference.select("withheld", &withheld, &kinds));
        // Withheld cells are of the reference's batches.
        batch.push(match &files.batch {
            Some(column) => {
                let of = reference.select("reference", &withheld, &kinds);
                batches(&[of], Some(column))?.concat()
            }
            None => vec![String::new(); withheld.len()],
        });
        labels.push(vec![None; withheld.len()]);
    }
    drop(reference);
    let known = Known {
        batches: batch,
        labels: Some(labels),
        ..Known::default()
    };
    let joined = Joined::new(&parts, &known, settings)?;
    if joined.classes.len() < 2 {
        return Err(Error::Input(format!(
            "obs['{}'] of the reference has {} classes; two at least are needed",
            files.labels,
            joined.classes.len()
        )));
    }
    let Some(fitted) = task.fit(&joined)? else {
        return task.finish(None, None);
    };
    let measured = |part: usize| joined.plan.sources()[part].measured;
    let seen = measured(0).intersection(measured(1));
    let rows = |part: usize| -> Vec<usize> {
        let rows = joined.rows.get(part).cloned();
        rows.into_iter().flatten().collect()
    };
    let (trained, query, held) = (rows(0), rows(1), rows(2));
    let (mut labeller, components) = Labeller::fit(&joined, seen, settings.linear)?;
    let probabilities = |labeller: &Labeller, rows: &[usize]| {
        let of_models = fitted.components(&joined, rows, seen);
        labeller.probabilities(of_models, &components.select_rows(rows))
    };
    let p = probabilities(&labeller, &held);
    let places: Vec<(usize, usize)> = truth
        .iter()
        .enumerate()
        .filter_map(|(row, label)| Some((row, joined.classes.binary_search(label).ok()?)))
        .collect();
    if !places.is_empty() {
        let rows: Vec<usize> = places.iter().map(|(row, _)| *row).collect();
        let truth: Vec<usize> = places.iter().map(|(_, class)| *class).collect();
        let p = p.select_rows(&rows);
        let heat = labeller.calibrate(&p, &truth);
        let (classes, confidence) = labeller.most_likely(&p);
        let right: Vec<bool> = classes.iter().zip(&truth).map(|(a, b)| a == b).collect();
        let share = right.iter().filter(|r| **r).count() as f64 / right.len() as f64;
        let found = &mut task.summary.found;
        found.insert("temperature".to_owned(), heat);
        found.insert("accuracy on withheld reference cells".to_owned(), share);
        let error = expected_calibration_error(&confidence, &right);
        found.insert(
            "calibration error on withheld reference cells".to_owned(),
            error,
        );
    }
    labeller.save(&options.output.join("checkpoints"))?;
    let (_, usual_confidence) = labeller.most_likely(&p);
    let (classes, confidence) = labeller.most_likely(&probabilities(&labeller, &query));
    // Three ways to be unlike the reference: far from all of it, among cells of the query alone, or between its classes.
    let [usual, of_query] = strangeness(
        &fitted,
        &joined,
        &components,
        &trained,
        [&held, &query],
        seen,
    )?;
    let doubt = |confidence: &[f64]| confidence.iter().map(|c| 1.0 - c).collect();
    let with_doubt = |[far, apart]: [Vec<f64>; 2], confidence| [far, apart, doubt(confidence)];
    let usual = with_doubt(usual, &usual_confidence);
    let scale = Surprise::new(&usual);
    let mut usual = scale.of(&usual);
    usual.sort_by(f64::total_cmp);
    let of_query = scale.of(&with_doubt(of_query, &confidence));
    let is_unknown: Vec<bool> = of_query
        .iter()
        .map(|&v| !usual.is_empty() && share_above(&usual, v) < files.unknown_below)
        .collect();
    let least = 1.0 / (usual.len() + 1) as f64;
    if least >= files.unknown_below {
        task.summary.notices.push(format!(
            "{} labelled cells were withheld: none can be called unknown below {}; withhold more with --calibration, or ask for less with --unknown-below",
            usual.len(),
            files.unknown_below
        ));
    }
    let n_unknown = is_unknown.iter().filter(|u| **u).count();
    let share = n_unknown as f64 / query.len().max(1) as f64;
    task.summary
        .found
        .insert("share of unknown cells".to_owned(), share);
    task.clock.lap("label");

    let embedding = fitted.embed(&joined, &query);
    let cells = &parts[1].measured[0].modality;
    task.score(&embedding, &[cells]);
    let layout = plane(
        &neighbour_graph(&embedding, N_NEIGHBORS)?,
        &embedding,
        options.seed,
    )?;
    task.clock.lap("umap");
    let mut names = joined.classes.clone();
    // No class has this name: it stands for 'not known'.
    let unknown = names.len();
    names.push(UNKNOWN.to_owned());
    let best = classes.iter().map(|&c| c as i32).collect();
    let best = Column::Categorical(Categorical::from_codes(best, joined.classes.clone()));
    let codes: Vec<i32> = classes
        .iter()
        .zip(&is_unknown)
        .map(|(&c, &u)| if u { unknown as i32 } else { c as i32 })
        .collect();
    let labels: Vec<Option<String>> = codes
        .iter()
        .map(|&c| Some(names[c as usize].clone()))
        .collect();
    let colours = [
        (LABEL, MapColour::Labels(Categories::from_labels(&labels))),
        (
            CONFIDENCE,
            MapColour::Values(confidence.iter().map(|&c| c as f32).collect()),
        ),
        (
            NOVELTY,
            MapColour::Values(of_query.iter().map(|&c| c as f32).collect()),
        ),
    ];
    for (place, (name, colour)) in colours.into_iter().enumerate() {
        task.colours.insert(place, (name.to_owned(), colour));
    }
    let mut result = parts[1].kept();
    let obs = &mut result.obs;
    add(obs, "obs", BEST, best)?;
    add(
        obs,
        "obs",
        LABEL,
        Column::Categorical(Categorical::from_codes(codes, names)),
    )?;
    add(obs, "obs", CONFIDENCE, Column::Float(confidence))?;
    add(obs, "obs", NOVELTY, Column::Float(of_query))?;
    result.obsm.insert(EMBEDDING.to_owned(), embedding.into());
    result
        .obsm
        .insert("X_umap".to_owned(), layout.clone().into());
    let (key, record) = task.record()?;
    result.uns.insert(key, record);
    let write = WriteOptions {
        forbid: vec![files.reference.clone(), files.query.clone()],
    };
    task.write(result, &write)?;
    task.finish(Some(&fitted), Some(&layout))
}

/// Labels of a file's cells; what stands for no label is none.
fn labels_of(part: &Part, column: &str) -> Result<Vec<Option<String>>, Error> {
    let labels = evaluate::labels_of(&part.whole, part.cells(), column)?;
    let (labels, _) = evaluate::known(&labels);
    match labels.iter().any(Option::is_some) {
        true => Ok(labels),
        false => Err(Error::Input(format!(
            "obs['{column}'] of the {} has no label: every value stands for 'not known'",
            part.name
        ))),
    }
}
