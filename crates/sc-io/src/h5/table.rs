//! Tables (data frames) and their columns.

use std::collections::HashMap;

use super::encoding::encoding;
use super::store::number::Class;
use super::store::{AttrValue, Dataset, Group, Kind, Node};
use crate::error::{Error, Fault};
use crate::{Categorical, Column, Table};

/// Columns of anndata 0.7 whose categories live in a group of this name.
const OLD_CATEGORIES: &str = "__categories";

/// Reads a table; `n` is the number of rows that the rest of the file asks for.
pub(super) fn read_table(node: &Node<'_>, n: Option<usize>) -> Result<Table, Error> {
    let g = match node {
        Node::Group(g) => g,
        Node::Dataset(d) if d.kind() == Kind::Other("records (compound type)") => {
            return Err(node.fault(
                Fault::Unsupported,
                "is a table of anndata 0.6 or older; please resave the file: open it with a newer \
                 anndata in Python and write it again",
            ));
        }
        Node::Dataset(_) => return Err(node.fault(Fault::WrongType, "is not a table")),
    };
    match &*encoding(node)? {
        "" | "dataframe" => {}
        other => return Err(node.fault(Fault::WrongType, format!("is not a table but {other}"))),
    }
    let Some(index_name) = node.attr("_index").and_then(|a| a.text()) else {
        return Err(node.fault(Fault::Missing, "attribute '_index' is missing or not text"));
    };
    let index = read_index(g, &index_name)?;
    if let Some(n) = n
        && index.len() != n
    {
        let reason = format!("has {} rows, {n} expected", index.len());
        return Err(node.fault(Fault::Shape, reason));
    }
    let names = match node.attr("column-order") {
        Some(a) => a.texts().ok_or_else(|| {
            node.fault(
                Fault::WrongType,
                "attribute 'column-order' is not a list of names",
            )
        })?,
        None => {
            let mut names = g.names()?;
            names.retain(|c| *c != index_name && c != OLD_CATEGORIES);
            names
        }
    };
    let old = g.group(OLD_CATEGORIES)?;
    let mut table = Table::new(index);
    if index_name != "_index" {
        table.index_name = Some(index_name.clone());
    }
    for name in names.iter().filter(|c| **c != index_name) {
        if table.columns().contains_key(name) {
            return Err(node.fault(Fault::Value, format!("column '{name}' is listed twice")));
        }
        let Some(column) = g.get(name)? else {
            let reason = format!("column '{name}' is listed but missing");
            return Err(node.fault(Fault::Missing, reason));
        };
        let categories = match &old {
            Some(old) => old.get(name)?,
            None => None,
        };
        let values = match (categories, &column) {
            (Some(Node::Dataset(c)), Node::Dataset(codes)) => {
                let ordered = c.attr("ordered").and_then(|a| a.flag()).unwrap_or(false);
                read_categorical(codes, &Node::Dataset(c), ordered, Some(table.len()))
            }
            _ => read_column(&column, Some(table.len())),
        };
        match values {
            Ok(values) => table
                .insert(name, values)
                .map_err(|e| column.fault(Fault::Shape, e.to_string()))?,
            Err(e) if e.fault() == Some(Fault::Unsupported) => skip(&column, &e),
            Err(e) => return Err(e),
        }
    }
    Ok(table)
}

/// Notes that an element is left out.
pub(super) fn skip(node: &Node<'_>, e: &Error) {
    let (place, reason) = match e {
        Error::Element {
            element, reason, ..
        } => (element.as_str(), reason.clone()),
        e => (node.path(), e.to_string()),
    };
    node.store().notice(place, format!("left out: {reason}"));
}

/// Row names: text in any encoding; numbers become text.
fn read_index(g: &Group<'_>, name: &str) -> Result<Vec<String>, Error> {
    let node = g.require(name)?;
    let column = read_column(&node, None)?;
    let labels = column.labels();
    match labels.iter().position(Option::is_none) {
        Some(row) => Err(node.fault(Fault::Value, format!("the index has no name in row {row}"))),
        None => Ok(labels.into_iter().flatten().collect()),
    }
}

