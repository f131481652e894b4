//! The report and its pictures.

use std::fs;
use std::path::Path;

use sc_io::{Column, Matrix};

use super::result::BURN_VERSION;
use super::run::Findings;
use crate::plot::{Categories, Series, to_png};
use crate::report::{
    Block, Level, LossChart, Map, MapColour, MarkerSection, Notice, Report, Score, Scores, Section,
};
use crate::{Error, atomic};

/// Markers that are listed per cluster.
const N_TOP: usize = 5;
/// Categories that a map can still tell apart.
const MOST_CATEGORIES: usize = 40;

/// Writes `report.html` and `pictures/`.
pub(super) fn write(folder: &Path, f: &Findings<'_>) -> Result<(), Error> {
    let report = report(f)?;
    atomic::write(&folder.join("report.html"), report.to_html().as_bytes())?;
    let pictures = folder.join("pictures");
    fs::create_dir_all(&pictures).map_err(Error::io(&pictures))?;
    for (name, svg) in report.pictures() {
        atomic::write(&pictures.join(format!("{name}.svg")), svg.as_bytes())?;
        let png = to_png(&svg, 2.0).map_err(|e| Error::Picture(e.to_string()))?;
        atomic::write(&pictures.join(format!("{name}.png")), &png)?;
    }
    Ok(())
}

fn report(f: &Findings<'_>) -> Result<Report, Error> {
    let [rna, protein] = &f.prepared.modalities;
    let clusters = clusters(f.clusters);
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
        scores: scores(f),
        maps: maps(f, &clusters),
        losses: losses(f),
        markers: vec![
            marked("Genes", Matrix::Csr(f.prepared.log_rna.clone()), rna),
            marked(
                "Proteins",
                Matrix::Csr(f.prepared.clr_protein.clone()),
                protein,
            ),
        ],
        clusters: Some(clusters),
        sections: vec![model(f)],
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

fn scores(f: &Findings<'_>) -> Vec<Scores> {
    let score = |name: String, value: f64, meaning: &str| Score {
        name,
        value,
        meaning: meaning.to_owned(),
    };
    f.summary
        .scores
        .iter()
        .map(|e| {
            let mut rows = Vec::new();
            for c in &e.clusterings {
                let with = format!("{}, {} clusters", c.method, c.n_clusters);
                rows.push(score(
                    format!("ARI ({with})"),
                    c.ari,
                    "-0.5 to 1, higher is better",
                ));
                rows.push(score(
                    format!("NMI ({with})"),
                    c.nmi,
                    "0 to 1, higher is better",
                ));
                rows.push(score(
                    format!("accuracy ({with})"),
                    c.accuracy,
                    "0 to 1, higher is better",
                ));
            }
            rows.push(score(
                "silhouette of the labels".to_owned(),
                e.silhouette,
                "-1 to 1, higher is better",
            ));
            Scores {
                labels: Some(e.labels.clone()),
                rows,
            }
        })
        .collect()
}

fn clusters(of_cells: &[usize]) -> Categories {
    let labels: Vec<Option<String>> = of_cells.iter().map(|c| Some(c.to_string())).collect();
    Categories::from_labels(&labels)
}

/// The layout coloured by cluster, by each column that is scored, and by each other column of obs
/// with a few categories.
fn maps(f: &Findings<'_>, clusters: &Categories) -> Vec<Map> {
    let Some(umap) = f.umap else { return vec![] };
    let points = (0..umap.n_rows())
        .map(|r| [umap.row(r)[0], umap.row(r)[1]])
        .collect();
    let mut colours = vec![("Clusters".to_owned(), MapColour::Labels(clusters.clone()))];
    for (name, labels) in f.labels {
        colours.push((
            name.clone(),
            MapColour::Labels(Categories::from_labels(labels)),
        ));
    }
    let cells = &f.prepared.cells;
    let rna = &cells.modalities[&f.prepared.modalities[0]].obs;
    for (name, column) in cells.obs.columns().iter().chain(rna.columns()) {
        let known = colours.iter().any(|(n, _)| n == name);
        if known || column.len() != umap.n_rows() || !matches!(column, Column::Categorical(_)) {
            continue;
        }
        let labels = Categories::from_labels(&column.labels());
        if (2..=MOST_CATEGORIES).contains(&labels.names.len()) {
            colours.push((name.clone(), MapColour::Labels(labels)));
        }
    }
    vec![Map {
        name: "UMAP".to_owned(),
        points,
        colours,
    }]
}

fn losses(f: &Findings<'_>) -> Vec<LossChart> {
    let points = |v: Vec<f64>| {
        v.into_iter()
            .enumerate()
            .map(|(e, y)| (e as f64 + 1.0, y))
            .collect()
    };
    let terms = f
        .history
        .epochs
        .first()
        .map(|e| e.training.keys().cloned().collect::<Vec<_>>());
    terms
        .unwrap_or_default()
        .into_iter()
        .map(|term| {
            let (training, validation) = f.history.series(&term);
            LossChart {
                title: term,
                series: vec![
                    Series {
                        name: "training".into(),
                        points: points(training),
                        dashed: false,
                    },
                    Series {
                        name: "validation".into(),
                        points: points(validation),
                        dashed: true,
                    },
                ],
                log: false,
            }
        })
        .collect()
}

fn model(f: &Findings<'_>) -> Section {
    let table = crate::report::Table {
        header: vec!["Block".into(), "Output".into(), "Parameters".into()],
        rows: f
            .model
            .nodes
            .iter()
            .map(|n| vec![n.name.clone(), n.output.clone(), n.n_params.to_string()])
            .collect(),
    };
    let text = format!("{} learned numbers in all.", f.model.n_params());
    Section {
        title: "Model".into(),
        blocks: vec![Block::Text(text), Block::Table(table)],
    }
}
