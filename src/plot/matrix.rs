//! Heat maps, and the frame that heat maps and dot plots share.

use super::axis::Axis;
use super::palette;
use super::svg::{AXIS, Anchor, SMALL, Svg, TITLE, Type, shorten, text_width};

/// How a heat map or dot plot looks.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixStyle {
    /// Title. Default empty.
    pub title: String,
    /// What the colours mean. Default `mean`.
    pub value_label: String,
    /// What the sizes of the dots mean. Default `% of cells`.
    pub size_label: String,
    /// Range of the colours; `None` for the range of the values. Default `None`.
    pub range: Option<(f64, f64)>,
    /// Size of a field in pixels. Default 19.
    pub field: f64,
    /// Columns that begin a group: a gap of a third of a field stands before each. Default none.
    pub breaks: Vec<usize>,
}

impl Default for MatrixStyle {
    fn default() -> Self {
        Self {
            title: String::new(),
            value_label: "mean".into(),
            size_label: "% of cells".into(),
            range: None,
            field: 19.0,
            breaks: Vec::new(),
        }
    }
}

/// Rows, columns and the colour scale of a matrix, drawn and measured.
pub(super) struct Frame {
    pub svg: Svg,
    left: f64,
    top: f64,
    field: f64,
    /// Left edges of the columns, and the right end.
    columns: Vec<f64>,
    n_rows: usize,
    range: (f64, f64),
}

impl Frame {
    /// Draws the names. `values` are row after row.
    pub fn new(rows: &[String], columns: &[String], values: &[f32], style: &MatrixStyle) -> Self {
        assert!(
            values.len() == rows.len() * columns.len(),
            "{} values for {} rows and {} columns",
            values.len(),
            rows.len(),
            columns.len()
        );
        let short =
            |names: &[String]| -> Vec<String> { names.iter().map(|n| shorten(n, 26)).collect() };
        let (rows, columns) = (short(rows), short(columns));
        let widest = |names: &[String]| {
            names
                .iter()
                .map(|n| text_width(n, SMALL))
                .fold(0.0, f64::max)
        };
        let (left, top) = (12.0 + widest(&rows) + 10.0, 36.0 + widest(&columns) + 8.0);
        let field = style.field;
        let mut edges = vec![left];
        for column in 0..columns.len() {
            let gap = if style.breaks.contains(&(column + 1)) {
                field / 3.0
            } else {
                0.0
            };
            edges.push(edges[column] + field + gap);
        }
        let mut svg = Svg::new();
        svg.text(
            (12.0, 22.0),
            &style.title,
            Type::new(TITLE, Anchor::Start).bold(),
        );
        for (i, name) in rows.iter().enumerate() {
            let y = top + (i as f64 + 0.5) * field + 4.0;
            svg.text((left - 8.0, y), name, Type::new(SMALL, Anchor::End));
        }
        for (name, edge) in columns.iter().zip(&edges) {
            let place = (edge + field / 2.0 + 4.0, top - 6.0);
            svg.text(place, name, Type::new(SMALL, Anchor::Start).turned(-90.0));
        }
        let range = style.range.unwrap_or_else(|| value_range(values));
        Self {
            svg,
            left,
            top,
            field,
            columns: edges,
            n_rows: rows.len(),
            range,
        }
    }

    /// Top left corner of a field.
    pub fn corner(&self, row: usize, column: usize) -> (f64, f64) {
        (self.columns[column], self.top + row as f64 * self.field)
    }

    /// The colour of a value; missing values are grey.
    pub fn colour(&self, v: f32) -> String {
        if v.is_nan() {
            return palette::MISSING.into();
        }
        palette::blues((f64::from(v) - self.range.0) / (self.range.1 - self.range.0))
    }

    /// Where a legend can start.
    pub fn legend_left(&self) -> f64 {
        self.columns.last().copied().unwrap_or(self.left) + 22.0
    }

    pub fn top(&self) -> f64 {
        self.top
    }

