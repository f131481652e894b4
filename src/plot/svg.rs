//! SVG text under construction.

use std::fmt::Write;

/// Sizes of type, in pixels.
pub(super) const TITLE: f64 = 14.0;
pub(super) const LABEL: f64 = 12.0;
pub(super) const SMALL: f64 = 11.0;

/// Colours of everything that is not data.
const INK: &str = "#222222";
const SOFT: &str = "#555555";
pub(super) const AXIS: &str = "#444444";
pub(super) const GRID: &str = "#e6e6e6";
pub(super) const BACK: &str = "#ffffff";

const FONTS: &str = "'Noto Sans','Helvetica Neue',Helvetica,Arial,sans-serif";

/// Makes text safe inside XML elements and attributes. Control characters that XML forbids
/// become U+FFFD.
///
/// ```
/// use cellweave::plot::escape;
/// assert_eq!(escape("a<b & \"c\""), "a&lt;b &amp; &quot;c&quot;");
/// ```
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Cuts text to so many characters, with an ellipsis.
pub(super) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars()
        .take(most.saturating_sub(1))
        .chain(['…'])
        .collect()
}

/// A pixel coordinate: one decimal at most.
pub(super) fn px(v: f64) -> String {
    let r = (v * 10.0).round() / 10.0;
    // -0 prints as "-0".
    if r == 0.0 { "0".into() } else { r.to_string() }
}

/// Upper bound of the width of text: for each printable ASCII character, the wider of Noto Sans
/// and DejaVu Sans, which no common sans serif exceeds; in hundredths of the type size.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    #[rustfmt::skip]
    const WIDTHS: [u8; 95] = [
        32, 40, 46, 84, 64, 95, 83, 27, 39, 39, 55, 84, 32, 36, 32, 37, 64, 64, 64, 64, 64, 64, 64,
        64, 64, 64, 34, 34, 84, 84, 84, 53, 100, 69, 69, 70, 77, 63, 58, 77, 75, 34, 29, 66, 56, 91,
        76, 79, 60, 79, 69, 63, 61, 73, 68, 99, 69, 61, 69, 39, 37, 39, 84, 50, 58, 61, 63, 55, 63,
        62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64,
        55, 64, 84,
    ];
    let width = |c: char| match c {
        ' '..='~' => f64::from(WIDTHS[c as usize - 32]),
        // Ideographs and emoji are square.
        c if c >= '\u{1100}' => 100.0,
        _ => 75.0,
    };
    text.chars().map(width).sum::<f64>() * size / 100.0
}

/// Where text stands relative to its point.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy)]
pub(super) struct Type {
    pub size: f64,
    pub anchor: Anchor,
    pub bold: bool,
    pub soft: bool,
    /// Degrees, clockwise, around the point.
    pub turn: f64,
}

impl Type {
    pub const fn new(size: f64, anchor: Anchor) -> Self {
        Self {
            size,
            anchor,
            bold: false,
            soft: false,
            turn: 0.0,
        }
    }

    pub const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub const fn soft(self) -> Self {
        Self { soft: true, ..self }
    }

    pub const fn turned(self, turn: f64) -> Self {
        Self { turn, ..self }
    }
}

/// A picture under construction. The origin is at the top left.
pub(super) struct Svg {
    pub body: String,
}

impl Svg {
    pub fn new() -> Self {
        Self {
            body: String::new(),
        }
    }

    /// Appends markup. Writing to a string cannot fail.
    pub fn push(&mut self, markup: std::fmt::Arguments) {
        let _ = self.body.write_fmt(markup);
    }

    /// A thin line, [`AXIS`] or [`GRID`].
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str) {
        let (x1, y1, x2, y2) = (px(from.0), px(from.1), px(to.0), px(to.1));
        self.push(format_args!(
            r#"<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}"/>"#
        ));
    }

    pub fn rect(&mut self, (x, y): (f64, f64), (w, h): (f64, f64), fill: &str) {
        let (x, y, w, h) = (px(x), px(y), px(w.max(0.0)), px(h.max(0.0)));
        self.push(format_args!(
            r#"<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{fill}"/>"#
        ));
    }

    pub fn circle(&mut self, (x, y): (f64, f64), r: f64, fill: &str) {
        let (x, y, r) = (px(x), px(y), px(r));
        self.push(format_args!(
            r#"<circle cx="{x}" cy="{y}" r="{r}" fill="{fill}"/>"#
        ));
    }

    pub fn text(&mut self, (x, y): (f64, f64), text: &str, t: Type) {
        self.text_with(x, y, text, t, "");
    }

    /// Text followed by a softer note.
    pub fn noted(&mut self, (x, y): (f64, f64), text: &str, note: &str) {
        let (x, y, text, note) = (px(x), px(y), escape(text), escape(note));
        self.push(format_args!(
            r#"<text x="{x}" y="{y}" font-size="{LABEL}" fill="{INK}">{text}<tspan dx="6" font-size="{SMALL}" fill="{SOFT}">{note}</tspan></text>"#
        ));
    }

    /// Text with a halo of the background colour, readable on points.
    pub fn label(&mut self, (x, y): (f64, f64), text: &str, t: Type) {
        let halo = format!(
            r#" stroke="{BACK}" stroke-width="3" stroke-linejoin="round" paint-order="stroke""#
        );
        self.text_with(x, y, text, t, &halo);
    }

    fn text_with(&mut self, x: f64, y: f64, text: &str, t: Type, extra: &str) {
        let fill = if t.soft { SOFT } else { INK };
        let anchor = match t.anchor {
            Anchor::Start => "",
            Anchor::Middle => r#" text-anchor="middle""#,
            Anchor::End => r#" text-anchor="end""#,
        };
        let weight = if t.bold { r#" font-weight="700""# } else { "" };
        let (x, y) = (px(x), px(y));
        let turn = match t.turn {
            0.0 => String::new(),
            turn => format!(r#" transform="rotate({turn} {x} {y})""#),
        };
        let (size, text) = (px(t.size), escape(text));
        self.push(format_args!(
            r#"<text x="{x}" y="{y}" font-size="{size}" fill="{fill}"{anchor}{weight}{turn}{extra}>{text}</text>"#
        ));
    }

    /// The whole document; `name` is read out by screen readers and shown by browsers.
    pub fn finish(self, width: f64, height: f64, name: &str) -> String {
        let (w, h) = (px(width.ceil()), px(height.ceil()));
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" font-family="{FONTS}"><title>{}</title><rect width="{w}" height="{h}" fill="{BACK}"/>{}</svg>"#,
            escape(name),
            self.body
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_cut() {
        assert_eq!(
            escape("<a href='x'>&\u{1}"),
            "&lt;a href=&#39;x&#39;&gt;&amp;\u{fffd}"
        );
        assert_eq!(shorten("naïve T cell", 6), "naïve…");
        assert_eq!(shorten("short", 6), "short");
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!(
            [px(1.0), px(1.25), px(-0.04), px(12.349)],
            ["1", "1.3", "0", "12.3"].map(String::from)
        );
    }
}
