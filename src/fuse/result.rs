//! The result file.

use indexmap::IndexMap;
use sc_io::{Categorical, Column, Dense, MultiModal, Uns};
use train::History;

use super::FuseConfig;
use crate::Error;

/// The version that the workspace pins.
pub(crate) const BURN_VERSION: &str = "0.22.1";

/// Keys that scanpy users will look for.
pub(super) const EMBEDDING: &str = "X_scfusionttt";
pub(super) const UMAP: &str = "X_umap";
pub(super) const CLUSTER: &str = "scfusionttt_cluster";
pub(super) const UNS: &str = "scfusionttt";

/// What a run adds to the cells.
pub(super) struct Additions<'a> {
    pub embedding: &'a Dense,
    pub umap: Option<&'a Dense>,
    pub clusters: &'a [usize],
    pub config: &'a FuseConfig,
    pub seed: u64,
    pub history: &'a History,
    pub genes: &'a [String],
    pub proteins: &'a [String],
}

/// Adds embedding, layout, clusters and the record of the run to the cells.
pub(super) fn add(cells: &mut MultiModal, a: &Additions<'_>) -> Result<(), Error> {
    cells
        .obsm
        .insert(EMBEDDING.to_owned(), a.embedding.clone().into());
    if let Some(umap) = a.umap {
        cells.obsm.insert(UMAP.to_owned(), umap.clone().into());
    }
    // Categories in the order of the clusters' sizes, as scanpy's leiden.
    let n_clusters = a.clusters.iter().max().map_or(0, |m| m + 1);
    let codes = a.clusters.iter().map(|&c| c as i32).collect();
    let names = (0..n_clusters).map(|c| c.to_string()).collect();
    cells
        .obs
        .insert(
            CLUSTER,
            Column::Categorical(Categorical::from_codes(codes, names)),
        )
        .map_err(|source| Error::Column {
            place: "obs".to_owned(),
            source,
        })?;
    cells.uns.insert(UNS.to_owned(), record(a)?);
    Ok(())
}

fn record(a: &Additions<'_>) -> Result<Uns, Error> {
    let floats = |v: Vec<f64>| Uns::Array(Column::Float(v));
    let epochs = &a.history.epochs;
    let mut history = IndexMap::from([
        (
            "training_loss".to_owned(),
            floats(epochs.iter().map(|e| e.training_loss).collect()),
        ),
        (
            "validation_loss".to_owned(),
            floats(
                epochs
                    .iter()
                    .map(|e| e.validation_loss.unwrap_or(f64::NAN))
                    .collect(),
            ),
        ),
        (
            "learning_rate".to_owned(),
            floats(epochs.iter().map(|e| e.learning_rate).collect()),
        ),
    ]);
    for term in epochs.first().iter().flat_map(|e| e.training.keys()) {
        let (training, validation) = a.history.series(term);
        history.insert(format!("training_{term}"), floats(training));
        history.insert(format!("validation_{term}"), floats(validation));
    }
    let names = |v: &[String]| Uns::Array(Column::text(v.iter().cloned()));
    let mut map = IndexMap::from([
        (
            "version".to_owned(),
            Uns::Text(env!("CARGO_PKG_VERSION").to_owned()),
        ),
        (
            "burn_version".to_owned(),
            Uns::Text(BURN_VERSION.to_owned()),
        ),
        ("seed".to_owned(), Uns::Int(a.seed as i64)),
        ("config".to_owned(), Uns::Text(a.config.to_toml()?)),
        ("history".to_owned(), Uns::Map(history)),
        ("genes".to_owned(), names(a.genes)),
        ("proteins".to_owned(), names(a.proteins)),
    ]);
    if let Some(best) = a.history.best {
        map.insert("best_epoch".to_owned(), Uns::Int(best as i64 + 1));
    }
    Ok(Uns::Map(map))
}
