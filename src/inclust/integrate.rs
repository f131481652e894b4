//! Cells of several files or batches in one space: `cellweave integrate`.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use indexmap::IndexMap;
use sc_graph::leiden;
use sc_io::{Categorical, Column, Csr, Dense, Matrix, Modality, MultiModal, Table, WriteOptions};
use sc_prep::{PcaOptions, Target, log_normalize, pca};

use super::generate::{batches, name_of};
use super::joined::Known;
use super::part::{Kind, Part};
use super::task::{Done, EMBEDDING, N_NEIGHBORS, Task, TaskOptions, add, labels_in};
use super::{InclustSettings, Joined};
use crate::Error;
use crate::evaluate::mixing;
use crate::fuse::FuseObserver;
use crate::layout::{neighbour_graph, plane};
use crate::plot::Categories;
use crate::report::MapColour;

/// Key of the batch, and of the clusters, in obs.
const BATCH: &str = "inclust_batch";
const CLUSTER: &str = "inclust_cluster";
/// Key of the cells before anything was corrected, in obsm.
const BEFORE: &str = "X_pca";

/// Which files.
#[derive(Clone, Debug)]
pub struct IntegrateFiles {
    /// One file or more, each with any modalities.
    pub files: Vec<PathBuf>,
    /// Column of obs with batches within the files, if there are any.
    pub batch: Option<String>,
}

/// Puts the cells of all files into one space, without what sets their batches apart.
///
/// Leaves `result.h5mu` (a modality of each kind with the counts of the features that all files with it share, `obs["inclust_batch"]`,
/// `obs["inclust_cluster"]` (Leiden of the embedding), the files' own columns of obs, `obsm["X_inclust"]`, `obsm["X_umap"]`, and where all cells have RNA `obsm["X_pca"]`, in which nothing is corrected; `.h5ad` where there is RNA alone), `report.html`,
/// `summary.json`, `pictures/` and `checkpoints/`. Cells of several files that share a name get the number of their file behind it.
///
/// # Errors
/// Files that cannot be read, or share no feature; settings; the disk.
pub fn integrate(
    files: &IntegrateFiles,
    options: &TaskOptions,
    settings: &InclustSettings,
    observer: &mut dyn FuseObserver,
) -> Result<Done, Error> {
    let inputs: Vec<&PathBuf> = files.files.iter().collect();
    let mut task = Task::new("integrate", &inputs, options, settings, observer)?;
    let mut parts = vec![];
    let mut taken: HashMap<String, usize> = HashMap::new();
    for file in &files.files {
        task.observer.say(&format!("reading {}", file.display()));
        let stem = file.file_stem().map(|s| s.to_string_lossy().into_owned());
        let stem = stem.unwrap_or_else(|| "file".to_owned());
        let times = taken.entry(stem.clone()).or_default();
        *times += 1;
        let name = match *times {
            1 => stem,
            n => format!("{stem} ({n})"),
        };
        parts.push(Part::read(&name, file, settings)?);
    }
    task.clock.lap("read");
    let known = Known {
        batches: batches(&parts, files.batch.as_deref())?,
        ..Known::default()
    };
    let joined = Joined::new(&parts, &known, settings)?;
    if joined.batches.len() < 2 {
        let notice = "there is one batch: nothing is corrected for";
        task.summary.notices.push(notice.to_owned());
    }
    let Some(fitted) = task.fit(&joined)? else {
        return task.finish(None, None);
    };
    let rows: Vec<usize> = (0..joined.data.n_cells()).collect();
    let embedding = fitted.embed(&joined, &rows);
    task.clock.lap("embed");
    let graph = neighbour_graph(&embedding, N_NEIGHBORS)?;
    let clusters = leiden(&graph, 1.0, options.seed)?;
    let layout = plane(&graph, &embedding, options.seed)?;
    task.clock.lap("cluster");
    let all: Vec<&Modality> = parts.iter().map(|p| &p.measured[0].modality).collect();
    task.score(&embedding, &all);

    let batch: Vec<String> = known.batches.iter().flatten().cloned().collect();
    let mut result = joint(&parts, &joined)?;
    result.obs = kept(result.obs, &all)?;
    let before = components(&result, rows.len(), options.seed)?;
    if joined.batches.len() > 1 {
        let first = options.scored.first();
        let labels = first.map_or_else(|| vec![None; rows.len()], |c| labels_in(&all, c));
        let mixed = mixing(&embedding, before.as_ref(), &batch, &labels, options.seed)?;
        task.summary.mixing = Some(mixed);
        task.clock.lap("mixing");
    }
    let of = |labels: Vec<Option<String>>| MapColour::Labels(Categories::from_labels(&labels));
    let drawn = batch.iter().cloned().map(Some).collect();
    task.colours.insert(0, (BATCH.to_owned(), of(drawn)));
    let drawn = clusters.iter().map(|c| Some(c.to_string())).collect();
    task.colours.insert(1, (CLUSTER.to_owned(), of(drawn)));
    let n_clusters = clusters.iter().max().map_or(0, |m| m + 1);
    let codes = clusters.iter().map(|&c| c as i32).collect();
    let names = (0..n_clusters).map(|c| c.to_string()).collect();
    let obs = &mut result.obs;
    add(
        obs,
        "obs",
        BATCH,
        Column::Categorical(Categorical::from_labels(&batch)),
    )?;
    add(
        obs,
        "obs",
        CLUSTER,
        Column::Categorical(Categorical::from_codes(codes, names)),
    )?;
    result.obsm.insert(EMBEDDING.to_owned(), embedding.into());
    if let Some(before) = before {
        result.obsm.insert(BEFORE.to_owned(), before.into());
    }
    result
        .obsm
        .insert("X_umap".to_owned(), layout.clone().into());
    let (key, record) = task.record()?;
    result.uns.insert(key, record);
    let write = WriteOptions {
        forbid: files.files.clone(),
    };
    task.write(result, &write)?;
    task.finish(Some(&fitted), Some(&layout))
}

