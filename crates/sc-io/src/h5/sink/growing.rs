//! Arrays that grow along their first axis, so that they never exist in memory whole.

use rust_hdf5::H5Dataset;

use super::{Number, Place, Result, chunk, filters};

/// Elements per chunk of a matrix. The library writes 131,060 chunks of such an array at most, so
/// this also bounds the array: 34 billion elements.
const CHUNK: usize = 1 << 18;
/// Elements per chunk of a flat array (8.5 billion elements at most): small, as blocks of rows that
/// are read in any order decode the chunks on their borders in vain.
const FLAT_CHUNK: usize = 1 << 16;

/// A flat array, or the rows of a matrix, of which only the last, unfilled chunks are in memory.
pub(in crate::h5) struct Growing<T> {
    name: String,
    /// Elements per row of a matrix, `None` for a flat array.
    row: Option<usize>,
    /// Rows, or elements of a flat array, that fill no band of chunks yet.
    band: Vec<T>,
    /// Elements of a full band: the chunks that its rows lie in.
    band_len: usize,
    /// Elements of a chunk.
    chunk_len: usize,
    file: Option<H5Dataset>,
    chunks: usize,
    elements: usize,
    crc: libdeflater::Crc,
}

impl<T: Number> Growing<T> {
    /// A flat array of any length.
    pub fn flat(name: &str) -> Self {
        Self::new(name, None)
    }

    /// A matrix of `row` columns and any number of rows.
    pub fn matrix(name: &str, row: usize) -> Self {
        Self::new(name, Some(row))
    }

    fn new(name: &str, row: Option<usize>) -> Self {
        let sizes = chunk_sizes(row);
        Self {
            name: name.to_owned(),
            row,
            band: Vec::new(),
            band_len: sizes[0] * row.unwrap_or(1),
            chunk_len: sizes.iter().product(),
            file: None,
            chunks: 0,
            elements: 0,
            crc: libdeflater::Crc::new(),
        }
    }

    /// Elements so far.
    pub fn len(&self) -> usize {
        self.elements
    }

    /// Appends elements, row after row.
    pub fn push(&mut self, at: &Place<'_>, mut values: &[T]) -> Result<()> {
        self.elements += values.len();
        while !values.is_empty() {
            let n = values.len().min(self.band_len - self.band.len());
            self.band.extend_from_slice(&values[..n]);
            values = &values[n..];
            if self.band.len() == self.band_len {
                self.flush(at)?;
            }
        }
        Ok(())
    }

    /// Writes the band. A band of one chunk may be short; one of several is a single row.
    fn flush(&mut self, at: &Place<'_>) -> Result<()> {
        if self.file.is_none() {
            self.file = Some(self.create(at)?);
        }
        let Some(file) = &self.file else {
            return Ok(());
        };
        let mut bytes = Vec::with_capacity(self.chunk_len * T::element_size());
        for values in self.band.chunks(self.chunk_len) {
            bytes.clear();
            values.iter().for_each(|v| v.put(&mut bytes));
            self.crc.update(&bytes);
            // What lies beyond the end of the array is never read.
            bytes.resize(self.chunk_len * T::element_size(), 0);
            file.write_chunk(self.chunks, &bytes)?;
            self.chunks += 1;
        }
        self.band.clear();
        Ok(())
    }

    fn create(&self, at: &Place<'_>) -> Result<H5Dataset> {
        let (mut shape, mut most) = (vec![0], vec![None]);
        shape.extend(self.row);
        most.extend(self.row.map(Some));
        let builder = at.inner.new_dataset::<T>().shape(&shape).max_shape(&most);
        builder
            .chunk(&chunk_sizes(self.row))
            .filter_pipeline(filters(T::element_size()))
            .create(&self.name)
    }

    /// Completes the array, of `rows` rows if it is a matrix. One that never filled a chunk is
    /// stored as any small array.
    fn complete(mut self, at: &Place<'_>, rows: usize) -> Result<H5Dataset> {
        let mut shape = vec![self.row.map_or(self.elements, |_| rows)];
        shape.extend(self.row);
        if self.file.is_some() && !self.band.is_empty() {
            self.flush(at)?;
        }
        match self.file {
            None => at.numbers(&self.name, &self.band, &shape),
            Some(file) => {
                file.extend(&shape)?;
                at.record_crc(&self.name, &shape, &self.crc);
                Ok(file)
            }
        }
    }

    /// Completes a matrix as [`Place::array`] writes one.
    pub fn array(self, at: &Place<'_>, rows: usize) -> Result<()> {
        let name = self.name.clone();
        let d = self.complete(at, rows)?;
        at.encode(&name, &d, "array", "0.2.0")
    }

    /// Completes a flat array as [`Place::part`] writes one.
    pub fn part(self, at: &Place<'_>) -> Result<()> {
        let rows = self.elements;
        self.complete(at, rows).map(|_| ())
    }
}

fn chunk_sizes(row: Option<usize>) -> Vec<usize> {
    match row {
        None => chunk(&[usize::MAX], FLAT_CHUNK),
        Some(row) => chunk(&[usize::MAX, row], CHUNK),
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, FLAT_CHUNK, Growing};
    use crate::h5::sink::{Record, Sink};
    use crate::h5::verify::compare;

    /// Writes numbers in pieces of a size that fits no chunk, and reads them back.
    fn check(row: Option<usize>, elements: usize) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        let values: Vec<i32> = (0..elements as i32).map(|i| i.wrapping_mul(7)).collect();
        let sink = Sink::create(&path, 0).unwrap();
        let at = sink.place("a/b").unwrap();
        let mut grown = Growing::new("grown", row);
        for piece in values.chunks(12_345) {
            grown.push(&at, piece).unwrap();
        }
        assert_eq!(grown.len(), elements);
        let rows = row.map_or(elements, |row| elements / row.max(1));
        let shape: Vec<usize> = [rows].into_iter().chain(row).collect();
        match row {
            Some(_) => grown.array(&at, rows).unwrap(),
            None => grown.part(&at).unwrap(),
        }
        at.array("whole", &values, &shape).unwrap();
        drop(at);
        let records = sink.close().unwrap();
        let of = |name: &str| {
            records.iter().find_map(|r| match r {
                Record::Dataset { path, shape, crc } if path == name => Some((shape.clone(), *crc)),
                _ => None,
            })
        };
        assert_eq!(of("a/b/grown").unwrap(), of("a/b/whole").unwrap());
        compare(&path, &records).unwrap();
    }

    #[test]
    fn flat_arrays_of_any_length() {
        let full = FLAT_CHUNK;
        for n in [0, 1, 5000, full - 1, full, full + 1, 20 * full + 17] {
            check(None, n);
        }
    }

    #[test]
    fn matrices_narrow_and_wide() {
        for (rows, row) in [
            (0, 5),
            (3, 0),
            (4000, 3),
            (90_000, 3),
            (300, 2000),
            (3, CHUNK),
            (3, CHUNK + 5),
            (2, 3 * CHUNK - 1),
        ] {
            check(Some(row), rows * row);
        }
    }
}
