//! Names on a scatter plot.

use super::Categories;
use super::points::{LEFT, TOP};
use super::svg::{Anchor, SMALL, Svg, Type, shorten, text_width};

/// The name of each category at the median of its points (above them if they are few), moved
/// apart where names would touch. A category that is not at home at its median, because it is
/// spread among others or lies around them, has its name in the legend alone.
pub(super) fn draw_labels(svg: &mut Svg, placed: &[Option<(f64, f64)>], c: &Categories, side: f64) {
    struct Label {
        name: String,
        x: f64,
        y: f64,
        half: f64,
        /// Where the points are: names move apart in the order of their points.
        home: f64,
    }
    let height = 14.0;
    let mut labels = Vec::new();
    for (code, name) in c.names.iter().enumerate() {
        let of_code = placed
            .iter()
            .zip(&c.codes)
            .filter(|(_, k)| **k == Some(code));
        let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = of_code.filter_map(|(p, _)| *p).unzip();
        if xs.is_empty() {
            continue;
        }
        let name = shorten(name, 22);
        let half = text_width(&name, SMALL) * 0.55;
        let (left, x, right) = quantiles(&mut xs);
        let (top, home, bottom) = quantiles(&mut ys);
        if !at_home(placed, &c.codes, code, (x, home)) {
            continue;
        }
        // A name that would cover its points stands above them.
        let covers = right - left < 2.0 * half && bottom - top < 2.5 * height;
        let y = if covers { top - height * 0.7 } else { home };
        labels.push(Label {
            x: x.min(LEFT + side - half).max(LEFT + half),
            y,
            half,
            home,
            name,
        });
    }
    for _ in 0..60 {
        for i in 0..labels.len() {
            for j in 0..i {
                let (a, b) = (&labels[i], &labels[j]);
                let (dx, dy) = (a.x - b.x, a.y - b.y);
                let above = a.home < b.home;
                // Names that stand in the wrong order have to pass each other.
                let overlap = if above { height + dy } else { height - dy };
                if dx.abs() < a.half + b.half && overlap > 0.0 {
                    let shift = if above { -overlap / 2.0 } else { overlap / 2.0 };
                    labels[i].y += shift;
                    labels[j].y -= shift;
                }
            }
        }
        for l in &mut labels {
            l.y = l.y.min(TOP + side - height / 2.0).max(TOP + height / 2.0);
        }
    }
    for l in &labels {
        svg.label(
            (l.x, l.y + 4.0),
            &l.name,
            Type::new(SMALL, Anchor::Middle).bold(),
        );
    }
}

/// Whether most of the points around a place are of the given category.
fn at_home(
    placed: &[Option<(f64, f64)>],
    codes: &[Option<usize>],
    code: usize,
    (x, y): (f64, f64),
) -> bool {
    const REACH: f64 = 10.0;
    let (mut own, mut all) = (0, 0);
    for (point, k) in placed.iter().zip(codes) {
        let near = |p: &(f64, f64)| (p.0 - x).powi(2) + (p.1 - y).powi(2) < REACH * REACH;
        if point.as_ref().is_some_and(near) {
            all += 1;
            own += usize::from(*k == Some(code));
        }
    }
    own > 0 && 2 * own >= all
}

/// The 5th, 50th and 95th percentile.
fn quantiles(values: &mut [f64]) -> (f64, f64, f64) {
    values.sort_unstable_by(f64::total_cmp);
    let at = |percent: usize| values[(values.len() - 1) * percent / 100];
    (at(5), at(50), at(95))
}
