//! From counts to what the model sees.

use indexmap::IndexMap;
use sc_io::{CountScan, Csr, Matrix, Modality, MultiModal};
use sc_prep::{
    AntibodyGene, AntibodyTable, Arrangement, Clr, FeatureOrder, Genome, HvgOptions, ProteinOrder,
    Scaler, Target, genome_order, highly_variable, log_normalize, protein_order,
};
use train::CellData;

use super::{FuseConfig, InputConfig, PrepConfig, SequenceOrder, genome_cache};
use crate::Error;

/// Cells, features and values that a model is trained on.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The cells that are fused, with all modalities and everything else that the file held.
    pub cells: MultiModal,
    /// Names of the RNA and the protein modality in `cells`.
    pub modalities: [String; 2],
    /// Values for the model under `rna` and `adt`, features in sequence order.
    pub data: CellData,
    /// Names of the genes, in sequence order.
    pub genes: Vec<String>,
    /// Names of the proteins, in sequence order.
    pub proteins: Vec<String>,
    /// Log-normalised values of all genes, cells x genes of the file.
    pub log_rna: Csr,
    /// Centred log-ratios of all proteins, cells x proteins of the file.
    pub clr_protein: Csr,
    /// Cells of the input that are left out, per reason.
    pub left_out: IndexMap<String, usize>,
    /// What the user should know.
    pub notices: Vec<String>,
}

/// Picks the modalities, pairs their cells, checks the counts, selects, orders and normalises.
///
/// - cells: those that both modalities have, matched by name; cells without RNA counts are left out;
/// - RNA: `ln(1 + target_sum x / total)`, the `n_top_genes` most variable genes (`seurat_v3`);
/// - proteins: centred log-ratio per protein across cells, `ln(1 + x / g)`, then mean 0 and
///   standard deviation 1, cut at 10, if `scale_proteins`.
///
/// # Errors
/// No such modality, no shared cell, values that are not counts, nothing left.
pub fn prepare(data: &MultiModal, config: &FuseConfig, seed: u64) -> Result<Prepared, Error> {
    let rna_name = find(
        data,
        &config.input.rna,
        &["rna", "gex", "GEX", "RNA"],
        "RNA",
        "rna",
    )?;
    let protein_name = find(
        data,
        &config.input.protein,
        &["adt", "prot", "protein", "ADT", "Protein"],
        "protein",
        "protein",
    )?;
    let mut notices = Vec::new();
    let mut left_out = IndexMap::new();
    let cells = pair(
        data,
        &rna_name,
        &protein_name,
        config,
        &mut left_out,
        &mut notices,
    )?;
    let (rna, protein) = (
        &cells.modalities[&rna_name],
        &cells.modalities[&protein_name],
    );
    let rna_counts = counts(rna, &rna_name, &config.input)?;
    let protein_counts = counts(protein, &protein_name, &config.input)?;

    let mut log_rna = rna_counts.clone();
    log_normalize(&mut log_rna, Target::Sum(config.prep.target_sum))?;
    let mut clr_protein = protein_counts.clone();
    Clr::fit_transform(&mut clr_protein)?;

    let genes = select_genes(&rna_counts, config, &mut notices)?;
    let (gene_order, of_proteins) = orders(rna, protein, &config.prep, seed, &mut notices)?;
    let proteins = select_proteins(
        protein,
        &protein_counts,
        &of_proteins.genes,
        config,
        &mut notices,
    )?;
    let (genes, proteins) = (gene_order.of(&genes), of_proteins.order.of(&proteins));

    let rna_values = Matrix::Csr(log_rna.select_columns(&genes));
    let mut protein_values = Matrix::Csr(clr_protein.select_columns(&proteins));
    if config.prep.scale_proteins {
        let scaler = Scaler::fit(&protein_values);
        protein_values = Matrix::Dense(scaler.transform(&protein_values, true, Some(10.0))?);
    }
    let features = IndexMap::from([
        ("rna".to_owned(), rna_values),
        ("adt".to_owned(), protein_values),
    ]);
    let names = |m: &Modality, places: &[usize]| -> Vec<String> {
        places.iter().map(|&i| m.var.index()[i].clone()).collect()
    };
    Ok(Prepared {
        genes: names(rna, &genes),
        proteins: names(protein, &proteins),
        data: CellData::new(features).map_err(train::TrainError::from)?,
        modalities: [rna_name, protein_name],
        cells,
        log_rna,
        clr_protein,
        left_out,
        notices,
    })
}

