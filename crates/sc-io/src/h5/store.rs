//! The boundary to the HDF5 reader: everything that comes out of a file passes the checks here.
//!
//! No value is read before its declared size has been compared with the limits and with the size
//! of the file, and no link is followed out of the file.

use std::cell::{Cell, RefCell};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hdf5_reader::error::Error as H5Error;
use hdf5_reader::messages::datatype::StringSize;
use hdf5_reader::{Attribute, Datatype, ExternalLinkResolver, Hdf5File, OpenOptions};

use super::filters;
use super::links;
use super::number::{self, Loss, NumberType};
use crate::error::{Error, Fault, Notice};
use crate::read::ReadOptions;
use crate::sniff;

/// Groups nested deeper than this are refused.
const MAX_DEPTH: usize = 64;
/// Objects opened in one file.
const MAX_OBJECTS: u64 = 200_000;
/// Largest decoded chunk.
const MAX_CHUNK: usize = 512 << 20;
/// Arrays up to this size are read whatever the size of the file.
const SMALL: u64 = 64 << 20;
/// Deflate expands at most 1032 times; anything that claims more holds no data.
const MAX_RATIO: u64 = 1100;
/// Notices kept for one file.
const MAX_NOTICES: usize = 500;

/// An open file.
pub(crate) struct Store {
    file: Hdf5File,
    path: PathBuf,
    bytes: u64,
    options: ReadOptions,
    opened: Cell<u64>,
    external: Arc<ExternalLinks>,
    notices: RefCell<Vec<Notice>>,
}

/// Refuses every external link and remembers where the last one led.
#[derive(Default)]
struct ExternalLinks(Mutex<Option<String>>);

impl ExternalLinkResolver for ExternalLinks {
    fn resolve_external_link(&self, filename: &str) -> Result<Option<Hdf5File>, H5Error> {
        if let Ok(mut last) = self.0.lock() {
            *last = Some(filename.to_owned());
        }
        Ok(None)
    }
}

impl ExternalLinks {
    fn take(&self) -> Option<String> {
        self.0.lock().ok().and_then(|mut last| last.take())
    }
}

