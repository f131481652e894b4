//! HTML text under construction.

use super::Table;
use crate::plot::escape;

/// The body of a page, section after section.
#[derive(Default)]
pub(super) struct Html {
    pub body: String,
    /// Anchor and title of each section.
    contents: Vec<(String, String)>,
}

impl Html {
    /// Begins a section; the one before must be closed.
    pub fn open(&mut self, title: &str) {
        let anchor = format!("s{}", self.contents.len() + 1);
        self.body.push_str(&format!(
            "<section id=\"{anchor}\"><h2>{}</h2>",
            escape(title)
        ));
        self.contents.push((anchor, title.to_owned()));
    }

    pub fn close(&mut self) {
        self.body.push_str("</section>\n");
    }

    /// Plain text in an element, for example `p` or `h3`.
    pub fn element(&mut self, tag: &str, text: &str) {
        self.body
            .push_str(&format!("<{tag}>{}</{tag}>", escape(text)));
    }

    /// A picture in its own frame. `svg` goes in as it is.
    pub fn figure(&mut self, svg: &str, caption: &str) {
        self.body.push_str("<figure><div class=\"picture\">");
        self.body.push_str(svg);
        self.body.push_str("</div>");
        if !caption.is_empty() {
            self.element("figcaption", caption);
        }
        self.body.push_str("</figure>");
    }

    /// Names and values.
    pub fn pairs(&mut self, rows: &[(String, String)]) {
        self.body.push_str("<table class=\"pairs\"><tbody>");
        for (name, value) in rows {
            let (name, value) = (escape(name), escape(value));
            self.body.push_str(&format!(
                "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>"
            ));
        }
        self.body.push_str("</tbody></table>");
    }

    pub fn table(&mut self, table: &Table) {
        let numeric: Vec<bool> = (0..table.header.len())
            .map(|c| {
                let mut cells = table.rows.iter().filter_map(|row| row.get(c)).peekable();
                cells.peek().is_some() && cells.all(|cell| is_number(cell))
            })
            .collect();
        let class = |c: usize| {
            if numeric.get(c) == Some(&true) {
                " class=\"n\""
            } else {
                ""
            }
        };
        self.body
            .push_str("<div class=\"scroll\"><table><thead><tr>");
        for (c, name) in table.header.iter().enumerate() {
            let markup = format!("<th scope=\"col\"{}>{}</th>", class(c), escape(name));
            self.body.push_str(&markup);
        }
        self.body.push_str("</tr></thead><tbody>");
        for row in &table.rows {
            self.body.push_str("<tr>");
            for (c, cell) in row.iter().enumerate() {
                self.body
                    .push_str(&format!("<td{}>{}</td>", class(c), escape(cell)));
            }
            self.body.push_str("</tr>");
        }
        self.body.push_str("</tbody></table></div>");
    }

    /// The whole document.
    pub fn finish(self, title: &str, head: &str) -> String {
        let title = if title.is_empty() {
            "cellweave report"
        } else {
            title
        };
        let links: String = self
            .contents
            .iter()
            .map(|(anchor, title)| format!("<a href=\"#{anchor}\">{}</a>", escape(title)))
            .collect();
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta http-equiv=\"Content-Security-Policy\" \
             content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\
             <title>{}</title>\n<style>\n{}</style></head>\n<body><header><h1>{}</h1>{head}\
             <nav>{links}</nav></header>\n<main>\n{}</main></body></html>\n",
            escape(title),
            include_str!("style.css"),
            escape(title),
            self.body
        )
    }
}

/// Whether a cell holds a number, a percentage or the mark of a missing value.
fn is_number(cell: &str) -> bool {
    let plain = cell
        .trim_end_matches(" %")
        .replace(',', "")
        .replace('\u{2212}', "-");
    cell == MISSING || plain.parse::<f64>().is_ok()
}

/// Stands where a number is missing.
pub(super) const MISSING: &str = "\u{2013}";

/// A number with so many decimals and a true minus sign; not finite is missing.
pub(super) fn decimal(v: f64, decimals: usize) -> String {
    if v.is_finite() {
        // Rounding to zero leaves no sign.
        let text = format!("{v:.decimals$}");
        let zero = text.chars().all(|c| matches!(c, '-' | '0' | '.'));
        text.replace('-', if zero { "" } else { "\u{2212}" })
    } else {
        MISSING.to_owned()
    }
}

/// A share as a percentage.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", decimal(100.0 * share, 0))
}

/// Seconds, as one reads them.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if !s.is_finite() || s < 0.0 => MISSING.to_owned(),
        s if s < 1.0 => format!("{:.0} ms", s * 1000.0),
        s if s < 59.95 => format!("{s:.1} s"),
        s => {
            let whole = s.round() as u64;
            let (h, m, s) = (whole / 3600, whole / 60 % 60, whole % 60);
            if h > 0 {
                format!("{h} h {m:02} min")
            } else {
                format!("{m} min {s:02} s")
            }
        }
    }
}