/// The modality of that name, or of a usual one if the name is the default.
fn find(
    data: &MultiModal,
    name: &str,
    usual: &[&str],
    what: &str,
    field: &str,
) -> Result<String, Error> {
    let has = |n: &str| data.modalities.contains_key(n);
    if has(name) {
        return Ok(name.to_owned());
    }
    if name == usual[0]
        && let Some(found) = usual.iter().find(|n| has(n))
    {
        return Ok((*found).to_owned());
    }
    let there: Vec<&str> = data.modalities.keys().map(String::as_str).collect();
    Err(Error::Input(format!(
        "no {what} modality '{name}'; the file has: {}. Fusing needs RNA and protein counts of the same cells; name the modality with `input.{field}`",
        if there.is_empty() {
            "none".to_owned()
        } else {
            there.join(", ")
        }
    )))
}

/// The file reduced to the cells that are fused, in the order of the RNA modality.
fn pair(
    data: &MultiModal,
    rna_name: &str,
    protein_name: &str,
    config: &FuseConfig,
    left_out: &mut IndexMap<String, usize>,
    notices: &mut Vec<String>,
) -> Result<MultiModal, Error> {
    let (rna, protein) = (&data.modalities[rna_name], &data.modalities[protein_name]);
    for (name, m) in [(rna_name, rna), (protein_name, protein)] {
        if let Some((cell, a, b)) = m.obs.first_duplicate() {
            return Err(Error::Input(format!(
                "modality '{name}': the cell name '{cell}' stands in rows {a} and {b}; cells are matched by name, so names must differ"
            )));
        }
    }
    let Some(pairs) = data.paired(rna_name, protein_name) else {
        return Err(Error::Input("modalities vanished while pairing".to_owned()));
    };
    if pairs.first.is_empty() {
        let some = |m: &Modality| {
            m.obs
                .index()
                .iter()
                .take(3)
                .map(|n| format!("'{n}'"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        return Err(Error::Input(format!(
            "'{rna_name}' and '{protein_name}' share no cell name: {} against {}; suffixes such as '-1' or sample prefixes must agree",
            some(rna),
            some(protein)
        )));
    }
    for (n, name) in [
        (pairs.only_first, rna_name),
        (pairs.only_second, protein_name),
    ] {
        if n > 0 {
            left_out.insert(format!("only in '{name}'"), n);
        }
    }
    let totals = |m: &Modality, name: &str| -> Result<Vec<f64>, Error> {
        Ok(counts(m, name, &config.input)?.row_sums())
    };
    let (rna_totals, protein_totals) = (totals(rna, rna_name)?, totals(protein, protein_name)?);
    let kept: Vec<usize> = (0..pairs.first.len())
        .filter(|&i| rna_totals[pairs.first[i]] > 0.0)
        .collect();
    if kept.len() < pairs.first.len() {
        left_out.insert("no RNA counts".to_owned(), pairs.first.len() - kept.len());
    }
    if kept.is_empty() {
        return Err(Error::Input(format!("no cell has counts in '{rna_name}'")));
    }
    let no_protein = kept
        .iter()
        .filter(|&&i| protein_totals[pairs.second[i]] == 0.0)
        .count();
    if no_protein > 0 {
        notices.push(format!(
            "{no_protein} cells have no protein counts; they are kept, with every protein at zero"
        ));
    }
    let names: Vec<&str> = kept
        .iter()
        .map(|&i| rna.obs.index()[pairs.first[i]].as_str())
        .collect();
    let mut cells = MultiModal {
        uns: data.uns.clone(),
        ..MultiModal::default()
    };
    for (name, m) in &data.modalities {
        let rows = m.obs.positions();
        let rows: Vec<usize> = names.iter().filter_map(|n| rows.get(n).copied()).collect();
        if rows.len() < names.len() {
            notices.push(format!(
                "modality '{name}' has {} of the {} fused cells",
                rows.len(),
                names.len()
            ));
        }
        cells.modalities.insert(name.clone(), m.select_obs(&rows));
    }
    let rows = data.obs.positions();
    let common: Vec<usize> = names.iter().filter_map(|n| rows.get(n).copied()).collect();
    cells.obs = data.obs.select(&common);
    cells.obsm = data
        .obsm
        .iter()
        .map(|(k, e)| (k.clone(), e.select_rows(&common)))
        .collect();
    Ok(cells)
}

/// The counts of a modality; every value is looked at.
fn counts(m: &Modality, name: &str, input: &InputConfig) -> Result<Csr, Error> {
    let place = if input.layer.is_empty() {
        format!("{name}/X")
    } else {
        format!("{name}/layers/{}", input.layer)
    };
    let matrix = if input.layer.is_empty() {
        m.x.as_ref()
    } else {
        m.layers.get(&input.layer)
    };
    let Some(matrix) = matrix else {
        let layers: Vec<&str> = m.layers.keys().map(String::as_str).collect();
        return Err(Error::Input(format!(
            "{place} does not exist; layers there are: {}. Name the layer with counts with `input.layer`",
            if layers.is_empty() {
                "none".to_owned()
            } else {
                layers.join(", ")
            }
        )));
    };
    let scan = CountScan::of(matrix);
    let finite = scan.nans == 0 && scan.infinities == 0 && scan.negatives == 0;
    let accepted = scan.is_counts() || (finite && input.allow_non_integer);
    if !accepted {
        return Err(Error::Input(format!(
            "{place} does not hold counts: {}. Name the layer with raw counts with `input.layer`{}",
            scan.to_string().trim_end_matches('.'),
            if finite {
                ", or set `input.allow_non_integer = true`"
            } else {
                ""
            }
        )));
    }
    Ok(matrix.to_csr())
}

/// Places of the genes that the model sees: the most variable ones, or all that are expressed.
fn select_genes(
    counts: &Csr,
    config: &FuseConfig,
    notices: &mut Vec<String>,
) -> Result<Vec<usize>, Error> {
    let expressed: Vec<usize> = counts
        .column_sums()
        .iter()
        .enumerate()
        .filter(|(_, s)| **s > 0.0)
        .map(|(i, _)| i)
        .collect();
    let n_top = config.prep.n_top_genes;
    if expressed.len() <= n_top {
        return Ok(expressed);
    }
    let genes = highly_variable(counts, &HvgOptions::seurat_v3(n_top), None)?.indices;
    notices.push(format!(
        "{} of {} genes are used: the most variable ones (seurat_v3)",
        genes.len(),
        counts.n_cols()
    ));
    Ok(genes)
}

/// Places of the proteins that the model sees.
fn select_proteins(
    protein: &Modality,
    counts: &Csr,
    genes: &[AntibodyGene],
    config: &FuseConfig,
    notices: &mut Vec<String>,
) -> Result<Vec<usize>, Error> {
    let totals = counts.column_sums();
    let names = protein.var.index();
    let is_control =
        |i: usize| config.prep.drop_isotype_controls && genes[i] == AntibodyGene::Control;
    let (dropped, kept): (Vec<usize>, Vec<usize>) =
        (0..names.len()).partition(|&i| totals[i] == 0.0 || is_control(i));
    if !dropped.is_empty() {
        let list: Vec<&str> = dropped.iter().map(|&i| names[i].as_str()).collect();
        notices.push(format!(
            "proteins not used (isotype controls, or without any count): {}",
            list.join(", ")
        ));
    }
    if kept.is_empty() {
        return Err(Error::Input("no protein is left to fuse".to_owned()));
    }
    Ok(kept)
}

/// The order of all genes and all proteins along the model's sequences, and the proteins' genes.
fn orders(
    rna: &Modality,
    protein: &Modality,
    config: &PrepConfig,
    seed: u64,
    notices: &mut Vec<String>,
) -> Result<(FeatureOrder, ProteinOrder), Error> {
    let cache = genome_cache::existing();
    let genome = Genome::open(config.positions.as_deref(), cache.as_deref())?;
    let table = config
        .antibodies
        .as_deref()
        .map(AntibodyTable::load)
        .transpose()?;
    let genes = genome_order(&rna.var, &genome);
    let proteins = protein_order(&protein.var, Some(&rna.var), &genome, table.as_ref());
    let arrangement = match config.order {
        SequenceOrder::File => {
            let as_file = |m: &Modality| FeatureOrder::as_file(m.var.index());
            let proteins = ProteinOrder {
                order: as_file(protein),
                ..proteins
            };
            return Ok((as_file(rna), proteins));
        }
        SequenceOrder::Genome => Arrangement::Keep,
        SequenceOrder::Reverse => Arrangement::Reverse,
        SequenceOrder::Shuffled => Arrangement::Shuffled(seed),
    };
    // Controls that are left out are told of where they are left out.
    let told = |n: &&String| !(config.drop_isotype_controls && n.starts_with("isotype controls"));
    notices.extend(
        genes
            .notices
            .iter()
            .chain(&proteins.order.notices)
            .filter(told)
            .cloned(),
    );
    let order = proteins.order.arranged(arrangement);
    Ok((
        genes.arranged(arrangement),
        ProteinOrder {
            order,
            genes: proteins.genes,
        },
    ))
}
