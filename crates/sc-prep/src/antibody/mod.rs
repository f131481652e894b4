//! From antibodies to the genes of their antigens, and the order of proteins.

mod aliases;
mod names;

use std::collections::HashMap;
use std::path::Path;

use sc_io::Table;

use crate::PrepError;
use crate::delimited::{Header, Lines, is_missing};
use crate::genome::{FeatureOrder, Genome, GenomeTable, Position, PositionSource, Tally};

/// The gene of an antibody, and how it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AntibodyGene {
    /// In the user's table.
    Table(String),
    /// The name is a known gene.
    Symbol(String),
    /// The name is a known antigen.
    Alias(String),
    /// An isotype control: no gene.
    Control,
    /// Not found.
    Unknown,
}

impl AntibodyGene {
    /// The symbol, if there is one.
    pub fn symbol(&self) -> Option<&str> {
        match self {
            Self::Table(g) | Self::Symbol(g) | Self::Alias(g) => Some(g),
            Self::Control | Self::Unknown => None,
        }
    }
}

/// A user's own antibody names and their genes.
#[derive(Clone, Debug, Default)]
pub struct AntibodyTable(HashMap<String, String>);

impl AntibodyTable {
    /// From pairs of antibody and gene. Names are compared without regard to case and
    /// punctuation.
    pub fn new<A: AsRef<str>, G: Into<String>>(pairs: impl IntoIterator<Item = (A, G)>) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(a, g)| (names::key(a.as_ref()), g.into()))
                .collect(),
        )
    }

    /// Reads TSV or CSV, plain or gzip, with columns for the antibody (`antibody`, `protein`,
    /// `adt_name`, `antigen`, `name` ...) and the gene (`gene`, `symbol`, `gene_symbol` ...). Of
    /// several genes separated by `|`, `,` or `;` the first counts; rows without a gene are
    /// passed over.
    ///
    /// # Errors
    /// A file that cannot be read, has no such columns or no usable row.
    pub fn load(path: &Path) -> Result<Self, PrepError> {
        const ANTIBODY: &[&str] = &[
            "antibody",
            "adtname",
            "adt",
            "antibodyname",
            "protein",
            "proteinname",
            "antigen",
            "target",
            "feature",
            "name",
            "description",
            "id",
        ];
        const GENE: &[&str] = &[
            "gene",
            "genesymbol",
            "symbol",
            "genename",
            "hgncsymbol",
            "primarygene",
            "genesymbols",
            "rna",
            "rnaname",
        ];
        let mut lines = Lines::open(path)?;
        let empty = || PrepError::Empty {
            path: path.to_owned(),
            wanted: "antibody with a gene",
            hint: "the file needs a header and one row per antibody",
        };
        let header = Header::parse(path, &lines.next()?.ok_or_else(empty)?);
        let antibody =
            header.require(ANTIBODY, "the antibody", "antibody, protein, adt_name ...")?;
        let gene = header.require(GENE, "the gene", "gene, symbol, gene_symbol ...")?;
        let mut table = HashMap::new();
        while let Some(line) = lines.next()? {
            let fields = header.split(&line);
            let (Some(name), Some(gene)) = (fields.get(antibody), fields.get(gene)) else {
                continue;
            };
            let gene = gene.split(['|', ',', ';']).next().unwrap_or("").trim();
            if !is_missing(name) && !is_missing(gene) {
                table
                    .entry(names::key(name))
                    .or_insert_with(|| gene.to_owned());
            }
        }
        if table.is_empty() {
            Err(empty())
        } else {
            Ok(Self(table))
        }
    }
}

