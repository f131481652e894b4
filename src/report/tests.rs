//! The page as a reader gets it.

use sc_io::{Csr, Dense};

use super::html::{decimal, duration, percent};
use super::*;

fn labels(n: usize, k: usize, prefix: &str) -> Categories {
    let all: Vec<_> = (0..n).map(|i| Some(format!("{prefix}{}", i % k))).collect();
    Categories::from_labels(&all)
}

fn points(n: usize) -> Vec<[f32; 2]> {
    let mut state = 7u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    (0..n).map(|_| [uniform(), uniform()]).collect()
}

fn full(n: usize, n_maps: usize) -> Report {
    let clusters = labels(n, 9, "");
    let values = (0..n * 20).map(|i| ((i / 20 % 9) == (i % 20)) as u8 as f32 * 2.0);
    let x = Matrix::Csr(Csr::from_dense(
        &Dense::new(n, 20, values.collect()).unwrap(),
    ));
    let features: Vec<String> = (0..20).map(|i| format!("gene <{i}>")).collect();
    let score = |value| Score {
        name: "ARI".into(),
        value,
        meaning: "0 to 1".into(),
    };
    let series = vec![Series {
        name: "total".into(),
        points: vec![(1.0, 5.0), (2.0, 3.0)],
        dashed: false,
    }];
    Report {
        title: "A & B".into(),
        command: "cellweave run \"a b.h5mu\" --x '<y>'".into(),
        input: vec![("Cells".into(), n.to_string())],
        notices: vec![Notice {
            level: Level::Warning,
            text: "few <cells>".into(),
        }],
        scores: vec![Scores {
            title: None,
            labels: Some("cell_type".into()),
            rows: vec![score(0.5)],
        }],
        maps: vec![Map {
            name: "UMAP".into(),
            points: points(n),
            colours: (0..n_maps)
                .map(|i| {
                    (
                        format!("label {i}"),
                        MapColour::Labels(labels(n, 9 + i, "type ")),
                    )
                })
                .collect(),
        }],
        losses: vec![LossChart {
            title: "stage 1".into(),
            series,
            log: false,
        }],
        markers: vec![MarkerSection::new("Genes", &x, &features, &clusters, 5)],
        clusters: Some(clusters),
        sections: vec![Section {
            title: "Imputed".into(),
            blocks: vec![Block::Text("x > y".into()), Block::Table(Table::default())],
        }],
        settings: "seed = 0\n".into(),
        versions: vec![("cellweave".into(), "0.1.0".into())],
        timings: vec![("train".into(), 75.2)],
    }
}

/// Checks that every element is closed in order, and gives the text outside tags.
fn text_of(page: &str) -> String {
    let mut open = Vec::new();
    let mut text = String::new();
    let mut rest = page
        .strip_prefix("<!doctype html>")
        .expect("a document type");
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        let end = rest[at..].find('>').expect("a tag ends") + at;
        let tag = &rest[at + 1..end];
        let name = tag.trim_matches('/').split(' ').next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closing {tag}");
        } else if !tag.ends_with('/') && name != "meta" {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?} stay open");
    text
}

#[test]
fn every_section_is_there_and_well_formed() {
    let page = full(90, 3).to_html();
    let text = text_of(&page);
    for part in [
        "What was read",
        "Labels were used for scoring only",
        "UMAP",
        "Training",
        "Cells per cluster",
        "Genes that mark the clusters",
        "few &lt;cells&gt;",
        "seed = 0",
        "1 min 15 s",
        "gene &lt;3&gt;",
        "x &gt; y",
    ] {
        assert!(text.contains(part), "{part}");
    }
    assert_eq!(page.matches("<svg").count(), 3 + 1 + 1 + 1);
    assert_eq!(page, full(90, 3).to_html());
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let page = full(90, 1).to_html();
    assert!(!page.contains("<script") && !page.contains("<link") && !page.contains("@import"));
    // The one address is the name of the SVG format.
    let addresses = page.matches("://").count();
    assert_eq!(
        addresses,
        page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count()
    );
}

#[test]
fn pictures_have_names_of_their_own() {
    let mut report = full(90, 2);
    report.maps[0].colours[1].0 = "label 0".into();
    let pictures = report.pictures();
    let names: Vec<&str> = pictures.iter().map(|p| p.0.as_str()).collect();
    let expected = [
        "umap_label_0",
        "umap_label_0_2",
        "loss_stage_1",
        "cluster_sizes",
        "markers_genes",
    ];
    assert_eq!(names, expected);
    for (_, svg) in &pictures {
        crate::plot::to_png(svg, 0.5).unwrap();
    }
}

#[test]
fn an_empty_report_says_so() {
    let text = text_of(&Report::default().to_html());
    assert!(text.contains("There were no warnings."));
    assert!(text.contains("Nothing was scored"));
    assert!(!text.contains("Labels were used"));
}

#[test]
fn seven_thousand_cells_stay_below_three_megabytes() {
    let size = full(7000, 12).to_html().len();
    assert!(size < 3_000_000, "{size} bytes");
}

#[test]
fn numbers_are_readable() {
    assert_eq!(
        [decimal(-0.0004, 2), decimal(-1.5, 1), decimal(f64::NAN, 2)],
        ["0.00", "\u{2212}1.5", "\u{2013}"]
    );
    assert_eq!(percent(0.456), "46 %");
    let times = [0.0123, 9.96, 59.99, 3725.0, f64::NAN].map(duration);
    assert_eq!(
        times,
        ["12 ms", "10.0 s", "1 min 00 s", "1 h 02 min", "\u{2013}"]
    );
}
