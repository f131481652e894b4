//! Names and places of features in a `var` table.

use sc_io::{Column, Table};

use super::read::{CHROMOSOME, ID, START, SYMBOL};
use super::table::without_version;
use crate::delimited::{is_missing, plain};

/// What a feature is called.
pub(super) struct Name {
    /// Its name in the index.
    pub index: String,
    /// Its symbol: a symbol column, else the index.
    pub symbol: String,
    /// Its stable id, if a column has one.
    pub id: Option<String>,
}

impl Name {
    /// Names under which the gene may be known.
    pub fn candidates(&self) -> impl Iterator<Item = &String> {
        [&self.index, &self.symbol].into_iter()
    }
}

/// The names of every feature.
pub(super) fn names(var: &Table) -> Vec<Name> {
    let (symbols, ids) = (find(var, SYMBOL), find(var, ID));
    let text = |c: Option<&Column>, row| c.and_then(|c| c.label(row)).filter(|t| !is_missing(t));
    var.index()
        .iter()
        .enumerate()
        .map(|(row, index)| Name {
            index: index.clone(),
            symbol: text(symbols, row).unwrap_or_else(|| index.clone()),
            id: text(ids, row).map(|id| without_version(&id).to_owned()),
        })
        .collect()
}

/// Chromosome and start of every feature: from a column each, or from an `interval` column
/// (`chr1:11869-14409`). `None` if there are no such columns or they are empty.
pub(super) fn positions(var: &Table) -> Option<Vec<Option<(String, u64)>>> {
    let from_columns = || {
        let (chromosome, start) = (find(var, CHROMOSOME)?, find(var, START)?);
        let place = |row| {
            let chromosome = chromosome.label(row).filter(|t| !is_missing(t))?;
            let start = match start.number(row) {
                Some(s) => s,
                None => start.label(row)?.parse().ok()?,
            };
            (0.0..1e15)
                .contains(&start)
                .then_some((chromosome, start as u64))
        };
        Some((0..var.len()).map(place).collect::<Vec<_>>())
    };
    let from_intervals = || {
        let interval = find(var, &["interval"])?;
        let place = |row| {
            let text = interval.label(row)?;
            let (chromosome, range) = text.split_once(':')?;
            Some((
                chromosome.to_owned(),
                range.split('-').next()?.parse().ok()?,
            ))
        };
        Some((0..var.len()).map(place).collect::<Vec<_>>())
    };
    let useful = |p: &Vec<Option<(String, u64)>>| p.iter().any(Option::is_some);
    from_columns()
        .filter(useful)
        .or_else(|| from_intervals().filter(useful))
}

/// The first column by the order of `wanted`.
fn find<'a>(var: &'a Table, wanted: &[&str]) -> Option<&'a Column> {
    let find = |w: &&str| var.columns().iter().find(|(name, _)| plain(name) == **w);
    wanted.iter().find_map(find).map(|(_, column)| column)
}
