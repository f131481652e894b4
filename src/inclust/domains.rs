//! Spatial domains: `cellweave domains`.

use std::path::PathBuf;

use fusion_models::inclust::COVARIATES;
use fusion_models::scdefr::{JointClusters, Part as Coordinates};
use indexmap::IndexMap;
use sc_graph::{NeighbourOptions, neighbours};
use sc_io::{Categorical, Column, Dense, Embedding, Matrix, WriteOptions};
use train::CellData;

use super::fit::Fitted;
use super::generate::batches;
use super::joined::Known;
use super::part::Part;
use super::task::{Done, EMBEDDING, N_NEIGHBORS, Task, TaskOptions, add};
use super::{InclustSettings, Joined};
use crate::Error;
use crate::fuse::FuseObserver;
use crate::layout::{neighbour_graph, plane};
use crate::plot::Categories;
use crate::report::{Map, MapColour};

/// Key of the coordinates in obsm, as scanpy and squidpy have it.
const SPATIAL: &str = "spatial";
/// Key of the domain, and of its probability, in obs.
const DOMAIN: &str = "inclust_domain";
const CONFIDENCE: &str = "inclust_domain_confidence";

/// Which cells, and what is a domain.
#[derive(Clone, Debug)]
pub struct DomainFiles {
    /// Cells or spots with coordinates.
    pub file: PathBuf,
    /// Column of obs with sections: cells of different ones are no neighbours.
    pub batch: Option<String>,
    /// Domains; estimated if there is none.
    pub n_domains: Option<usize>,
    /// Cells around a cell that its surroundings are made of.
    pub n_around: usize,
    /// Weight of the cell itself beside its surroundings.
    pub own: f64,
}

/// Divides cells or spots into spatial domains.
///
/// ```text
/// u_i = own m(x_i) + m(mean of x_j over the cells around)                 m: the latent mean without covariates
/// domain_i = component of a normal mixture of u                           JointClusters: Ward's tree, one covariance; -k: of similar size
/// ```
///
/// Leaves `result.h5ad` (the file with `obs["inclust_domain"]`, `obs["inclust_domain_confidence"]`, `obsm["X_inclust"]`, which is `u`, `obsm["X_umap"]`), `report.html`,
/// `summary.json`, `pictures/` and `checkpoints/`.
///
/// Source: the spatial mode of inClust (Wang et al. 2023, public code): the mean of the six cells around, embedded by the same encoder, is added to the cell's own
/// vector. We differ: thirty cells around by default and the cell itself at a weight of 0.3 (single cells of many types make up a domain; spots of a grid may want 6 and 1), and a
/// mixture in place of the model's own components.
///
/// # Errors
/// A file that cannot be read, without coordinates, with fewer cells than neighbours; settings; the disk.
pub fn domains(
    files: &DomainFiles,
    options: &TaskOptions,
    settings: &InclustSettings,
    observer: &mut dyn FuseObserver,
) -> Result<Done, Error> {
    if !(files.own.is_finite() && files.own >= 0.0) {
        return Err(Error::Settings(format!(
            "own = {} must not be below 0",
            files.own
        )));
    }
    let mut task = Task::new("domains", &[&files.file], options, settings, observer)?;
    task.observer
        .say(&format!("reading {}", files.file.display()));
    let part = Part::read("cells", &files.file, settings)?;
    let places = coordinates(&part)?;
    let parts = [part];
    let known = Known {
        batches: batches(&parts, files.batch.as_deref())?,
        ..Known::default()
    };
    let around = around(&places, &known.batches[0], files.n_around)?;
    let joined = Joined::new(&parts, &known, settings)?;
    let Some(fitted) = task.fit(&joined)? else {
        return task.finish(None, None);
    };
    let vectors = vectors(&fitted, &joined, &around, files.own)?;
    let as_input = |e: fusion_models::scdefr::PartitionError| Error::Input(e.to_string());
    let coordinates = Coordinates {
        values: vectors.values(),
        width: vectors.n_cols(),
    };
    let (_, clusters) = JointClusters::new(&[], coordinates).map_err(as_input)?;
    let mixture = match files.n_domains {
        Some(k) => clusters.of_similar_size(k),
        None => clusters.estimate(MOST).map(|found| found.0),
    };
    let mixture = mixture.map_err(as_input)?;
    let k = mixture.n_clusters();
    let (found, confidence) = mixture.assign(clusters.points());
    task.summary.found.insert("domains".to_owned(), k as f64);
    task.clock.lap("domains");
    task.score(&vectors, &[&parts[0].measured[0].modality]);
    task.compare("inclust_domain", &parts[0].measured[0].modality, &found);
    let layout = plane(
        &neighbour_graph(&vectors, N_NEIGHBORS)?,
        &vectors,
        options.seed,
    )?;
    task.clock.lap("umap");
    let labels: Vec<Option<String>> = found.iter().map(|d| Some(d.to_string())).collect();
    let colour = MapColour::Labels(Categories::from_labels(&labels));
    task.colours.insert(0, (DOMAIN.to_owned(), colour));
    task.maps.push(Map {
        name: "Space".to_owned(),
        points: (0..places.n_rows())
            // Rows of a picture count downwards.
            .map(|r| [places.row(r)[0], -places.row(r)[1]])
            .collect(),
        colours: task.colours.clone(),
    });
    let mut result = parts[0].kept();
    let codes = found.iter().map(|&d| d as i32).collect();
    let names = (0..k).map(|d| d.to_string()).collect();
    let domain = Column::Categorical(Categorical::from_codes(codes, names));
    add(&mut result.obs, "obs", DOMAIN, domain)?;
    let confidence = confidence.into_iter().map(f64::from).collect();
    add(
        &mut result.obs,
        "obs",
        CONFIDENCE,
        Column::Float(confidence),
    )?;
    result.obsm.insert(EMBEDDING.to_owned(), vectors.into());
    result
        .obsm
        .insert("X_umap".to_owned(), layout.clone().into());
    let (key, record) = task.record()?;
    result.uns.insert(key, record);
    let write = WriteOptions {
        forbid: vec![files.file.clone()],
    };
    task.write(result, &write)?;
    task.finish(Some(&fitted), Some(&layout))
}

