//! The points of a scatter plot: where they stand and in which order they are drawn.

use super::scatter::ScatterStyle;
use super::svg::{Svg, px};
use super::{data_uri, palette, to_png};

/// Left and upper edge of the plot area.
pub(super) const LEFT: f64 = 24.0;
pub(super) const TOP: f64 = 36.0;
/// The points are drawn in so many rounds; a category hides another in half of them at most.
const ROUNDS: u64 = 16;
/// Coordinates of points are whole multiples of a pixel divided by this.
const GRID: f64 = 4.0;

/// Pixels of every point, `None` where a coordinate is not finite.
pub(super) fn place(points: &[[f32; 2]], side: f64) -> Vec<Option<(f64, f64)>> {
    let finite = |p: &&[f32; 2]| p.iter().all(|v| v.is_finite());
    let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    for p in points.iter().filter(finite) {
        for k in 0..2 {
            low[k] = low[k].min(f64::from(p[k]));
            high[k] = high[k].max(f64::from(p[k]));
        }
    }
    // A margin so that the outermost points are whole.
    let margin = 6.0;
    let span = (high[0] - low[0]).max(high[1] - low[1]);
    let scale = if span > 0.0 {
        (side - 2.0 * margin) / span
    } else {
        0.0
    };
    let middle = [0, 1].map(|k| (low[k] + high[k]) / 2.0);
    let pixel = |p: &[f32; 2]| {
        let x = LEFT + side / 2.0 + (f64::from(p[0]) - middle[0]) * scale;
        let y = TOP + side / 2.0 - (f64::from(p[1]) - middle[1]) * scale;
        (x, y)
    };
    points
        .iter()
        .map(|p| finite(&p).then(|| pixel(p)))
        .collect()
}

/// A well-mixed 64-bit hash (SplitMix64).
pub(super) fn hash(seed: u64, i: u64) -> u64 {
    let mut z = seed.wrapping_add(i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Draws the points as paths or, if they are very many, as an embedded PNG.
pub(super) fn draw_points(
    svg: &mut Svg,
    placed: &[Option<(f64, f64)>],
    codes: &[Option<usize>],
    colours: &[String],
    style: &ScatterStyle,
) {
    let n = placed.iter().flatten().count();
    // The points cover at most a third of the area.
    let area = style.side * style.side / 3.0 / n.max(1) as f64;
    let radius = (area / std::f64::consts::PI).sqrt().clamp(0.7, 2.6);
    let paths = point_paths(placed, codes, colours, radius, style.seed);
    if n < style.raster_from {
        svg.body.push_str(&paths);
        return;
    }
    let (side, height) = (px(style.side + LEFT), px(style.side + TOP));
    let image = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{side}" height="{height}">{paths}</svg>"#
    );
    match to_png(&image, 2.0) {
        Ok(png) => svg.push(format_args!(
            r#"<image width="{side}" height="{height}" href="{}"/>"#,
            data_uri(&png)
        )),
        // A plot too large for a PNG stays a vector picture.
        Err(_) => svg.body.push_str(&paths),
    }
}

/// One path per round and colour. A point is a segment of length zero with round ends, placed
/// relative to the one before: about nine bytes.
fn point_paths(
    placed: &[Option<(f64, f64)>],
    codes: &[Option<usize>],
    colours: &[String],
    radius: f64,
    seed: u64,
) -> String {
    let mut missing = Vec::new();
    let mut groups = vec![Vec::new(); ROUNDS as usize * colours.len()];
    for (i, (point, code)) in placed.iter().zip(codes).enumerate() {
        let Some((x, y)) = point else { continue };
        let place = ((x * GRID).round() as i64, (y * GRID).round() as i64);
        match code {
            None => missing.push(place),
            Some(code) => {
                let round = (hash(seed, i as u64) % ROUNDS) as usize;
                groups[round * colours.len() + code].push(place);
            }
        }
    }
    let mut svg = Svg::new();
    svg.push(format_args!(
        r#"<g fill="none" stroke-linecap="round" stroke-width="{}" transform="scale({})">"#,
        px(2.0 * radius * GRID),
        1.0 / GRID
    ));
    let mut draw = |group: &mut Vec<(i64, i64)>, colour: &str| {
        if group.is_empty() {
            return;
        }
        group.sort_unstable();
        let mut last = (0, 0);
        svg.push(format_args!(r#"<path stroke="{colour}" d=""#));
        for &(x, y) in group.iter() {
            let (dx, dy) = (x - last.0, y - last.1);
            let gap = if dy < 0 { "" } else { " " };
            svg.push(format_args!("m{dx}{gap}{dy}h0"));
            last = (x, y);
        }
        svg.push(format_args!(r#""/>"#));
    };
    draw(&mut missing, palette::MISSING);
    for round in 0..ROUNDS as usize {
        let mut order: Vec<usize> = (0..colours.len()).collect();
        order.sort_by_key(|&c| hash(seed ^ 0x5eed, (round * colours.len() + c) as u64));
        for c in order {
            draw(&mut groups[round * colours.len() + c], &colours[c]);
        }
    }
    svg.push(format_args!("</g>"));
    svg.body
}
