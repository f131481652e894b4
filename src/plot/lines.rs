//! Line charts.

use super::axis::Axis;
use super::palette;
use super::svg::{Anchor, LABEL, Svg, TITLE, Type, px, shorten, text_width};

/// One line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// Points in drawing order; a value that is not finite interrupts the line.
    pub points: Vec<(f64, f64)>,
    /// Dashed, for example for a validation loss. Default false.
    pub dashed: bool,
}

/// How a line chart looks.
#[derive(Clone, Debug, PartialEq)]
pub struct LineStyle {
    /// Title. Default empty.
    pub title: String,
    /// Name of the horizontal axis. Default `epoch`.
    pub x_label: String,
    /// Name of the vertical axis. Default `loss`.
    pub y_label: String,
    /// Whether the vertical axis is logarithmic; values that are not positive are left out.
    /// Default false.
    pub log_y: bool,
    /// Width and height of the plot area in pixels. Default 360 x 220.
    pub size: (f64, f64),
}

impl Default for LineStyle {
    fn default() -> Self {
        Self {
            title: String::new(),
            x_label: "epoch".into(),
            y_label: "loss".into(),
            log_y: false,
            size: (360.0, 220.0),
        }
    }
}

/// Lines with a legend at the right. Series keep their colour by position, as categories do.
///
/// ```
/// use cellweave::plot::{LineStyle, Series, lines};
/// let points = vec![(1.0, 9.0), (2.0, 4.0), (3.0, 2.5)];
/// let loss = Series { name: "total".into(), points, dashed: false };
/// assert!(lines(&[loss], &LineStyle::default()).contains("epoch"));
/// ```
pub fn lines(series: &[Series], style: &LineStyle) -> String {
    let (width, height) = style.size;
    let (top, bottom) = (36.0, 36.0 + height);
    let all = || series.iter().flat_map(|s| &s.points).copied();
    let y = Axis::covering(all().map(|p| p.1), style.log_y, (bottom, top)).rounded();
    let left = y.text_room() + 38.0;
    let right = left + width;
    let x = Axis::covering(all().map(|p| p.0), false, (left, right));

    let mut svg = Svg::new();
    svg.text(
        (12.0, 22.0),
        &style.title,
        Type::new(TITLE, Anchor::Start).bold(),
    );
    y.draw_left(&mut svg, (left, right), &style.y_label);
    x.draw_bottom(&mut svg, bottom, &style.x_label);

    let mut total = right + 16.0;
    for (i, s) in series.iter().enumerate() {
        let colour = palette::category(i);
        let dash = if s.dashed {
            r#" stroke-dasharray="5 3""#
        } else {
            ""
        };
        let shown =
            |p: &(f64, f64)| p.0.is_finite() && p.1.is_finite() && (!style.log_y || p.1 > 0.0);
        for run in s.points.split(|p| !shown(p)).filter(|run| !run.is_empty()) {
            if let [point] = run {
                svg.circle((x.at(point.0), y.at(point.1)), 2.5, colour);
                continue;
            }
            svg.push(format_args!(
                r#"<path fill="none" stroke="{colour}" stroke-width="1.6" stroke-linejoin="round"{dash} d=""#
            ));
            for (k, p) in run.iter().enumerate() {
                let verb = if k == 0 { "M" } else { "L" };
                svg.push(format_args!("{verb}{} {}", px(x.at(p.0)), px(y.at(p.1))));
            }
            svg.push(format_args!(r#""/>"#));
        }
        let (row, name) = (top + 8.0 + i as f64 * 18.0, shorten(&s.name, 30));
        svg.push(format_args!(
            r#"<path stroke="{colour}" stroke-width="2"{dash} d="M{} {}h20"/>"#,
            px(right + 14.0),
            px(row)
        ));
        svg.text(
            (right + 40.0, row + 4.0),
            &name,
            Type::new(LABEL, Anchor::Start),
        );
        total = total.max(right + 40.0 + text_width(&name, LABEL) + 12.0);
    }
    let total = total.max(text_width(&style.title, TITLE * 1.1) + 24.0);
    let legend = top + 8.0 + series.len() as f64 * 18.0;
    svg.finish(total, (bottom + 46.0).max(legend), &style.title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_interrupt_the_line() {
        let points = vec![
            (0.0, 1.0),
            (1.0, 2.0),
            (2.0, f64::NAN),
            (3.0, 1.0),
            (4.0, 3.0),
        ];
        let s = Series {
            name: "a".into(),
            points,
            dashed: true,
        };
        let svg = lines(&[s], &LineStyle::default());
        // Two runs and the sample in the legend.
        assert_eq!(svg.matches("stroke-dasharray").count(), 3);
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn log_axis_leaves_out_what_has_no_logarithm() {
        let points = vec![(0.0, 0.0), (1.0, 1.0), (2.0, 1000.0)];
        let s = Series {
            name: "a".into(),
            points,
            dashed: false,
        };
        let svg = lines(
            &[s],
            &LineStyle {
                log_y: true,
                ..LineStyle::default()
            },
        );
        assert!(svg.contains(">1000<") && !svg.contains("inf") && !svg.contains("NaN"));
        crate::plot::to_png(&svg, 1.0).unwrap();
    }

    #[test]
    fn nothing_is_a_picture_too() {
        crate::plot::to_png(&lines(&[], &LineStyle::default()), 1.0).unwrap();
    }
}
