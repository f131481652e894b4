//! AnnData: one modality, at the root of an `.h5ad` or under `mod/` of an `.h5mu`.

use indexmap::IndexMap;

use super::matrix::{Expected, is_numeric_dataset, read_matrix};
use super::store::{Group, Node};
use super::table::{read_table, skip};
use super::uns::read_dict;
use crate::error::{Error, Fault};
use crate::{Embedding, Matrix, Modality, Raw, Table};

/// Reads a modality; everything in it fits the sizes of `obs` and `var`.
pub(super) fn read_modality(g: &Group<'_>) -> Result<Modality, Error> {
    let mut m = read_annotations(g)?;
    let full = Expected {
        rows: Some(m.n_obs()),
        cols: Some(m.n_vars()),
        of: "obs and var",
    };
    m.x = match g.get("X")? {
        Some(Node::Dataset(d)) if d.kind() == super::store::Kind::Null => None,
        Some(node) => Some(read_matrix(&node, full)?),
        None => None,
    };
    for_members(g, "layers", |name, node| {
        m.layers.insert(name, read_matrix(node, full)?);
        Ok(())
    })?;
    m.raw = read_raw(g, m.n_obs())?;
    Ok(m)
}

/// Everything of a modality but `X`, the layers and `raw`.
pub(super) fn read_annotations(g: &Group<'_>) -> Result<Modality, Error> {
    let (obs, var) = read_axes(g)?;
    let (n, p) = (obs.len(), var.len());
    let uns = match g.get("uns")? {
        Some(Node::Group(uns)) => read_dict(&uns)?,
        Some(Node::Dataset(_)) | None => IndexMap::new(),
    };
    Ok(Modality {
        obsm: read_embeddings(g, "obsm", n, "obs")?,
        varm: read_embeddings(g, "varm", p, "var")?,
        obsp: read_pairs(g, "obsp", n, "obs")?,
        varp: read_pairs(g, "varp", p, "var")?,
        obs,
        var,
        uns,
        ..Modality::default()
    })
}

/// `obs` and `var` of a modality.
pub(super) fn read_axes(g: &Group<'_>) -> Result<(Table, Table), Error> {
    let obs = read_table(&g.require("obs")?, None)?;
    let var = read_table(&g.require("var")?, None)?;
    note_names(g, "obs", "cell", &obs);
    note_names(g, "var", "feature", &var);
    Ok((obs, var))
}

/// Names that stand twice or are empty are legal, and worth a word.
fn note_names(g: &Group<'_>, table: &str, what: &str, t: &Table) {
    let path = g.child_path(table);
    if let Some((name, first, second)) = t.first_duplicate() {
        let message = format!("duplicate {what} name '{name}' (rows {first} and {second})");
        g.store.notice(&path, message);
    }
    if let Some(row) = t.index().iter().position(String::is_empty) {
        g.store
            .notice(&path, format!("empty {what} name in row {row}"));
    }
}

/// Visits the members of a group that may be absent.
fn for_members(
    g: &Group<'_>,
    slot: &str,
    mut visit: impl FnMut(String, &Node<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let Some(Node::Group(members)) = g.get(slot)? else {
        return Ok(());
    };
    for name in members.names()? {
        if let Some(node) = members.get(&name)? {
            visit(name, &node)?;
        }
    }
    Ok(())
}

fn not_understood(e: &Error) -> bool {
    matches!(e.fault(), Some(Fault::Unsupported | Fault::WrongType))
}

/// `obsm` or `varm`: arrays, sparse matrices and tables with one row per cell or feature.
pub(super) fn read_embeddings(
    g: &Group<'_>,
    slot: &str,
    rows: usize,
    of: &str,
) -> Result<IndexMap<String, Embedding>, Error> {
    let mut out = IndexMap::new();
    for_members(g, slot, |name, node| {
        let is_table = node.attr("_index").is_some() && !is_numeric_dataset(node);
        let value = if is_table {
            read_table(node, Some(rows)).map(Embedding::Table)
        } else {
            read_matrix(
                node,
                Expected {
                    rows: Some(rows),
                    cols: None,
                    of,
                },
            )
            .map(Embedding::Matrix)
        };
        match value {
            Ok(value) => {
                out.insert(name, value);
            }
            Err(e) if not_understood(&e) => skip(node, &e),
            Err(e) => return Err(e),
        }
        Ok(())
    })?;
    Ok(out)
}

fn read_pairs(
    g: &Group<'_>,
    slot: &str,
    n: usize,
    of: &str,
) -> Result<IndexMap<String, Matrix>, Error> {
    let mut out = IndexMap::new();
    let square = Expected {
        rows: Some(n),
        cols: Some(n),
        of,
    };
    for_members(g, slot, |name, node| {
        match read_matrix(node, square) {
            Ok(m) => {
                out.insert(name, m);
            }
            Err(e) if not_understood(&e) => skip(node, &e),
            Err(e) => return Err(e),
        }
        Ok(())
    })?;
    Ok(out)
}

/// `raw`, or `raw.X` and `raw.var` beside it as early 0.7 files have them.
fn read_raw(g: &Group<'_>, n: usize) -> Result<Option<Raw>, Error> {
    let (x, var, varm) = match g.get("raw")? {
        Some(Node::Group(raw)) => {
            let (Some(x), Some(var)) = (raw.get("X")?, raw.get("var")?) else {
                g.store.notice(&raw.path, "left out: raw without X or var");
                return Ok(None);
            };
            let p = read_table(&var, None)?;
            let varm = read_embeddings(&raw, "varm", p.len(), "raw/var")?;
            (x, p, varm)
        }
        Some(Node::Dataset(_)) => return Ok(None),
        None => {
            let (Some(x), Some(var)) = (g.get("raw.X")?, g.get("raw.var")?) else {
                return Ok(None);
            };
            let p = read_table(&var, None)?;
            let varm = read_embeddings(g, "raw.varm", p.len(), "raw.var")?;
            (x, p, varm)
        }
    };
    let expected = Expected {
        rows: Some(n),
        cols: Some(var.len()),
        of: "obs and raw/var",
    };
    Ok(Some(Raw {
        x: read_matrix(&x, expected)?,
        var,
        varm,
    }))
}
