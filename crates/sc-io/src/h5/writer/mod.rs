//! A matrix written by blocks of rows into a new file.

mod stream;

use std::path::Path;

use indexmap::IndexMap;
use rust_hdf5::Hdf5Error;

pub use stream::RowBlock;
use stream::Stream;

use super::atomic::Draft;
use super::element::{Element, FORMS, Slot};
use super::encode::{self, Notices};
use super::sink::Place;
use super::write::{self, WriteOptions};
use crate::error::{Error, Notice};
use crate::{Modality, MultiModal};

/// Writes a new `.h5ad` or `.h5mu` of which some matrices come by blocks of rows, so that they
/// never exist in memory whole.
///
/// Any number of matrices can grow at the same time. The rest of the file (`obs`, `var`, small
/// matrices) is given at the end, when the number of rows is known; then everything is verified
/// and the file takes its name, as [`write_h5ad`](crate::write_h5ad()) does. A writer that is
/// dropped before leaves nothing behind.
///
/// Values are `f32`; dense matrices are stored in compressed chunks, sparse ones as `csr_matrix`
/// with 32-bit column indices and, beyond 2^31 values, 64-bit row offsets. A dense matrix holds at
/// most 34 billion values, a sparse one 8.5 billion. Memory, beside the block that is pushed: one
/// chunk (up to 1 MiB) per array, one row where it is longer than that, and 8 bytes per row of a
/// sparse matrix.
///
/// The writer stays in the thread that made it.
///
/// ```
/// use sc_io::{Dense, MatrixWriter, Modality, Table, WriteOptions, read_h5ad};
/// let path = std::env::temp_dir().join(format!("sc-io-grow-{}.h5ad", std::process::id()));
/// let mut w = MatrixWriter::h5ad(&path, &WriteOptions::default()).unwrap();
/// w.add_dense("layers/denoised", 2).unwrap();
/// for cell in 0..3 {
///     let rows = Dense::new(1, 2, vec![cell as f32, 0.5]).unwrap();
///     w.push("layers/denoised", &rows).unwrap();
/// }
/// let rest = Modality {
///     obs: Table::new(["c0", "c1", "c2"]), var: Table::new(["g0", "g1"]), ..Modality::default()
/// };
/// w.finish(&rest).unwrap();
/// let back = read_h5ad(&path).unwrap().data;
/// assert_eq!(back.layers["denoised"].values(), [0.0, 0.5, 1.0, 0.5, 2.0, 0.5]);
/// # std::fs::remove_file(path).unwrap();
/// ```
pub struct MatrixWriter {
    draft: Draft,
    is_mudata: bool,
    streams: IndexMap<String, Stream>,
    /// A block was written in part.
    broken: bool,
}

impl MatrixWriter {
    /// Starts an `.h5ad`.
    ///
    /// # Errors
    /// When the target is a folder, an input that must not be replaced, or cannot be written.
    pub fn h5ad(path: impl AsRef<Path>, options: &WriteOptions) -> Result<Self, Error> {
        Self::begin(path.as_ref(), options, false)
    }

    /// Starts an `.h5mu`.
    ///
    /// # Errors
    /// As [`MatrixWriter::h5ad`].
    pub fn h5mu(path: impl AsRef<Path>, options: &WriteOptions) -> Result<Self, Error> {
        Self::begin(path.as_ref(), options, true)
    }

    fn begin(path: &Path, options: &WriteOptions, is_mudata: bool) -> Result<Self, Error> {
        let block = is_mudata.then(write::mudata_block);
        Ok(Self {
            draft: Draft::begin(path, options, block)?,
            is_mudata,
            streams: IndexMap::new(),
            broken: false,
        })
    }

    /// Announces a dense matrix: `X` or `layers/NAME`, in an `.h5mu` with `mod/MODALITY/` in
    /// front.
    ///
    /// # Errors
    /// For other names, and for one that was announced before.
    pub fn add_dense(&mut self, element: &str, n_cols: usize) -> Result<(), Error> {
        self.check_name(element, n_cols)?;
        self.streams
            .insert(element.to_owned(), Stream::dense(element, n_cols));
        Ok(())
    }

    /// Announces a sparse matrix by rows, named as in [`MatrixWriter::add_dense`].
    ///
    /// # Errors
    /// As [`MatrixWriter::add_dense`].
    pub fn add_csr(&mut self, element: &str, n_cols: usize) -> Result<(), Error> {
        self.check_name(element, n_cols)?;
        self.streams.insert(element.to_owned(), Stream::csr(n_cols));
        Ok(())
    }

