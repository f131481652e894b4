//! The report and its pictures.

use std::path::Path;

use sc_io::Matrix;

use super::result::BURN_VERSION;
use super::run::Findings;
use crate::Error;
use crate::report::{Level, MarkerSection, Notice, Report, parts};

/// Markers that are listed per cluster.
const N_TOP: usize = 5;

/// Writes `report.html` and `pictures/`.
pub(super) fn write(folder: &Path, f: &Findings<'_>) -> Result<(), Error> {
    report(f)?.write(folder)
}

fn report(f: &Findings<'_>) -> Result<Report, Error> {
    let [rna, protein] = &f.prepared.modalities;
    let clusters = parts::categories(f.clusters);
    let cells = &f.prepared.cells;
    let map = |umap| {
        parts::map(
            umap,
            &clusters,
            f.labels,
            &[&cells.obs, &cells.modalities[rna].obs],
        )
    };
    let features = |name: &str| f.prepared.cells.modalities[name].var.index();
    let marked = |title: &str, x: Matrix, name: &str| {
        MarkerSection::new(title, &x, features(name), &clusters, N_TOP)
    };
    Ok(Report {
        title: "Fused CITE-seq".to_owned(),
        command: f.command.to_owned(),
        input: input(f),
        notices: f
            .summary
            .notices
            .iter()
            .map(|text| Notice {
                level: Level::Note,
                text: text.clone(),
            })
            .collect(),
        scores: parts::scores(&f.summary.scores),
        maps: f.umap.map(map).into_iter().collect(),
        losses: parts::losses(f.history),
        markers: vec![
            marked("Genes", Matrix::Csr(f.prepared.log_rna.clone()), rna),
            marked(
                "Proteins",
                Matrix::Csr(f.prepared.clr_protein.clone()),
                protein,
            ),
        ],
        clusters: Some(clusters),
        sections: vec![parts::model(f.model)],
        settings: f.config.to_toml()?,
        versions: vec![
            ("cellweave".to_owned(), f.summary.version.clone()),
            ("burn".to_owned(), BURN_VERSION.to_owned()),
        ],
        timings: f
            .summary
            .seconds
            .iter()
            .map(|(k, v)| (k.clone(), *v))
            .collect(),
    })
}

fn input(f: &Findings<'_>) -> Vec<(String, String)> {
    let s = f.summary;
    let mut rows = vec![
        ("File".to_owned(), s.input.clone()),
        ("Format".to_owned(), s.format.clone()),
        ("Cells fused".to_owned(), s.n_cells.to_string()),
    ];
    for (why, n) in &s.left_out {
        rows.push((format!("Cells left out: {why}"), n.to_string()));
    }
    for (name, [n, p]) in &s.shapes {
        rows.push((
            format!("Modality {name}"),
            format!("{n} cells x {p} features"),
        ));
    }
    rows.push(("Genes used".to_owned(), s.n_genes_used.to_string()));
    rows.push(("Proteins used".to_owned(), s.n_proteins_used.to_string()));
    rows.push(("Outcome".to_owned(), s.outcome.clone()));
    rows.push((
        "Seed, device".to_owned(),
        format!("{}, {}", s.seed, s.device),
    ));
    rows
}