impl Store {
    /// Opens a file that looks like HDF5; anything else is named by what it looks like.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, Error> {
        let io = |e| Error::io(path, "open", e);
        let meta = std::fs::metadata(path).map_err(io)?;
        let mut disk = std::fs::File::open(path).map_err(io)?;
        let not = |found: String| Error::Unrecognised {
            file: path.to_owned(),
            expected: "an HDF5 file",
            found,
        };
        if meta.is_dir() {
            return Err(not("it is a directory, a file is expected".into()));
        }
        let Some(start) = sniff::hdf5_start(&mut disk).map_err(|e| Error::io(path, "read", e))?
        else {
            let mut head = vec![0; 512];
            disk.seek(SeekFrom::Start(0)).map_err(io)?;
            let n = disk
                .read(&mut head)
                .map_err(|e| Error::io(path, "read", e))?;
            return Err(not(sniff::describe(&head[..n])));
        };
        if let Some(recorded) = sniff::recorded_size(&mut disk, start)
            && recorded > meta.len()
        {
            return Err(Error::Truncated {
                file: path.to_owned(),
                found: meta.len(),
                recorded,
            });
        }
        let external = Arc::new(ExternalLinks::default());
        let h5 = OpenOptions::default()
            .with_chunk_cache_bytes(0)
            .with_filter_registry(filters::registry(MAX_CHUNK))
            .with_external_link_resolver(external.clone())
            .with_max_chunk_bytes(MAX_CHUNK)
            .with_max_read_bytes(usize::try_from(options.max_array_bytes).unwrap_or(usize::MAX));
        let file = Hdf5File::open_with_options(path, h5)
            .map_err(|e| not(format!("its HDF5 superblock is corrupt ({e})")))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            bytes: meta.len(),
            options: options.clone(),
            opened: Cell::new(0),
            external,
            notices: RefCell::default(),
        })
    }

    pub fn root(&self) -> Result<Group<'_>, Error> {
        let inner = self.file.root_group().map_err(|e| self.h5("/", e))?;
        Group::new(self, inner, String::new(), vec![])
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Remembers something worth telling.
    pub fn notice(&self, element: &str, message: impl Into<String>) {
        let mut notices = self.notices.borrow_mut();
        let element = element.to_owned();
        match notices.len() {
            n if n < MAX_NOTICES => notices.push(Notice {
                element,
                message: message.into(),
            }),
            MAX_NOTICES => {
                notices.push(Notice {
                    element,
                    message: "further notices are left out".into(),
                });
            }
            _ => {}
        }
    }

    pub fn into_notices(self) -> Vec<Notice> {
        self.notices.into_inner()
    }

    pub fn fault(&self, element: &str, fault: Fault, reason: impl Into<String>) -> Error {
        let element = if element.is_empty() { "/" } else { element };
        Error::Element {
            file: self.path.clone(),
            element: element.to_owned(),
            fault,
            reason: reason.into(),
        }
    }

    /// Turns an error of the HDF5 library into one of ours.
    fn h5(&self, element: &str, e: H5Error) -> Error {
        let (fault, reason) = match e {
            H5Error::Context { source, .. } => return self.h5(element, *source),
            H5Error::UnsupportedFilter(text) => {
                let id = text
                    .rsplit(' ')
                    .next()
                    .and_then(|n| n.parse().ok())
                    .unwrap_or(0);
                let reason = format!(
                    "needs HDF5 filter {id} ({}), which is not available; write the file again \
                     with gzip compression",
                    filters::name(id)
                );
                (Fault::Unsupported, reason)
            }
            H5Error::ResourceLimit(text) => (Fault::TooLarge, text),
            H5Error::ChecksumMismatch { expected, actual } => {
                let reason = format!(
                    "checksum mismatch (stored {expected:#010x}, computed {actual:#010x}): the \
                     file is damaged, copy or download it again"
                );
                (Fault::Damaged, reason)
            }
            e if e.to_string().contains("external") => {
                let reason = format!("keeps its data in another file, which is refused ({e})");
                (Fault::Link, reason)
            }
            e @ H5Error::UnexpectedEof { .. } => {
                // The reading library loses links beyond the first 512 KiB of link names.
                let reason = format!(
                    "cannot be decoded: {e}; the file is damaged, or a group holds more than \
                     about 15,000 members, which is not supported"
                );
                (Fault::Damaged, reason)
            }
            e => (Fault::Damaged, format!("cannot be decoded: {e}")),
        };
        self.fault(element, fault, reason)
    }

    fn count_object(&self, element: &str) -> Result<(), Error> {
        self.opened.set(self.opened.get() + 1);
        if self.opened.get() > MAX_OBJECTS {
            let reason = format!("the file holds more than {MAX_OBJECTS} objects");
            return Err(self.fault(element, Fault::TooLarge, reason));
        }
        Ok(())
    }
}

/// A group or a dataset.
pub(crate) enum Node<'s> {
    Group(Group<'s>),
    Dataset(Dataset<'s>),
}

impl<'s> Node<'s> {
    pub fn path(&self) -> &str {
        match self {
            Self::Group(g) => &g.path,
            Self::Dataset(d) => &d.path,
        }
    }

    pub fn store(&self) -> &'s Store {
        match self {
            Self::Group(g) => g.store,
            Self::Dataset(d) => d.store,
        }
    }

    pub fn attr(&self, name: &str) -> Option<&Attribute> {
        match self {
            Self::Group(g) => g.attr(name),
            Self::Dataset(d) => d.attr(name),
        }
    }

    pub fn fault(&self, fault: Fault, reason: impl Into<String>) -> Error {
        self.store().fault(self.path(), fault, reason)
    }
}

