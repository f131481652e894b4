//! Writes tables, matrices and annotation in the encodings that anndata 0.8 and later open.

use indexmap::IndexMap;
use rust_hdf5::{HBool, Hdf5Error};

use super::sink::Place;
use crate::error::Notice;
use crate::{Categorical, Column, Csr, Embedding, Matrix, Modality, Table, Uns};

type Result<T> = std::result::Result<T, Hdf5Error>;

/// What could not be written as it was.
pub(super) type Notices = Vec<Notice>;

fn refuse(reason: String) -> Hdf5Error {
    Hdf5Error::InvalidState(reason)
}

/// A key that every version accepts: `/` would be a path, so it becomes `_`.
fn key(path: &str, name: &str, taken: &[String], notices: &mut Notices) -> Result<String> {
    if name.is_empty() || name == "." || name == ".." || name.contains('\0') {
        return Err(refuse(format!(
            "{path} has an entry that cannot be named: {name:?}"
        )));
    }
    let mut safe = name.replace('/', "_");
    if safe != *name {
        while taken.contains(&safe) {
            safe.push('_');
        }
        let message = format!("written as '{safe}', as '/' separates levels in HDF5");
        notices.push(Notice {
            element: format!("{path}/{name}"),
            message,
        });
    }
    Ok(safe)
}

/// The names of a map as they are written.
fn keys<'a>(
    path: &str,
    names: impl Iterator<Item = &'a String>,
    notices: &mut Notices,
) -> Result<Vec<String>> {
    let names: Vec<&String> = names.collect();
    let mut taken: Vec<String> = names
        .iter()
        .filter(|n| !n.contains('/'))
        .map(|n| (*n).clone())
        .collect();
    let mut safe = Vec::with_capacity(names.len());
    for name in names {
        let k = key(path, name, &taken, notices)?;
        if k != *name {
            taken.push(k.clone());
        }
        safe.push(k);
    }
    Ok(safe)
}

pub(super) fn modality(
    at: &Place<'_>,
    path: &str,
    m: &Modality,
    notices: &mut Notices,
) -> Result<()> {
    at.attr_text("encoding-type", "anndata")?;
    at.attr_text("encoding-version", "0.1.0")?;
    if let Some(x) = &m.x {
        matrix(at, "X", x)?;
    }
    table(at, "obs", path, &m.obs, m.obs.index(), notices)?;
    table(at, "var", path, &m.var, m.var.index(), notices)?;
    matrices(at, "layers", path, &m.layers, notices)?;
    embeddings(at, "obsm", path, &m.obsm, m.obs.index(), notices)?;
    embeddings(at, "varm", path, &m.varm, m.var.index(), notices)?;
    matrices(at, "obsp", path, &m.obsp, notices)?;
    matrices(at, "varp", path, &m.varp, notices)?;
    if let Some(raw) = &m.raw {
        let at = at.encoded("raw", "raw", "0.1.0")?;
        let path = join(path, "raw");
        matrix(&at, "X", &raw.x)?;
        table(&at, "var", &path, &raw.var, raw.var.index(), notices)?;
        embeddings(&at, "varm", &path, &raw.varm, raw.var.index(), notices)?;
    }
    dict(at, "uns", path, &m.uns, notices)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}/{name}")
    }
}

fn matrices(
    at: &Place<'_>,
    slot: &str,
    path: &str,
    map: &IndexMap<String, Matrix>,
    notices: &mut Notices,
) -> Result<()> {
    let g = at.encoded(slot, "dict", "0.1.0")?;
    for (name, m) in keys(&join(path, slot), map.keys(), notices)?
        .iter()
        .zip(map.values())
    {
        matrix(&g, name, m)?;
    }
    Ok(())
}

/// Writes `obsm` or `varm` and returns its place.
pub(super) fn embeddings<'s>(
    at: &Place<'s>,
    slot: &str,
    path: &str,
    map: &IndexMap<String, Embedding>,
    index: &[String],
    notices: &mut Notices,
) -> Result<Place<'s>> {
    let g = at.encoded(slot, "dict", "0.1.0")?;
    let path = join(path, slot);
    for (name, e) in keys(&path, map.keys(), notices)?.iter().zip(map.values()) {
        match e {
            Embedding::Matrix(m) => matrix(&g, name, m)?,
            // anndata refuses a table that does not repeat the names of its axis.
            Embedding::Table(t) => table(&g, name, &path, t, index, notices)?,
        }
    }
    Ok(g)
}

fn matrix(at: &Place<'_>, name: &str, m: &Matrix) -> Result<()> {
    match m {
        Matrix::Dense(d) => at.array(name, d.values(), &[d.n_rows(), d.n_cols()]),
        Matrix::Csr(m) => csr(at, name, m),
    }
}

fn csr(at: &Place<'_>, name: &str, m: &Csr) -> Result<()> {
    let g = at.encoded(name, "csr_matrix", "0.1.0")?;
    g.attr_integers("shape", &[m.n_rows() as i64, m.n_cols() as i64])?;
    g.part("data", m.values())?;
    // Both index arrays have one type, as scipy wants it.
    if i32::try_from(m.nnz().max(m.n_cols())).is_ok() {
        let narrow = |v: usize| v as i32;
        g.part(
            "indices",
            &m.indices().iter().map(|&c| c as i32).collect::<Vec<_>>(),
        )?;
        g.part(
            "indptr",
            &m.indptr().iter().map(|&o| narrow(o)).collect::<Vec<_>>(),
        )
    } else {
        g.part(
            "indices",
            &m.indices().iter().map(|&c| c as i64).collect::<Vec<_>>(),
        )?;
        g.part(
            "indptr",
            &m.indptr().iter().map(|&o| o as i64).collect::<Vec<_>>(),
        )
    }
}