/// What the files say of their cells, in the order of the cells; missing where a file lacks a column.
fn kept(mut obs: Table, cells: &[&Modality]) -> Result<Table, Error> {
    let names = cells.iter().flat_map(|m| m.obs.columns());
    let mut names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(*name) && ![BATCH, CLUSTER].contains(name));
    for name in names {
        let parts: Vec<(usize, Option<&Column>)> = cells
            .iter()
            .map(|m| (m.n_obs(), m.obs.column(name).ok()))
            .collect();
        add(&mut obs, "obs", name, Column::concat(&parts))?;
    }
    Ok(obs)
}

/// Principal components of the logarithms of the RNA counts, where all cells have RNA: what mixing is compared with.
fn components(data: &MultiModal, n_cells: usize, seed: u64) -> Result<Option<Dense>, Error> {
    let rna = data.modalities.get(Kind::Rna.name());
    let Some(counts) = rna
        .filter(|m| m.n_obs() == n_cells)
        .and_then(|m| m.x.as_ref())
    else {
        return Ok(None);
    };
    let mut logged = counts.to_csr();
    log_normalize(&mut logged, Target::Sum(1e4))?;
    let options = PcaOptions {
        seed,
        ..PcaOptions::default()
    };
    Ok(Some(pca(&Matrix::Csr(logged), &options)?.scores))
}

/// The counts of all files, modality by modality: features that all files with it share, of the cells that have it.
fn joint(parts: &[Part], joined: &Joined) -> Result<MultiModal, Error> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for cell in parts.iter().flat_map(Part::cells) {
        *seen.entry(cell).or_default() += 1;
    }
    let names: Vec<Vec<String>> = parts
        .iter()
        .enumerate()
        .map(|(file, part)| {
            let name = |cell: &String| match seen[cell.as_str()] {
                1 => cell.clone(),
                _ => format!("{cell}-{file}"),
            };
            part.cells().iter().map(name).collect()
        })
        .collect();
    let mut modalities = IndexMap::new();
    for kind in [Kind::Rna, Kind::Protein, Kind::Chromatin] {
        let Some(group) = joined
            .of(kind)
            .find(|&g| joined.groups[g].name == kind.name())
        else {
            continue;
        };
        let features = &joined.groups[group].features;
        let (mut x, mut cells) = (Csr::zeros(0, features.len()), vec![]);
        let mut of = None;
        for (part, names) in parts.iter().zip(&names) {
            let Some(m) = part.of(kind) else {
                continue;
            };
            of.get_or_insert(part);
            let places: Vec<usize> = features.iter().map(|f| m.places[f]).collect();
            let counts = m.counts.select_columns(&places);
            for row in 0..counts.n_rows() {
                let (c, v) = counts.row(row);
                x.push_row(c.iter().copied().zip(v.iter().copied()));
            }
            cells.extend(names.iter().cloned());
        }
        let Some(part) = of else {
            continue;
        };
        let var = Table::new(features.iter().map(|f| name_of(part, kind, f)));
        let m = Modality::new(Matrix::Csr(x), Table::new(cells), var);
        let m = m.map_err(|e| Error::Input(e.to_string()))?;
        modalities.insert(kind.name().to_owned(), m);
    }
    let mut result = MultiModal::new(modalities);
    // The order of the embedding, whichever modality a file has.
    result.obs = Table::new(names.into_iter().flatten());
    Ok(result)
}
