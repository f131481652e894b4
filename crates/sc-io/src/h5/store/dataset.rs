//! Datasets: sizes checked first, then read with casts of our own.

use std::sync::Arc;

use hdf5_reader::error::Error as H5Error;
use hdf5_reader::messages::datatype::StringSize;
use hdf5_reader::{Attribute, Datatype};

use super::Store;
use super::number::{self, Loss, NumberType};
use crate::error::{Error, Fault};

/// Arrays up to this size are read whatever the size of the file.
const SMALL: u64 = 64 << 20;
/// Bytes that a digest holds at a time, unless a chunk is larger.
const DIGEST_BYTES: u64 = 8 << 20;
/// Deflate expands at most 1032 times; anything that claims more holds no data.
const MAX_RATIO: u64 = 1100;

/// What a dataset holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Number(NumberType),
    Text,
    Null,
    /// Something else, in words.
    Other(&'static str),
}

/// A dataset, nothing of it read yet.
pub(crate) struct Dataset<'s> {
    pub store: &'s Store,
    pub path: String,
    pub(super) inner: Arc<hdf5_reader::Dataset>,
    pub(super) attrs: Vec<Attribute>,
}

impl<'s> Dataset<'s> {
    pub(super) fn new(
        store: &'s Store,
        inner: hdf5_reader::Dataset,
        path: String,
    ) -> Result<Self, Error> {
        store.count_object(&path)?;
        let attrs = inner.attributes();
        let inner = Arc::new(inner);
        Ok(Self {
            store,
            path,
            inner,
            attrs,
        })
    }

    pub fn attr(&self, name: &str) -> Option<&Attribute> {
        self.attrs.iter().find(|a| a.name == name)
    }

    pub fn fault(&self, fault: Fault, reason: impl Into<String>) -> Error {
        self.store.fault(&self.path, fault, reason)
    }

    /// Declared sizes; none for a scalar.
    pub fn shape(&self) -> &[u64] {
        self.inner.shape()
    }

    /// Declared length of a one-dimensional dataset.
    pub fn len(&self) -> Result<u64, Error> {
        match self.shape() {
            [n] => Ok(*n),
            s => Err(self.fault(
                Fault::Shape,
                format!("has {} dimensions, 1 expected", s.len()),
            )),
        }
    }

    /// Fails unless the dataset is one-dimensional with `n` entries.
    pub fn expect_len(&self, n: usize, of: &str) -> Result<(), Error> {
        match self.len()? {
            found if found == n as u64 => Ok(()),
            found => Err(self.fault(
                Fault::Shape,
                format!("has {found} entries, {n} expected ({of})"),
            )),
        }
    }

    pub fn kind(&self) -> Kind {
        if self.shape().is_empty() && matches!(self.inner.num_elements(), Ok(0)) {
            return Kind::Null;
        }
        match self.inner.dtype() {
            Datatype::String { .. } => Kind::Text,
            Datatype::VarLen { base, .. } if base.is_vlen_string_base() => Kind::Text,
            Datatype::Compound { fields, .. } if is_complex(fields.iter().map(|f| &*f.name)) => {
                Kind::Other("complex numbers")
            }
            Datatype::Compound { .. } => Kind::Other("records (compound type)"),
            Datatype::Array { .. } => Kind::Other("arrays"),
            Datatype::VarLen { .. } => Kind::Other("lists of varying length"),
            Datatype::Opaque { .. } => Kind::Other("opaque bytes"),
            Datatype::Reference { .. } => Kind::Other("references"),
            Datatype::Bitfield { .. } => Kind::Other("bit fields"),
            other => NumberType::of(other)
                .map_or(Kind::Other("numbers of an unusual width"), Kind::Number),
        }
    }

    /// The stored number type, or an error that says what is there instead.
    pub fn number_type(&self) -> Result<NumberType, Error> {
        let found = match self.kind() {
            Kind::Number(t) => return Ok(t),
            Kind::Text => "text",
            Kind::Null => "nothing (null)",
            Kind::Other("complex numbers") => {
                return Err(self.fault(Fault::Unsupported, "is not real: it holds complex numbers"));
            }
            Kind::Other(what) => what,
        };
        Err(self.fault(
            Fault::WrongType,
            format!("is not numeric: it holds {found}"),
        ))
    }