/// Finds the gene of each antibody.
///
/// In this order: the user's table; isotype controls (`IgG1`, `Rat IgG2a`, anything that says
/// isotype); a name that is itself a known gene, without regard to case; a list of the antigens of
/// common panels. Each is tried on the name as written, then without makers' marks
/// (`_TotalSeqB`, `anti-human `, `_prot` ...), before and within parentheses, and last without
/// a number at its end (`CD4-1`). Antigens have human symbols, spelled as `known_gene` spells
/// them; where a mouse gene is called otherwise (Cd24a), that name is tried next. `known_gene` returns the spelling of a gene, if there is one.
///
/// ```
/// use sc_prep::antibody_genes;
/// let names = ["CD3_TotalSeqB", "PD-1", "HLA.DR", "IgG1.K.Isotype.Control", "CD45RO", "xyz"];
/// let genes = antibody_genes(&names, None, |_| None);
/// let symbols: Vec<_> = genes.iter().map(|g| g.symbol().unwrap_or("-")).collect();
/// assert_eq!(symbols, ["CD3E", "PDCD1", "HLA-DRA", "-", "PTPRC", "-"]);
/// ```
pub fn antibody_genes<S: AsRef<str>>(
    names: &[S],
    table: Option<&AntibodyTable>,
    known_gene: impl Fn(&str) -> Option<String>,
) -> Vec<AntibodyGene> {
    let gene_of = |name: &S| {
        let forms = names::forms(name.as_ref());
        let in_table = |f: &String| table?.0.get(&names::key(f)).cloned();
        let alias = |f: &String| {
            let key = names::key(f);
            let at = aliases::ALIASES
                .binary_search_by(|(k, _)| (*k).cmp(key.as_str()))
                .ok()?;
            let mut genes = aliases::ALIASES[at].1.split('|');
            let first = genes.clone().next()?;
            Some(
                genes
                    .find_map(&known_gene)
                    .unwrap_or_else(|| first.to_owned()),
            )
        };
        if let Some(gene) = forms.iter().find_map(in_table) {
            return AntibodyGene::Table(gene);
        }
        if names::is_control(name.as_ref()) || forms.iter().any(|f| names::is_control(f)) {
            return AntibodyGene::Control;
        }
        // Form by form: a cleaned form must not win over an alias of the form as written.
        let by_form = |f: &String| {
            let symbol = known_gene(f).map(AntibodyGene::Symbol);
            symbol.or_else(|| alias(f).map(AntibodyGene::Alias))
        };
        forms
            .iter()
            .find_map(by_form)
            .unwrap_or(AntibodyGene::Unknown)
    };
    names.iter().map(gene_of).collect()
}

/// Proteins in the order of the genes that encode them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProteinOrder {
    /// The order.
    pub order: FeatureOrder,
    /// The gene of each antibody, in file order.
    pub genes: Vec<AntibodyGene>,
}

/// Orders the antibodies of `var` along the genome, by the positions of their genes.
///
/// Genes are found by [`antibody_genes`]; every gene of `rna_var` and of the tables of `genome` is a
/// known gene. A position comes from the first source that has it: `var` itself, `rna_var` (if the RNA
/// modality has positions: both modalities then use the same annotation), the tables of
/// `genome`. Antibodies against the same gene keep their order in the panel. Isotype controls
/// and antibodies without a gene or position come last, in panel order, and are listed.
pub fn protein_order(
    var: &Table,
    rna_var: Option<&Table>,
    genome: &Genome,
    table: Option<&AntibodyTable>,
) -> ProteinOrder {
    let mut sources: Vec<(PositionSource, &GenomeTable)> = Vec::new();
    let rna = rna_var.and_then(GenomeTable::from_var);
    sources.extend(rna.as_ref().map(|t| (PositionSource::RnaVar, t)));
    sources.extend(genome.tables().iter().map(|(s, t)| (s.clone(), t)));

    let rna_names: HashMap<String, &String> = rna_var
        .iter()
        .flat_map(|v| v.index())
        .map(|n| (n.to_uppercase(), n))
        .collect();
    let known = |name: &str| {
        let in_table = sources
            .iter()
            .find_map(|(_, t)| Some(t.by_symbol(name)?.symbol.clone()));
        in_table.or_else(|| rna_names.get(&name.to_uppercase()).map(|n| (*n).clone()))
    };
    let genes = antibody_genes(var.index(), table, known);

    let own = crate::genome::positions_of(var);
    let mut tally = Tally::default();
    let keys: Vec<Option<Position>> = (genes.iter().enumerate())
        .map(|(row, gene)| {
            if let Some(place) = own.get(row).cloned().flatten() {
                tally.count(&PositionSource::Var);
                return Some(place);
            }
            let symbol = gene.symbol()?;
            let (source, gene) = sources
                .iter()
                .find_map(|(s, t)| Some((s, t.by_symbol(symbol)?)))?;
            tally.count(source);
            Some(gene.position())
        })
        .collect();
    let mut order = tally.finish(
        FeatureOrder::by_key(var.index(), &keys),
        genome,
        "antibodies",
    );
    let of_kind = |kind: AntibodyGene| -> Vec<&str> {
        let rows = (0..genes.len()).filter(|&r| genes[r] == kind && keys[r].is_none());
        rows.map(|r| var.index()[r].as_str()).collect()
    };
    let unknown = of_kind(AntibodyGene::Unknown);
    if !unknown.is_empty() {
        order.notices.push(format!(
            "no gene known for the antibodies {}; name a table with the columns antibody and gene",
            unknown.join(", ")
        ));
    }
    let controls = of_kind(AntibodyGene::Control);
    if !controls.is_empty() {
        order
            .notices
            .push(format!("isotype controls: {}", controls.join(", ")));
    }
    ProteinOrder { order, genes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_sorted_and_reachable() {
        for pair in aliases::ALIASES.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} before {}", pair[0].0, pair[1].0);
        }
        for (key, gene) in aliases::ALIASES {
            assert_eq!(*key, names::key(key), "{key} is not a key");
            let found = &antibody_genes(&[key], None, |_| None)[0];
            assert_eq!(found.symbol(), gene.split('|').next(), "{key}");
        }
    }
}
