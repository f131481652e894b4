//! Dot plots: two numbers per row and column.

use super::matrix::{Frame, MatrixStyle};
use super::svg::{Anchor, SMALL, Type, text_width};

/// A matrix of dots: the area grows with `sizes` (shares in 0..=1, clamped), the colour with
/// `values`. Both are row after row; a NaN value is grey, a NaN size has no dot.
///
/// # Panics
/// If there is not one size and one value per row and column.
pub fn dotplot(
    rows: &[String],
    columns: &[String],
    sizes: &[f32],
    values: &[f32],
    style: &MatrixStyle,
) -> String {
    assert!(
        sizes.len() == values.len(),
        "{} sizes for {} values",
        sizes.len(),
        values.len()
    );
    let mut frame = Frame::new(rows, columns, values, style);
    let half = style.field / 2.0;
    let radius = |share: f64| (half - 1.0) * share.clamp(0.0, 1.0).sqrt();
    for (i, (&size, &v)) in sizes.iter().zip(values).enumerate() {
        let r = radius(f64::from(size));
        // Dots that nobody sees are left out.
        if r >= 0.3 {
            let (x, y) = frame.corner(i / columns.len(), i % columns.len());
            let colour = frame.colour(v);
            frame.svg.circle((x + half, y + half), r, &colour);
        }
    }
    let left = frame.legend_left();
    let (right, bottom) = frame.colour_scale(frame.top(), &style.value_label);
    let top = bottom + 14.0;
    frame.svg.text(
        (left, top),
        &style.size_label,
        Type::new(SMALL, Anchor::Start),
    );
    let mut y = top + 4.0;
    for percent in [25, 50, 75, 100] {
        let r = radius(f64::from(percent) / 100.0);
        y += half + 6.0;
        frame.svg.circle((left + half, y), r, "#8a8a8a");
        let place = (left + style.field + 8.0, y + 4.0);
        frame.svg.text(
            place,
            &percent.to_string(),
            Type::new(SMALL, Anchor::Start).soft(),
        );
        y += half - 3.0;
    }
    let right = right.max(left + text_width(&style.size_label, SMALL) + 12.0);
    frame.finish(&style.title, right, y + 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn area_grows_with_the_share() {
        let rows = vec!["cluster".to_string()];
        let columns: Vec<String> = (0..3).map(|i| i.to_string()).collect();
        let svg = dotplot(
            &rows,
            &columns,
            &[0.25, 1.0, f32::NAN],
            &[0.0, 1.0, 2.0],
            &MatrixStyle {
                field: 22.0,
                ..MatrixStyle::default()
            },
        );
        let radii: Vec<&str> = svg
            .split("<circle")
            .skip(1)
            .filter_map(|c| c.split(" r=\"").nth(1)?.split('"').next())
            .collect();
        // Two dots (half the radius for a quarter of the area) and four in the legend.
        assert_eq!(radii.len(), 6);
        assert_eq!(radii[..2], ["5", "10"]);
        crate::plot::to_png(&svg, 1.0).unwrap();
    }
}
