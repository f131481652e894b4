//! Scatter plots of many cells.

use super::axis::{Axis, group_thousands};
use super::labels::draw_labels;
use super::points::{LEFT, TOP, draw_points, place};
use super::svg::{AXIS, Anchor, LABEL, SMALL, Svg, TITLE, Type, shorten, text_width};
use super::{Categories, palette};

/// What colours the points.
#[derive(Clone, Copy, Debug)]
pub enum Colour<'a> {
    /// A label per point.
    Categories(&'a Categories),
    /// A number per point, from dark to bright; NaN is missing. The scale spans the 1st to the
    /// 99th percentile, values beyond it take the colour of its end.
    Values {
        /// One per point.
        values: &'a [f32],
        /// What the numbers are; stands at the scale.
        name: &'a str,
    },
}

/// How a scatter plot looks.
#[derive(Clone, Debug, PartialEq)]
pub struct ScatterStyle {
    /// Title. Default empty.
    pub title: String,
    /// Names of the two axes; they carry no ticks, because the units of an embedding mean
    /// nothing. Default `UMAP 1`, `UMAP 2`.
    pub axes: [String; 2],
    /// Side of the plot area in pixels. Default 360.
    pub side: f64,
    /// Whether each category is named at the median of its points. Default true.
    pub labels: bool,
    /// Seed of the order in which points are drawn. Default 0.
    pub seed: u64,
    /// From so many points on the points are an embedded PNG, while text stays text; such a
    /// picture is for pages, [`to_png`](super::to_png) refuses it. Default never. A point of the vector form takes about nine bytes; the PNG grows with the
    /// area that the points cover, not with their number.
    pub raster_from: usize,
}

impl Default for ScatterStyle {
    fn default() -> Self {
        Self {
            title: String::new(),
            axes: ["UMAP 1".into(), "UMAP 2".into()],
            side: 360.0,
            labels: true,
            seed: 0,
            raster_from: usize::MAX,
        }
    }
}

/// Room under the points for the axis names.
const BOTTOM: f64 = 26.0;
const LEGEND_ROW: f64 = 18.0;
/// Colours of a continuous scale.
const SHADES: usize = 32;

/// Points coloured by label or by value, with a legend. Points with a coordinate that is not
/// finite are left out; both axes have the same scale.
///
/// Points without a label are grey and lie below all others. The others are drawn in 16 rounds,
/// each a random part of the points with the categories in random order, so that no category
/// hides another.
///
/// # Panics
/// If there is not exactly one label or value per point.
///
/// ```
/// use cellweave::plot::{Categories, Colour, ScatterStyle, scatter};
/// let labels = Categories::from_labels(&[Some("B".into()), Some("T".into()), None]);
/// let points = [[0.0, 1.0], [2.0, 0.5], [1.0, 1.0]];
/// let svg = scatter(&points, Colour::Categories(&labels), &ScatterStyle::default());
/// assert!(svg.starts_with("<svg") && svg.contains("missing"));
/// ```
pub fn scatter(points: &[[f32; 2]], colour: Colour, style: &ScatterStyle) -> String {
    let coloured = match colour {
        Colour::Categories(c) => c.codes.len(),
        Colour::Values { values, .. } => values.len(),
    };
    assert!(
        coloured == points.len(),
        "{coloured} labels or values for {} points",
        points.len()
    );

    let placed = place(points, style.side);
    let mut svg = Svg::new();
    svg.text(
        (12.0, 22.0),
        &style.title,
        Type::new(TITLE, Anchor::Start).bold(),
    );
    let legend_left = LEFT + style.side + 18.0;
    let width = match colour {
        Colour::Categories(c) => {
            let colours: Vec<String> = (0..c.names.len())
                .map(|i| palette::category(i).to_owned())
                .collect();
            draw_points(&mut svg, &placed, &c.codes, &colours, style);
            draw_corner(&mut svg, style);
            if style.labels {
                draw_labels(&mut svg, &placed, c, style.side);
            }
            draw_legend(&mut svg, c, legend_left, style.side)
        }
        Colour::Values { values, name } => {
            let (low, high) = central_range(values);
            let shade = |v: f32| {
                let share = (f64::from(v) - low) / (high - low);
                v.is_finite()
                    .then(|| (share.clamp(0.0, 1.0) * (SHADES - 1) as f64).round())
            };
            let codes: Vec<Option<usize>> = values
                .iter()
                .map(|&v| shade(v).map(|s| s as usize))
                .collect();
            let colours: Vec<String> = (0..SHADES)
                .map(|i| palette::viridis(i as f64 / (SHADES - 1) as f64))
                .collect();
            draw_points(&mut svg, &placed, &codes, &colours, style);
            draw_corner(&mut svg, style);
            draw_scale(&mut svg, (low, high), name, (legend_left, style.side))
        }
    };
    let width = width.max(text_width(&style.title, TITLE * 1.1) + 24.0);
    svg.finish(width, TOP + style.side + BOTTOM, &style.title)
}

