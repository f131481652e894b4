//! A named table: `obs` or `var`.

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::Column;

/// Why a column cannot be part of a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// A column of another length.
    #[error("column '{column}' has {found} rows, the table has {expected}")]
    Length {
        /// Column name.
        column: String,
        /// Rows of the column.
        found: usize,
        /// Rows of the table.
        expected: usize,
    },
    /// No column of that name.
    #[error("no column '{column}'; there are: {}", .available.join(", "))]
    Missing {
        /// The name asked for.
        column: String,
        /// The names there are.
        available: Vec<String>,
    },
}

/// Rows with names and typed columns: cells (`obs`) or features (`var`).
///
/// ```
/// use sc_io::{Column, Table};
/// let mut obs = Table::new(["cell_1", "cell_2"]);
/// obs.insert("batch", Column::text(["a", "b"])).unwrap();
/// assert_eq!(obs.column("batch").unwrap().label(1).as_deref(), Some("b"));
/// assert!(obs.column("donor").is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Name of the index column in the file, if it has one other than `_index`.
    pub index_name: Option<String>,
    index: Vec<String>,
    columns: IndexMap<String, Column>,
}

impl Table {
    /// A table of named rows without columns.
    pub fn new<S: Into<String>>(index: impl IntoIterator<Item = S>) -> Self {
        Self {
            index: index.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Row names.
    pub fn index(&self) -> &[String] {
        &self.index
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The columns in order.
    pub fn columns(&self) -> &IndexMap<String, Column> {
        &self.columns
    }

    /// One column, or an error that lists the columns there are.
    pub fn column(&self, name: &str) -> Result<&Column, TableError> {
        self.columns.get(name).ok_or_else(|| TableError::Missing {
            column: name.to_owned(),
            available: self.columns.keys().cloned().collect(),
        })
    }

    /// Adds or replaces a column.
    pub fn insert(&mut self, name: impl Into<String>, column: Column) -> Result<(), TableError> {
        let name = name.into();
        if column.len() != self.len() {
            let (found, expected) = (column.len(), self.len());
            return Err(TableError::Length {
                column: name,
                found,
                expected,
            });
        }
        self.columns.insert(name, column);
        Ok(())
    }

    /// The given rows, in the given order.
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            index_name: self.index_name.clone(),
            index: rows.iter().map(|&r| self.index[r].clone()).collect(),
            columns: self
                .columns
                .iter()
                .map(|(k, c)| (k.clone(), c.select(rows)))
                .collect(),
        }
    }

    /// Row of each name (the first where a name repeats).
    pub fn positions(&self) -> HashMap<&str, usize> {
        let mut map = HashMap::with_capacity(self.len());
        for (row, name) in self.index.iter().enumerate() {
            map.entry(name.as_str()).or_insert(row);
        }
        map
    }

    /// The first name that stands twice, with both rows.
    pub fn first_duplicate(&self) -> Option<(&str, usize, usize)> {
        let mut seen = HashMap::with_capacity(self.len());
        self.index.iter().enumerate().find_map(|(row, name)| {
            seen.insert(name.as_str(), row)
                .map(|first| (name.as_str(), first, row))
        })
    }
}
