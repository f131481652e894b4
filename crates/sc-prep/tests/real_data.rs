//! Real data sets, where they are present: `CELLWEAVE_DATA`, else `shared/data` beside the
//! workspace.

mod common;

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Instant;

use common::*;
use sc_io::{Csr, Matrix, Modality, MultiModal};
use sc_prep::*;

fn data() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let folder = std::env::var_os("CELLWEAVE_DATA").map_or_else(|| beside.into(), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no data");
    None
}

fn read(folder: &std::path::Path, name: &str) -> MultiModal {
    sc_io::read(folder.join(name)).unwrap().data
}

fn counts(m: &Modality) -> Csr {
    m.x.as_ref().unwrap().to_csr()
}

fn shared(found: &[usize], want: &serde_json::Value) -> f64 {
    let want: HashSet<u64> = want["indices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_u64().unwrap())
        .collect();
    assert_eq!(found.len(), want.len());
    found
        .iter()
        .filter(|c| want.contains(&(**c as u64)))
        .count() as f64
        / want.len() as f64
}

/// Totals, both choices of features and the first singular values of one data set.
fn check(name: &str, counts: &Csr, n_top: usize) {
    let want = &golden()["real"][name];
    let mut log = counts.clone();
    let start = Instant::now();
    let done = log_normalize(&mut log, Target::Sum(1e4)).unwrap();
    let normalized = start.elapsed();
    let squares: f64 = done.totals.iter().map(|t| t * t).sum();
    assert_eq!(squares, number(&want["totals_sum_of_squares"]));
    let median = normalize_total(&mut counts.clone(), Target::Median)
        .unwrap()
        .target;
    assert_eq!(median, number(&want["median_total"]));
    let sum: f64 = log.values().iter().map(|&v| f64::from(v)).sum();
    assert!((sum / number(&want["log_normalised_sum"]) - 1.0).abs() < 1e-8);

    let start = Instant::now();
    let seurat = highly_variable(&log, &HvgOptions::seurat(n_top), None).unwrap();
    let seurat_time = start.elapsed();
    let a = shared(&seurat.indices, &want["hvg_seurat"]);
    let start = Instant::now();
    let v3 = highly_variable(counts, &HvgOptions::seurat_v3(n_top), None).unwrap();
    let v3_time = start.elapsed();
    let b = shared(&v3.indices, &want["hvg_seurat_v3"]);
    let first10 = vector(&want["hvg_seurat_v3"]["variances_norm_first10_genes"]);
    let close = relative(&v3.normalized[..10], &first10);
    let start = Instant::now();
    let exact = HvgOptions {
        fit: VarianceFit::Exact,
        ..HvgOptions::seurat_v3(n_top)
    };
    let exact = highly_variable(counts, &exact, None).unwrap();
    let exact_time = start.elapsed();
    let c = shared(&exact.indices, &want["hvg_seurat_v3"]);
    println!(
        "{name}: log_normalize {normalized:.0?}; seurat {a} in {seurat_time:.0?}; seurat_v3 {b} \
         in {v3_time:.0?}, first ten scores differ by {close:.1e}; exact regression {c} in \
         {exact_time:.0?}"
    );
    assert!(a >= 0.995 && b >= 0.995 && c >= 0.995);
    assert!(close < 1e-9);

    let columns: Vec<usize> = want["hvg_seurat"]["indices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_u64().unwrap() as usize)
        .collect();
    let x = Matrix::Csr(log.select_columns(&columns));
    let s = vector(&want["pca_on_seurat_hvg_centred_unscaled"]["singular_values_first10"]);
    for n_components in [10, 50] {
        let start = Instant::now();
        let options = PcaOptions {
            solver: PcaSolver::Randomized,
            ..PcaOptions::new(n_components)
        };
        let p = pca(&x, &options).unwrap();
        let d = relative(&p.singular_values[..10], &s);
        println!(
            "{name}: PCA {n_components} in {:.0?}, first ten differ by {d:.1e}",
            start.elapsed()
        );
        assert!(d < 1e-5, "{d:e}");
    }
}

#[test]
fn worm_neuron() {
    let Some(folder) = data() else { return };
    let worm = read(&folder, "scrna_worm_neuron/scrna_worm_neuron.h5ad");
    check(
        "scrna_worm_neuron.h5ad",
        &counts(&worm.modalities["rna"]),
        2000,
    );
}

#[test]
fn cbmc() {
    let Some(folder) = data() else { return };
    let cbmc = read(&folder, "citeseq_cbmc/citeseq_cbmc.h5mu");
    check(
        "citeseq_cbmc.h5mu:rna",
        &counts(&cbmc.modalities["rna"]),
        500,
    );
    let want = &golden()["real"]["citeseq_cbmc.h5mu:adt"];
    let mut adt = counts(&cbmc.modalities["adt"]);
    let fitted = Clr::fit_transform(&mut adt).unwrap();
    assert!(relative(&fitted.g, &vector(&want["geometric_mean_g"])) < 1e-10);
    assert!(relative(&adt.column_sums(), &vector(&want["clr_axis0_column_sums"])) < 1e-7);
    let first = dense(&adt.select_rows(&[0, 1, 2]));
    assert!(relative(&first, &matrix(&want["clr_axis0_first3_cells"])) < 6e-8);
}

/// How many genes and proteins each source places.
#[test]
fn genome_order_of_the_citeseq_sets() {
    let Some(folder) = data() else { return };
    let table = folder.join("genome/human_grch38_gene_positions.tsv.gz");
    let start = Instant::now();
    let genome = Genome::open(Some(&table), None).unwrap();
    println!(
        "{} genes read in {:.0?}",
        genome.tables()[0].1.genes().len(),
        start.elapsed()
    );
    let none = Genome::default();
    for (name, file, genes, proteins, controls) in [
        (
            "pbmc10k",
            "citeseq_pbmc10k_10x/citeseq_pbmc10k_10x.h5mu",
            0.9,
            14,
            0,
        ),
        (
            "teaseq",
            "citeseq_teaseq_pbmc/citeseq_teaseq_pbmc.h5mu",
            0.9,
            45,
            1,
        ),
        (
            "eccite",
            "citeseq_eccite_pbmc500/citeseq_eccite_pbmc500.h5mu",
            0.8,
            47,
            2,
        ),
        ("cd8", "citeseq_cd8/citeseq_cd8.h5mu", 0.8, 5, 0),
    ] {
        let set = read(&folder, file);
        let (rna, adt) = (&set.modalities["rna"].var, &set.modalities["adt"].var);
        let by_var = genome_order(rna, &none);
        let by_both = genome_order(rna, &genome);
        let bare = genome_order(&sc_io::Table::new(rna.index().to_vec()), &genome);
        let panel = protein_order(adt, Some(rna), &genome, None);
        let bare_panel = sc_io::Table::new(adt.index().to_vec());
        let by_rna = protein_order(&bare_panel, Some(rna), &none, None);
        let by_table = protein_order(&bare_panel, None, &genome, None);
        println!(
            "{name}: genes {}: {} placed by var, {} by the table alone, {} by both; proteins {}: {} by \
             the positions of RNA alone, {} by the table alone, {} by all; not placed: {:?}",
            rna.len(),
            by_var.placed,
            bare.placed,
            by_both.placed,
            adt.len(),
            by_rna.order.placed,
            by_table.order.placed,
            panel.order.placed,
            panel.order.unplaced,
        );
        println!("{name}: {}", by_both.notices.join("\n  "));
        assert!(bare.placed as f64 > genes * rna.len() as f64);
        assert!(by_both.placed >= by_var.placed.max(bare.placed));
        assert_eq!(by_table.order.placed, proteins);
        let found = by_table
            .genes
            .iter()
            .filter(|g| **g == AntibodyGene::Control)
            .count();
        assert_eq!(found, controls);
        assert!(!by_table.genes.contains(&AntibodyGene::Unknown));
    }
}

/// Antibody names against two tables made from other sources.
#[test]
fn antibodies_agree_with_other_tables() {
    let Some(folder) = data() else { return };
    let genome =
        GenomeTable::load(&folder.join("genome/human_grch38_gene_positions.tsv.gz")).unwrap();
    let known = |name: &str| genome.by_symbol(name).map(|g| g.symbol.clone());
    let rows = |file: &str| -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(folder.join("genome").join(file)).unwrap();
        text.lines()
            .skip(1)
            .map(|l| l.split('\t').map(str::to_owned).collect())
            .collect()
    };
    let table = rows("adt_to_gene_by_dataset.tsv");
    let names: Vec<&str> = table.iter().map(|r| r[1].as_str()).collect();
    let mut differ = vec![];
    for (row, found) in table.iter().zip(antibody_genes(&names, None, known)) {
        if found.symbol().unwrap_or("") != row[2] {
            differ.push(format!("{}: {:?}, not {}", row[1], found, row[2]));
        }
    }
    println!(
        "shared sets: {} of {} agree {differ:?}",
        table.len() - differ.len(),
        table.len()
    );
    assert_eq!(differ, Vec::<String>::new());

    let table = rows("adt_to_gene_human.tsv");
    let names: Vec<&str> = table.iter().map(|r| r[0].as_str()).collect();
    let (mut same, mut other, mut unknown) = (0, vec![], vec![]);
    for (row, found) in table.iter().zip(antibody_genes(&names, None, known)) {
        match found.symbol() {
            Some(s) if row[1].split(['|', ',']).any(|g| g.trim() == s) => same += 1,
            Some(s) => other.push(format!("{} -> {s}, not {}", row[0], row[1])),
            None => unknown.push(format!("{} ({})", row[0], row[1])),
        }
    }
    println!(
        "{} names: {same} agree; {} differ: {other:?}",
        table.len(),
        other.len()
    );
    println!("{} not found: {unknown:?}", unknown.len());
    assert!(same as f64 > 0.9 * table.len() as f64);

    let table = rows("adt_to_gene_mouse_totalseqA111.tsv");
    let mouse =
        GenomeTable::load(&folder.join("genome/mouse_grcm38_gene_positions.tsv.gz")).unwrap();
    let known = |name: &str| mouse.by_symbol(name).map(|g| g.symbol.clone());
    let names: Vec<&str> = table.iter().map(|r| r[4].as_str()).collect();
    let (mut same, mut differ) = (0, vec![]);
    for (row, found) in table.iter().zip(antibody_genes(&names, None, known)) {
        let symbol = found.symbol().unwrap_or("-");
        let symbol = mouse
            .by_symbol(symbol)
            .map_or(symbol, |g| g.symbol.as_str());
        if symbol == row[5] || (symbol == "-" && row[5].is_empty()) {
            same += 1;
        } else {
            differ.push(format!("{} -> {symbol}, not {}", row[4], row[5]));
        }
    }
    println!("mouse panel: {same} of {} agree; {differ:?}", table.len());
    assert!(same as f64 > 0.8 * table.len() as f64);
}
