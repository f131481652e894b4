//! The report.

use std::path::Path;

use fusion_core::ModelGraph;
use sc_io::{Dense, Matrix};
use train::History;

use super::{ClusteringConfig, ClusteringSummary, Expression};
use crate::Error;
use crate::report::{Level, Map, MapColour, MarkerSection, Notice, Report, parts};

/// Markers that are listed per cluster.
const N_TOP: usize = 5;

/// Everything that the report shows.
pub(super) struct Findings<'a> {
    pub expression: &'a Expression,
    pub clusters: &'a [usize],
    pub confidence: &'a [f32],
    pub umap: Option<&'a Dense>,
    pub history: &'a History,
    pub summary: &'a ClusteringSummary,
    pub config: &'a ClusteringConfig,
    pub command: &'a str,
    pub labels: &'a [(String, Vec<Option<String>>)],
    pub model: &'a ModelGraph,
}

/// Writes `report.html` and `pictures/`.
pub(super) fn write(folder: &Path, f: &Findings<'_>) -> Result<(), Error> {
    let s = f.summary;
    let clusters = parts::categories(f.clusters);
    let cells = &f.expression.cells;
    let map = |umap| -> Map {
        let mut map = parts::map(umap, &clusters, f.labels, &[&cells.obs]);
        let confidence = MapColour::Values(f.confidence.to_vec());
        map.colours.insert(1, ("Confidence".to_owned(), confidence));
        map
    };
    let how = if s.estimated { "estimated" } else { "given" };
    let markers = MarkerSection::new(
        "Genes",
        &Matrix::Csr(f.expression.logged.clone()),
        cells.var.index(),
        &clusters,
        N_TOP,
    );
    Report {
        title: "Clusters of cells".to_owned(),
        command: f.command.to_owned(),
        input: vec![
            ("File".to_owned(), s.input.clone()),
            ("Format".to_owned(), s.format.clone()),
            ("Cells".to_owned(), s.n_cells.to_string()),
            ("Genes used".to_owned(), s.n_genes_used.to_string()),
            ("Clusters".to_owned(), format!("{} ({how})", s.n_clusters)),
            ("Outcome".to_owned(), s.outcome.clone()),
            (
                "Seed, device".to_owned(),
                format!("{}, {}", s.seed, s.device),
            ),
        ],
        notices: s
            .notices
            .iter()
            .map(|text| Notice {
                level: Level::Note,
                text: text.clone(),
            })
            .collect(),
        scores: parts::scores(&s.scores),
        maps: f.umap.map(map).into_iter().collect(),
        losses: parts::losses(f.history),
        markers: vec![markers],
        clusters: Some(clusters),
        sections: vec![parts::model(f.model)],
        settings: f.config.to_toml()?,
        versions: vec![
            ("cellweave".to_owned(), s.version.clone()),
            ("burn".to_owned(), crate::fuse::BURN_VERSION.to_owned()),
        ],
        timings: s.seconds.iter().map(|(k, v)| (k.clone(), *v)).collect(),
    }
    .write(folder)
}
