//! Genes from TSV, CSV, GTF and GFF3.

use std::collections::BTreeMap;
use std::path::Path;

use super::table::{Gene, without_version};
use crate::PrepError;
use crate::delimited::{Header, Lines, is_missing};

/// Names a chromosome column may have (letters and digits, lower case).
pub(super) const CHROMOSOME: &[&str] = &[
    "chromosome",
    "chrom",
    "chr",
    "seqname",
    "seqnames",
    "seqid",
    "chromosomename",
    "chromosomescaffoldname",
    "genechr",
    "genechrom",
    "genechromosome",
    "contig",
    "scaffold",
];
/// Names of the first base.
pub(super) const START: &[&str] = &[
    "start",
    "startposition",
    "genestart",
    "genestartbp",
    "chromstart",
    "txstart",
    "startpos",
    "startbp",
    "pos",
    "position",
    "bp",
    "begin",
];
/// Names of the symbol.
pub(super) const SYMBOL: &[&str] = &[
    "symbol",
    "genesymbol",
    "genesymbols",
    "gene",
    "genename",
    "genenames",
    "hgncsymbol",
    "mgisymbol",
    "externalgenename",
    "geneshortname",
    "featurename",
    "approvedsymbol",
    "name",
];
/// Names of the stable id.
pub(super) const ID: &[&str] = &[
    "ensemblid",
    "ensemblgeneid",
    "geneid",
    "geneids",
    "ensembl",
    "ensgene",
    "genestableid",
    "genestableidversion",
    "ensemblgene",
    "featureid",
    "id",
];

/// All genes of a file.
pub(super) fn genes(path: &Path) -> Result<Vec<Gene>, PrepError> {
    let mut lines = Lines::open(path)?;
    let mut comment = None;
    let first = loop {
        match lines.next()? {
            Some(line) if line.starts_with('#') => comment = Some(line),
            Some(line) if line.trim().is_empty() => {}
            Some(line) => break line,
            None => return Err(nothing(path)),
        }
    };
    let genes = if is_annotation(&first) {
        annotation(&mut lines, first)?
    } else {
        // Some tables comment out their header.
        let commented = comment.map(|c| Header::parse(path, &c));
        match commented.filter(|h| h.find(CHROMOSOME).is_some() && h.find(START).is_some()) {
            Some(header) => table(&mut lines, &header, Some(first))?,
            None => table(&mut lines, &Header::parse(path, &first), None)?,
        }
    };
    if genes.is_empty() {
        Err(nothing(path))
    } else {
        Ok(genes)
    }
}

fn nothing(path: &Path) -> PrepError {
    let (wanted, hint) = (
        "gene with chromosome and start",
        "name a gene table, GTF or GFF file",
    );
    PrepError::Empty {
        path: path.to_owned(),
        wanted,
        hint,
    }
}

fn table(
    lines: &mut Lines,
    header: &Header,
    mut pending: Option<String>,
) -> Result<Vec<Gene>, PrepError> {
    let chromosome = header.require(CHROMOSOME, "the chromosome", "chromosome, chrom, chr ...")?;
    let start = header.require(START, "the first base", "start, gene_start, chromStart ...")?;
    let id = header.find(ID);
    let symbol = header.find(SYMBOL);
    if id.is_none() {
        header.require(SYMBOL, "the gene", "symbol, gene_name, ensembl_id ...")?;
    }
    let mut genes = Vec::new();
    loop {
        let Some(line) = pending
            .take()
            .map_or_else(|| lines.next(), |l| Ok(Some(l)))?
        else {
            return Ok(genes);
        };
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let fields = header.split(&line);
        let field = |k: usize| fields.get(k).map_or("", String::as_str);
        let known = |k: Option<usize>| k.map(field).filter(|f| !is_missing(f));
        if is_missing(field(chromosome)) || is_missing(field(start)) {
            continue;
        }
        let start = whole_number(field(start))
            .ok_or_else(|| lines.unexpected(field(start), "a whole number as start"))?;
        let (symbol, id) = (known(symbol), known(id));
        if symbol.is_some() || id.is_some() {
            genes.push(Gene {
                symbol: symbol.unwrap_or("").to_owned(),
                id: id.map(|i| without_version(i).to_owned()),
                chromosome: field(chromosome).to_owned(),
                start,
            });
        }
    }
}

/// `12345`, also as `12345.0` or `1.2345e4`, which spreadsheets write.
fn whole_number(text: &str) -> Option<u64> {
    let by_float = || {
        let x: f64 = text.parse().ok()?;
        (x >= 0.0 && x.fract() == 0.0 && x < 1e15).then_some(x as u64)
    };
    text.parse().ok().or_else(by_float)
}

/// Whether a line is one of GTF or GFF3: nine fields, the fourth and fifth are numbers.
fn is_annotation(line: &str) -> bool {
    let f: Vec<&str> = line.split('\t').collect();
    f.len() == 9 && f[3].parse::<u64>().is_ok() && f[4].parse::<u64>().is_ok()
}

fn annotation(lines: &mut Lines, first: String) -> Result<Vec<Gene>, PrepError> {
    // By (id, chromosome): a gene on X and Y keeps both places.
    let mut parts = BTreeMap::<(String, String), Gene>::new();
    let mut genes = Vec::new();
    let mut next = Some(first);
    while let Some(line) = next {
        let fields: Vec<&str> = line.split('\t').collect();
        if let [chromosome, _, kind, start, _, _, _, _, attributes] = fields[..] {
            let start = start
                .parse()
                .map_err(|_| lines.unexpected(start, "a whole number as start (field 4)"))?;
            let attribute = |names: &[&str]| names.iter().find_map(|n| value_of(attributes, n));
            let is_gene = kind == "gene" || kind.ends_with("_gene") || kind == "pseudogene";
            let own_id = if is_gene { attribute(&["ID"]) } else { None };
            let id = attribute(&["gene_id"]).or(own_id);
            let symbol = attribute(&["gene_name", "gene"])
                .or_else(|| if is_gene { attribute(&["Name"]) } else { None });
            if let Some(key) = id.or(symbol) {
                let id = id.map(|i| i.strip_prefix("gene:").unwrap_or(i));
                let gene = Gene {
                    symbol: symbol.or(id).unwrap_or("").to_owned(),
                    id: id.map(|i| without_version(i).to_owned()),
                    chromosome: chromosome.to_owned(),
                    start,
                };
                if is_gene {
                    genes.push(gene);
                } else {
                    let part = parts.entry((key.to_owned(), chromosome.to_owned()));
                    let part = part.or_insert(gene);
                    part.start = part.start.min(start);
                }
            }
        }
        next = lines.next()?;
    }
    Ok(if genes.is_empty() {
        parts.into_values().collect()
    } else {
        genes
    })
}

/// An attribute of GTF (`gene_name "CD4";`) or GFF3 (`gene_name=CD4;`).
fn value_of<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    attributes.split(';').find_map(|a| {
        let rest = a.trim().strip_prefix(name)?;
        let value = rest.strip_prefix('=').or_else(|| rest.strip_prefix(' '))?;
        let value = value.trim().trim_matches('"');
        (!value.is_empty()).then_some(value)
    })
}