/// A group, with its attributes.
pub(crate) struct Group<'s> {
    pub store: &'s Store,
    pub path: String,
    inner: hdf5_reader::group::Group,
    attrs: Vec<Attribute>,
    /// Addresses of the groups on the way here, this one last.
    ancestors: Vec<u64>,
}

impl<'s> Group<'s> {
    fn new(
        store: &'s Store,
        inner: hdf5_reader::group::Group,
        path: String,
        mut ancestors: Vec<u64>,
    ) -> Result<Self, Error> {
        store.count_object(&path)?;
        if ancestors.contains(&inner.address()) {
            let reason = "the group contains itself";
            return Err(store.fault(&path, Fault::Link, reason));
        }
        if ancestors.len() > MAX_DEPTH {
            let reason = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(store.fault(&path, Fault::TooLarge, reason));
        }
        ancestors.push(inner.address());
        let attrs = inner.attributes().map_err(|e| store.h5(&path, e))?;
        Ok(Self {
            store,
            path,
            inner,
            attrs,
            ancestors,
        })
    }

    pub fn attr(&self, name: &str) -> Option<&Attribute> {
        self.attrs.iter().find(|a| a.name == name)
    }

    pub fn fault(&self, fault: Fault, reason: impl Into<String>) -> Error {
        self.store.fault(&self.path, fault, reason)
    }

    pub fn child_path(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.path)
        }
    }

    /// Names of the members, links that lead nowhere included.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        let h5 = |e| self.store.h5(&self.path, e);
        let (mut names, datasets) = self.inner.member_names().map_err(h5)?;
        names.extend(datasets);
        for link in links::names(&self.store.file, &self.inner).map_err(h5)? {
            if !names.contains(&link) {
                names.push(link);
            }
        }
        Ok(names)
    }

    /// A member, `None` if there is none of that name; `a/b` is the member `b` of `a`.
    pub fn get(&self, name: &str) -> Result<Option<Node<'s>>, Error> {
        if let Some((first, rest)) = name.split_once('/') {
            return match self.get(first)? {
                Some(Node::Group(g)) => g.get(rest),
                _ => Ok(None),
            };
        }
        self.get_direct(name)
    }

    fn get_direct(&self, name: &str) -> Result<Option<Node<'s>>, Error> {
        let path = self.child_path(name);
        self.store.external.take();
        let h5 = |e| self.store.h5(&path, e);
        match self.inner.dataset(name) {
            Ok(inner) => {
                return Dataset::new(self.store, inner, path).map(|d| Some(Node::Dataset(d)));
            }
            Err(H5Error::DatasetNotFound(_)) => {}
            Err(e) => return Err(h5(e)),
        }
        if let Some(target) = self.store.external.take() {
            let reason = format!("is an external link to '{target}', which is refused");
            return Err(self.store.fault(&path, Fault::Link, reason));
        }
        let h5 = |e| self.store.h5(&path, e);
        match self.inner.group(name) {
            Ok(inner) => Group::new(self.store, inner, path, self.ancestors.clone())
                .map(|g| Some(Node::Group(g))),
            Err(H5Error::GroupNotFound(_)) => {
                if links::names(&self.store.file, &self.inner)
                    .map_err(h5)?
                    .iter()
                    .any(|l| l == name)
                {
                    let reason = "is a link that leads nowhere or in a circle";
                    return Err(self.store.fault(&path, Fault::Link, reason));
                }
                Ok(None)
            }
            Err(e) => Err(h5(e)),
        }
    }

    /// A member that must be there.
    pub fn require(&self, name: &str) -> Result<Node<'s>, Error> {
        self.get(name)?.ok_or_else(|| {
            self.store
                .fault(&self.child_path(name), Fault::Missing, "is missing")
        })
    }

    /// A member group, `None` if there is none of that name.
    pub fn group(&self, name: &str) -> Result<Option<Group<'s>>, Error> {
        match self.get(name)? {
            None => Ok(None),
            Some(Node::Group(g)) => Ok(Some(g)),
            Some(Node::Dataset(d)) => {
                Err(d.fault(Fault::WrongType, "is a dataset, a group is expected"))
            }
        }
    }

    /// A member dataset that must be there.
    pub fn dataset(&self, name: &str) -> Result<Dataset<'s>, Error> {
        match self.require(name)? {
            Node::Dataset(d) => Ok(d),
            Node::Group(g) => Err(g.fault(Fault::WrongType, "is a group, a dataset is expected")),
        }
    }
}

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
    inner: Box<hdf5_reader::Dataset>,
    attrs: Vec<Attribute>,
}