/// Two short axes in the lower left corner.
fn draw_corner(svg: &mut Svg, style: &ScatterStyle) {
    let (x, y) = (LEFT - 4.0, TOP + style.side + 4.0);
    svg.line((x, y), (x + 56.0, y), AXIS);
    svg.line((x, y), (x, y - 56.0), AXIS);
    let t = Type::new(SMALL, Anchor::Start).soft();
    svg.text((x, y + 14.0), &style.axes[0], t);
    svg.text((x - 6.0, y), &style.axes[1], t.turned(-90.0));
}

/// The categories with their sizes; returns the width of the picture.
fn draw_legend(svg: &mut Svg, c: &Categories, left: f64, side: f64) -> f64 {
    let sizes = c.sizes();
    let mut entries: Vec<(String, usize, &str)> = (c.names.iter().zip(sizes).enumerate())
        .map(|(i, (name, size))| (shorten(name, 30), size, palette::category(i)))
        .collect();
    if c.missing() > 0 {
        entries.push(("missing".into(), c.missing(), palette::MISSING));
    }
    let per_column = ((side / LEGEND_ROW) as usize).max(1);
    let mut left = left;
    for column in entries.chunks(per_column) {
        let mut widest: f64 = 0.0;
        for (row, (name, size, colour)) in column.iter().enumerate() {
            let y = TOP + 10.0 + row as f64 * LEGEND_ROW;
            svg.circle((left + 5.0, y), 5.0, colour);
            let size = group_thousands(&size.to_string());
            svg.noted((left + 16.0, y + 4.0), name, &size);
            let after = left + 22.0 + text_width(name, LABEL);
            widest = widest.max(after + text_width(&size, SMALL) - left);
        }
        left += widest + 18.0;
    }
    left
}

/// A colour scale with ticks; returns the width of the picture.
fn draw_scale(svg: &mut Svg, range: (f64, f64), name: &str, (left, side): (f64, f64)) -> f64 {
    let height = (side * 0.45).min(160.0);
    let (top, bottom) = (TOP + 22.0, TOP + 22.0 + height);
    let name = shorten(name, 30);
    svg.text((left, TOP + 10.0), &name, Type::new(LABEL, Anchor::Start));
    let step = height / SHADES as f64;
    for i in 0..SHADES {
        let colour = palette::viridis(i as f64 / (SHADES - 1) as f64);
        // A little taller than its step, so that no seam shows.
        svg.rect(
            (left, bottom - (i + 1) as f64 * step),
            (14.0, step + 0.5),
            &colour,
        );
    }
    let axis = Axis::covering([range.0, range.1].into_iter(), false, (bottom, top));
    for (v, text) in axis.ticks() {
        let y = axis.at(v);
        svg.line((left + 14.0, y), (left + 18.0, y), AXIS);
        svg.text(
            (left + 22.0, y + 4.0),
            &text,
            Type::new(SMALL, Anchor::Start).soft(),
        );
    }
    left + text_width(&name, LABEL).max(22.0 + axis.text_room()) + 18.0
}

