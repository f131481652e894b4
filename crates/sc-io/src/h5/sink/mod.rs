//! The boundary to the HDF5 writer. It keeps a record of everything it writes, so that the file
//! can be read back with the other library and compared.

mod growing;

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::Path;

pub(super) use growing::Growing;

use rust_hdf5::format::messages::filter::{
    FILTER_DEFLATE, FILTER_FLETCHER32, FILTER_SHUFFLE, FLAG_MANDATORY, FLAG_OPTIONAL,
};
use rust_hdf5::{
    DatatypeMessage, Filter, FilterPipeline, H5Dataset, H5File, H5Group, H5Type, HBool, Hdf5Error,
};

/// Elements per chunk.
const CHUNK: usize = 1 << 17;
/// Smaller arrays are stored whole.
const SMALL: usize = 1 << 10;
/// Fast, and nearly as small as higher levels on counts.
const GZIP_LEVEL: u32 = 4;

type Result<T> = std::result::Result<T, Hdf5Error>;

/// What was written at one place.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Record {
    /// A dataset: sizes and CRC-32 of its little-endian bytes, or of its texts.
    Dataset {
        path: String,
        shape: Vec<u64>,
        crc: u32,
    },
    /// A text attribute.
    Text {
        path: String,
        name: String,
        value: String,
    },
    /// An attribute with a list of texts.
    Texts {
        path: String,
        name: String,
        value: Vec<String>,
    },
    /// An attribute of integers.
    Integers {
        path: String,
        name: String,
        value: Vec<i64>,
    },
    /// A boolean attribute.
    Flag {
        path: String,
        name: String,
        value: bool,
    },
}

/// A file being written.
pub(super) struct Sink {
    file: H5File,
    records: RefCell<Vec<Record>>,
    /// Paths of groups that were made ahead of what describes them.
    early: RefCell<HashSet<String>>,
}

impl Sink {
    /// Creates the file; `user_block` bytes in front stay free.
    pub fn create(path: &Path, user_block: u64) -> Result<Self> {
        let options = H5File::options()
            .best_effort_locking()
            .userblock(user_block);
        Ok(Self {
            file: options.create(path)?,
            records: RefCell::default(),
            early: RefCell::default(),
        })
    }

    pub fn root(&self) -> Place<'_> {
        Place {
            sink: self,
            inner: self.file.root_group(),
            path: String::new(),
        }
    }

    /// A group made ahead of what describes it, with the groups it lies in. It gets its
    /// attributes from whoever asks for a group of that name later.
    pub fn place(&self, path: &str) -> Result<Place<'_>> {
        let mut at = self.root();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let next = at.group(name)?;
            self.early.borrow_mut().insert(next.path.clone());
            at = next;
        }
        Ok(at)
    }

    /// Finishes the file and tells what it holds.
    pub fn close(self) -> Result<Vec<Record>> {
        self.file.close()?;
        Ok(self.records.into_inner())
    }
}

/// A group being filled.
pub(super) struct Place<'s> {
    sink: &'s Sink,
    inner: H5Group,
    path: String,
}

