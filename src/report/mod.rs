//! One HTML page that shows what a run read, did and found.
//!
//! [`Report`] is plain data; [`Report::to_html`] turns it into one self-contained text: style and
//! pictures are inline, nothing is loaded from anywhere, there are no scripts. It opens from a
//! file, in light and dark, and prints.

mod html;
mod markers;
mod page;
pub(crate) mod parts;
mod pictures;

pub use markers::{GroupStats, Marker};

use std::fs;
use std::path::Path;

use sc_io::Matrix;

use crate::plot::{Categories, Series, to_png};
use crate::{Error, atomic};

/// Everything a report shows. Empty parts are left out, except those a reader would miss: scores
/// and warnings say so when there are none.
///
/// ```
/// use cellweave::report::Report;
/// let report = Report {
///     title: "PBMC".into(),
///     input: vec![("Cells".into(), "1,000".into())],
///     ..Report::default()
/// };
/// let page = report.to_html();
/// assert!(page.starts_with("<!doctype html>") && page.contains("What was read"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Title of the page.
    pub title: String,
    /// The command that made the run.
    pub command: String,
    /// What was read: name and value, in order.
    pub input: Vec<(String, String)>,
    /// Warnings and notices, in order.
    pub notices: Vec<Notice>,
    /// Scores, one group per label column or kind.
    pub scores: Vec<Scores>,
    /// Embeddings in two dimensions with what colours them.
    pub maps: Vec<Map>,
    /// Training curves.
    pub losses: Vec<LossChart>,
    /// The cluster of every cell.
    pub clusters: Option<Categories>,
    /// Top features per cluster, one per modality.
    pub markers: Vec<MarkerSection>,
    /// Anything else, shown before the settings.
    pub sections: Vec<Section>,
    /// All settings as text (TOML).
    pub settings: String,
    /// Versions: of what, and which.
    pub versions: Vec<(String, String)>,
    /// Seconds per step, in order.
    pub timings: Vec<(String, f64)>,
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The result may not be what the user wants.
    Warning,
    /// Good to know.
    Note,
}

/// A sentence for the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub level: Level,
    /// The sentence.
    pub text: String,
}

/// Scores of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Heading; one that names the labels if there is none.
    pub title: Option<String>,
    /// The label column that the clusters are compared with; `None` for scores without labels.
    pub labels: Option<String>,
    /// The scores.
    pub rows: Vec<Score>,
}

/// One number with its meaning.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Name of the metric.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Range and direction, for example `0 to 1, higher is better`.
    pub meaning: String,
}

/// A two-dimensional embedding, drawn once per colouring.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Name: `UMAP`. The axes are this name with 1 and 2.
    pub name: String,
    /// One point per cell.
    pub points: Vec<[f32; 2]>,
    /// Title and colours of each picture: clusters first, then each label column.
    pub colours: Vec<(String, MapColour)>,
}

/// What colours a map.
#[derive(Clone, Debug, PartialEq)]
pub enum MapColour {
    /// Labels.
    Labels(Categories),
    /// Numbers; NaN is missing.
    Values(Vec<f32>),
}

/// A chart of losses by epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LossChart {
    /// Title, for example the name of the stage.
    pub title: String,
    /// The losses.
    pub series: Vec<Series>,
    /// Whether the vertical axis is logarithmic.
    pub log: bool,
}

/// The features that mark the clusters, from one modality.
#[derive(Clone, Debug, PartialEq)]
pub struct MarkerSection {
    /// Title: `Genes`, `Proteins`.
    pub title: String,
    /// Names of all features.
    pub features: Vec<String>,
    /// Names of the clusters.
    pub clusters: Vec<String>,
    /// Sums per cluster and feature.
    pub stats: GroupStats,
    /// Features listed per cluster.
    pub n_top: usize,
}

impl MarkerSection {
    /// Measures every feature of `x` (cells x features, normalised and logarithmic).
    ///
    /// # Panics
    /// If names, cells and matrix do not fit together.
    pub fn new(
        title: impl Into<String>,
        x: &Matrix,
        features: &[String],
        clusters: &Categories,
        n_top: usize,
    ) -> Self {
        let (found, expected) = (features.len(), x.n_cols());
        assert!(found == expected, "{found} names for {expected} features");
        Self {
            title: title.into(),
            features: features.to_vec(),
            clusters: clusters.names.clone(),
            stats: GroupStats::new(x, &clusters.codes, clusters.names.len()),
            n_top,
        }
    }

    /// The best features of every cluster.
    fn top(&self) -> Vec<Vec<Marker>> {
        (0..self.stats.n_groups())
            .map(|g| self.stats.top(g, self.n_top))
            .collect()
    }
}

/// A free section.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Title.
    pub title: String,
    /// Contents in order.
    pub blocks: Vec<Block>,
}

/// A part of a free section.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// A picture with a caption.
    Figure {
        /// SVG made by [`crate::plot`]; it goes into the page as it is.
        svg: String,
        /// Caption; may be empty.
        caption: String,
    },
    /// A table.
    Table(Table),
}

/// A table of texts. Columns whose every cell is a number are set to the right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Column names.
    pub header: Vec<String>,
    /// Rows, each as long as the header.
    pub rows: Vec<Vec<String>>,
}

impl Report {
    /// The page. The same report gives the same bytes.
    pub fn to_html(&self) -> String {
        page::render(self)
    }

    /// Writes `report.html`, and its pictures as SVG and PNG into `pictures/`.
    ///
    /// # Errors
    /// The disk refuses, or a picture cannot be drawn.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        atomic::write(&folder.join("report.html"), self.to_html().as_bytes())?;
        let pictures = folder.join("pictures");
        fs::create_dir_all(&pictures).map_err(Error::io(&pictures))?;
        for (name, svg) in self.pictures() {
            atomic::write(&pictures.join(format!("{name}.svg")), svg.as_bytes())?;
            let png = to_png(&svg, 2.0).map_err(|e| Error::Picture(e.to_string()))?;
            atomic::write(&pictures.join(format!("{name}.png")), &png)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
