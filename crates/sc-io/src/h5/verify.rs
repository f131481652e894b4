//! Reads a written file with the other library and compares it with the record of the writing.

use std::collections::HashMap;
use std::path::Path;

use super::sink::Record;
use super::store::{AttrValue, Group, Node, Store};
use crate::error::Error;
use crate::read::ReadOptions;

/// `Err` names the first difference.
pub(super) fn compare(path: &Path, records: &[Record]) -> Result<(), String> {
    let options = ReadOptions {
        max_array_bytes: u64::MAX,
    };
    let store = Store::open(path, &options).map_err(|e| e.to_string())?;
    let mut groups = HashMap::new();
    for record in records {
        if let Some(what) = difference(&store, &mut groups, record).map_err(|e| e.to_string())? {
            return Err(format!(
                "the file read back differs from what was written: {what}"
            ));
        }
    }
    Ok(())
}

/// Groups that were opened already, by path.
type Groups<'s> = HashMap<String, Group<'s>>;

fn difference<'s>(
    store: &'s Store,
    groups: &mut Groups<'s>,
    record: &Record,
) -> Result<Option<String>, Error> {
    let differs = |is_equal: bool, what: String| (!is_equal).then_some(what);
    Ok(match record {
        Record::Dataset { path, shape, crc } => match node(store, groups, path)? {
            Some(Node::Dataset(d)) => {
                let is_equal = d.shape() == shape && d.digest()? == *crc;
                differs(is_equal, format!("{path} {:?}", d.shape()))
            }
            _ => Some(format!("{path} is missing")),
        },
        Record::Text { path, name, value } => {
            let found = attr(store, groups, path, name, |a| a.text())?;
            differs(
                found.as_ref() == Some(value),
                format!("{path}@{name} is {found:?}"),
            )
        }
        Record::Texts { path, name, value } => {
            let found = attr(store, groups, path, name, |a| a.texts())?;
            differs(
                found.as_ref() == Some(value),
                format!("{path}@{name} is {found:?}"),
            )
        }
        Record::Integers { path, name, value } => {
            let found = attr(store, groups, path, name, |a| a.integers())?;
            differs(
                found.as_ref() == Some(value),
                format!("{path}@{name} is {found:?}"),
            )
        }
        Record::Flag { path, name, value } => {
            let found = attr(store, groups, path, name, |a| a.flag())?;
            differs(found == Some(*value), format!("{path}@{name} is {found:?}"))
        }
    })
}

fn attr<'s, T>(
    store: &'s Store,
    groups: &mut Groups<'s>,
    path: &str,
    name: &str,
    read: impl FnOnce(&hdf5_reader::Attribute) -> Option<T>,
) -> Result<Option<T>, Error> {
    if path.is_empty() {
        return Ok(group(store, groups, "")?
            .and_then(|g| g.attr(name))
            .and_then(read));
    }
    if let Some(g) = groups.get(path) {
        return Ok(g.attr(name).and_then(read));
    }
    match node(store, groups, path)? {
        Some(Node::Group(g)) => {
            let value = g.attr(name).and_then(read);
            groups.insert(path.to_owned(), g);
            Ok(value)
        }
        Some(Node::Dataset(d)) => Ok(d.attr(name).and_then(read)),
        None => Ok(None),
    }
}

fn node<'s>(
    store: &'s Store,
    groups: &mut Groups<'s>,
    path: &str,
) -> Result<Option<Node<'s>>, Error> {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    match group(store, groups, parent)? {
        Some(g) => g.get(name),
        None => Ok(None),
    }
}

fn group<'g, 's>(
    store: &'s Store,
    groups: &'g mut Groups<'s>,
    path: &str,
) -> Result<Option<&'g Group<'s>>, Error> {
    if !groups.contains_key(path) {
        let opened = if path.is_empty() {
            Some(store.root()?)
        } else {
            match node(store, groups, path)? {
                Some(Node::Group(g)) => Some(g),
                _ => None,
            }
        };
        if let Some(g) = opened {
            groups.insert(path.to_owned(), g);
        }
    }
    Ok(groups.get(path))
}