    /// Number of elements, after checking that so many can be in this file and in the limits.
    fn check_size(&self) -> Result<usize, Error> {
        let h5 = |e| self.store.h5(&self.path, e);
        let n = self.inner.num_elements().map_err(h5)?;
        let size = self.inner.raw_element_size().map_err(h5)? as u64;
        let bytes = n.saturating_mul(size.max(1));
        if bytes > self.store.options.max_array_bytes {
            let reason = format!(
                "declares {:?} elements of {size} bytes, more than the limit of {} bytes",
                self.shape(),
                self.store.options.max_array_bytes
            );
            return Err(self.fault(Fault::TooLarge, reason));
        }
        self.check_plausible()?;
        usize::try_from(n).map_err(|_| self.fault(Fault::TooLarge, "does not fit into memory"))
    }

    /// Fails if so many elements cannot be in a file of this size, whatever part is to be read.
    pub fn check_plausible(&self) -> Result<(), Error> {
        let h5 = |e| self.store.h5(&self.path, e);
        let n = self.inner.num_elements().map_err(h5)?;
        let bytes = n.saturating_mul(self.inner.raw_element_size().map_err(h5)? as u64);
        if bytes > SMALL && bytes / MAX_RATIO > self.store.bytes {
            let reason = format!(
                "declares {:?} elements ({bytes} bytes), more than a file of {} bytes can hold",
                self.shape(),
                self.store.bytes
            );
            return Err(self.fault(Fault::TooLarge, reason));
        }
        Ok(())
    }

    fn bytes(&self) -> Result<Vec<u8>, Error> {
        self.check_size()?;
        self.inner
            .read_raw_bytes()
            .map_err(|e| self.store.h5(&self.path, e))
    }

    /// All numbers as f32, row after row, with what the conversion lost.
    pub fn read_f32(&self) -> Result<(Vec<f32>, Loss), Error> {
        let kind = self.number_type()?;
        if kind.is_native_f32() {
            let n = self.check_size()?;
            let mut values = Vec::new();
            values
                .try_reserve_exact(n)
                .map_err(|_| self.fault(Fault::TooLarge, "does not fit into memory"))?;
            values.resize(n, 0f32);
            self.inner
                .read_into(&mut values)
                .map_err(|e| self.store.h5(&self.path, e))?;
            return Ok((values, Loss::default()));
        }
        Ok(number::to_f32(kind, &self.bytes()?))
    }

    /// All numbers as f64.
    pub fn read_f64(&self) -> Result<Vec<f64>, Error> {
        let kind = self.number_type()?;
        Ok(number::to_f64(kind, &self.bytes()?))
    }

    /// The stored integer type, or an error that says what is there instead.
    pub fn integer_type(&self) -> Result<NumberType, Error> {
        let kind = self.number_type()?;
        if !kind.is_integer() {
            let reason = "must hold integers, it holds other numbers";
            return Err(self.fault(Fault::WrongType, reason));
        }
        Ok(kind)
    }

    /// All integers, which must be in 0..`below`.
    pub fn read_indices(&self, below: u32) -> Result<Vec<u32>, Error> {
        let kind = self.integer_type()?;
        self.to_indices(kind, &self.bytes()?, 0, below)
    }

    /// Stored integers, of which the first is entry `first`, as indices of 0..`below`.
    pub(super) fn to_indices(
        &self,
        kind: NumberType,
        bytes: &[u8],
        first: u64,
        below: u32,
    ) -> Result<Vec<u32>, Error> {
        number::to_u32(kind, bytes, below).map_err(|at| {
            let one = &bytes[at * kind.size as usize..][..kind.size as usize];
            let value = number::to_f64(kind, one)
                .first()
                .copied()
                .unwrap_or_default();
            let entry = first + at as u64;
            self.fault(
                Fault::Value,
                format!("entry {entry} is {value}, outside 0..{below}"),
            )
        })
    }

    /// All integers.
    pub fn read_i64(&self) -> Result<Vec<i64>, Error> {
        let kind = self.integer_type()?;
        let bytes = self.bytes()?;
        number::to_i64(kind, &bytes).map_err(|at| {
            self.fault(
                Fault::Value,
                format!("entry {at} does not fit a signed 64-bit integer"),
            )
        })
    }