/// A table; `index` replaces its row names.
pub(super) fn table(
    at: &Place<'_>,
    name: &str,
    path: &str,
    t: &Table,
    index: &[String],
    notices: &mut Notices,
) -> Result<()> {
    if index.len() != t.len() {
        let reason = format!("{name} has {} rows, {} expected", t.len(), index.len());
        return Err(refuse(reason));
    }
    let path = join(path, name);
    let g = at.encoded(name, "dataframe", "0.2.0")?;
    let names = keys(&path, t.columns().keys(), notices)?;
    let index_name = match &t.index_name {
        Some(n) if !n.is_empty() && !n.contains(['/', '\0']) && !names.contains(n) => n.as_str(),
        _ => "_index",
    };
    if names.iter().any(|n| n == index_name) {
        return Err(refuse(format!(
            "{path}: a column must not be named '{index_name}'"
        )));
    }
    g.attr_text("_index", index_name)?;
    g.attr_texts(
        "column-order",
        &names.iter().map(String::as_str).collect::<Vec<_>>(),
    )?;
    g.texts(
        index_name,
        &index.iter().map(String::as_str).collect::<Vec<_>>(),
    )?;
    for (name, c) in names.iter().zip(t.columns().values()) {
        column(&g, name, c)?;
    }
    Ok(())
}

fn column(at: &Place<'_>, name: &str, c: &Column) -> Result<()> {
    let bools = |v: &[bool]| v.iter().map(|&b| HBool::from(b)).collect::<Vec<_>>();
    let nullable = |encoding: &str, mask: &[bool]| {
        let g = at.encoded(name, encoding, "0.1.0")?;
        g.array("mask", &bools(mask), &[mask.len()])?;
        Ok::<_, Hdf5Error>(g)
    };
    match c {
        Column::Float(v) => at.array(name, v, &[v.len()]),
        Column::Int {
            values,
            missing: None,
        } => at.array(name, values, &[values.len()]),
        Column::Int {
            values,
            missing: Some(m),
        } => nullable("nullable-integer", m)?.array("values", values, &[values.len()]),
        Column::Bool {
            values,
            missing: None,
        } => at.array(name, &bools(values), &[values.len()]),
        Column::Bool {
            values,
            missing: Some(m),
        } => nullable("nullable-boolean", m)?.array("values", &bools(values), &[values.len()]),
        Column::Text(v) => {
            let present: Vec<&str> = v.iter().flatten().map(String::as_str).collect();
            if present.len() == v.len() {
                return at.texts(name, &present);
            }
            // Nullable text is unknown to anndata before 0.11; categories are known to all.
            let mut c = Categorical::from_labels(&present);
            let mut codes = std::mem::take(&mut c.codes).into_iter();
            let code = |t: &Option<String>| t.as_ref().and_then(|_| codes.next()).unwrap_or(-1);
            c.codes = v.iter().map(code).collect();
            categorical(at, name, &c)
        }
        Column::Categorical(c) => categorical(at, name, c),
    }
}

fn categorical(at: &Place<'_>, name: &str, c: &Categorical) -> Result<()> {
    let g = at.encoded(name, "categorical", "0.2.0")?;
    g.attr_flag("ordered", c.ordered)?;
    if matches!(*c.categories, Column::Categorical(_)) {
        return Err(refuse(format!(
            "{name}: categories must not be categorical themselves"
        )));
    }
    column(&g, "categories", &c.categories)?;
    let (n, shape) = (c.categories.len(), [c.codes.len()]);
    if let Some(code) = c.codes.iter().find(|&&code| code < -1 || code >= n as i32) {
        return Err(refuse(format!("{name}: code {code}, only {n} categories")));
    }
    // The narrowest type, as pandas does; codes are in range, so the casts lose nothing.
    if n <= i8::MAX as usize {
        g.array(
            "codes",
            &c.codes.iter().map(|&c| c as i8).collect::<Vec<_>>(),
            &shape,
        )
    } else if n <= i16::MAX as usize {
        g.array(
            "codes",
            &c.codes.iter().map(|&c| c as i16).collect::<Vec<_>>(),
            &shape,
        )
    } else {
        g.array("codes", &c.codes, &shape)
    }
}

pub(super) fn dict(
    at: &Place<'_>,
    name: &str,
    path: &str,
    map: &IndexMap<String, Uns>,
    notices: &mut Notices,
) -> Result<()> {
    let g = at.encoded(name, "dict", "0.1.0")?;
    let path = join(path, name);
    for (name, value) in keys(&path, map.keys(), notices)?.iter().zip(map.values()) {
        match value {
            Uns::Map(m) => dict(&g, name, &path, m, notices)?,
            Uns::Text(t) if t.contains('\0') => {
                return Err(refuse(format!(
                    "{path}/{name}: a text with a zero character"
                )));
            }
            Uns::Text(t) => g.text(name, t)?,
            Uns::Int(v) => g.scalar(name, *v)?,
            Uns::Float(v) => g.scalar(name, *v)?,
            Uns::Bool(v) => g.scalar(name, HBool::from(*v))?,
            Uns::Array(c) => column(&g, name, c)?,
            Uns::Matrix(m) => g.array(name, m.values(), &[m.n_rows(), m.n_cols()])?,
            Uns::Table(t) => table(&g, name, &path, t, t.index(), notices)?,
            Uns::Null => {
                let message = "not written: older readers fail on null".into();
                notices.push(Notice {
                    element: format!("{path}/{name}"),
                    message,
                });
            }
        }
    }
    Ok(())
}
