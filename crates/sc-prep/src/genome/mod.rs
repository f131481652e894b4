//! Order of genes along the genome.

mod chromosome;
mod order;
mod read;
mod table;
mod var;

use std::fmt;
use std::path::{Path, PathBuf};

use sc_io::Table;

pub use chromosome::{Chromosome, Position};
pub use order::{Arrangement, FeatureOrder};
pub use table::{Gene, GenomeTable};

use crate::PrepError;

/// Where a position came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PositionSource {
    /// Columns of the modality's own `var`.
    Var,
    /// Columns of the RNA modality's `var`, for the genes that code for proteins.
    RnaVar,
    /// A file that the user named.
    Table(PathBuf),
    /// The table kept from earlier.
    Cache(PathBuf),
}

impl fmt::Display for PositionSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Var => write!(f, "var"),
            Self::RnaVar => write!(f, "var of the RNA modality"),
            Self::Table(path) => write!(f, "{}", path.display()),
            Self::Cache(path) => write!(f, "the cached table {}", path.display()),
        }
    }
}

/// The gene tables to look positions up in, best first.
#[derive(Clone, Debug, Default)]
pub struct Genome {
    tables: Vec<(PositionSource, GenomeTable)>,
}

impl Genome {
    /// Reads the file that the user named and the cached table, as far as there are any. A cache
    /// that does not exist is no error.
    ///
    /// # Errors
    /// A named file that cannot be read (see [`GenomeTable::load`]), a damaged cache.
    pub fn open(table: Option<&Path>, cache: Option<&Path>) -> Result<Self, PrepError> {
        let mut genome = Self::default();
        if let Some(path) = table {
            genome.push(
                PositionSource::Table(path.to_owned()),
                GenomeTable::load(path)?,
            );
        }
        if let Some(path) = cache.filter(|p| p.exists()) {
            genome.push(
                PositionSource::Cache(path.to_owned()),
                GenomeTable::load(path)?,
            );
        }
        Ok(genome)
    }

    /// Adds a table that is asked after those there are.
    pub fn push(&mut self, source: PositionSource, table: GenomeTable) {
        self.tables.push((source, table));
    }

    /// The tables, best first.
    pub fn tables(&self) -> &[(PositionSource, GenomeTable)] {
        &self.tables
    }
}

/// Orders features along the genome.
///
/// Each feature takes its position from the first source that knows it: the columns of `var`
/// (`chromosome`/`chrom`/`chr`/`seqnames` ... with `start`/`gene_start` ..., or `interval`), then
/// the tables of `genome`. Tables are asked for the symbol (the index or a symbol column), then for
/// the Ensembl id without version, then for the symbol without regard to case. The key is
/// ([`Chromosome`], start, symbol), equal keys stay in file order; features without a position come
/// last in file order. If nothing has a position the order is that of the file, with a notice.
///
/// There is no built-in table: annotations differ by species and release, so the data or the user
/// must bring one.
///
/// ```
/// use sc_io::{Column, Table};
/// use sc_prep::{Genome, genome_order};
/// let mut var = Table::new(["CD4", "novel", "CD14"]);
/// let chromosomes = [Some("chr12".to_owned()), None, Some("chr5".to_owned())];
/// var.insert("Chrom", Column::Text(chromosomes.to_vec())).unwrap();
/// var.insert("Start", Column::ints(vec![6_786_858, 0, 140_631_728])).unwrap();
/// let order = genome_order(&var, &Genome::default());
/// assert_eq!(order.order, [2, 0, 1]);
/// assert_eq!(order.unplaced, ["novel"]);
/// ```
pub fn genome_order(var: &Table, genome: &Genome) -> FeatureOrder {
    let own = positions_of(var);
    let names = var::names(var);
    let mut tally = Tally::default();
    let keys: Vec<Option<(Position, String)>> = (names.iter().enumerate())
        .map(|(row, name)| {
            let place = match own.get(row).cloned().flatten() {
                Some(place) => {
                    tally.count(&PositionSource::Var);
                    place
                }
                None => {
                    let in_table = |t: &(PositionSource, GenomeTable)| {
                        Some((t.0.clone(), t.1.find(name)?.position()))
                    };
                    let (source, place) = genome.tables.iter().find_map(in_table)?;
                    tally.count(&source);
                    place
                }
            };
            Some((place, name.symbol.clone()))
        })
        .collect();
    tally.finish(FeatureOrder::by_key(var.index(), &keys), genome, "features")
}

/// The positions that a `var` table holds itself; empty if it has none.
pub(crate) fn positions_of(var: &Table) -> Vec<Option<Position>> {
    let place = |(chromosome, start): (String, u64)| Position {
        chromosome: Chromosome::parse(&chromosome),
        start,
    };
    let places = var::positions(var).unwrap_or_default();
    places.into_iter().map(|p| p.map(place)).collect()
}

/// How many positions each source gave.
#[derive(Default)]
pub(crate) struct Tally(Vec<(PositionSource, usize)>);

impl Tally {
    pub(crate) fn count(&mut self, source: &PositionSource) {
        match self.0.iter_mut().find(|(s, _)| s == source) {
            Some((_, n)) => *n += 1,
            None => self.0.push((source.clone(), 1)),
        }
    }

    /// Adds sources and notices to an order.
    pub(crate) fn finish(
        mut self,
        mut order: FeatureOrder,
        genome: &Genome,
        what: &str,
    ) -> FeatureOrder {
        // Best first, whatever came first in the file.
        let rank = |s: &PositionSource| match s {
            PositionSource::Var => 0,
            PositionSource::RnaVar => 1,
            s => genome.tables.iter().position(|(t, _)| t == s).unwrap_or(0) + 2,
        };
        self.0.sort_by_key(|(s, _)| rank(s));
        let all = order.order.len();
        if self.0.is_empty() {
            order.notices.push(format!(
                "no genome positions for any of the {all} {what}: they stay in file order; \
                 name a gene table or GTF file, or add chromosome and start to var"
            ));
        } else if !order.unplaced.is_empty() {
            let few: Vec<&str> = order.unplaced.iter().take(5).map(String::as_str).collect();
            let more = if order.unplaced.len() > 5 {
                ", ..."
            } else {
                ""
            };
            order.notices.push(format!(
                "{} of {all} {what} have no genome position and come last: {}{more} (names change \
                 between releases: a table of the release used for counting places most)",
                order.unplaced.len(),
                few.join(", ")
            ));
        }
        if self.0.len() > 1 {
            let parts: Vec<String> = self
                .0
                .iter()
                .map(|(s, n)| format!("{n} from {s}"))
                .collect();
            order.notices.push(format!(
                "positions of {what} come from several sources ({}); make sure that they belong \
                 to the same assembly",
                parts.join(", ")
            ));
        }
        for (source, _) in &genome.tables {
            let unused = !self.0.iter().any(|(s, _)| s == source);
            if unused && matches!(source, PositionSource::Table(_)) {
                order
                    .notices
                    .push(format!("{source} gave no position of {what}"));
            }
        }
        order.source = self.0;
        order
    }
}