    /// All booleans: the HDF5 enumeration FALSE, TRUE, or integers 0 and 1.
    pub fn read_bool(&self) -> Result<Vec<bool>, Error> {
        let kind = self.number_type()?;
        let values = number::to_f64(kind, &self.bytes()?);
        match values.iter().position(|v| *v != 0.0 && *v != 1.0) {
            Some(at) => Err(self.fault(
                Fault::Value,
                format!("entry {at} is {}, no boolean", values[at]),
            )),
            None => Ok(values.iter().map(|v| *v == 1.0).collect()),
        }
    }

    /// All texts.
    pub fn read_text(&self) -> Result<Vec<String>, Error> {
        if self.kind() != Kind::Text {
            return Err(self.fault(Fault::WrongType, "must hold text"));
        }
        let n = self.check_size()?;
        if n == 0 {
            return Ok(vec![]);
        }
        if let Datatype::String {
            size: StringSize::Fixed(0),
            ..
        } = self.inner.dtype()
        {
            return Ok(vec![String::new(); n]);
        }
        let fixed = matches!(
            self.inner.dtype(),
            Datatype::String {
                size: StringSize::Fixed(_),
                ..
            }
        );
        if !fixed {
            self.check_text_size(&self.bytes()?)?;
        }
        self.inner.read_strings().map_err(|e| match e {
            H5Error::Context { source, .. } if is_utf8(&source) => self.not_utf8(n, fixed),
            e if is_utf8(&e) => self.not_utf8(n, fixed),
            e => self.store.h5(&self.path, e),
        })
    }

    /// CRC-32 of the bytes as stored, or of the texts. Numbers are read by bands of rows.
    pub fn digest(&self) -> Result<u32, Error> {
        if self.kind() == Kind::Text {
            let texts = self.read_text()?;
            return Ok(crate::h5::sink::text_crc(texts.iter().map(String::as_str)));
        }
        let mut crc = libdeflater::Crc::new();
        if self.shape().is_empty() {
            crc.update(&self.bytes()?);
            return Ok(crc.sum());
        }
        self.check_plausible()?;
        let (mut row, step) = (0, self.rows_within(DIGEST_BYTES)?);
        while row < self.shape()[0] {
            let end = row.saturating_add(step).min(self.shape()[0]);
            crc.update(&self.rows(row..end)?);
            row = end;
        }
        Ok(crc.sum())
    }

    /// Many references to one long text must not fill the memory.
    fn check_text_size(&self, references: &[u8]) -> Result<(), Error> {
        let size = self.inner.vlen_reference_size();
        let total: u64 = references
            .chunks_exact(size)
            .map(|r| u32::from_le_bytes([r[0], r[1], r[2], r[3]]) as u64)
            .sum();
        if total > SMALL && total / 16 > self.store.bytes {
            let reason = format!(
                "declares {total} bytes of text, more than a file of {} bytes can hold",
                self.store.bytes
            );
            return Err(self.fault(Fault::TooLarge, reason));
        }
        Ok(())
    }

    /// Finds the first entry that is no UTF-8.
    fn not_utf8(&self, n: usize, fixed: bool) -> Error {
        let bytes = self.bytes().unwrap_or_default();
        let width = (bytes.len() / n.max(1)).max(1);
        let bad = bytes.chunks_exact(width).position(|raw| {
            if fixed {
                return std::str::from_utf8(raw).is_err();
            }
            let text = self.inner.resolve_vlen_reference_bytes(raw, 1);
            text.is_ok_and(|t| std::str::from_utf8(&t).is_err())
        });
        let at = bad.map_or(String::from("some entry"), |b| format!("entry {b}"));
        self.fault(Fault::Value, format!("{at} is not UTF-8 text"))
    }
}

fn is_utf8(e: &H5Error) -> bool {
    matches!(e, H5Error::InvalidData(text) if text.contains("invalid string data"))
}

fn is_complex<'a>(mut fields: impl Iterator<Item = &'a str>) -> bool {
    fields.next() == Some("r") && fields.next() == Some("i") && fields.next().is_none()
}
