//! Matrices: dense arrays, compressed rows, compressed columns.

use super::encoding::encoding;
use super::store::number::Loss;
use super::store::{AttrValue, Dataset, Group, Kind, Node, Store};
use crate::error::{Error, Fault};
use crate::{Csr, CsrError, Dense, Matrix};

/// The shape that the rest of the file asks for.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub rows: Option<usize>,
    pub cols: Option<usize>,
    /// Where these come from, for messages: `obs and var`.
    pub of: &'a str,
}

impl Expected<'_> {
    pub const ANY: Expected<'static> = Expected {
        rows: None,
        cols: None,
        of: "",
    };

    /// The declared shape as sizes, if it fits.
    fn check(self, node: &Node<'_>, rows: u64, cols: u64) -> Result<(usize, usize), Error> {
        let fits = |found: u64, expected: Option<usize>| expected.is_none_or(|e| found == e as u64);
        if !fits(rows, self.rows) || !fits(cols, self.cols) {
            let size = |n: Option<usize>| n.map_or(String::from("any"), |n| n.to_string());
            let reason = format!(
                "is {rows} x {cols}, {} x {} expected ({})",
                size(self.rows),
                size(self.cols),
                self.of
            );
            return Err(node.fault(Fault::Shape, reason));
        }
        match (usize::try_from(rows), usize::try_from(cols)) {
            (Ok(r), Ok(c)) if r < u32::MAX as usize && c < u32::MAX as usize => Ok((r, c)),
            _ => {
                let reason = format!("is {rows} x {cols}, more than 32-bit indices can name");
                Err(node.fault(Fault::TooLarge, reason))
            }
        }
    }
}

/// How a matrix is stored.
pub(super) enum Stored<'n, 's> {
    Dense(&'n Dataset<'s>),
    Csr(&'n Group<'s>),
    Csc(&'n Group<'s>),
}

/// Tells the encoding of a matrix; nothing of it is read yet.
pub(super) fn stored<'n, 's>(node: &'n Node<'s>) -> Result<Stored<'n, 's>, Error> {
    let encoding = encoding(node)?;
    match node {
        Node::Dataset(d) => match &*encoding {
            "" | "array" => Ok(Stored::Dense(d)),
            other => Err(node.fault(
                Fault::WrongType,
                format!("is not numeric: it holds {other}"),
            )),
        },
        Node::Group(g) => {
            // Before anndata 0.7 the attribute was h5sparse_format.
            let format = match &*encoding {
                "" => node
                    .attr("h5sparse_format")
                    .and_then(|a| a.text())
                    .unwrap_or_default(),
                other => other.trim_end_matches("_matrix").to_owned(),
            };
            match &*format {
                "csr" => Ok(Stored::Csr(g)),
                "csc" => Ok(Stored::Csc(g)),
                "" => Err(node.fault(
                    Fault::Unsupported,
                    "is a group without encoding-type, so it cannot be told what it holds",
                )),
                other => Err(node.fault(Fault::Unsupported, format!("is no matrix but {other}"))),
            }
        }
    }
}

/// Reads a matrix of any encoding.
pub(super) fn read_matrix(node: &Node<'_>, expected: Expected<'_>) -> Result<Matrix, Error> {
    match stored(node)? {
        Stored::Dense(d) => read_dense(node, d, expected).map(Matrix::Dense),
        Stored::Csr(g) => {
            let (rows, cols) = sparse_shape(node, expected)?;
            read_compressed(g, rows, cols).map(Matrix::Csr)
        }
        Stored::Csc(g) => read_columns(node, g, expected).map(Matrix::Csr),
    }
}

/// The declared shape of a dense matrix, if it fits.
pub(super) fn dense_shape(
    node: &Node<'_>,
    d: &Dataset<'_>,
    expected: Expected<'_>,
) -> Result<(usize, usize), Error> {
    d.number_type()?;
    match *d.shape() {
        [r, c] => expected.check(node, r, c),
        // A single column was sometimes stored flat.
        [r] if expected.cols.is_none() => expected.check(node, r, 1),
        ref s => {
            let reason = format!("must have two dimensions, it has {}", s.len());
            Err(node.fault(Fault::Unsupported, reason))
        }
    }
}

fn read_dense(node: &Node<'_>, d: &Dataset<'_>, expected: Expected<'_>) -> Result<Dense, Error> {
    let (rows, cols) = dense_shape(node, d, expected)?;
    let (values, loss) = d.read_f32()?;
    report_loss(d, loss, values.len())?;
    let found = values.len();
    Dense::new(rows, cols, values)
        .ok_or_else(|| node.fault(Fault::Damaged, format!("holds {found} values")))
}

/// The declared shape of a sparse matrix, if it fits.
pub(super) fn sparse_shape(
    node: &Node<'_>,
    expected: Expected<'_>,
) -> Result<(usize, usize), Error> {
    let attr = node.attr("shape").or_else(|| node.attr("h5sparse_shape"));
    let Some(shape) = attr.and_then(|a| a.integers()) else {
        return Err(node.fault(
            Fault::Missing,
            "the sparse matrix lacks its attribute 'shape'",
        ));
    };
    let &[rows, cols] = shape.as_slice() else {
        let reason = format!(
            "attribute shape must have two entries, it has {}",
            shape.len()
        );
        return Err(node.fault(Fault::Shape, reason));
    };
    let (Ok(r), Ok(c)) = (u64::try_from(rows), u64::try_from(cols)) else {
        return Err(node.fault(Fault::Value, format!("negative shape ({rows}, {cols})")));
    };
    expected.check(node, r, c)
}

