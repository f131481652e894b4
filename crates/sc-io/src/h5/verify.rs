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

#[cfg(test)]
mod tests {
    use super::compare;
    use crate::h5::sink::Sink;

    /// A file of one chunked and one small array, one text list, and attributes.
    fn write(path: &std::path::Path) -> Vec<crate::h5::sink::Record> {
        let sink = Sink::create(path, 0).unwrap();
        let root = sink.root();
        let g = root.encoded("g", "dict", "0.1.0").unwrap();
        g.attr_flag("ordered", true).unwrap();
        g.array("large", &(0..5000).collect::<Vec<i32>>(), &[5000])
            .unwrap();
        g.array("small", &[1.5f32, 2.5], &[2]).unwrap();
        g.texts("names", &["one", "two"]).unwrap();
        drop((g, root));
        sink.close().unwrap()
    }

    #[test]
    fn any_other_value_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a.h5"), dir.path().join("b.h5"));
        let records = write(&a);
        assert_eq!(records.len(), 3 + 3 * 3);
        compare(&a, &records).unwrap();
        for change in ["large", "small", "names", "ordered", "missing"] {
            let sink = Sink::create(&b, 0).unwrap();
            let root = sink.root();
            let g = root.encoded("g", "dict", "0.1.0").unwrap();
            g.attr_flag("ordered", change != "ordered").unwrap();
            let mut large: Vec<i32> = (0..5000).collect();
            large[4321] += (change == "large") as i32;
            g.array("large", &large, &[5000]).unwrap();
            if change != "missing" {
                let second = if change == "small" { 2.25f32 } else { 2.5 };
                g.array("small", &[1.5f32, second], &[2]).unwrap();
            }
            let two = if change == "names" { "twO" } else { "two" };
            g.texts("names", &["one", two]).unwrap();
            drop((g, root));
            sink.close().unwrap();
            let e = compare(&b, &records).unwrap_err();
            assert!(
                e.contains(if change == "missing" { "small" } else { change }),
                "{e}"
            );
        }
    }

    #[test]
    fn a_flipped_bit_in_any_array_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        let records = write(&path);
        let good = std::fs::read(&path).unwrap();
        let find = |needle: &[u8]| {
            good.windows(needle.len())
                .position(|w| w == needle)
                .unwrap()
        };
        for at in [find(&1.5f32.to_le_bytes()), find(b"one")] {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            compare(&path, &records).unwrap_err();
        }
    }
}
