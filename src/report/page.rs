//! What stands on the page, in which order.

use super::html::{Html, MISSING, decimal, duration, percent};
use super::{Block, Level, LossChart, Map, MarkerSection, Report, Table, pictures};
use crate::plot::{Categories, escape};

/// From so many cells on the points of a map are a PNG, so that the page stays quick to show.
const RASTER_FROM: usize = 20_000;

/// Label columns are read by the scores alone, and the reader must know it.
const LABELS_SENTENCE: &str =
    "Labels were used for scoring only: neither the model nor the clustering saw them.";

pub(super) fn render(report: &Report) -> String {
    let mut html = Html::default();
    html.open("What was read");
    html.pairs(&report.input);
    html.close();
    warnings(&mut html, report);
    scores(&mut html, report);
    for map in &report.maps {
        draw_map(&mut html, map);
    }
    losses(&mut html, &report.losses);
    if let Some(clusters) = &report.clusters {
        cluster_sizes(&mut html, clusters);
    }
    for section in &report.markers {
        markers(&mut html, section);
    }
    for section in &report.sections {
        html.open(&section.title);
        for block in &section.blocks {
            match block {
                Block::Text(text) => html.element("p", text),
                Block::Figure { svg, caption } => html.figure(svg, caption),
                Block::Table(table) => html.table(table),
            }
        }
        html.close();
    }
    settings(&mut html, report);
    let head = if report.command.is_empty() {
        String::new()
    } else {
        format!("<pre class=\"command\">{}</pre>", escape(&report.command))
    };
    html.finish(&report.title, &head)
}

fn warnings(html: &mut Html, report: &Report) {
    html.open("Warnings");
    if report.notices.is_empty() {
        html.element("p", "There were no warnings.");
    } else {
        html.body.push_str("<ul class=\"notices\">");
        for notice in &report.notices {
            let (class, name) = match notice.level {
                Level::Warning => ("warning", "Warning"),
                Level::Note => ("note", "Note"),
            };
            let text = escape(&notice.text);
            html.body
                .push_str(&format!("<li class=\"{class}\"><b>{name}</b> {text}</li>"));
        }
        html.body.push_str("</ul>");
    }
    html.close();
}

fn scores(html: &mut Html, report: &Report) {
    html.open("Scores");
    if report.scores.is_empty() {
        html.element("p", "Nothing was scored, because no labels were given.");
    } else if report.scores.iter().any(|s| s.labels.is_some()) {
        html.element("p", LABELS_SENTENCE);
    }
    for group in &report.scores {
        match (&group.title, &group.labels) {
            (Some(title), _) => html.element("h3", title),
            (None, Some(labels)) => html.element("h3", &format!("Clusters against '{labels}'")),
            (None, None) => html.element("h3", "Without labels"),
        }
        let header = ["Score", "Value", "Meaning"].map(String::from).to_vec();
        let row = |s: &super::Score| vec![s.name.clone(), decimal(s.value, 3), s.meaning.clone()];
        html.table(&Table {
            header,
            rows: group.rows.iter().map(row).collect(),
        });
    }
    html.close();
}

fn draw_map(html: &mut Html, map: &Map) {
    html.open(&map.name);
    html.body.push_str("<div class=\"maps\">");
    for (title, colour) in &map.colours {
        html.figure(&pictures::map(map, title, colour, RASTER_FROM), "");
    }
    html.body.push_str("</div>");
    html.close();
}

fn losses(html: &mut Html, charts: &[LossChart]) {
    if charts.is_empty() {
        return;
    }
    html.open("Training");
    html.body.push_str("<div class=\"maps\">");
    for chart in charts {
        html.figure(&pictures::losses(chart), "");
    }
    html.body.push_str("</div>");
    html.close();
}

fn cluster_sizes(html: &mut Html, clusters: &Categories) {
    html.open("Cluster sizes");
    let caption = match clusters.missing() {
        0 => String::new(),
        n => format!("{n} cells belong to no cluster."),
    };
    html.figure(&pictures::sizes(clusters), &caption);
    html.close();
}

fn markers(html: &mut Html, section: &MarkerSection) {
    html.open(&format!("{} that mark the clusters", section.title));
    let stats = &section.stats;
    let top = section.top();
    html.element(
        "p",
        "Ranked by the standardised difference: the mean of the cluster less the mean of all other \
         cells, divided by the pooled standard deviation plus 0.1. Values are normalised and \
         logarithmic. The clusters were made from these cells, so this is a ranking, not a test.",
    );
    html.figure(
        &pictures::dots(section, &top),
        "Dot area: share of the cluster's cells with a value above zero. Colour: mean of the \
         cluster, from the lowest (0) to the highest (1) cluster mean of each feature.",
    );
    let header = ["Cluster", "Cells", "Top features"]
        .map(String::from)
        .to_vec();
    let row = |g: usize| {
        let names: Vec<&str> = top[g]
            .iter()
            .map(|m| section.features[m.feature].as_str())
            .collect();
        let names = if names.is_empty() {
            MISSING.to_owned()
        } else {
            names.join(", ")
        };
        vec![
            section.clusters[g].clone(),
            stats.n_cells(g).to_string(),
            names,
        ]
    };
    html.table(&Table {
        header,
        rows: (0..stats.n_groups()).map(row).collect(),
    });

    html.body
        .push_str("<details><summary>All numbers</summary>");
    let header = [
        "Cluster",
        "Feature",
        "Score",
        "Mean in",
        "Mean out",
        "Above 0 in",
        "Above 0 out",
    ];
    let mut rows = Vec::new();
    for (g, markers) in top.iter().enumerate() {
        for m in markers {
            rows.push(vec![
                section.clusters[g].clone(),
                section.features[m.feature].clone(),
                decimal(m.score, 2),
                decimal(m.mean_in, 2),
                decimal(m.mean_out, 2),
                percent(m.fraction_in),
                percent(m.fraction_out),
            ]);
        }
    }
    html.table(&Table {
        header: header.map(String::from).to_vec(),
        rows,
    });
    html.body.push_str("</details>");
    html.close();
}

fn settings(html: &mut Html, report: &Report) {
    html.open("Settings");
    if !report.settings.is_empty() {
        html.element("pre", &report.settings);
    }
    if !report.timings.is_empty() {
        html.element("h3", "Time");
        let rows: Vec<(String, String)> = report
            .timings
            .iter()
            .map(|(name, s)| (name.clone(), duration(*s)))
            .collect();
        html.pairs(&rows);
    }
    if !report.versions.is_empty() {
        html.element("h3", "Versions");
        html.pairs(&report.versions);
    }
    html.close();
}