/// The 1st and the 99th percentile of the finite values, made different.
fn central_range(values: &[f32]) -> (f64, f64) {
    let mut v: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if v.is_empty() {
        return (0.0, 1.0);
    }
    v.sort_unstable_by(f32::total_cmp);
    let last = v.len() - 1;
    let at = |share: f64| f64::from(v[(share * last as f64).round() as usize]);
    let (mut low, mut high) = (at(0.01), at(0.99));
    if low == high {
        (low, high) = (f64::from(v[0]), f64::from(v[last]));
    }
    if low == high {
        (low - 0.5, high + 0.5)
    } else {
        (low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::points::hash;

    fn cloud(n: usize) -> Vec<[f32; 2]> {
        (0..n)
            .map(|i| {
                let u = |k| (hash(k, i as u64) >> 40) as f32 / (1u64 << 24) as f32;
                [10.0 * u(1), 5.0 * u(2)]
            })
            .collect()
    }

    fn categories(n: usize, k: usize) -> Categories {
        let labels: Vec<_> = (0..n)
            .map(|i| (i % 50 != 0).then(|| (i % k).to_string()))
            .collect();
        Categories::from_labels(&labels)
    }

    #[test]
    fn every_finite_point_is_drawn_once() {
        let mut points = cloud(500);
        points[3][0] = f32::NAN;
        points[4][1] = f32::INFINITY;
        let c = categories(500, 7);
        let svg = scatter(&points, Colour::Categories(&c), &ScatterStyle::default());
        assert_eq!(svg.matches("h0").count(), 498);
        let values: Vec<f32> = points.iter().map(|p| p[0]).collect();
        let colour = Colour::Values {
            values: &values,
            name: "depth",
        };
        let svg = scatter(&points, colour, &ScatterStyle::default());
        assert_eq!(svg.matches("h0").count(), 498);
    }

    #[test]
    fn many_points_stay_small() {
        let (points, c) = (cloud(7000), categories(7000, 12));
        let svg = scatter(&points, Colour::Categories(&c), &ScatterStyle::default());
        assert!(svg.len() < 100_000, "{} bytes", svg.len());
        let points = cloud(30_000);
        let c = categories(30_000, 12);
        let style = ScatterStyle {
            raster_from: 20_000,
            ..ScatterStyle::default()
        };
        let svg = scatter(&points, Colour::Categories(&c), &style);
        assert!(svg.contains("data:image/png") && !svg.contains("<path"));
    }

    #[test]
    fn no_category_hides_another() {
        // Two categories on the same spots: the drawing order must not favour either.
        let labels: Vec<_> = (0..4000).map(|i| Some((i % 2).to_string())).collect();
        let c = Categories::from_labels(&labels);
        let points: Vec<[f32; 2]> = cloud(2000).into_iter().flat_map(|p| [p, p]).collect();
        let svg = scatter(&points, Colour::Categories(&c), &ScatterStyle::default());
        let order: Vec<usize> = svg
            .split("<path stroke=\"")
            .skip(1)
            .map(|part| usize::from(part.starts_with(palette::category(1))))
            .collect();
        assert_eq!(order.len(), 32);
        let last_of_round = order.iter().skip(1).step_by(2).sum::<usize>();
        assert!((3..=13).contains(&last_of_round), "{last_of_round} of 16");
    }

    #[test]
    fn names_stand_where_their_category_is_at_home() {
        let mut points = vec![[0.0, 0.0]; 20];
        points.extend(vec![[9.0, 9.0]; 20]);
        let named = |name: &dyn Fn(usize) -> &'static str| {
            let labels: Vec<_> = (0..40).map(|i| Some(name(i).to_string())).collect();
            let c = Categories::from_labels(&labels);
            let svg = scatter(&points, Colour::Categories(&c), &ScatterStyle::default());
            svg.matches("paint-order").count()
        };
        assert_eq!(named(&|i| if i < 20 { "a" } else { "b" }), 2);
        // Three categories that share both places.
        assert_eq!(named(&|i| ["a", "b", "c"][i % 3]), 0);
    }

    #[test]
    fn names_are_escaped_and_bytes_repeat() {
        let c = Categories::from_labels(&[Some("<T&B>".into()), Some("é".into())]);
        let style = ScatterStyle {
            title: "a \"b\" <c>".into(),
            ..Default::default()
        };
        let draw = || scatter(&[[0.0, 0.0], [1.0, 1.0]], Colour::Categories(&c), &style);
        assert_eq!(draw(), draw());
        assert!(draw().contains("&lt;T&amp;B&gt;"));
        crate::plot::to_png(&draw(), 1.0).unwrap();
    }

    #[test]
    fn extremes_are_drawn() {
        let none = scatter(
            &[],
            Colour::Categories(&Categories::default()),
            &Default::default(),
        );
        crate::plot::to_png(&none, 1.0).unwrap();
        let values = [f32::NAN, 2.0];
        let colour = Colour::Values {
            values: &values,
            name: "x",
        };
        let svg = scatter(&[[1.0, 1.0], [1.0, 1.0]], colour, &Default::default());
        crate::plot::to_png(&svg, 1.0).unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
