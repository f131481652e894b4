//! Opening: the matrix is found, its structure checked, no value read.

use super::super::anndata::read_axes;
use super::super::element::{Element, FORMS, Slot};
use super::super::matrix::{
    Compressed, Expected, Stored, dense_shape, open_compressed, read_columns, sparse_shape, stored,
};
use super::super::mudata::check_axis;
use super::super::store::{ChunkCache, Dataset, Group, Kind, Node, Store};
use super::super::table::read_table;
use super::super::{detect, wrong_format};
use super::{Body, RowOptions};
use crate::error::{Error, Fault};
use crate::read::Format;
use crate::{Csr, Table};

/// Bytes that a matrix stored by columns takes per value while it is turned: columns, rows and
/// values of both forms.
const TURNING: u64 = 16;

/// What a matrix turned out to be.
pub(super) struct Found {
    pub obs: Table,
    pub var: Table,
    pub dtype: &'static str,
    pub shape: Shape,
    pub cache: ChunkCache,
}

/// How the rows are reached.
pub(super) enum Shape {
    Dense,
    /// Row offsets.
    Csr(Vec<usize>),
    /// Stored by columns, and turned already.
    Turned(Csr),
}

/// The group that holds the modality.
pub(super) fn modality<'s>(store: &'s Store, path: &str) -> Result<Group<'s>, Error> {
    let refuse = |reason: String| store.fault(path, Fault::Missing, reason);
    let Some(element) = Element::parse(path) else {
        return Err(refuse(format!("names no matrix; {FORMS} do")));
    };
    let root = store.root()?;
    match (detect(&root)?, element.modality) {
        (Format::H5ad, None) => Ok(root),
        (Format::H5ad, Some(_)) => Err(refuse(
            "this is an AnnData file, it has no modalities; leave out 'mod/MODALITY/'".into(),
        )),
        (Format::H5mu, name) => {
            check_axis(&root)?;
            let members = root.group("mod")?;
            let members = members.ok_or_else(|| root.fault(Fault::Missing, "'mod' is missing"))?;
            let found = match name {
                Some(name) => members.group(name)?,
                None => None,
            };
            found.map_or_else(
                || {
                    let names = members.names()?;
                    Err(refuse(format!(
                        "names no modality of this MuData file; write mod/MODALITY/... with one \
                         of: {}",
                        names.join(", ")
                    )))
                },
                Ok,
            )
        }
        (other, _) => Err(wrong_format(&root, "an AnnData or MuData file", other)),
    }
}

/// The matrix, and the table of its columns where it has one of its own.
fn matrix<'s>(g: &Group<'s>, path: &str) -> Result<(Node<'s>, Option<Node<'s>>), Error> {
    let slot = Element::parse(path).map_or(Slot::X, |e| e.slot);
    let (node, var) = match slot {
        Slot::X => (g.get("X")?, None),
        Slot::Layer(name) => (g.get(&format!("layers/{name}"))?, None),
        Slot::Raw => match g.get("raw")? {
            Some(Node::Group(raw)) => (raw.get("X")?, Some(raw.require("var")?)),
            // Beside it, as early 0.7 files have it.
            _ => match (g.get("raw.X")?, g.get("raw.var")?) {
                (Some(x), Some(var)) => (Some(x), Some(var)),
                _ => (None, None),
            },
        },
    };
    let is_null = |n: &Node<'_>| matches!(n, Node::Dataset(d) if d.kind() == Kind::Null);
    match node {
        Some(node) if !is_null(&node) => Ok((node, var)),
        _ => {
            let layers = match g.get("layers")? {
                Some(Node::Group(layers)) => layers.names()?,
                _ => vec![],
            };
            let others = match layers.as_slice() {
                [] => String::from("there are no layers"),
                names => format!("the layers are: {}", names.join(", ")),
            };
            let reason = format!("is missing; {others}");
            Err(g.store.fault(path, Fault::Missing, reason))
        }
    }
}

/// Finds and checks a matrix.
pub(super) fn find(store: &Store, path: &str, options: &RowOptions) -> Result<Found, Error> {
    let g = modality(store, path)?;
    let (obs, mut var) = read_axes(&g)?;
    let (node, own_var) = matrix(&g, path)?;
    let mut of = "obs and var";
    if let Some(own) = own_var {
        (var, of) = (read_table(&own, None)?, "obs and raw/var");
    }
    let expected = Expected {
        rows: Some(obs.len()),
        cols: Some(var.len()),
        of,
    };
    let (dtype, shape, cache) = match stored(&node)? {
        Stored::Dense(d) => {
            dense_shape(&node, d, expected)?;
            d.check_plausible()?;
            let cache = ChunkCache::of(&[d]);
            (d.number_type()?.name(), Shape::Dense, cache)
        }
        Stored::Csr(group) => {
            let (rows, cols) = sparse_shape(&node, expected)?;
            let parts = open_compressed(group, rows, cols)?;
            let Compressed { indices, data, .. } = &parts;
            indices.check_plausible()?;
            data.check_plausible()?;
            let cache = ChunkCache::of(&[indices, data]);
            let dtype = data.number_type()?.name();
            (dtype, Shape::Csr(parts.offsets), cache)
        }
        Stored::Csc(group) => {
            let data = group.dataset("data")?;
            let bytes = data.len()?.saturating_mul(TURNING);
            if bytes > options.max_turned_bytes {
                return Err(by_column(&node, path, bytes, options));
            }
            let m = read_columns(&node, group, expected)?;
            let dtype = data.number_type()?.name();
            (dtype, Shape::Turned(m), ChunkCache::NONE)
        }
    };
    Ok(Found {
        obs,
        var,
        dtype,
        shape,
        cache,
    })
}

fn by_column(node: &Node<'_>, path: &str, bytes: u64, options: &RowOptions) -> Error {
    let python = match Element::parse(path).map(|e| e.slot) {
        Some(Slot::Layer(name)) => format!("adata.layers[{name:?}]"),
        Some(Slot::Raw) => "adata.raw.X".into(),
        _ => "adata.X".into(),
    };
    let reason = format!(
        "is stored by columns (csc_matrix), so one row cannot be read without reading all of it, \
         and turning it takes {bytes} bytes, more than max_turned_bytes ({}); raise that limit, or \
         write the matrix by rows first, in Python: {python} = {python}.tocsr()",
        options.max_turned_bytes
    );
    node.fault(Fault::Unsupported, reason)
}

/// The datasets that the rows are read from, in a store that keeps chunks.
pub(super) fn body(store: &Store, path: &str, found: Shape) -> Result<Body, Error> {
    let (offsets, g) = match found {
        Shape::Turned(m) => return Ok(Body::Turned(m)),
        Shape::Dense => (None, modality(store, path)?),
        Shape::Csr(offsets) => (Some(offsets), modality(store, path)?),
    };
    let (node, _) = matrix(&g, path)?;
    let changed = || node.fault(Fault::Shape, "changed while it was opened");
    match (&node, offsets) {
        (Node::Dataset(d), None) => Ok(Body::Dense(d.part())),
        (Node::Group(g), Some(offsets)) => {
            let (indices, data) = (g.dataset("indices")?, g.dataset("data")?);
            let end = offsets.last().copied().unwrap_or(0) as u64;
            let fits = |d: &Dataset<'_>| d.len().map(|n| n == end);
            if !fits(&indices)? || !fits(&data)? {
                return Err(changed());
            }
            Ok(Body::Csr {
                offsets,
                indices: indices.part(),
                data: data.part(),
            })
        }
        _ => Err(changed()),
    }
}