impl Place<'_> {
    fn child_path(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.path)
        }
    }

    fn record(&self, record: Record) {
        self.sink.records.borrow_mut().push(record);
    }

    pub fn group(&self, name: &str) -> Result<Self> {
        let path = self.child_path(name);
        let inner = if self.sink.early.borrow().contains(&path) {
            self.inner.group(name)?
        } else {
            self.inner.create_group(name)?
        };
        Ok(Self {
            sink: self.sink,
            inner,
            path,
        })
    }

    /// A group with its encoding.
    pub fn encoded(&self, name: &str, encoding: &str, version: &str) -> Result<Self> {
        let group = self.group(name)?;
        group.attr_text("encoding-type", encoding)?;
        group.attr_text("encoding-version", version)?;
        Ok(group)
    }

    pub fn attr_text(&self, name: &str, value: &str) -> Result<()> {
        self.inner.set_attr_string(name, value)?;
        let (path, name, value) = (self.path.clone(), name.to_owned(), value.to_owned());
        self.record(Record::Text { path, name, value });
        Ok(())
    }

    pub fn attr_texts(&self, name: &str, value: &[&str]) -> Result<()> {
        if value.is_empty() {
            // As h5py stores an empty list.
            self.inner.set_attr_array_numeric::<f64>(name, &[])?;
        } else {
            self.inner.set_attr_string_array(name, value)?;
        }
        let (path, name) = (self.path.clone(), name.to_owned());
        let value = value.iter().map(|&v| v.to_owned()).collect();
        self.record(Record::Texts { path, name, value });
        Ok(())
    }

    pub fn attr_flag(&self, name: &str, value: bool) -> Result<()> {
        self.inner.set_attr_numeric(name, &HBool::from(value))?;
        self.record(Record::Flag {
            path: self.path.clone(),
            name: name.to_owned(),
            value,
        });
        Ok(())
    }

    pub fn attr_integer(&self, name: &str, value: i64) -> Result<()> {
        self.inner.set_attr_numeric(name, &value)?;
        let (path, name, value) = (self.path.clone(), name.to_owned(), vec![value]);
        self.record(Record::Integers { path, name, value });
        Ok(())
    }

    pub fn attr_integers(&self, name: &str, value: &[i64]) -> Result<()> {
        self.inner.set_attr_array_numeric(name, value)?;
        let (path, name, value) = (self.path.clone(), name.to_owned(), value.to_vec());
        self.record(Record::Integers { path, name, value });
        Ok(())
    }

    /// An array with `encoding-type: array`.
    pub fn array<T: Number>(&self, name: &str, values: &[T], shape: &[usize]) -> Result<()> {
        let d = self.numbers(name, values, shape)?;
        self.encode(name, &d, "array", "0.2.0")
    }

    /// A scalar with `encoding-type: numeric-scalar`.
    pub fn scalar<T: Number>(&self, name: &str, value: T) -> Result<()> {
        let d = self.inner.new_dataset::<T>().scalar().create(name)?;
        d.write_raw(&[value])?;
        self.record_numbers(name, &[value], &[]);
        self.encode(name, &d, "numeric-scalar", "0.2.0")
    }

    /// Plain numbers without an encoding (the parts of a sparse matrix).
    pub fn part<T: Number>(&self, name: &str, values: &[T]) -> Result<()> {
        self.numbers(name, values, &[values.len()]).map(|_| ())
    }

    fn numbers<T: Number>(&self, name: &str, values: &[T], shape: &[usize]) -> Result<H5Dataset> {
        let mut builder = self.inner.new_dataset::<T>().shape(shape);
        if values.len() >= SMALL {
            builder = builder
                .chunk(&chunk(shape, CHUNK))
                .filter_pipeline(filters(T::element_size()));
        }
        let d = builder.create(name)?;
        if !values.is_empty() {
            d.write_raw(values)?;
        }
        self.record_numbers(name, values, shape);
        Ok(d)
    }

    fn record_numbers<T: Number>(&self, name: &str, values: &[T], shape: &[usize]) {
        let mut crc = libdeflater::Crc::new();
        let mut bytes = Vec::new();
        for block in values.chunks(1 << 14) {
            bytes.clear();
            block.iter().for_each(|v| v.put(&mut bytes));
            crc.update(&bytes);
        }
        self.record_crc(name, shape, &crc);
    }

    fn record_crc(&self, name: &str, shape: &[usize], crc: &libdeflater::Crc) {
        let shape = shape.iter().map(|&d| d as u64).collect();
        self.record(Record::Dataset {
            path: self.child_path(name),
            shape,
            crc: crc.sum(),
        });
    }

    /// Texts with `encoding-type: string-array`.
    pub fn texts(&self, name: &str, values: &[&str]) -> Result<()> {
        let d = if values.is_empty() {
            self.inner.create_appendable_vlen_dataset(name, 1, None)?
        } else {
            self.inner.write_vlen_strings(name, values)?
        };
        let shape = vec![values.len() as u64];
        let crc = text_crc(values.iter().copied());
        self.record(Record::Dataset {
            path: self.child_path(name),
            shape,
            crc,
        });
        self.encode(name, &d, "string-array", "0.2.0")
    }

    /// One text with `encoding-type: string`, stored with a fixed width.
    pub fn text(&self, name: &str, value: &str) -> Result<()> {
        let mut bytes = value.as_bytes().to_vec();
        // One byte more, as the type ends with a zero.
        bytes.push(0);
        let width = u32::try_from(bytes.len())
            .map_err(|_| Hdf5Error::InvalidState(format!("text '{name}' is longer than 4 GiB")))?;
        let dtype = DatatypeMessage::fixed_string_utf8(width);
        let d = self
            .inner
            .new_dataset::<u8>()
            .datatype(dtype)
            .scalar()
            .create(name)?;
        d.write_raw_bytes(&bytes)?;
        let crc = text_crc([value]);
        self.record(Record::Dataset {
            path: self.child_path(name),
            shape: vec![],
            crc,
        });
        self.encode(name, &d, "string", "0.2.0")
    }

    fn encode(&self, name: &str, d: &H5Dataset, encoding: &str, version: &str) -> Result<()> {
        for (attr, value) in [("encoding-type", encoding), ("encoding-version", version)] {
            d.new_attr::<rust_hdf5::VarLenUnicode>()
                .shape(())
                .create(attr)?
                .write_string(value)?;
            let (path, name, value) = (self.child_path(name), attr.to_owned(), value.to_owned());
            self.record(Record::Text { path, name, value });
        }
        Ok(())
    }
}

