//! Unstructured annotation: nested dictionaries of small values.

use indexmap::IndexMap;

use super::encoding::encoding;
use super::matrix::{Expected, read_matrix};
use super::store::number::Class;
use super::store::{Dataset, Group, Kind, Node};
use super::table::{read_column, read_table, skip};
use crate::error::{Error, Fault};
use crate::{Matrix, Uns};

/// Reads a dictionary; what is not understood is left out with a notice.
pub(super) fn read_dict(g: &Group<'_>) -> Result<IndexMap<String, Uns>, Error> {
    let mut map = IndexMap::new();
    for name in g.names()? {
        let node = match g.get(&name) {
            Ok(Some(node)) => node,
            Ok(None) => continue,
            Err(e) => {
                if !is_skippable(&e) {
                    return Err(e);
                }
                g.store
                    .notice(&g.child_path(&name), format!("left out: {}", reason(&e)));
                continue;
            }
        };
        match read_value(&node) {
            Ok(value) => {
                map.insert(name, value);
            }
            Err(e) if is_skippable(&e) => skip(&node, &e),
            Err(e) => return Err(e),
        }
    }
    Ok(map)
}

/// Damage and links that lead nowhere, out of the file or in a circle are never passed over.
fn is_skippable(e: &Error) -> bool {
    !matches!(e.fault(), Some(Fault::Link | Fault::Damaged))
}

fn reason(e: &Error) -> String {
    match e {
        Error::Element { reason, .. } => reason.clone(),
        e => e.to_string(),
    }
}

fn read_value(node: &Node<'_>) -> Result<Uns, Error> {
    let encoding = encoding(node)?;
    match (node, &*encoding) {
        (Node::Group(g), "" | "dict") => {
            if encoding.is_empty() && node.attr("h5sparse_format").is_some() {
                return Err(node.fault(Fault::Unsupported, "sparse matrix in uns"));
            }
            read_dict(g).map(Uns::Map)
        }
        (Node::Group(_), "dataframe") => read_table(node, None).map(Uns::Table),
        (
            Node::Group(_),
            "categorical" | "nullable-integer" | "nullable-boolean" | "nullable-string-array",
        ) => read_column(node, None).map(Uns::Array),
        (Node::Group(_), other) => {
            Err(node.fault(Fault::Unsupported, format!("{other} is not kept in uns")))
        }
        (Node::Dataset(_), "null") => Ok(Uns::Null),
        (Node::Dataset(d), _) => read_dataset(node, d),
    }
}

fn read_dataset(node: &Node<'_>, d: &Dataset<'_>) -> Result<Uns, Error> {
    match (d.shape().len(), d.kind()) {
        (_, Kind::Null) => Ok(Uns::Null),
        (_, Kind::Other(what)) => Err(d.fault(Fault::Unsupported, format!("holds {what}"))),
        (0, Kind::Text) => Ok(Uns::Text(
            d.read_text()?.into_iter().next().unwrap_or_default(),
        )),
        (0, Kind::Number(t)) => {
            let missing = || d.fault(Fault::Damaged, "holds no value");
            match t.class {
                Class::Float => d
                    .read_f64()?
                    .first()
                    .map(|v| Uns::Float(*v))
                    .ok_or_else(missing),
                Class::Bool => d
                    .read_bool()?
                    .first()
                    .map(|v| Uns::Bool(*v))
                    .ok_or_else(missing),
                Class::Signed | Class::Unsigned => d
                    .read_i64()?
                    .first()
                    .map(|v| Uns::Int(*v))
                    .ok_or_else(missing),
            }
        }
        (1, _) => read_column(node, None).map(Uns::Array),
        (2, Kind::Number(_)) => match read_matrix(node, Expected::ANY)? {
            Matrix::Dense(m) => Ok(Uns::Matrix(m)),
            Matrix::Csr(m) => Ok(Uns::Matrix(m.to_dense())),
        },
        (rank, _) => Err(d.fault(Fault::Unsupported, format!("an array of {rank} dimensions"))),
    }
}
