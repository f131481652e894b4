//! Rows of a dataset: only the chunks that hold them are read and decoded.

use std::ops::Range;
use std::sync::Arc;

use hdf5_reader::error::Error as H5Error;
use hdf5_reader::{ByteOrder, Datatype, H5Type, SliceInfo, SliceInfoElem};

use super::number::{self, Loss, NumberType};
use super::{Dataset, Store};
use crate::error::{Error, Fault};

/// Decoded chunks are kept up to this size, more only where one band of chunks needs it.
const CACHE: usize = 32 << 20;
/// Chunks kept at most. The library miscounts its cache when chunks fall out by number instead
/// of by size, so the sizes are chosen such that they never do.
const SLOTS: usize = 1 << 16;

/// How many decoded chunks a store keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ChunkCache {
    pub bytes: usize,
    pub slots: usize,
}

impl ChunkCache {
    pub const NONE: Self = Self { bytes: 0, slots: 1 };

    /// Enough that consecutive rows of all these datasets, read in turns, decode no chunk twice.
    pub fn of(parts: &[&Dataset<'_>]) -> Self {
        let bands: Vec<Band> = parts.iter().filter_map(|d| d.band()).collect();
        let Some(smallest) = bands.iter().map(|b| b.chunk).min() else {
            return Self::NONE;
        };
        // Where a block ends inside a band, the next block needs that band and the one after it.
        let wanted = bands.iter().fold(0usize, |sum, b| {
            sum.saturating_add(b.bytes.saturating_mul(b.count.min(2)))
        });
        let bytes = wanted.max(CACHE).min(smallest.saturating_mul(SLOTS));
        Self {
            bytes,
            slots: bytes / smallest + 1,
        }
    }
}

/// The chunks that one row of a dataset lies in.
struct Band {
    /// Bytes of one decoded chunk, at least 1.
    chunk: usize,
    /// Bytes of all chunks of a band, decoded.
    bytes: usize,
    /// Bands in the dataset.
    count: usize,
}

/// A dataset without its store, to be kept beside it.
pub(crate) struct Part {
    path: String,
    inner: Arc<hdf5_reader::Dataset>,
}

impl Part {
    /// The dataset again; `store` must be the one it was opened in.
    pub fn of<'s>(&self, store: &'s Store) -> Dataset<'s> {
        Dataset {
            store,
            path: self.path.clone(),
            inner: self.inner.clone(),
            attrs: vec![],
        }
    }
}

/// One stored number, its bytes untouched: the library converts nothing.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Raw<const N: usize>([u8; N]);

impl<const N: usize> H5Type for Raw<N> {
    fn hdf5_type() -> Datatype {
        Datatype::FixedPoint {
            size: N as u8,
            signed: false,
            byte_order: ByteOrder::LittleEndian,
        }
    }

    fn from_bytes(bytes: &[u8], _: &Datatype) -> Result<Self, H5Error> {
        let found = bytes.len();
        let bytes = bytes.first_chunk().copied();
        bytes
            .map(Self)
            .ok_or_else(|| H5Error::InvalidData(format!("{found} bytes for a number of {N}")))
    }

    fn element_size(_: &Datatype) -> usize {
        N
    }

    fn native_copy_compatible(dtype: &Datatype) -> bool {
        NumberType::of(dtype).is_some_and(|t| t.size as usize == N)
    }
}

fn raw<const N: usize>(d: &hdf5_reader::Dataset, s: &SliceInfo) -> Result<Vec<u8>, H5Error> {
    let (values, _) = d.read_slice::<Raw<N>>(s)?.into_raw_vec_and_offset();
    // Collected in place: the allocation stays.
    let values: Vec<[u8; N]> = values.into_iter().map(|r| r.0).collect();
    Ok(values.into_flattened())
}