    /// Draws the colour scale, upright at the right; returns its right end and its bottom.
    pub fn colour_scale(&mut self, top: f64, label: &str) -> (f64, f64) {
        let (left, height, steps) = (self.legend_left(), 84.0, 24);
        self.svg
            .text((left, top + 4.0), label, Type::new(SMALL, Anchor::Start));
        let (top, bottom) = (top + 14.0, top + 14.0 + height);
        for i in 0..steps {
            let colour = palette::blues((i as f64 + 0.5) / steps as f64);
            let step = height / steps as f64;
            let y = bottom - (i + 1) as f64 * step;
            self.svg.rect((left, y), (13.0, step + 0.5), &colour);
        }
        let axis = Axis::covering(
            [self.range.0, self.range.1].into_iter(),
            false,
            (bottom, top),
        );
        for (v, text) in axis.ticks() {
            let y = axis.at(v);
            self.svg.line((left + 13.0, y), (left + 17.0, y), AXIS);
            let t = Type::new(SMALL, Anchor::Start).soft();
            self.svg.text((left + 21.0, y + 4.0), &text, t);
        }
        let width = text_width(label, SMALL).max(21.0 + axis.text_room());
        (left + width + 12.0, bottom + 8.0)
    }

    /// The document; `right` and `bottom` are the ends of the legend.
    pub fn finish(self, title: &str, right: f64, bottom: f64) -> String {
        let width = right.max(text_width(title, TITLE * 1.1) + 24.0);
        let height = (self.top + self.n_rows as f64 * self.field + 12.0).max(bottom);
        self.svg.finish(width, height, title)
    }
}

fn value_range(values: &[f32]) -> (f64, f64) {
    let finite = || {
        values
            .iter()
            .filter(|v| v.is_finite())
            .map(|&v| f64::from(v))
    };
    let (low, high) = (
        finite().fold(f64::INFINITY, f64::min),
        finite().fold(f64::NEG_INFINITY, f64::max),
    );
    match low.partial_cmp(&high) {
        Some(std::cmp::Ordering::Less) => (low, high),
        Some(std::cmp::Ordering::Equal) => (low - 0.5, high + 0.5),
        _ => (0.0, 1.0),
    }
}

/// A matrix of colours. `values` are row after row; NaN is grey.
///
/// # Panics
/// If there is not one value per row and column.
///
/// ```
/// use cellweave::plot::{MatrixStyle, heatmap};
/// let names = |n: &[&str]| n.iter().map(|s| s.to_string()).collect::<Vec<_>>();
/// let svg = heatmap(
///     &names(&["B", "T"]),
///     &names(&["CD19", "CD3"]),
///     &[2.0, 0.0, 0.1, 1.5],
///     &MatrixStyle::default(),
/// );
/// assert!(svg.contains("CD19"));
/// ```
pub fn heatmap(rows: &[String], columns: &[String], values: &[f32], style: &MatrixStyle) -> String {
    let mut frame = Frame::new(rows, columns, values, style);
    let size = (style.field - 1.0, style.field - 1.0);
    for (i, &v) in values.iter().enumerate() {
        let corner = frame.corner(i / columns.len(), i % columns.len());
        let colour = frame.colour(v);
        frame.svg.rect(corner, size, &colour);
    }
    let (right, bottom) = frame.colour_scale(frame.top(), &style.value_label);
    frame.finish(&style.title, right, bottom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(prefix: &str, n: usize) -> Vec<String> {
        (0..n).map(|i| format!("{prefix}{i}")).collect()
    }

    #[test]
    fn ends_of_the_range_have_the_end_colours() {
        let values = [0.0, 1.0, f32::NAN, 0.5];
        let svg = heatmap(
            &names("r", 2),
            &names("c", 2),
            &values,
            &MatrixStyle::default(),
        );
        for colour in [
            palette::blues(0.0),
            palette::blues(1.0),
            palette::MISSING.into(),
        ] {
            assert!(svg.contains(&colour), "{colour}");
        }
        crate::plot::to_png(&svg, 1.0).unwrap();
    }

    #[test]
    fn nothing_is_a_picture_too() {
        let svg = heatmap(&[], &[], &[], &MatrixStyle::default());
        crate::plot::to_png(&svg, 1.0).unwrap();
    }
}
