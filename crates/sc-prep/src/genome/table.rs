//! A table of genes and their places.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use sc_io::Table;

use super::{Chromosome, Position, read, var};
use crate::PrepError;

/// One gene.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gene {
    /// Symbol, such as `CD3E`; may be empty.
    pub symbol: String,
    /// Ensembl or other stable id, without version.
    pub id: Option<String>,
    /// Chromosome as the source spells it.
    pub chromosome: String,
    /// First base.
    pub start: u64,
}

impl Gene {
    /// Its place in the order of the genome.
    pub fn position(&self) -> Position {
        Position {
            chromosome: Chromosome::parse(&self.chromosome),
            start: self.start,
        }
    }
}

/// Genes with their places, found by symbol or id.
///
/// Where a symbol stands several times (pseudo-autosomal genes, alternative contigs) the first
/// along the genome counts.
///
/// ```
/// use sc_prep::{Gene, GenomeTable};
/// let gene = |symbol: &str, chromosome: &str, start| Gene {
///     symbol: symbol.into(), id: None, chromosome: chromosome.into(), start,
/// };
/// let table = GenomeTable::new(vec![gene("CD4", "12", 6_786_858), gene("CD14", "5", 140_631_728)]);
/// assert_eq!(table.genes()[0].symbol, "CD14");
/// assert_eq!(table.by_symbol("cd4").unwrap().start, 6_786_858);
/// ```
#[derive(Clone, Debug, Default)]
pub struct GenomeTable {
    genes: Vec<Gene>,
    symbols: HashMap<String, usize>,
    lower_case: HashMap<String, usize>,
    ids: HashMap<String, usize>,
}

impl GenomeTable {
    /// Sorts the genes along the genome and indexes them.
    pub fn new(mut genes: Vec<Gene>) -> Self {
        genes.sort_by_cached_key(|g| (g.position(), g.symbol.clone()));
        let mut table = Self::default();
        for (k, g) in genes.iter().enumerate() {
            if !g.symbol.is_empty() {
                table.symbols.entry(g.symbol.clone()).or_insert(k);
                table.lower_case.entry(g.symbol.to_lowercase()).or_insert(k);
            }
            if let Some(id) = &g.id {
                table.ids.entry(without_version(id).to_owned()).or_insert(k);
            }
        }
        table.genes = genes;
        table
    }

    /// Reads TSV, CSV, GTF or GFF3, plain or gzip; the content decides, not the name.
    ///
    /// A table needs columns for the chromosome, the start, and the symbol or the id; many
    /// spellings are understood (`chromosome_name`, `Gene start (bp)`, `chrom`, `seqnames` ...).
    /// Rows without chromosome or start are passed over. Of a GTF or GFF, the gene lines count; if
    /// there are none, the first base of each gene's transcripts and exons. Lines that begin with
    /// `#` are comments.
    ///
    /// # Errors
    /// A file that cannot be read, has no such columns, a start that is no number, or no gene.
    pub fn load(path: &Path) -> Result<Self, PrepError> {
        read::genes(path).map(Self::new)
    }

    /// Writes a TSV that [`load`](Self::load) reads: symbol, ensembl_id, chromosome, start. The
    /// file is written beside its destination and then renamed, so that a reader never sees half
    /// of it; missing folders are created.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn save(&self, path: &Path) -> Result<(), PrepError> {
        let at = |source| PrepError::Io {
            path: path.to_owned(),
            source,
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(at)?;
        }
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let part = std::path::PathBuf::from(name);
        let write = || -> std::io::Result<()> {
            let mut out = std::io::BufWriter::new(std::fs::File::create(&part)?);
            writeln!(out, "symbol\tensembl_id\tchromosome\tstart")?;
            for g in &self.genes {
                let id = g.id.as_deref().unwrap_or("");
                writeln!(out, "{}\t{id}\t{}\t{}", g.symbol, g.chromosome, g.start)?;
            }
            out.into_inner().map_err(|e| e.into_error())?.sync_all()?;
            std::fs::rename(&part, path)
        };
        write().map_err(|source| {
            let _ = std::fs::remove_file(&part);
            at(source)
        })
    }

    /// The genes of a `var` table that has positions (see [`genome_order`](super::genome_order)).
    pub fn from_var(var: &Table) -> Option<Self> {
        let positions = var::positions(var)?;
        let names = var::names(var);
        let genes = positions
            .into_iter()
            .zip(names)
            .filter_map(|(place, name)| {
                let (chromosome, start) = place?;
                Some(Gene {
                    symbol: name.symbol,
                    id: name.id,
                    chromosome,
                    start,
                })
            });
        Some(Self::new(genes.collect()))
    }

    /// The genes along the genome.
    pub fn genes(&self) -> &[Gene] {
        &self.genes
    }

    /// The gene of a symbol; the exact spelling first, then without regard to case.
    pub fn by_symbol(&self, symbol: &str) -> Option<&Gene> {
        let exact = self.symbols.get(symbol);
        let k = exact.or_else(|| self.lower_case.get(&symbol.to_lowercase()))?;
        self.genes.get(*k)
    }

    /// The gene of an Ensembl id, with or without version.
    pub fn by_id(&self, id: &str) -> Option<&Gene> {
        self.genes.get(*self.ids.get(without_version(id))?)
    }

    /// Symbol exactly, then id, then symbol without regard to case.
    pub(super) fn find(&self, name: &var::Name) -> Option<&Gene> {
        let exact = |s: &String| self.symbols.get(s).and_then(|&k| self.genes.get(k));
        (name.candidates().find_map(exact))
            .or_else(|| {
                name.id
                    .iter()
                    .chain(name.candidates())
                    .find_map(|id| self.by_id(id))
            })
            .or_else(|| name.candidates().find_map(|s| self.by_symbol(s)))
    }
}

/// `ENSG00000198851.10` becomes `ENSG00000198851`; other ids with a dot keep it.
pub(super) fn without_version(id: &str) -> &str {
    match id.split_once('.') {
        Some((stem, version))
            if stem.starts_with("ENS") && version.starts_with(|c: char| c.is_ascii_digit()) =>
        {
            stem
        }
        _ => id,
    }
}
