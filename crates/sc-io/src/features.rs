//! Splits features by their type into modalities.

use indexmap::IndexMap;

use crate::{Column, Csr, Embedding, Matrix, Modality, MultiModal, Raw, Table};

/// The feature table of a 10x file, one entry per feature each.
pub(crate) struct Features {
    pub names: Vec<String>,
    pub ids: Vec<String>,
    pub types: Option<Vec<String>>,
    pub genomes: Option<Vec<String>>,
}

/// The modality that a 10x feature type belongs to.
///
/// ```
/// assert_eq!(sc_io::modality_name("Gene Expression"), "rna");
/// assert_eq!(sc_io::modality_name("Antibody Capture"), "adt");
/// assert_eq!(sc_io::modality_name("Peaks"), "atac");
/// assert_eq!(sc_io::modality_name("CRISPR Guide Capture"), "crispr_guide_capture");
/// ```
pub fn modality_name(feature_type: &str) -> String {
    match feature_type.trim() {
        "Gene Expression" => "rna".into(),
        "Antibody Capture" => "adt".into(),
        "Peaks" => "atac".into(),
        "" => "unknown".into(),
        other => other
            .to_lowercase()
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '_' })
            .collect(),
    }
}

/// Modality names in order of first appearance, with the features of each.
fn groups<'a>(types: impl Iterator<Item = &'a str>) -> IndexMap<String, Vec<usize>> {
    let mut groups: IndexMap<String, Vec<usize>> = IndexMap::new();
    for (i, t) in types.enumerate() {
        groups.entry(modality_name(t)).or_default().push(i);
    }
    groups
}

/// One modality of all features.
pub(crate) fn modality(x: Csr, barcodes: &[String], f: &Features) -> Result<Modality, String> {
    let mut var = Table::new(f.names.iter().cloned());
    let mut add = |name: &str, values: &[String]| {
        var.insert(name, Column::text(values.iter().cloned()))
            .map_err(|e| e.to_string())
    };
    add("gene_ids", &f.ids)?;
    if let Some(types) = &f.types {
        add("feature_types", types)?;
    }
    if let Some(genomes) = &f.genomes {
        add("genome", genomes)?;
    }
    let obs = Table::new(barcodes.iter().cloned());
    Modality::new(Matrix::Csr(x), obs, var).map_err(|e| e.to_string())
}

/// One modality per feature type; all of them `rna` where the file names no types.
pub(crate) fn split(x: Csr, barcodes: &[String], f: &Features) -> Result<MultiModal, String> {
    let all = modality(x, barcodes, f)?;
    Ok(into_multimodal(all).0)
}

/// One modality becomes several if `var` has a text column `feature_types`: one per type, named
/// by [`modality_name`]; otherwise it is `rna`.
///
/// Also returns (element, message) of parts that belong to no single modality.
pub(crate) fn into_multimodal(m: Modality) -> (MultiModal, Vec<(String, String)>) {
    let mut notes = Vec::new();
    let labels = m.var.columns().get("feature_types").map(Column::labels);
    let types = labels
        .map(|l| groups(l.iter().map(|t| t.as_deref().unwrap_or(""))))
        .unwrap_or_default();
    let obs = Table::new(m.obs.index().iter().cloned());
    if types.len() <= 1 {
        let name = types.into_keys().next().unwrap_or_else(|| "rna".into());
        let modalities = IndexMap::from([(name, m)]);
        return (
            MultiModal {
                modalities,
                obs,
                ..MultiModal::default()
            },
            notes,
        );
    }
    if !m.obsp.is_empty() {
        let message = "left out: matrices of cell pairs belong to no single feature type".into();
        notes.push(("obsp".into(), message));
    }
    let mut modalities = IndexMap::new();
    for (name, columns) in types {
        modalities.insert(name, select_vars(&m, &columns));
    }
    let names: Vec<String> = modalities.keys().cloned().collect();
    notes.push((
        "var/feature_types".into(),
        format!("split into {}", names.join(", ")),
    ));
    if let Some(raw) = m.raw {
        split_raw(raw, &mut modalities, &mut notes);
    }
    (
        MultiModal {
            modalities,
            obs,
            obsm: m.obsm,
            uns: m.uns,
        },
        notes,
    )
}

/// The given features in every part; what belongs to all features stays behind.
fn select_vars(m: &Modality, columns: &[usize]) -> Modality {
    let rows = |e: &Embedding| match e {
        Embedding::Matrix(m) => Embedding::Matrix(m.select_rows(columns)),
        Embedding::Table(t) => Embedding::Table(t.select(columns)),
    };
    Modality {
        x: m.x.as_ref().map(|x| x.select_columns(columns)),
        layers: m
            .layers
            .iter()
            .map(|(k, l)| (k.clone(), l.select_columns(columns)))
            .collect(),
        obs: m.obs.clone(),
        var: m.var.select(columns),
        varm: m.varm.iter().map(|(k, e)| (k.clone(), rows(e))).collect(),
        varp: m
            .varp
            .iter()
            .map(|(k, p)| (k.clone(), p.select_rows(columns).select_columns(columns)))
            .collect(),
        ..Modality::default()
    }
}

/// `raw` is split by its own feature types, or left out where it has none.
fn split_raw(
    raw: Raw,
    modalities: &mut IndexMap<String, Modality>,
    notes: &mut Vec<(String, String)>,
) {
    let Some(types) = raw.var.columns().get("feature_types").map(Column::labels) else {
        let message = "left out: raw/var has no feature_types to split it by".into();
        notes.push(("raw".into(), message));
        return;
    };
    for (name, columns) in groups(types.iter().map(|t| t.as_deref().unwrap_or(""))) {
        if let Some(m) = modalities.get_mut(&name) {
            m.raw = Some(Raw {
                x: raw.x.select_columns(&columns),
                var: raw.var.select(&columns),
                varm: IndexMap::new(),
            });
        }
    }
}
