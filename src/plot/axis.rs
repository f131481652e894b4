//! Scales with ticks at round numbers.

use super::svg::{AXIS, Anchor, GRID, LABEL, SMALL, Svg, Type, text_width};

/// A scale from values to pixels.
pub(super) struct Axis {
    low: f64,
    high: f64,
    /// Pixels of `low` and `high`.
    pixels: (f64, f64),
    log: bool,
}

impl Axis {
    /// A scale that covers the finite `values` and ends at its outermost ticks. A log scale
    /// ignores values that are not positive.
    pub fn covering(values: impl Iterator<Item = f64>, log: bool, pixels: (f64, f64)) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for v in values.filter(|v| v.is_finite() && (!log || *v > 0.0)) {
            (low, high) = (low.min(v), high.max(v));
        }
        if low > high {
            (low, high) = if log { (1.0, 10.0) } else { (0.0, 1.0) };
        }
        if low == high {
            let pad = if low == 0.0 { 1.0 } else { low.abs() * 0.5 };
            (low, high) = if log {
                (low / 2.0, high * 2.0)
            } else {
                (low - pad, high + pad)
            };
        }
        Self {
            low,
            high,
            pixels,
            log,
        }
    }

    /// Widened to the next ticks.
    pub fn rounded(mut self) -> Self {
        if self.log {
            self.low = log_floor(self.low);
            self.high = -log_floor_negated(self.high);
        } else {
            let step = round_step((self.high - self.low) / 5.0);
            self.low = (self.low / step + 1e-9).floor() * step;
            self.high = (self.high / step - 1e-9).ceil() * step;
        }
        self
    }

    /// The pixel of a value.
    pub fn at(&self, v: f64) -> f64 {
        let share = if self.log {
            (v / self.low).ln() / (self.high / self.low).ln()
        } else {
            (v - self.low) / (self.high - self.low)
        };
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }

    /// Round values inside the scale with their texts.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        if self.log {
            return self.log_ticks();
        }
        let step = round_step((self.high - self.low) / 5.0);
        let first = (self.low / step - 1e-9).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        // At most about ten fit; the limit guards against ranges at the edge of f64.
        let values = (first..=last).take(20).map(|i| i as f64 * step);
        values.map(|v| (v, tick_text(v, step))).collect()
    }

    /// Decades, every so many if there are many; 1, 2, 5 if there are few.
    fn log_ticks(&self) -> Vec<(f64, String)> {
        let (first, last) = (
            self.low.log10().floor() as i32,
            self.high.log10().ceil() as i32,
        );
        let decades = last - first;
        let digits: &[f64] = if decades <= 3 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let stride = (decades / 6).max(1) as usize;
        let inside = |v: &f64| *v >= self.low * (1.0 - 1e-9) && *v <= self.high * (1.0 + 1e-9);
        (first..=last)
            .step_by(stride)
            .flat_map(|e| {
                digits
                    .iter()
                    .map(move |d| (d * 10f64.powi(e), 10f64.powi(e)))
            })
            .filter(|(v, _)| inside(v))
            .map(|(v, decade)| (v, tick_text(v, decade)))
            .collect()
    }

    /// Draws the scale along the bottom of a plot, with its label.
    pub fn draw_bottom(&self, svg: &mut Svg, y: f64, label: &str) {
        svg.line((self.pixels.0, y), (self.pixels.1, y), AXIS);
        for (v, text) in self.ticks() {
            let x = self.at(v);
            svg.line((x, y), (x, y + 4.0), AXIS);
            svg.text(
                (x, y + 17.0),
                &text,
                Type::new(SMALL, Anchor::Middle).soft(),
            );
        }
        let middle = (self.pixels.0 + self.pixels.1) / 2.0;
        svg.text((middle, y + 36.0), label, Type::new(LABEL, Anchor::Middle));
    }

    /// Draws the scale along the left of a plot, with its label and grid lines up to `right`.
    pub fn draw_left(&self, svg: &mut Svg, (x, right): (f64, f64), label: &str) {
        for (v, text) in self.ticks() {
            let y = self.at(v);
            svg.line((x, y), (right, y), GRID);
            svg.line((x - 4.0, y), (x, y), AXIS);
            svg.text(
                (x - 8.0, y + 4.0),
                &text,
                Type::new(SMALL, Anchor::End).soft(),
            );
        }
        svg.line((x, self.pixels.0), (x, self.pixels.1), AXIS);
        let place = (
            x - self.text_room() - 16.0,
            (self.pixels.0 + self.pixels.1) / 2.0,
        );
        svg.text(place, label, Type::new(LABEL, Anchor::Middle).turned(-90.0));
    }

    /// Width of the widest tick text.
    pub fn text_room(&self) -> f64 {
        self.ticks()
            .iter()
            .map(|t| text_width(&t.1, SMALL))
            .fold(0.0, f64::max)
    }
}

