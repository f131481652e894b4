//! SVG to PNG, with the fonts that are compiled in.

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

/// The most pixels of one picture.
const MOST_PIXELS: f64 = 2e8;

/// Why an SVG text cannot become a PNG.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PngError {
    /// Not an SVG document.
    #[error("the text is no valid SVG: {0}")]
    Svg(String),
    /// The SVG embeds a raster picture, which would be left out.
    #[error(
        "the SVG embeds a raster picture; draw it with vectors alone (ScatterStyle::raster_from)"
    )]
    Embedded,
    /// No pixels, or too many.
    #[error("a picture of {width} x {height} pixels cannot be drawn; choose another scale")]
    Size {
        /// Width in pixels.
        width: f64,
        /// Height in pixels.
        height: f64,
    },
    /// The encoder failed.
    #[error("the picture cannot be written as PNG: {0}")]
    Encode(String),
}

/// Noto Sans, regular and bold (SIL Open Font License 1.1).
fn fonts() -> Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let load = || {
        let mut db = fontdb::Database::new();
        db.load_font_data(notosans::REGULAR_TTF.to_vec());
        db.load_font_data(notosans::BOLD_TTF.to_vec());
        db.set_sans_serif_family("Noto Sans");
        Arc::new(db)
    };
    FONTS.get_or_init(load).clone()
}

/// Draws an SVG text; `scale` is pixels per SVG unit (2 for print and dense screens).
///
/// Fonts of the system are not used, so a picture has the same bytes on every machine.
///
/// # Errors
/// [`PngError`] if the text is no SVG, embeds a raster picture, or the size is not between 1 and
/// 2e8 pixels.
///
/// ```
/// use cellweave::plot::{Bar, BarStyle, bars, to_png};
/// let svg = bars(&[Bar::new("B cells", 12.0)], &BarStyle::default());
/// assert!(to_png(&svg, 1.0).unwrap().starts_with(b"\x89PNG"));
/// ```
pub fn to_png(svg: &str, scale: f64) -> Result<Vec<u8>, PngError> {
    if svg.contains("<image") {
        return Err(PngError::Embedded);
    }
    let options = Options {
        fontdb: fonts(),
        font_family: "Noto Sans".into(),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|e| PngError::Svg(e.to_string()))?;
    let (width, height) = (
        (f64::from(tree.size().width()) * scale).round(),
        (f64::from(tree.size().height()) * scale).round(),
    );
    let fits = width >= 1.0 && height >= 1.0 && width * height <= MOST_PIXELS;
    let pixmap = if fits {
        Pixmap::new(width as u32, height as u32)
    } else {
        None
    };
    let mut pixmap = pixmap.ok_or(PngError::Size { width, height })?;
    let scale = scale as f32;
    resvg::render(
        &tree,
        Transform::from_scale(scale, scale),
        &mut pixmap.as_mut(),
    );
    pixmap
        .encode_png()
        .map_err(|e| PngError::Encode(e.to_string()))
}

/// A PNG as a `data:` address, to be embedded in SVG or HTML.
///
/// ```
/// assert_eq!(cellweave::plot::data_uri(b"abcd"), "data:image/png;base64,YWJjZA==");
/// ```
pub fn data_uri(png: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::from("data:image/png;base64,");
    out.reserve(png.len().div_ceil(3) * 4);
    for chunk in png.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            if digit <= chunk.len() {
                out.push(char::from(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let cases = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ];
        for (plain, coded) in cases {
            assert_eq!(
                data_uri(plain.as_bytes()),
                format!("data:image/png;base64,{coded}")
            );
        }
    }

    #[test]
    fn text_leaves_ink() {
        let svg = |text: &str| {
            format!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" width="80" height="20"><text x="2" y="15" font-family="sans-serif" font-size="14">{text}</text></svg>"#
            )
        };
        let ink = |text: &str| {
            let png = to_png(&svg(text), 2.0).unwrap();
            let pixmap = Pixmap::decode_png(&png).unwrap();
            assert_eq!((pixmap.width(), pixmap.height()), (160, 40));
            pixmap.pixels().iter().filter(|p| p.alpha() > 0).count()
        };
        assert_eq!(ink(" "), 0);
        assert!(ink("UMAP \u{2212}1") > 200);
    }

    #[test]
    fn bad_input_is_an_error() {
        assert!(matches!(to_png("<svg", 1.0), Err(PngError::Svg(_))));
        assert!(matches!(
            to_png("<svg><image/></svg>", 1.0),
            Err(PngError::Embedded)
        ));
        let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>"#;
        for scale in [0.0, -1.0, f64::NAN, 1e6] {
            assert!(
                matches!(to_png(svg, scale), Err(PngError::Size { .. })),
                "{scale}"
            );
        }
    }
}
