//! The peak of memory does not grow with the matrix. Alone in its file: the peak is that of a
//! process.

#![cfg(feature = "h5")]

use sc_io::{Dense, MatrixReader, MatrixWriter, Modality, Table, WriteOptions};

const ROWS: usize = 20_000;
const COLS: usize = 2_000;
const BLOCK: usize = 250;

fn value(row: usize, column: usize) -> f32 {
    ((row * 7 + column * 3) % 64) as f32
}

#[test]
fn memory_is_that_of_a_block() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.h5ad");
    let mut w = MatrixWriter::h5ad(&path, &WriteOptions::default()).unwrap();
    w.add_dense("X", COLS).unwrap();
    w.add_csr("layers/sparse", COLS).unwrap();
    for first in (0..ROWS).step_by(BLOCK) {
        let cell = |i: usize| value(first + i / COLS, i % COLS);
        let block = Dense::new(BLOCK, COLS, (0..BLOCK * COLS).map(cell).collect()).unwrap();
        w.push("X", &block).unwrap();
        w.push("layers/sparse", &block).unwrap();
    }
    w.finish(&Modality {
        obs: Table::new((0..ROWS).map(|i| format!("c{i}"))),
        var: Table::new((0..COLS).map(|i| format!("g{i}"))),
        ..Modality::default()
    })
    .unwrap();
    for element in ["X", "layers/sparse"] {
        let reader = MatrixReader::open(&path, element).unwrap();
        for block in reader.blocks(BLOCK) {
            let (rows, m) = block.unwrap();
            let last = m.select_rows(&[BLOCK - 1]).to_dense();
            for (column, v) in last.values().iter().enumerate() {
                assert_eq!(*v, value(rows.end - 1, column));
            }
        }
    }
    // The high-water mark of this process, on Linux. The dense values alone are 160 MB, the
    // sparse matrix 315 MB.
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kib: u64 = peak
            .and_then(|p| p.split_whitespace().next()?.parse().ok())
            .unwrap_or(0);
        println!("peak memory {kib} KiB");
        assert!(kib < 96 * 1024, "peak memory {kib} KiB");
    }
}
