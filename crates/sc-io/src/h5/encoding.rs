//! The encodings of anndata: what an element says it is.

use super::store::{AttrValue, Node};
use crate::error::{Error, Fault};

/// Known encodings and their versions.
const KNOWN: [(&str, &[&str]); 17] = [
    ("anndata", &["0.1.0"]),
    ("raw", &["0.1.0"]),
    ("dict", &["0.1.0"]),
    ("array", &["0.2.0"]),
    ("csr_matrix", &["0.1.0"]),
    ("csc_matrix", &["0.1.0"]),
    ("dataframe", &["0.1.0", "0.2.0"]),
    ("categorical", &["0.2.0"]),
    ("string-array", &["0.2.0"]),
    ("nullable-integer", &["0.1.0"]),
    ("nullable-boolean", &["0.1.0"]),
    ("nullable-string-array", &["0.1.0"]),
    ("numeric-scalar", &["0.2.0"]),
    ("string", &["0.2.0"]),
    ("bytes", &["0.2.0"]),
    ("null", &["0.1.0"]),
    ("MuData", &["0.1.0"]),
];

/// The name of an encoding, empty where the file gives none (anndata before 0.8).
///
/// Fails for names and versions that this reader does not know.
pub(super) fn encoding(node: &Node<'_>) -> Result<String, Error> {
    let Some(attr) = node.attr("encoding-type") else {
        return Ok(String::new());
    };
    let Some(name) = attr.text() else {
        return Err(node.fault(Fault::WrongType, "attribute encoding-type is not text"));
    };
    if name.is_empty() {
        return Ok(name);
    }
    let Some((_, versions)) = KNOWN.iter().find(|(known, _)| *known == name) else {
        return Err(node.fault(Fault::Unsupported, format!("unknown encoding '{name}'")));
    };
    let version = node
        .attr("encoding-version")
        .and_then(|v| v.text())
        .unwrap_or_default();
    if !version.is_empty() && !versions.contains(&version.as_str()) {
        let reason = format!("{name} version {version} is not supported ({versions:?} are)");
        return Err(node.fault(Fault::Unsupported, reason));
    }
    Ok(name)
}
