//! Parts of a report that every run has.

use fusion_core::ModelGraph;
use sc_io::{Column, Dense, Table};
use train::History;

use super::{Block, LossChart, Map, MapColour, Score, Scores, Section};
use crate::evaluate::{Evaluation, Mixing};
use crate::plot::{Categories, Series};

/// Categories that a map can still tell apart.
const MOST_CATEGORIES: usize = 40;

/// Clusters of cells as categories.
pub fn categories(of_cells: &[usize]) -> Categories {
    let labels: Vec<Option<String>> = of_cells.iter().map(|c| Some(c.to_string())).collect();
    Categories::from_labels(&labels)
}

/// One group of scores per column of labels.
pub fn scores(evaluations: &[Evaluation]) -> Vec<Scores> {
    let score = |name: String, value: f64, meaning: &str| Score {
        name,
        value,
        meaning: meaning.to_owned(),
    };
    evaluations
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
                title: None,
                labels: Some(e.labels.clone()),
                rows,
            }
        })
        .collect()
}

/// Scores of integration.
pub fn mixing(mixing: &Mixing) -> Scores {
    let score = |name: &str, value: f64| Score {
        name: name.to_owned(),
        value,
        meaning: "0 to 1, higher is better".to_owned(),
    };
    let means = [
        ("mixing (mean)", mixing.batch),
        ("biology (mean)", mixing.biology),
        ("total (0.4 mixing + 0.6 biology)", mixing.total),
    ];
    let each = mixing
        .scores
        .iter()
        .map(|(name, value)| score(name, *value));
    let means = means.into_iter().filter_map(|(n, v)| Some(score(n, v?)));
    Scores {
        title: Some(format!("Mixing of {} batches", mixing.n_batches)),
        labels: None,
        rows: means.chain(each).collect(),
    }
}

/// A layout coloured by cluster, by each column that is scored, and by each other column of `tables` with a few categories.
pub fn map(
    layout: &Dense,
    clusters: &Categories,
    labels: &[(String, Vec<Option<String>>)],
    tables: &[&Table],
) -> Map {
    let points = (0..layout.n_rows())
        .map(|r| [layout.row(r)[0], layout.row(r)[1]])
        .collect();
    let mut colours = vec![("Clusters".to_owned(), MapColour::Labels(clusters.clone()))];
    for (name, labels) in labels {
        colours.push((
            name.clone(),
            MapColour::Labels(Categories::from_labels(labels)),
        ));
    }
    for (name, column) in tables.iter().flat_map(|t| t.columns()) {
        let known = colours.iter().any(|(n, _)| n == name);
        if known || column.len() != layout.n_rows() || !matches!(column, Column::Categorical(_)) {
            continue;
        }
        let labels = Categories::from_labels(&column.labels());
        if (2..=MOST_CATEGORIES).contains(&labels.names.len()) {
            colours.push((name.clone(), MapColour::Labels(labels)));
        }
    }
    Map {
        name: "UMAP".to_owned(),
        points,
        colours,
    }
}

/// A chart per loss, over all epochs of all stages.
pub fn losses(history: &History) -> Vec<LossChart> {
    let mut terms: Vec<&String> = Vec::new();
    for term in history.epochs.iter().flat_map(|e| e.training.keys()) {
        if !terms.contains(&term) {
            terms.push(term);
        }
    }
    // A stage may not have the term, a run no validation.
    let series = |name: &str, values: Vec<f64>, dashed: bool| Series {
        name: name.to_owned(),
        points: (1..)
            .map(f64::from)
            .zip(values)
            .filter(|(_, y)| !y.is_nan())
            .collect(),
        dashed,
    };
    terms
        .into_iter()
        .map(|term| {
            let (training, validation) = history.series(term);
            let all = [
                series("training", training, false),
                series("validation", validation, true),
            ];
            LossChart {
                title: term.clone(),
                series: all.into_iter().filter(|s| !s.points.is_empty()).collect(),
                log: false,
            }
        })
        .collect()
}

/// The blocks of a model.
pub fn model(graph: &ModelGraph) -> Section {
    let table = super::Table {
        header: vec!["Block".into(), "Output".into(), "Parameters".into()],
        rows: graph
            .nodes
            .iter()
            .map(|n| vec![n.name.clone(), n.output.clone(), n.n_params.to_string()])
            .collect(),
    };
    let text = format!("{} learned numbers in all.", graph.n_params());
    Section {
        title: "Model".into(),
        blocks: vec![Block::Text(text), Block::Table(table)],
    }
}