/// Reads one column (or a one-dimensional array); `n` rows are expected.
pub(super) fn read_column(node: &Node<'_>, n: Option<usize>) -> Result<Column, Error> {
    let encoding = encoding(node)?;
    match node {
        Node::Dataset(d) => {
            if let Some(n) = n {
                d.expect_len(n, "rows of the table")?;
            } else {
                d.len()?;
            }
            read_array(d)
        }
        Node::Group(g) => match &*encoding {
            "categorical" => {
                let ordered = node.attr("ordered").and_then(|a| a.flag()).unwrap_or(false);
                let codes = g.dataset("codes")?;
                read_categorical(&codes, &g.require("categories")?, ordered, n)
            }
            "nullable-integer" | "nullable-boolean" | "nullable-string-array" => {
                read_nullable(g, n)
            }
            "" => Err(node.fault(Fault::Unsupported, "is a group without encoding-type")),
            other => Err(node.fault(Fault::Unsupported, format!("is no column but {other}"))),
        },
    }
}

/// A one-dimensional dataset of numbers, booleans or text.
fn read_array(d: &Dataset<'_>) -> Result<Column, Error> {
    match d.kind() {
        Kind::Text => Ok(Column::text(d.read_text()?)),
        Kind::Number(t) => match t.class {
            Class::Float => Ok(Column::Float(d.read_f64()?)),
            Class::Bool => Ok(Column::bools(d.read_bool()?)),
            Class::Signed | Class::Unsigned => Ok(Column::ints(d.read_i64()?)),
        },
        Kind::Null => Err(d.fault(Fault::Unsupported, "holds nothing (null)")),
        Kind::Other(what) => Err(d.fault(Fault::Unsupported, format!("holds {what}"))),
    }
}

fn read_nullable(g: &Group<'_>, n: Option<usize>) -> Result<Column, Error> {
    let (values, mask) = (g.dataset("values")?, g.dataset("mask")?);
    let found = values.len()?;
    if mask.len()? != found {
        let reason = format!("mask has {} entries, values has {found}", mask.len()?);
        return Err(g.fault(Fault::Shape, reason));
    }
    if let Some(n) = n {
        values.expect_len(n, "rows of the table")?;
    }
    let mask = mask.read_bool()?;
    Ok(match read_array(&values)? {
        Column::Int { values, .. } => Column::Int {
            values,
            missing: Some(mask),
        },
        Column::Bool { values, .. } => Column::Bool {
            values,
            missing: Some(mask),
        },
        Column::Float(v) => Column::Float(
            v.iter()
                .zip(&mask)
                .map(|(&v, &m)| if m { f64::NAN } else { v })
                .collect(),
        ),
        Column::Text(v) => Column::Text(
            v.into_iter()
                .zip(&mask)
                .map(|(v, &m)| v.filter(|_| !m))
                .collect(),
        ),
        Column::Categorical(_) => {
            return Err(g.fault(Fault::Unsupported, "masked categories"));
        }
    })
}

fn read_categorical(
    codes: &Dataset<'_>,
    categories: &Node<'_>,
    ordered: bool,
    n: Option<usize>,
) -> Result<Column, Error> {
    let of = codes.path.trim_end_matches("/codes").to_owned();
    let fault = |fault, reason: String| codes.store.fault(&of, fault, reason);
    if let Some(n) = n {
        codes.expect_len(n, "rows of the table")?;
    }
    let values = read_column(categories, None)?;
    let mut seen = HashMap::new();
    for (i, label) in values.labels().into_iter().enumerate() {
        // A float category NaN is text-less too; both mean missing, which is code -1.
        let Some(label) = label else {
            return Err(fault(
                Fault::Value,
                format!("category {i} is missing (null)"),
            ));
        };
        if seen.contains_key(&label) {
            return Err(fault(Fault::Value, format!("duplicate category '{label}'")));
        }
        seen.insert(label, i);
    }
    let raw = codes.read_i64()?;
    if let Some(row) = raw.iter().position(|&c| c < -1 || c >= values.len() as i64) {
        let reason = format!(
            "code {} in row {row}, only {} categories",
            raw[row],
            values.len()
        );
        return Err(fault(Fault::Value, reason));
    }
    if i32::try_from(values.len()).is_err() {
        return Err(fault(
            Fault::TooLarge,
            format!("{} categories", values.len()),
        ));
    }
    // In range, so the cast loses nothing.
    let codes = raw.into_iter().map(|c| c as i32).collect();
    Ok(Column::Categorical(Categorical {
        codes,
        categories: Box::new(values),
        ordered,
    }))
}
