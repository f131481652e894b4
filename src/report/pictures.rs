//! The pictures of a report.

use super::{LossChart, Map, MapColour, Marker, MarkerSection, Report};
use crate::plot::{
    Bar, BarStyle, Categories, Colour, LineStyle, MatrixStyle, ScatterStyle, bars, dotplot, lines,
    scatter,
};

impl Report {
    /// The pictures as files: name (letters, digits and `_`, unique, without an ending) and SVG
    /// text, drawn with vectors alone, so that [`crate::plot::to_png`] takes them.
    pub fn pictures(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        let mut add = |name: String, svg: String| {
            let name: String = name
                .chars()
                .map(|c| {
                    if c.is_ascii_alphanumeric() {
                        c.to_ascii_lowercase()
                    } else {
                        '_'
                    }
                })
                .collect();
            let taken = |name: &str| all.iter().any(|(n, _)| n == name);
            let free = (2..).map(|i| format!("{name}_{i}")).find(|n| !taken(n));
            let name = if taken(&name) {
                free.unwrap_or(name)
            } else {
                name
            };
            all.push((name, svg));
        };
        for m in &self.maps {
            for (title, colour) in &m.colours {
                add(
                    format!("{}_{title}", m.name),
                    map(m, title, colour, usize::MAX),
                );
            }
        }
        for chart in &self.losses {
            add(format!("loss_{}", chart.title), losses(chart));
        }
        if let Some(clusters) = &self.clusters {
            add("cluster_sizes".into(), sizes(clusters));
        }
        for section in &self.markers {
            add(
                format!("markers_{}", section.title),
                dots(section, &section.top()),
            );
        }
        all
    }
}

/// One map in one colouring; from `raster_from` cells on its points are a PNG.
pub(super) fn map(map: &Map, title: &str, colour: &MapColour, raster_from: usize) -> String {
    let style = ScatterStyle {
        title: title.to_owned(),
        axes: [format!("{} 1", map.name), format!("{} 2", map.name)],
        raster_from,
        ..ScatterStyle::default()
    };
    let colour = match colour {
        MapColour::Labels(categories) => Colour::Categories(categories),
        MapColour::Values(values) => Colour::Values {
            values,
            name: title,
        },
    };
    scatter(&map.points, colour, &style)
}

pub(super) fn losses(chart: &LossChart) -> String {
    let style = LineStyle {
        title: chart.title.clone(),
        log_y: chart.log,
        ..LineStyle::default()
    };
    lines(&chart.series, &style)
}

pub(super) fn sizes(clusters: &Categories) -> String {
    let sizes = clusters.names.iter().zip(clusters.sizes());
    let all: Vec<Bar> = sizes.map(|(name, n)| Bar::new(name, n as f64)).collect();
    bars(
        &all,
        &BarStyle {
            title: "Cells per cluster".into(),
            ..BarStyle::default()
        },
    )
}

/// Clusters as rows, the best features of each cluster as columns, each feature once.
pub(super) fn dots(section: &MarkerSection, top: &[Vec<Marker>]) -> String {
    let per_cluster = match top.len() {
        0..=12 => 3,
        13..=20 => 2,
        _ => 1,
    };
    let mut columns: Vec<usize> = Vec::new();
    let mut breaks = Vec::new();
    for markers in top {
        if !columns.is_empty() {
            breaks.push(columns.len());
        }
        for m in markers.iter().take(per_cluster) {
            if !columns.contains(&m.feature) {
                columns.push(m.feature);
            }
        }
    }
    let n = top.len();
    let mut sizes = vec![0.0; n * columns.len()];
    let mut values = vec![0.0; n * columns.len()];
    for (c, &feature) in columns.iter().enumerate() {
        let all: Vec<_> = (0..n).map(|g| section.stats.marker(g, feature)).collect();
        let low = all.iter().map(|m| m.mean_in).fold(f64::INFINITY, f64::min);
        let high = all
            .iter()
            .map(|m| m.mean_in)
            .fold(f64::NEG_INFINITY, f64::max);
        for (g, m) in all.iter().enumerate() {
            sizes[g * columns.len() + c] = m.fraction_in as f32;
            let span = (high - low).max(f64::MIN_POSITIVE);
            values[g * columns.len() + c] = ((m.mean_in - low) / span) as f32;
        }
    }
    let names: Vec<String> = columns
        .iter()
        .map(|&f| section.features[f].clone())
        .collect();
    let style = MatrixStyle {
        title: section.title.clone(),
        value_label: "scaled mean".into(),
        range: Some((0.0, 1.0)),
        breaks,
        ..MatrixStyle::default()
    };
    dotplot(&section.clusters, &names, &sizes, &values, &style)
}
