//! Missing modalities of cells: `cellweave generate`.

use std::path::PathBuf;

use sc_io::{Column, Matrix, Modality, MultiModal, Table, WriteOptions};

use super::joined::Known;
use super::part::Part;
use super::task::{Done, EMBEDDING, N_NEIGHBORS, Task, TaskOptions, add};
use super::{InclustSettings, Joined};
use crate::Error;
use crate::fuse::FuseObserver;
use crate::layout::{neighbour_graph, plane};
use crate::report::MapColour;

/// Which files.
#[derive(Clone, Debug)]
pub struct GenerateFiles {
    /// Cells with all modalities.
    pub reference: PathBuf,
    /// Cells that lack some.
    pub query: PathBuf,
    /// Column of obs with batches. With it the files are batches too; without, all cells are taken to be of one.
    pub batch: Option<String>,
}

/// Features of a generated modality that the report draws.
const DRAWN: usize = 6;

/// Generates for the query's cells what the reference measured and the query did not.
///
/// Leaves `result.h5mu` (the query's cells with its own modalities and the generated ones: `X` are expected values, `ln(1 + counts)` of proteins,
/// counts of RNA, probabilities of chromatin; `layers["sd"]` their standard deviations; `var["imputed"]`; `obsm["X_inclust"]`;
/// `uns["inclust"]`), `report.html`, `summary.json`, `pictures/` and `checkpoints/`.
///
/// # Errors
/// Files that cannot be read, share nothing, or of which the query lacks nothing; settings; the disk.
pub fn generate(
    files: &GenerateFiles,
    options: &TaskOptions,
    settings: &InclustSettings,
    observer: &mut dyn FuseObserver,
) -> Result<Done, Error> {
    let inputs = [&files.reference, &files.query];
    let mut task = Task::new("generate", &inputs, options, settings, observer)?;
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
    let known = Known {
        batches: match &files.batch {
            Some(column) => batches(&parts, Some(column))?,
            None => one_batch(&parts),
        },
        ..Known::default()
    };
    let joined = Joined::new(&parts, &known, settings)?;
    let missing: Vec<usize> = (0..joined.groups.len())
        .filter(|&g| !joined.plan.sources()[1].measured.has(g))
        .filter(|&g| parts[1].of(joined.groups[g].kind).is_none())
        .collect();
    if missing.is_empty() {
        return Err(Error::Input(
            "the query has every modality of the reference: there is nothing to generate"
                .to_owned(),
        ));
    }
    for &group in &missing {
        let route = joined.plan.route(1, group);
        route.map_err(|e| Error::Input(e.to_string()))?;
    }
    let Some(fitted) = task.fit(&joined)? else {
        return task.finish(None, None);
    };
    let rows: Vec<usize> = joined.rows[1].clone().collect();
    let embedding = fitted.embed(&joined, &rows);
    let query = &parts[1];
    let mut modalities = query.kept().modalities;
    for &group in &missing {
        let found = fitted.predict(&joined, &rows, group, Some(0))?;
        let of = &joined.groups[group];
        let mut var = Table::new(of.features.iter().map(|f| name_of(&parts[0], of.kind, f)));
        add(
            &mut var,
            "var",
            "imputed",
            Column::bools(vec![true; of.features.len()]),
        )?;
        let obs = Table::new(query.cells().iter().cloned());
        let mean_sd = mean(found.sd.values());
        task.summary
            .found
            .insert(format!("mean sd of {}", of.name), mean_sd);
        for (j, feature) in of.features.iter().enumerate().take(DRAWN) {
            let values = (0..rows.len()).map(|r| found.mean.row(r)[j]).collect();
            let name = format!("{} (generated)", name_of(&parts[0], of.kind, feature));
            task.colours.push((name, MapColour::Values(values)));
        }
        let mut m = Modality::new(Matrix::Dense(found.mean), obs, var)
            .map_err(|e| Error::Input(e.to_string()))?;
        m.layers.insert("sd".to_owned(), Matrix::Dense(found.sd));
        modalities.insert(of.name.clone(), m);
    }
    task.clock.lap("generate");
    task.score(&embedding, &[&query.measured[0].modality]);
    let layout = plane(
        &neighbour_graph(&embedding, N_NEIGHBORS)?,
        &embedding,
        options.seed,
    )?;
    task.clock.lap("umap");
    let mut result = MultiModal::new(modalities);
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

/// The name that a file gives a feature.
pub(super) fn name_of(part: &Part, kind: super::part::Kind, key: &str) -> String {
    let of = part.of(kind).and_then(|m| {
        let place = m.places.get(key)?;
        m.modality.var.index().get(*place).cloned()
    });
    of.unwrap_or_else(|| key.to_owned())
}

/// All cells in one batch.
pub(super) fn one_batch(parts: &[Part]) -> Vec<Vec<String>> {
    parts
        .iter()
        .map(|p| vec![String::new(); p.n_cells()])
        .collect()
}

/// The batch of every cell: its file, and what the column says.
pub(super) fn batches(parts: &[Part], column: Option<&str>) -> Result<Vec<Vec<String>>, Error> {
    let of = |part: &Part| -> Result<Vec<String>, Error> {
        let file = || vec![part.name.clone(); part.n_cells()];
        let Some(name) = column else {
            return Ok(file());
        };
        let found = part.measured[0].modality.obs.column(name);
        let labels = match found {
            Ok(column) => column.labels(),
            Err(_) => return Ok(file()),
        };
        labels
            .into_iter()
            .map(|l| l.map(|l| format!("{}: {l}", part.name)))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| {
                let part = &part.name;
                Error::Input(format!("{part}: obs['{name}'] has cells without a batch"))
            })
    };
    let all = parts.iter().map(of).collect::<Result<Vec<_>, _>>()?;
    if let Some(name) = column {
        let nowhere = parts
            .iter()
            .all(|p| p.measured[0].modality.obs.column(name).is_err());
        if nowhere {
            return Err(Error::Input(format!(
                "no file has obs['{name}'], the column of batches"
            )));
        }
    }
    Ok(all)
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len().max(1) as f64
}
