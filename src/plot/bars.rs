//! Bar charts.

use super::axis::{Axis, group_thousands};
use super::palette;
use super::svg::{AXIS, Anchor, LABEL, SMALL, Svg, TITLE, Type, shorten, text_width};

/// One bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// Name at the left.
    pub label: String,
    /// Length, not negative.
    pub value: f64,
    /// `#rrggbb`; `None` takes the colour of the category at its position.
    pub colour: Option<String>,
}

impl Bar {
    /// A bar with the colour of its position.
    pub fn new(label: impl Into<String>, value: f64) -> Self {
        Self {
            label: label.into(),
            value,
            colour: None,
        }
    }
}

/// How a bar chart looks.
#[derive(Clone, Debug, PartialEq)]
pub struct BarStyle {
    /// Title. Default empty.
    pub title: String,
    /// Name of the axis. Default `cells`.
    pub axis: String,
    /// Length of the axis in pixels. Default 320.
    pub width: f64,
}

impl Default for BarStyle {
    fn default() -> Self {
        Self {
            title: String::new(),
            axis: "cells".into(),
            width: 320.0,
        }
    }
}

/// Horizontal bars from the top, each with its value at the end. A value that is negative or not
/// finite has no bar.
pub fn bars(bars: &[Bar], style: &BarStyle) -> String {
    const ROW: f64 = 21.0;
    let (top, bottom) = (38.0, 38.0 + ROW * bars.len() as f64 + 4.0);
    let names: Vec<String> = bars.iter().map(|b| shorten(&b.label, 32)).collect();
    let room = names
        .iter()
        .map(|n| text_width(n, LABEL))
        .fold(0.0, f64::max);
    let left = 12.0 + room + 8.0;
    let values = || bars.iter().map(|b| b.value);
    let axis = Axis::covering(values().chain([0.0]), false, (left, left + style.width)).rounded();

    let mut svg = Svg::new();
    svg.text(
        (12.0, 22.0),
        &style.title,
        Type::new(TITLE, Anchor::Start).bold(),
    );
    let mut total = left + style.width + 20.0;
    for (i, (bar, name)) in bars.iter().zip(&names).enumerate() {
        let y = top + i as f64 * ROW;
        svg.text((left - 8.0, y + 14.0), name, Type::new(LABEL, Anchor::End));
        if !(bar.value >= 0.0 && bar.value.is_finite()) {
            continue;
        }
        let end = axis.at(bar.value);
        let colour = bar.colour.as_deref().unwrap_or(palette::category(i));
        svg.rect(
            (left, y + 2.0),
            (end - left, ROW - 5.0),
            &super::escape(colour),
        );
        let text = number(bar.value);
        svg.text(
            (end + 5.0, y + 14.0),
            &text,
            Type::new(SMALL, Anchor::Start).soft(),
        );
        total = total.max(end + 5.0 + text_width(&text, SMALL) + 12.0);
    }
    svg.line((left, top - 2.0), (left, bottom), AXIS);
    axis.draw_bottom(&mut svg, bottom, &style.axis);
    let total = total.max(text_width(&style.title, TITLE * 1.1) + 24.0);
    svg.finish(total, bottom + 46.0, &style.title)
}

/// A whole number with commas, or three significant digits.
fn number(v: f64) -> String {
    if v.fract() == 0.0 && v < 1e15 {
        return group_thousands(&format!("{v:.0}"));
    }
    let decimals = (2.0 - v.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{v:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_values() {
        let svg = bars(
            &[Bar::new("a", 50.0), Bar::new("b", 100.0)],
            &BarStyle::default(),
        );
        let widths: Vec<f64> = svg
            .split("<rect x=")
            .skip(1)
            .map(|r| {
                r.split("width=\"")
                    .nth(1)
                    .unwrap()
                    .split('"')
                    .next()
                    .unwrap()
            })
            .map(|w| w.parse().unwrap())
            .collect();
        assert_eq!(widths, [160.0, 320.0]);
    }

    #[test]
    fn values_are_readable() {
        assert_eq!(number(12345.0), "12,345");
        assert_eq!(number(0.123456), "0.123");
        assert_eq!(number(45.678), "45.7");
    }

    #[test]
    fn odd_values_have_no_bar() {
        let odd = [
            Bar::new("nan", f64::NAN),
            Bar::new("negative", -3.0),
            Bar::new("<b>", 0.0),
        ];
        let svg = bars(&odd, &BarStyle::default());
        assert!(!svg.contains("NaN") && svg.contains("&lt;b&gt;"));
        crate::plot::to_png(&svg, 1.0).unwrap();
        crate::plot::to_png(&bars(&[], &BarStyle::default()), 1.0).unwrap();
    }
}
