//! Pictures as SVG text: scatter plots, lines, bars, heat maps and dot plots.
//!
//! Every function returns one complete SVG document with a light background. All text of the
//! caller is XML-escaped. The same input gives the same bytes. There are no ids and no styles, so
//! any number of pictures can stand in one page.
//!
//! [`to_png`] turns such a text into a PNG with the fonts that are compiled in.

mod axis;
mod bars;
mod categories;
mod dotplot;
mod labels;
mod lines;
mod matrix;
pub mod palette;
mod png;
mod points;
mod scatter;
mod svg;

pub use bars::{Bar, BarStyle, bars};
pub use categories::Categories;
pub use dotplot::dotplot;
pub use lines::{LineStyle, Series, lines};
pub use matrix::{MatrixStyle, heatmap};
pub use png::{PngError, data_uri, to_png};
pub use scatter::{Colour, ScatterStyle, scatter};
pub use svg::escape;