/// The largest of 1, 2, 5 times a power of ten that is not above `v`.
fn log_floor(v: f64) -> f64 {
    let decade = 10f64.powf(v.log10().floor());
    let digit = [5.0, 2.0, 1.0]
        .into_iter()
        .find(|d| d * decade <= v * (1.0 + 1e-9));
    digit.unwrap_or(1.0) * decade
}

/// Minus the smallest of 1, 2, 5 times a power of ten that is not below `v`.
fn log_floor_negated(v: f64) -> f64 {
    let decade = 10f64.powf(v.log10().floor());
    let digit = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|d| d * decade >= v * (1.0 - 1e-9));
    -digit.unwrap_or(10.0) * decade
}

/// The smallest of 1, 2, 5 times a power of ten that is not below `v`.
pub(super) fn round_step(v: f64) -> f64 {
    -log_floor_negated(v)
}

/// A tick value with as many decimals as its step needs.
pub(super) fn tick_text(v: f64, step: f64) -> String {
    let largest = v.abs().max(step);
    if v == 0.0 {
        return "0".into();
    }
    if !(1e-4..1e6).contains(&largest) {
        let text = format!("{v:.1e}").replace(".0e", "e");
        return text.replace('-', "\u{2212}");
    }
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    let text = format!("{v:.decimals$}");
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or(("", text.as_str()), |d| ("\u{2212}", d));
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    format!("{sign}{}{rest}", group_thousands(whole))
}

/// Digits with a comma before every third from the end, from five digits on.
pub(super) fn group_thousands(digits: &str) -> String {
    if digits.len() < 5 {
        return digits.to_owned();
    }
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<String> {
        axis.ticks().into_iter().map(|t| t.1).collect()
    }

    #[test]
    fn ticks_are_round() {
        let axis = Axis::covering([0.3, 9.7].into_iter(), false, (0.0, 100.0)).rounded();
        assert_eq!(texts(&axis), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!((axis.at(0.0), axis.at(10.0)), (0.0, 100.0));
        let axis = Axis::covering([-0.01, 0.035].into_iter(), false, (0.0, 1.0)).rounded();
        assert_eq!(
            texts(&axis),
            ["\u{2212}0.01", "0", "0.01", "0.02", "0.03", "0.04"]
        );
        let axis = Axis::covering([0.0, 48_000.0].into_iter(), false, (0.0, 1.0)).rounded();
        assert_eq!(texts(&axis).last().unwrap(), "50,000");
    }

    #[test]
    fn log_ticks_are_decades_or_one_two_five() {
        let axis = Axis::covering([0.02, 900.0].into_iter(), true, (0.0, 1.0)).rounded();
        assert_eq!(texts(&axis), ["0.1", "1", "10", "100", "1000"]);
        let axis = Axis::covering([1.3, 30.0, -5.0].into_iter(), true, (0.0, 1.0)).rounded();
        assert_eq!(texts(&axis), ["1", "2", "5", "10", "20", "50"]);
    }

    #[test]
    fn degenerate_ranges_still_have_a_scale() {
        for values in [vec![], vec![3.0], vec![0.0], vec![f64::NAN], vec![1e-300]] {
            for log in [false, true] {
                let axis = Axis::covering(values.iter().copied(), log, (0.0, 10.0)).rounded();
                assert!(axis.at(axis.low).is_finite() && !axis.ticks().is_empty());
            }
        }
    }
}
