//! Unstructured annotation.

use indexmap::IndexMap;

use crate::{Column, Dense, Table};

/// A value of `uns`: what anndata stores in nested dictionaries.
///
/// Kinds that cannot be represented (awkward arrays, record arrays) are left out on reading,
/// with a notice.
#[derive(Clone, Debug, PartialEq)]
pub enum Uns {
    /// A nested dictionary.
    Map(IndexMap<String, Uns>),
    /// One text.
    Text(String),
    /// One integer.
    Int(i64),
    /// One float.
    Float(f64),
    /// One boolean.
    Bool(bool),
    /// A one-dimensional array, categorical arrays included.
    Array(Column),
    /// A two-dimensional array.
    Matrix(Dense),
    /// A table.
    Table(Table),
    /// Explicitly nothing.
    Null,
}
