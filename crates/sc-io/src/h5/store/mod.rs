//! The boundary to the HDF5 reader: everything that comes out of a file passes the checks here.
//!
//! No value is read before its declared size has been compared with the limits and with the size
//! of the file, and no link is followed out of the file.

mod attr;
mod dataset;
mod filters;
mod links;
mod node;
pub(super) mod number;
mod rows;

use std::cell::{Cell, RefCell};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hdf5_reader::error::Error as H5Error;
use hdf5_reader::{ExternalLinkResolver, Hdf5File, OpenOptions};

pub(super) use attr::AttrValue;
pub(super) use dataset::{Dataset, Kind};
pub(super) use node::{Group, Node};
pub(super) use rows::{ChunkCache, Part};

use crate::error::{Error, Fault, Notice};
use crate::read::ReadOptions;
use crate::sniff;

/// Objects opened in one file.
const MAX_OBJECTS: u64 = 200_000;
/// Largest decoded chunk.
const MAX_CHUNK: usize = 512 << 20;
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
    ///
    /// Every decoded chunk is dropped as soon as it was used: arrays are read once and whole.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, Error> {
        Self::open_cached(path, options, ChunkCache::NONE)
    }

    /// [`Store::open`], keeping decoded chunks for the next read.
    pub fn open_cached(
        path: &Path,
        options: &ReadOptions,
        cache: ChunkCache,
    ) -> Result<Self, Error> {
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
            .with_chunk_cache_bytes(cache.bytes)
            .with_chunk_cache_slots(cache.slots)
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

    pub fn notices(&self) -> Vec<Notice> {
        self.notices.borrow().clone()
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
