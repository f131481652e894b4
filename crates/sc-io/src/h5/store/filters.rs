//! Decoders of compressed chunks.

use std::sync::atomic::{AtomicUsize, Ordering};

use hdf5_reader::FilterRegistry;
use hdf5_reader::error::Error as H5Error;

const DEFLATE: u16 = 1;
const LZF: u16 = 32000;

/// The built-in filters, with deflate through libdeflate and LZF added; no output of either grows
/// beyond `max_chunk` bytes, whatever the stream says.
pub(super) fn registry(max_chunk: usize) -> FilterRegistry {
    let mut filters = FilterRegistry::new();
    // Chunks of a dataset have one size: the last one is the best guess for the next.
    let last = AtomicUsize::new(0);
    filters.register(
        DEFLATE,
        Box::new(move |_, data, _| inflate(data, max_chunk, &last)),
    );
    filters.register(
        LZF,
        Box::new(move |_, data, _| {
            lzf(data, max_chunk).ok_or_else(|| damaged("LZF stream is damaged"))
        }),
    );
    filters
}

/// The usual name of a registered HDF5 filter.
pub(super) fn name(id: u32) -> &'static str {
    match id {
        1 => "gzip",
        2 => "shuffle",
        3 => "Fletcher-32",
        4 => "szip",
        305 => "LZO",
        307 => "bzip2",
        32000 => "LZF",
        32001 => "Blosc",
        32004 => "LZ4",
        32008 => "bitshuffle",
        32013 => "ZFP",
        32015 => "Zstandard",
        32026 => "Blosc2",
        _ => "of unknown name",
    }
}

fn damaged(text: &str) -> H5Error {
    H5Error::DecompressionError(text.to_owned())
}

/// Inflates a zlib stream of unknown size.
fn inflate(data: &[u8], max: usize, last: &AtomicUsize) -> Result<Vec<u8>, H5Error> {
    // Deflate cannot expand more than 1032 times.
    let most = max.min(data.len().saturating_mul(1032).saturating_add(64));
    let mut decoder = libdeflater::Decompressor::new();
    let guess = last
        .load(Ordering::Relaxed)
        .max(data.len().saturating_mul(4))
        .max(1024);
    let mut size = guess.min(most);
    loop {
        let mut out = Vec::new();
        out.try_reserve_exact(size)
            .map_err(|_| damaged("no memory for a chunk"))?;
        out.resize(size, 0);
        match decoder.zlib_decompress(data, &mut out) {
            Ok(n) => {
                out.truncate(n);
                last.store(n, Ordering::Relaxed);
                return Ok(out);
            }
            Err(libdeflater::DecompressionError::InsufficientSpace) if size < most => {
                size = size.saturating_mul(2).min(most);
            }
            Err(libdeflater::DecompressionError::InsufficientSpace) => {
                return Err(H5Error::ResourceLimit(format!(
                    "chunk inflates beyond {most} bytes"
                )));
            }
            Err(_) => return Err(damaged("gzip stream is damaged")),
        }
    }
}

/// Decodes LZF: a control byte below 32 starts a run of literals, any other a back reference.
fn lzf(data: &[u8], max: usize) -> Option<Vec<u8>> {
    let mut out: Vec<u8> = Vec::new();
    let mut i = 0;
    while i < data.len() {
        let control = data[i] as usize;
        i += 1;
        if control < 32 {
            let run = data.get(i..i + control + 1)?;
            out.extend_from_slice(run);
            i += control + 1;
        } else {
            let mut len = control >> 5;
            if len == 7 {
                len += *data.get(i)? as usize;
                i += 1;
            }
            let back = ((control & 31) << 8) + *data.get(i)? as usize + 1;
            i += 1;
            let start = out.len().checked_sub(back)?;
            // The reference may overlap what it writes.
            for k in 0..len + 2 {
                out.push(out[start + k]);
            }
        }
        if out.len() > max {
            return None;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lzf_repeats_and_literals() {
        // Literal "ab", then 5 bytes from 2 back.
        assert_eq!(lzf(&[1, b'a', b'b', 3 << 5, 1], 100).unwrap(), b"abababa");
        assert_eq!(lzf(&[1, b'a', b'b', 3 << 5, 1], 6), None, "limit");
        assert_eq!(lzf(&[3 << 5, 1], 100), None, "reference before the start");
        assert_eq!(lzf(&[5, b'a'], 100), None, "short literals");
    }

    #[test]
    fn inflate_stops_at_the_limit() {
        let mut c = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
        let plain = vec![0u8; 1 << 20];
        let mut z = vec![0; c.zlib_compress_bound(plain.len())];
        let n = c.zlib_compress(&plain, &mut z).unwrap();
        let last = AtomicUsize::new(0);
        assert_eq!(inflate(&z[..n], 1 << 20, &last).unwrap(), plain);
        let e = inflate(&z[..n], 1 << 19, &AtomicUsize::new(0)).unwrap_err();
        assert!(e.to_string().contains("inflates beyond"), "{e}");
        assert!(inflate(&z[..n / 2], 1 << 20, &last).is_err());
    }
}