impl Dataset<'_> {
    /// The dataset without its store.
    pub fn part(&self) -> Part {
        Part {
            path: self.path.clone(),
            inner: self.inner.clone(),
        }
    }

    /// Stored bytes of one row of the first axis.
    fn row_bytes(&self) -> Result<u64, Error> {
        let size = self.inner.raw_element_size();
        let size = size.map_err(|e| self.store.h5(&self.path, e))? as u64;
        let rest = self.shape().iter().skip(1);
        Ok(rest.fold(size, |n, &d| n.saturating_mul(d)))
    }

    /// `None` for what is not chunked.
    fn band(&self) -> Option<Band> {
        let chunks = self.inner.chunks()?;
        let size = self.inner.raw_element_size().ok()?;
        let chunk = chunks
            .iter()
            .fold(size, |n, &c| n.saturating_mul(c as usize))
            .max(1);
        let across = self.shape().iter().zip(&chunks).skip(1);
        let across = across.fold(1u64, |n, (&d, &c)| {
            n.saturating_mul(d.div_ceil(u64::from(c).max(1)))
        });
        let count = self.shape().first().zip(chunks.first());
        let count = count.map_or(1, |(&d, &c)| d.div_ceil(u64::from(c).max(1)));
        let narrow = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Some(Band {
            chunk,
            bytes: chunk.saturating_mul(narrow(across)),
            count: narrow(count),
        })
    }

    /// Rows that take about `bytes` bytes, whole bands of chunks; at least one.
    pub(super) fn rows_within(&self, bytes: u64) -> Result<u64, Error> {
        let chunks = self.inner.chunks();
        let band = chunks.and_then(|c| c.first().copied()).map_or(1, u64::from);
        let band = band.max(1);
        let one = self.row_bytes()?.saturating_mul(band).max(1);
        Ok((bytes / one).max(1).saturating_mul(band))
    }

    /// The hyperslab of some rows, after checking that they fit the limits.
    fn select(&self, rows: &Range<u64>) -> Result<SliceInfo, Error> {
        let bytes = (rows.end - rows.start).saturating_mul(self.row_bytes()?);
        if bytes > self.store.options.max_array_bytes {
            let reason = format!(
                "entries {} to {} take {bytes} bytes, more than the limit of {} bytes",
                rows.start, rows.end, self.store.options.max_array_bytes
            );
            return Err(self.fault(Fault::TooLarge, reason));
        }
        let span = |start, end| SliceInfoElem::Slice {
            start,
            end,
            step: 1,
        };
        let mut selections = vec![span(rows.start, rows.end)];
        selections.extend(self.shape().iter().skip(1).map(|&d| span(0, d)));
        Ok(SliceInfo { selections })
    }

    fn is_nothing(&self, rows: &Range<u64>) -> bool {
        rows.is_empty() || self.shape().contains(&0)
    }

    /// The stored bytes of some rows of the first axis, which must exist.
    pub(super) fn rows(&self, rows: Range<u64>) -> Result<Vec<u8>, Error> {
        if self.is_nothing(&rows) {
            return Ok(vec![]);
        }
        let (kind, s) = (self.number_type()?, self.select(&rows)?);
        let bytes = match kind.size {
            1 => raw::<1>(&self.inner, &s),
            2 => raw::<2>(&self.inner, &s),
            4 => raw::<4>(&self.inner, &s),
            _ => raw::<8>(&self.inner, &s),
        };
        bytes.map_err(|e| self.store.h5(&self.path, e))
    }

    /// Some rows as f32, with what the conversion lost.
    pub fn rows_f32(&self, rows: Range<u64>) -> Result<(Vec<f32>, Loss), Error> {
        let kind = self.number_type()?;
        if kind.is_native_f32() && !self.is_nothing(&rows) {
            let values = self.inner.read_slice::<f32>(&self.select(&rows)?);
            let values = values.map_err(|e| self.store.h5(&self.path, e))?;
            return Ok((values.into_raw_vec_and_offset().0, Loss::default()));
        }
        Ok(number::to_f32(kind, &self.rows(rows)?))
    }

    /// Some integers, which must be in 0..`below`.
    pub fn rows_indices(&self, rows: Range<u64>, below: u32) -> Result<Vec<u32>, Error> {
        let (kind, first) = (self.integer_type()?, rows.start);
        self.to_indices(kind, &self.rows(rows)?, first, below)
    }
}