/// Whole rows, at most `elements` elements.
fn chunk(shape: &[usize], elements: usize) -> Vec<usize> {
    let mut left = elements;
    let mut sizes: Vec<usize> = shape.to_vec();
    for size in sizes.iter_mut().rev() {
        *size = (*size).clamp(1, left.max(1));
        left /= *size;
    }
    sizes
}

/// Shuffle and gzip for size, Fletcher-32 so that every chunk carries a checksum.
fn filters(element: usize) -> FilterPipeline {
    let filter = |id, flags, cd_values| Filter {
        id,
        flags,
        cd_values,
    };
    let mut filters = vec![
        filter(FILTER_DEFLATE, FLAG_OPTIONAL, vec![GZIP_LEVEL]),
        filter(FILTER_FLETCHER32, FLAG_MANDATORY, vec![]),
    ];
    if element > 1 {
        filters.insert(
            0,
            filter(FILTER_SHUFFLE, FLAG_OPTIONAL, vec![element as u32]),
        );
    }
    FilterPipeline { filters }
}

/// CRC-32 of texts, each with its length in front.
pub(super) fn text_crc<'a>(texts: impl IntoIterator<Item = &'a str>) -> u32 {
    let mut crc = libdeflater::Crc::new();
    for text in texts {
        crc.update(&(text.len() as u64).to_le_bytes());
        crc.update(text.as_bytes());
    }
    crc.sum()
}

/// Numbers that can be written, with their little-endian bytes.
pub(super) trait Number: H5Type {
    fn put(self, out: &mut Vec<u8>);
}

macro_rules! number {
    ($($t:ty),*) => {$(
        impl Number for $t {
            fn put(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}
number!(i8, i16, i32, i64, u32, f32, f64);

impl Number for HBool {
    fn put(self, out: &mut Vec<u8>) {
        out.push(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, chunk};

    #[test]
    fn chunks_hold_whole_rows() {
        assert_eq!(chunk(&[10_000_000], CHUNK), [1 << 17]);
        assert_eq!(chunk(&[1000, 2000], CHUNK), [65, 2000]);
        assert_eq!(chunk(&[4, 300_000], CHUNK), [1, 1 << 17]);
        assert_eq!(chunk(&[5, 3], CHUNK), [5, 3]);
    }
}
