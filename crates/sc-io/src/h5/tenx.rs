//! 10x HDF5: one CSC matrix of features x barcodes, which read by column is cells x features.

use indexmap::IndexMap;

use super::matrix::read_compressed;
use super::store::{Dataset, Group, Node};
use crate::error::{Error, Fault};
use crate::features::{self, Features};
use crate::read::Format;
use crate::{Csr, Modality, MultiModal, Table};

/// The genome groups of version 2, `None` if the root is something else.
pub(super) fn genomes(root: &Group<'_>, names: &[String]) -> Result<Option<Vec<String>>, Error> {
    let mut found = Vec::new();
    for name in names {
        if let Some(Node::Group(g)) = root.get(name)? {
            let members = g.names()?;
            let has = |wanted: &str| members.iter().any(|m| m == wanted);
            if has("genes") && has("barcodes") && has("indptr") {
                found.push(name.clone());
            }
        }
    }
    Ok((!found.is_empty()).then_some(found))
}

pub(super) fn read(root: &Group<'_>, format: Format) -> Result<MultiModal, Error> {
    if format == Format::TenxH5v3 {
        let Some(g) = root.group("matrix")? else {
            return Err(root.fault(Fault::Missing, "'matrix' is missing"));
        };
        return read_v3(&g);
    }
    let names = root.names()?;
    let genomes = genomes(root, &names)?.unwrap_or_default();
    let mut modalities = IndexMap::new();
    for genome in &genomes {
        let Some(g) = root.group(genome)? else {
            continue;
        };
        let m = read_v2(&g, genome)?;
        let name = if genomes.len() == 1 {
            "rna".into()
        } else {
            format!("rna_{genome}")
        };
        modalities.insert(name, m);
    }
    Ok(MultiModal::new(modalities))
}

fn read_v2(g: &Group<'_>, genome: &str) -> Result<Modality, Error> {
    let (barcodes, ids) = (text(&g.dataset("barcodes")?)?, text(&g.dataset("genes")?)?);
    let names = match g.get("gene_names")? {
        Some(Node::Dataset(d)) => text(&d)?,
        _ => ids.clone(),
    };
    expect_len(g, "gene_names", names.len(), ids.len())?;
    let n = ids.len();
    let x = read_counts(g, barcodes.len(), n)?;
    let features = Features {
        names,
        ids,
        types: None,
        genomes: Some(vec![genome.to_owned(); n]),
    };
    note_barcodes(g, &barcodes);
    let m = features::modality(x, &barcodes, &features);
    m.map_err(|e| g.fault(Fault::Shape, e))
}

fn read_v3(g: &Group<'_>) -> Result<MultiModal, Error> {
    let barcodes = text(&g.dataset("barcodes")?)?;
    let Some(f) = g.group("features")? else {
        return Err(g.fault(Fault::Missing, "'features' is missing"));
    };
    let ids = text(&f.dataset("id")?)?;
    let optional = |name: &str| match f.get(name)? {
        Some(Node::Dataset(d)) => {
            let values = text(&d)?;
            expect_len(&f, name, values.len(), ids.len())?;
            Ok(Some(values))
        }
        _ => Ok::<_, Error>(None),
    };
    let names = optional("name")?.unwrap_or_else(|| ids.clone());
    let (types, genomes) = (optional("feature_type")?, optional("genome")?);
    let x = read_counts(g, barcodes.len(), ids.len())?;
    note_barcodes(g, &barcodes);
    let features = Features {
        names,
        ids,
        types,
        genomes,
    };
    features::split(x, &barcodes, &features).map_err(|e| g.fault(Fault::Shape, e))
}

fn text(d: &Dataset<'_>) -> Result<Vec<String>, Error> {
    d.len()?;
    d.read_text()
}

fn expect_len(g: &Group<'_>, name: &str, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    let reason = format!("has {found} entries, {expected} expected (features)");
    Err(g.store.fault(&g.child_path(name), Fault::Shape, reason))
}

fn read_counts(g: &Group<'_>, cells: usize, features: usize) -> Result<Csr, Error> {
    let shape = g.dataset("shape")?;
    if shape.len()? != 2 {
        return Err(shape.fault(Fault::Shape, "must have two entries"));
    }
    let stored = shape.read_i64()?;
    if stored != [features as i64, cells as i64] {
        let reason = format!(
            "is {stored:?}, but there are {features} features and {cells} barcodes (features x \
             barcodes is expected)"
        );
        return Err(shape.fault(Fault::Shape, reason));
    }
    read_compressed(g, cells, features)
}

fn note_barcodes(g: &Group<'_>, barcodes: &[String]) {
    if let Some((name, a, b)) = Table::new(barcodes.iter().cloned()).first_duplicate() {
        let message = format!("duplicate barcode '{name}' (entries {a} and {b})");
        g.store.notice(&g.child_path("barcodes"), message);
    }
}