/// Reads compressed columns, as rows.
pub(super) fn read_columns(
    node: &Node<'_>,
    g: &Group<'_>,
    expected: Expected<'_>,
) -> Result<Csr, Error> {
    let (rows, cols) = sparse_shape(node, expected)?;
    Ok(read_compressed(g, cols, rows)?.transpose())
}

/// The parts of compressed rows, their offsets read and checked.
pub(super) struct Compressed<'s> {
    /// One more than rows; from 0 to the number of stored values, never down.
    pub offsets: Vec<usize>,
    pub indices: Dataset<'s>,
    pub data: Dataset<'s>,
}

/// Opens `indptr`, `indices` and `data` of `major` compressed rows over `minor` columns and
/// checks all that can be known without reading the values.
pub(super) fn open_compressed<'s>(
    g: &Group<'s>,
    major: usize,
    minor: usize,
) -> Result<Compressed<'s>, Error> {
    let indptr = g.dataset("indptr")?;
    indptr.expect_len(major + 1, "rows + 1")?;
    let (indices, data) = (g.dataset("indices")?, g.dataset("data")?);
    let nnz = data.len()?;
    let stored_indices = indices.len()?;
    if nnz != stored_indices {
        let reason = format!("data has {nnz} entries, indices has {stored_indices}");
        return Err(g.fault(Fault::Shape, reason));
    }
    if nnz as u128 > major as u128 * minor as u128 {
        let reason = format!("{nnz} stored values in a matrix of {major} x {minor}");
        return Err(data.fault(Fault::Shape, reason));
    }
    data.number_type()?;
    indices.integer_type()?;
    let offsets = indptr.read_i64()?;
    if let Some(row) = offsets.windows(2).position(|w| w[1] < w[0]) {
        let reason = format!(
            "goes down at row {row} ({} -> {}); a 32-bit overflow in the writer looks like this",
            offsets[row],
            offsets[row + 1]
        );
        return Err(indptr.fault(Fault::Value, reason));
    }
    if offsets.first() != Some(&0) {
        return Err(indptr.fault(
            Fault::Value,
            format!("must start at 0, not at {:?}", offsets.first()),
        ));
    }
    let end = offsets[major];
    if end as u64 != nnz {
        let reason = format!("ends at {end}, but {nnz} values are stored");
        return Err(indptr.fault(Fault::Value, reason));
    }
    // Not negative: they start at 0 and do not go down.
    let offsets = offsets.into_iter().map(|o| o as usize).collect();
    Ok(Compressed {
        offsets,
        indices,
        data,
    })
}

/// Reads `indptr`, `indices` and `data` of `major` compressed rows over `minor` columns.
pub(super) fn read_compressed(g: &Group<'_>, major: usize, minor: usize) -> Result<Csr, Error> {
    let Compressed {
        offsets,
        indices,
        data,
    } = open_compressed(g, major, minor)?;
    // Sizes are below u32::MAX, see `Expected::check`.
    let columns = indices.read_indices(minor as u32)?;
    let (values, loss) = data.read_f32()?;
    report_loss(&data, loss, values.len())?;
    Csr::new(major, minor, offsets, columns, values).map_err(|e| csr_fault(g.store, &g.path, &e))
}

/// A fault of compressed rows as an error at their element.
pub(super) fn csr_fault(store: &Store, element: &str, e: &CsrError) -> Error {
    let fault = match e {
        CsrError::Duplicate { .. } | CsrError::IndexRange { .. } => Fault::Value,
        _ => Fault::Shape,
    };
    store.fault(element, fault, e.to_string())
}

/// A value beyond f32 is an error.
pub(super) fn refuse_overflow(d: &Dataset<'_>, loss: Loss) -> Result<(), Error> {
    match loss.overflow {
        Some(v) => Err(d.fault(
            Fault::Value,
            format!("value {v:e} is beyond the range of f32"),
        )),
        None => Ok(()),
    }
}

/// A value beyond f32 is an error; rounding is one notice.
pub(super) fn report_loss(d: &Dataset<'_>, loss: Loss, n: usize) -> Result<(), Error> {
    refuse_overflow(d, loss)?;
    if loss.integers > 0 {
        let message = format!(
            "{} of {n} integers are above 2^24 and were rounded to the nearest f32",
            loss.integers
        );
        d.store.notice(&d.path, message);
    }
    if loss.rounded > 0 {
        let message = format!("{} of {n} 64-bit values were rounded to f32", loss.rounded);
        d.store.notice(&d.path, message);
    }
    Ok(())
}

/// Whether a node can only be a matrix of numbers.
pub(super) fn is_numeric_dataset(node: &Node<'_>) -> bool {
    matches!(node, Node::Dataset(d) if matches!(d.kind(), Kind::Number(_)))
}
