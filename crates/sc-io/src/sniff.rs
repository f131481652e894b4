//! What a file looks like from its first bytes.

/// Names what is not HDF5 by its first bytes, and says what to do.
pub(crate) fn describe(head: &[u8]) -> String {
    let text = String::from_utf8_lossy(head);
    let start = text
        .trim_start_matches('\u{feff}')
        .trim_start()
        .to_lowercase();
    if head.is_empty() {
        "the file is empty (0 bytes)".into()
    } else if head.starts_with(&[0x1f, 0x8b]) {
        "it is gzip compressed; decompress it first (gunzip)".into()
    } else if head.starts_with(b"PK\x03\x04") {
        "it is a zip archive; unpack it first".into()
    } else if start.starts_with("version https://git-lfs") {
        "it is a git-lfs pointer, not the file itself; run `git lfs pull`".into()
    } else if start.starts_with("<!doctype html") || start.starts_with("<html") {
        "it looks like an HTML page; a failed download?".into()
    } else if start.starts_with("<?xml") {
        "it looks like XML; a failed download?".into()
    } else if start.starts_with("%%matrixmarket") {
        "it is a MatrixMarket file; name the folder that holds it with its barcodes and features"
            .into()
    } else if is_text(head) {
        "it looks like plain text (CSV or the like)".into()
    } else {
        "its first bytes are of no known format".into()
    }
}

fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        // A character may be cut at the end of what was read.
        Err(e) => e.error_len().is_none(),
    };
    valid && !head.iter().any(|b| *b < 9 || (14..32).contains(b))
}

#[cfg(feature = "h5")]
mod hdf5 {
    use std::io::{self, Read, Seek, SeekFrom};

    const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";

    /// Where the HDF5 signature stands: at 0, 512, 1024, 2048, ...
    pub(crate) fn hdf5_start(file: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
        let size = file.seek(SeekFrom::End(0))?;
        let mut at = 0;
        while at + 8 <= size {
            let mut found = [0; 8];
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut found)?;
            if &found == SIGNATURE {
                return Ok(Some(at));
            }
            at = if at == 0 { 512 } else { at * 2 };
        }
        Ok(None)
    }

    /// The end of the file as its superblock records it, `None` if that cannot be read.
    pub(crate) fn recorded_size(file: &mut (impl Read + Seek), start: u64) -> Option<u64> {
        let mut block = [0; 64];
        file.seek(SeekFrom::Start(start)).ok()?;
        file.read_exact(&mut block).ok()?;
        // Version 0 and 1: sizes at 13, addresses from 24 (28); version 2 and 3: from 12.
        let (offset_size, end) = match block[8] {
            0 => (block[13], 24 + 2 * 8),
            1 => (block[13], 28 + 2 * 8),
            2 | 3 => (block[9], 12 + 2 * 8),
            _ => return None,
        };
        if offset_size != 8 {
            return None;
        }
        let bytes: [u8; 8] = block.get(end..end + 8)?.try_into().ok()?;
        Some(u64::from_le_bytes(bytes)).filter(|&end| end != u64::MAX)
    }
}
#[cfg(feature = "h5")]
pub(crate) use hdf5::{hdf5_start, recorded_size};

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn names_what_it_sees() {
        for (head, words) in [
            (&b""[..], "empty"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"  <!DOCTYPE html><html>", "HTML"),
            (b"version https://git-lfs.github.com/spec/v1", "git-lfs"),
            (b"cell,gene\na,1\n", "plain text"),
            (b"\x00\x01\x02", "no known"),
            (b"%%MatrixMarket matrix", "MatrixMarket"),
        ] {
            assert!(describe(head).contains(words), "{}", describe(head));
        }
    }
}
