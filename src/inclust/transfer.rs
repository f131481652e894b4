//! Labels from a reference to other cells: `cellweave transfer`.

use std::path::PathBuf;

use fusion_core::Draw;
use sc_io::{Categorical, Column, Dense, WriteOptions};

use super::calibration::{expected_calibration_error, share_above, temperature, tempered};
use super::fit::Fitted;
use super::generate::batches;
use super::joined::Known;
use super::novelty::novelty;
use super::part::Part;
use super::task::{CONFIDENCE, Done, EMBEDDING, LABEL, Task, TaskOptions, add};
use super::{InclustSettings, Joined};
use crate::Error;
use crate::evaluate::known as known_labels;
use crate::fuse::FuseObserver;
use crate::layout::plane;
use crate::plot::Categories;
use crate::report::MapColour;

/// Name of the label of cells that are like none of the reference.
pub const UNKNOWN: &str = "unknown";
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
    /// Column of obs with batches within the files, if there are any.
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
/// reference, `obs["inclust_confidence"]` (calibrated on reference cells whose labels were withheld), `obs["inclust_novelty"]` (1 inside the reference's
/// populations, above outside), `obsm["X_inclust"]`), `report.html`, `summary.json`, `pictures/` and `checkpoints/`.
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
    let parts = vec![
        Part::read("reference", &files.reference, settings)?,
        Part::read("query", &files.query, settings)?,
    ];
    task.clock.lap("read");
    let given = labels_of(&parts[0], &files.labels)?;
    // Labels of these cells are not shown to the models.
    let draw = Draw::new(options.seed).for_use(CALIBRATION);
    let withheld: Vec<bool> = (0..given.len())
        .map(|i| {
            let uniform = (draw.for_use(i as u64).seed() >> 11) as f64 / (1u64 << 53) as f64;
            given[i].is_some() && uniform < files.calibration
        })
        .collect();
    let shown = given.iter().zip(&withheld).map(|(l, w)| match w {
        true => None,
        false => l.clone(),
    });
    let known = Known {
        batches: batches(&parts, files.batch.as_deref())?,
        labels: Some(vec![shown.collect(), vec![None; parts[1].n_cells()]]),
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
    let reference: Vec<usize> = joined.rows[0].clone().collect();
    let query: Vec<usize> = joined.rows[1].clone().collect();
    let held: Vec<usize> = reference.iter().copied().filter(|&r| withheld[r]).collect();
    let trained: Vec<usize> = reference
        .iter()
        .copied()
        .filter(|&r| !withheld[r])
        .collect();

    let mut heat = 1.0;
    let scored: Vec<(usize, usize)> = held
        .iter()
        .filter_map(|&r| {
            let label = given[r].as_ref()?;
            Some((r, joined.classes.binary_search(label).ok()?))
        })
        .collect();
    if !scored.is_empty() {
        let rows: Vec<usize> = scored.iter().map(|(r, _)| *r).collect();
        let truth: Vec<usize> = scored.iter().map(|(_, c)| *c).collect();
        let p = fitted.components(&joined, &rows);
        heat = temperature(&p, &truth);
        let (classes, confidence) = most_likely(&p, heat);
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
    let (classes, confidence) = most_likely(&fitted.components(&joined, &query), heat);
    let [of_held, of_query] = novelties(&fitted, &joined, &trained, [&held, &query])?;
    let mut usual = of_held;
    usual.sort_by(f64::total_cmp);
    let is_unknown: Vec<bool> = of_query
        .iter()
        .map(|&v| !usual.is_empty() && share_above(&usual, v) < files.unknown_below)
        .collect();
    let n_unknown = is_unknown.iter().filter(|u| **u).count();
    let share = n_unknown as f64 / query.len().max(1) as f64;
    task.summary
        .found
        .insert("share of unknown cells".to_owned(), share);
    task.clock.lap("label");

    let embedding = fitted.embed(&joined, &query);
    let cells = &parts[1].measured[0].modality;
    task.score(&embedding, &[cells]);
    let layout = plane(&embedding, 15, options.seed)?;
    task.clock.lap("umap");
    let mut names = joined.classes.clone();
    if !names.iter().any(|n| n == UNKNOWN) {
        names.push(UNKNOWN.to_owned());
    }
    let unknown = names.iter().position(|n| n == UNKNOWN).unwrap_or(0);
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
    let own = part
        .measured
        .iter()
        .find_map(|m| m.modality.obs.column(column).ok());
    let labels = match own {
        Some(column) => column.labels(),
        None => {
            let whole = part
                .whole
                .obs
                .column(column)
                .map_err(|source| Error::Column {
                    place: format!("obs of the {}", part.name),
                    source,
                })?;
            let positions = part.whole.obs.positions();
            let place = |cell: &String| positions.get(cell.as_str()).copied();
            part.cells()
                .iter()
                .map(|c| whole.label(place(c)?))
                .collect()
        }
    };
    let (labels, _) = known_labels(&labels);
    match labels.iter().any(Option::is_some) {
        true => Ok(labels),
        false => Err(Error::Input(format!(
            "obs['{column}'] of the {} has no label: every value stands for 'not known'",
            part.name
        ))),
    }
}

/// The most likely class of each cell and its probability.
fn most_likely(p: &Dense, heat: f64) -> (Vec<usize>, Vec<f64>) {
    (0..p.n_rows())
        .map(|row| {
            let p = tempered(p.row(row), heat);
            let best = (0..p.len()).fold(0, |best, c| if p[c] > p[best] { c } else { best });
            (best, p[best])
        })
        .unzip()
}

/// Novelties against the cells of training, averaged over the models.
fn novelties(
    fitted: &Fitted,
    joined: &Joined,
    trained: &[usize],
    of: [&Vec<usize>; 2],
) -> Result<[Vec<f64>; 2], Error> {
    /// Reference cells at most: distances to all of them are taken.
    const MOST: usize = 20_000;
    let n = trained.len().min(MOST);
    let some: Vec<usize> = (0..n).map(|i| trained[i * trained.len() / n]).collect();
    let mut sums = of.map(|rows| vec![0.0; rows.len()]);
    for model in 0..fitted.models.len() {
        let known = fitted.embed_with(model, joined, &some);
        for (sum, rows) in sums.iter_mut().zip(of) {
            let found = novelty(&known, &fitted.embed_with(model, joined, rows))?;
            let share = 1.0 / fitted.models.len() as f64;
            sum.iter_mut().zip(found).for_each(|(s, f)| *s += share * f);
        }
    }
    Ok(sums)
}