/// Domains at most that an estimate may find.
const MOST: usize = 30;

/// The coordinates of the cells.
fn coordinates(part: &Part) -> Result<Dense, Error> {
    let m = &part.measured[0].modality;
    match m.obsm.get(SPATIAL) {
        Some(Embedding::Matrix(x)) => {
            let x = x.to_dense();
            match x.n_cols() >= 2 && x.values().iter().all(|v| v.is_finite()) {
                true => Ok(x),
                false => Err(Error::Input(format!(
                    "obsm['{SPATIAL}'] must hold two finite coordinates or more per cell"
                ))),
            }
        }
        _ => {
            let keys: Vec<&str> = m.obsm.keys().map(String::as_str).collect();
            Err(Error::Input(format!(
                "no matrix obsm['{SPATIAL}'] with coordinates; there are: [{}]",
                keys.join(", ")
            )))
        }
    }
}

/// The nearest cells of the same section around every cell, itself left out; all others where there are fewer.
fn around(places: &Dense, sections: &[String], k: usize) -> Result<Vec<Vec<usize>>, Error> {
    if k == 0 {
        return Err(Error::Settings("neighbors must be at least 1".to_owned()));
    }
    let mut of: IndexMap<&String, Vec<usize>> = IndexMap::new();
    for (cell, section) in sections.iter().enumerate() {
        of.entry(section).or_default().push(cell);
    }
    let mut around = vec![vec![]; sections.len()];
    for (section, cells) in of {
        let x = places.select_rows(&cells);
        let (n, d) = (cells.len(), x.n_cols());
        if n < 2 {
            return Err(Error::Input(format!(
                "section '{section}' has a single cell"
            )));
        }
        let found = neighbours(
            x.values(),
            n,
            d,
            (k + 1).min(n),
            &NeighbourOptions::default(),
        )?;
        for (i, &cell) in cells.iter().enumerate() {
            let near = found.row(i).0[1..].iter();
            around[cell] = near.map(|&j| cells[j as usize]).collect();
        }
    }
    Ok(around)
}

/// `own` times the vector of every cell, and the vector of the mean of the cells around.
fn vectors(
    fitted: &Fitted,
    joined: &Joined,
    around: &[Vec<usize>],
    own: f64,
) -> Result<Dense, Error> {
    let mean = |x: &Matrix| -> Matrix {
        let mut means = Dense::zeros(around.len(), x.n_cols());
        for (row, near) in around.iter().enumerate() {
            let share = 1.0 / near.len().max(1) as f32;
            let of = x.select_rows(near).to_dense();
            for r in 0..of.n_rows() {
                let pairs = means.row_mut(row).iter_mut().zip(of.row(r));
                pairs.for_each(|(m, v)| *m += share * v);
            }
        }
        Matrix::Dense(means)
    };
    let features = joined.data.features().iter();
    let features = features.map(|(name, x)| match name.as_str() {
        COVARIATES => (name.clone(), x.clone()),
        _ => (name.clone(), mean(x)),
    });
    let data = CellData::new(features.collect())
        .and_then(|data| data.with_sources(joined.data.sources().to_vec()))
        .map_err(train::TrainError::from)?;
    let surroundings = Joined {
        data,
        ..joined.clone()
    };
    let rows: Vec<usize> = (0..around.len()).collect();
    let mut u = fitted.embed(joined, &rows);
    let near = fitted.embed(&surroundings, &rows);
    for (u, near) in u.values_mut().iter_mut().zip(near.values()) {
        *u = (own * f64::from(*u)) as f32 + near;
    }
    Ok(u)
}
