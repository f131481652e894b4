//! Thousands of damaged copies of good files: a value or an error, never a panic, never more
//! memory than a small multiple of the file.

#![cfg(all(feature = "h5", feature = "mex"))]

use std::path::Path;

use sc_io::{Csr, Dense, Matrix, MatrixReader, Modality, read, read_h5ad};

/// A small generator with a fixed seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

fn mutate(good: &[u8], r: &mut Random) -> Vec<u8> {
    let mut bytes = good.to_vec();
    match r.below(5) {
        0 => {
            for _ in 0..1 + r.below(4) {
                let at = r.below(bytes.len());
                bytes[at] ^= 1 << r.below(8);
            }
        }
        1 => bytes.truncate(r.below(good.len())),
        2 => {
            let at = r.below(bytes.len());
            let end = (at + 64).min(bytes.len());
            bytes[at..end].fill(0);
        }
        3 => {
            for _ in 0..1 + r.below(8) {
                let at = r.below(bytes.len());
                bytes[at] = r.next() as u8;
            }
        }
        // Declared sizes: large values over eight bytes.
        _ => {
            let at = r.below(bytes.len().saturating_sub(8)) & !7;
            let value = [u64::MAX, 1 << 31, 1 << 40, 1 << 62, 0][r.below(5)];
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
    }
    bytes
}

/// The rows of `X` by blocks: damaged or not, they are the same as in a whole read.
fn check_rows(path: &Path, whole: Option<&Modality>) {
    let blocks: Result<Vec<Matrix>, _> = MatrixReader::open(path, "X")
        .and_then(|reader| reader.blocks(7).map(|b| b.map(|(_, m)| m)).collect());
    let Some(x) = whole.and_then(|m| m.x.as_ref()) else {
        // Another part of the file may be the damaged one.
        return;
    };
    let blocks = blocks.unwrap_or_else(|e| panic!("rows are refused, the whole is not: {e}"));
    let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    match x {
        Matrix::Dense(x) => {
            let values: Vec<f32> = blocks.iter().flat_map(|b| b.values().to_vec()).collect();
            assert_eq!(bits(&values), bits(x.values()));
            assert!(Dense::new(x.n_rows(), x.n_cols(), values).is_some());
        }
        Matrix::Csr(x) => {
            let mut all = Csr::zeros(0, x.n_cols());
            for b in blocks.iter().map(Matrix::to_csr) {
                for r in 0..b.n_rows() {
                    let (c, v) = b.row(r);
                    all.push_row(c.iter().copied().zip(v.iter().copied()));
                }
            }
            assert_eq!((all.indptr(), all.indices()), (x.indptr(), x.indices()));
            assert_eq!(bits(all.values()), bits(x.values()));
        }
    }
}

#[test]
fn damaged_files_never_panic() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/interop");
    let files = [
        "anndata-0.12.19/full.h5ad",
        "anndata-0.7.8/full.h5ad",
        "anndata-0.13.4-pandas3/overlap.h5mu",
        "anndata-0.12.19/x_csr_i32_gzip.h5ad",
        "tenx/v3_rna_adt.h5",
        "bad/libver_latest.h5ad",
    ];
    let dir = tempfile::tempdir().unwrap();
    let cases: usize = std::env::var("SC_IO_MUTANTS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(150);
    let mut random = Random(7);
    let (mut loaded, mut refused) = (0, 0);
    let path = dir.path().join("mutant.h5");
    for file in files {
        let good = std::fs::read(golden.join(file)).unwrap();
        for _ in 0..cases {
            std::fs::write(&path, mutate(&good, &mut random)).unwrap();
            let whole = read_h5ad(&path).map(|l| l.data);
            check_rows(&path, whole.as_ref().ok());
            match read(&path) {
                Ok(l) => {
                    loaded += 1;
                    l.data.modalities.values().for_each(|m| m.check().unwrap());
                }
                Err(e) => {
                    refused += 1;
                    assert!(e.to_string().contains("mutant.h5"), "{e}");
                }
            }
        }
    }
    println!("{loaded} loaded, {refused} refused");
    assert!(loaded > 0 && refused > 0);
    // The high-water mark of this process, on Linux.
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kib: u64 = peak
            .and_then(|p| p.split_whitespace().next()?.parse().ok())
            .unwrap_or(0);
        println!("peak memory {kib} KiB");
        assert!(kib < 512 * 1024, "peak memory {kib} KiB");
    }
}