impl<'s> Dataset<'s> {
    fn new(store: &'s Store, inner: hdf5_reader::Dataset, path: String) -> Result<Self, Error> {
        store.count_object(&path)?;
        let attrs = inner.attributes();
        let inner = Box::new(inner);
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
        let shape = self.shape();
        if bytes > self.store.options.max_array_bytes {
            let reason = format!(
                "declares {shape:?} elements of {size} bytes, more than the limit of {} bytes",
                self.store.options.max_array_bytes
            );
            return Err(self.fault(Fault::TooLarge, reason));
        }
        if bytes > SMALL && bytes / MAX_RATIO > self.store.bytes {
            let reason = format!(
                "declares {shape:?} elements ({bytes} bytes), more than a file of {} bytes can hold",
                self.store.bytes
            );
            return Err(self.fault(Fault::TooLarge, reason));
        }
        usize::try_from(n).map_err(|_| self.fault(Fault::TooLarge, "does not fit into memory"))
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

    fn integer_type(&self) -> Result<NumberType, Error> {
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
        let bytes = self.bytes()?;
        number::to_u32(kind, &bytes, below).map_err(|at| {
            let one = &bytes[at * kind.size as usize..][..kind.size as usize];
            let value = number::to_f64(kind, one)
                .first()
                .copied()
                .unwrap_or_default();
            self.fault(
                Fault::Value,
                format!("entry {at} is {value}, outside 0..{below}"),
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

    /// CRC-32 of the bytes as stored, or of the texts.
    pub fn digest(&self) -> Result<u32, Error> {
        if self.kind() == Kind::Text {
            let texts = self.read_text()?;
            return Ok(super::sink::text_crc(texts.iter().map(String::as_str)));
        }
        let mut crc = libdeflater::Crc::new();
        crc.update(&self.bytes()?);
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

/// Readings of an attribute.
pub(crate) trait AttrValue {
    fn text(&self) -> Option<String>;
    fn texts(&self) -> Option<Vec<String>>;
    fn integers(&self) -> Option<Vec<i64>>;
    fn flag(&self) -> Option<bool>;
}

impl AttrValue for Attribute {
    fn text(&self) -> Option<String> {
        if !is_text(&self.datatype) {
            None
        } else {
            self.read_string().ok()
        }
    }

    fn texts(&self) -> Option<Vec<String>> {
        // An empty list is often stored as an empty float array.
        if self.shape.contains(&0) {
            return Some(vec![]);
        }
        if !is_text(&self.datatype) {
            None
        } else {
            self.read_strings().ok()
        }
    }

    fn integers(&self) -> Option<Vec<i64>> {
        number::to_i64(NumberType::of(&self.datatype)?, &self.raw_data).ok()
    }

    fn flag(&self) -> Option<bool> {
        let values = number::to_f64(NumberType::of(&self.datatype)?, &self.raw_data);
        values.first().map(|v| *v != 0.0)
    }
}

fn is_text(dtype: &Datatype) -> bool {
    match dtype {
        Datatype::String { .. } => true,
        Datatype::VarLen { base, .. } => base.is_vlen_string_base(),
        _ => false,
    }
}