    /// Refuses names that cannot be written, and sizes.
    fn check_name(&self, element: &str, n_cols: usize) -> Result<(), Error> {
        let refuse = |why: &str| Err(self.draft.refusal(format!("{element}: {why}")));
        match Element::parse(element) {
            None => return refuse(&format!("names no matrix; {FORMS} do")),
            Some(e) if e.slot == Slot::Raw => return refuse("raw/X cannot be written by rows"),
            Some(e) if e.modality.is_some() && !self.is_mudata => {
                return refuse("an .h5ad has no modalities; leave out 'mod/MODALITY/'");
            }
            Some(e) if e.modality.is_none() && self.is_mudata => {
                return refuse("the modality is missing: write 'mod/MODALITY/X'");
            }
            Some(e) if matches!(e.modality, Some("." | "..")) || element.contains('\0') => {
                return refuse("a modality cannot have this name");
            }
            Some(_) => {}
        }
        if self.streams.contains_key(element) {
            return refuse("was announced before");
        }
        if i32::try_from(n_cols).is_err() {
            return refuse("has more columns than 32-bit indices can name");
        }
        Ok(())
    }

    /// Appends rows to a matrix. A dense block given to a sparse matrix leaves out its zeros.
    ///
    /// # Errors
    /// For a matrix that was not announced, another number of columns, and when the disk refuses;
    /// after that the file cannot be finished.
    pub fn push<'a>(&mut self, element: &str, rows: impl Into<RowBlock<'a>>) -> Result<(), Error> {
        let rows = rows.into();
        let refuse = |why: String| self.draft.refusal(format!("{element}: {why}"));
        let Some(stream) = self.streams.get_mut(element) else {
            return Err(refuse("was not announced".into()));
        };
        if rows.n_cols() != stream.n_cols {
            let (found, expected) = (rows.n_cols(), stream.n_cols);
            return Err(refuse(format!(
                "rows of {found} columns, {expected} expected"
            )));
        }
        let pushed = stream.push(self.draft.sink(), element, rows);
        pushed.map_err(|e| {
            self.broken = true;
            refuse(e.to_string())
        })
    }

    /// Adds the rest of an `.h5ad`, verifies the file and gives it its name. Returns what could
    /// not be written as it was, as [`write_h5ad`](crate::write_h5ad()) does.
    ///
    /// # Errors
    /// As [`write_h5ad`](crate::write_h5ad()); also when a matrix that came by rows does not fit
    /// `obs` and `var`, is in `rest` as well, or was not written whole. All misfits are named.
    pub fn finish(self, rest: &Modality) -> Result<Vec<Notice>, Error> {
        if self.is_mudata {
            return Err(self.draft.refusal("it was started as an .h5mu"));
        }
        let checked = rest.check().map_err(|e| e.to_string());
        checked.map_err(|e| self.draft.refusal(e))?;
        self.complete(
            |_| Some(rest),
            |root, notices| encode::modality(root, "", rest, notices),
        )
    }

    /// Adds the rest of an `.h5mu`, as [`MatrixWriter::finish`] does for an `.h5ad`.
    ///
    /// # Errors
    /// As [`MatrixWriter::finish`] and [`write_h5mu`](crate::write_h5mu()).
    pub fn finish_h5mu(self, rest: &MultiModal) -> Result<Vec<Notice>, Error> {
        if !self.is_mudata {
            return Err(self.draft.refusal("it was started as an .h5ad"));
        }
        write::check(rest).map_err(|e| self.draft.refusal(e))?;
        self.complete(
            |name| rest.modalities.get(name?),
            |root, notices| write::multimodal(root, rest, notices),
        )
    }

    /// Checks the matrices against the modality each belongs to, then writes everything.
    fn complete<'m>(
        self,
        modality: impl Fn(Option<&str>) -> Option<&'m Modality>,
        fill: impl FnOnce(&Place<'_>, &mut Notices) -> Result<(), Hdf5Error>,
    ) -> Result<Vec<Notice>, Error> {
        if self.broken {
            return Err(self.draft.refusal("a block of rows was written in part"));
        }
        let Self { draft, streams, .. } = self;
        let misfits: Vec<String> = streams
            .iter()
            .filter_map(|(element, s)| s.misfit(element, &modality))
            .collect();
        if !misfits.is_empty() {
            return Err(draft.refusal(misfits.join("; ")));
        }
        let mut notices = Notices::new();
        for (element, stream) in streams {
            let done = stream.complete(draft.sink(), &element);
            done.map_err(|e| draft.refusal(format!("{element}: {e}")))?;
        }
        fill(&draft.sink().root(), &mut notices).map_err(|e| draft.refusal(e))?;
        draft.finish()?;
        Ok(notices)
    }
}
