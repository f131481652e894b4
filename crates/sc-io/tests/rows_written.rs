//! Matrices written by blocks of rows: the file holds what a whole write holds.

#![cfg(feature = "h5")]

use std::fs;
use std::path::PathBuf;

use indexmap::IndexMap;
use proptest::collection::vec;
use proptest::prelude::*;
use sc_io::{
    Column, Csr, Dense, Matrix, MatrixReader, MatrixWriter, Modality, MultiModal, Table, Uns,
    WriteOptions, read_h5ad, read_h5mu, write_h5ad,
};

fn any_matrix(rows: usize, cols: usize) -> impl Strategy<Value = Matrix> {
    let value = prop_oneof![3 => Just(0f32), 1 => any::<f32>().prop_filter("NaN", |v| !v.is_nan())];
    (vec(value, rows * cols), any::<bool>()).prop_map(move |(values, sparse)| {
        let d = Dense::new(rows, cols, values).unwrap();
        if sparse {
            Matrix::Csr(Csr::from_dense(&d))
        } else {
            Matrix::Dense(d)
        }
    })
}

fn any_modality() -> impl Strategy<Value = Modality> {
    (0usize..30, 0usize..60).prop_flat_map(|(n, p)| {
        (any_matrix(n, p), any_matrix(n, p), any_matrix(n, p)).prop_map(move |(x, a, b)| {
            let mut obs = Table::new((0..n).map(|i| format!("c{i}")));
            obs.insert("n", Column::ints((0..n as i64).collect()))
                .unwrap();
            let var = Table::new((0..p).map(|i| format!("g{i}")));
            let mut m = Modality::new(x, obs, var).unwrap();
            m.layers = IndexMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
            m.uns.insert("note".into(), Uns::Text("kept".into()));
            m
        })
    })
}

/// Pushes a matrix in blocks of the given sizes, over and over.
fn push(w: &mut MatrixWriter, element: &str, m: &Matrix, sizes: &[usize]) {
    let (mut row, mut sizes) = (0, sizes.iter().cycle());
    while row < m.n_rows() {
        let end = m.n_rows().min(row + sizes.next().unwrap());
        let rows: Vec<usize> = (row..end).collect();
        w.push(element, &m.select_rows(&rows)).unwrap();
        row = end;
    }
}

fn announce(w: &mut MatrixWriter, element: &str, m: &Matrix) {
    match m {
        Matrix::Dense(_) => w.add_dense(element, m.n_cols()).unwrap(),
        Matrix::Csr(_) => w.add_csr(element, m.n_cols()).unwrap(),
    }
}

fn rest_of(m: &Modality) -> Modality {
    Modality {
        x: None,
        layers: m
            .layers
            .clone()
            .into_iter()
            .filter(|(k, _)| k == "b")
            .collect(),
        ..m.clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// `X` and one layer by rows, the other layer whole.
    #[test]
    fn any_blocks(m in any_modality(), sizes in vec(0usize..9, 1..4).prop_map(|mut s| { s.push(1); s })) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.h5ad");
        let mut w = MatrixWriter::h5ad(&path, &WriteOptions::default()).unwrap();
        let x = m.x.as_ref().unwrap();
        announce(&mut w, "X", x);
        announce(&mut w, "layers/a", &m.layers["a"]);
        push(&mut w, "X", x, &sizes);
        push(&mut w, "layers/a", &m.layers["a"], &sizes);
        prop_assert_eq!(w.finish(&rest_of(&m)).unwrap(), vec![]);
        let mut back = read_h5ad(&path).unwrap().data;
        back.layers.sort_keys();
        prop_assert_eq!(&back, &m);
        prop_assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

fn counts(rows: usize, cols: usize) -> Csr {
    let mut m = Csr::zeros(0, cols);
    for r in 0..rows as u64 {
        let keep = |c: &u64| {
            r % 7 != 3
                && (r * 31 + c * 17)
                    .wrapping_mul(0x9e37_79b9)
                    .is_multiple_of(3)
        };
        let entries = (0..cols as u64).filter(keep);
        m.push_row(entries.map(|c| (c as u32, ((r * 7 + c) % 50) as f32)));
    }
    m
}

fn named(x: Matrix) -> Modality {
    let obs = Table::new((0..x.n_rows()).map(|i| format!("c{i}")));
    let var = Table::new((0..x.n_cols()).map(|i| format!("g{i}")));
    Modality::new(x, obs, var).unwrap()
}

/// Arrays of several chunks, growing in turns; the same bytes again from the same blocks.
#[test]
fn several_chunks_in_turns() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a.h5ad"), dir.path().join("b.h5ad"));
    let x = counts(4001, 500);
    let m = named(Matrix::Csr(x.clone()));
    let rest = Modality {
        x: None,
        ..m.clone()
    };
    let write = |path: &PathBuf, n: usize| {
        let mut w = MatrixWriter::h5ad(path, &WriteOptions::default()).unwrap();
        w.add_csr("X", 500).unwrap();
        w.add_dense("layers/dense", 500).unwrap();
        for first in (0..4001).step_by(n) {
            let rows: Vec<usize> = (first..4001.min(first + n)).collect();
            let block = x.select_rows(&rows);
            w.push("X", &block).unwrap();
            // A sparse block for a dense matrix, and the other way round.
            if first % 2 == 0 {
                w.push("layers/dense", &block).unwrap();
            } else {
                w.push("layers/dense", &block.to_dense()).unwrap();
            }
        }
        w.finish(&rest).unwrap();
    };
    write(&a, 61);
    let back = read_h5ad(&a).unwrap().data;
    assert_eq!(back.x, m.x);
    assert_eq!(back.layers["dense"], Matrix::Dense(x.to_dense()));
    write(&b, 61);
    assert!(fs::read(&a).unwrap() == fs::read(&b).unwrap());
    // Blocks of another size give the same values.
    write(&b, 4001);
    assert_eq!(read_h5ad(&b).unwrap().data, back);
    let reader = MatrixReader::open(&b, "layers/dense").unwrap();
    assert_eq!(
        reader.read_rows(3990..4001).unwrap(),
        back.layers["dense"].select_rows(&(3990..4001).collect::<Vec<_>>())
    );
}

#[test]
fn zeros_of_a_dense_block_are_left_out_of_a_sparse_matrix() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.h5ad");
    let mut w = MatrixWriter::h5ad(&path, &WriteOptions::default()).unwrap();
    w.add_csr("X", 2).unwrap();
    w.push("X", &Dense::new(2, 2, vec![0.0, 1.0, 0.0, 0.0]).unwrap())
        .unwrap();
    let rest = Modality {
        obs: Table::new(["a", "b"]),
        var: Table::new(["g", "h"]),
        ..Modality::default()
    };
    w.finish(&rest).unwrap();
    let x = Csr::new(2, 2, vec![0, 1, 1], vec![1], vec![1.0]).unwrap();
    assert_eq!(read_h5ad(&path).unwrap().data.x, Some(Matrix::Csr(x)));
}

#[test]
fn modalities_of_h5mu() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.h5mu");
    let (rna, adt) = (
        named(Matrix::Csr(counts(9, 6))),
        named(Matrix::Csr(counts(9, 3))),
    );
    let whole = MultiModal::new(IndexMap::from([("rna".into(), rna), ("adt".into(), adt)]));
    let mut rest = whole.clone();
    let rna = rest.modalities.get_mut("rna").unwrap();
    let x = rna.x.take().unwrap();
    let mut w = MatrixWriter::h5mu(&path, &WriteOptions::default()).unwrap();
    w.add_csr("mod/rna/X", 6).unwrap();
    w.add_dense("mod/rna/layers/mean", 6).unwrap();
    push(&mut w, "mod/rna/X", &x, &[4]);
    push(&mut w, "mod/rna/layers/mean", &x, &[2]);
    w.finish_h5mu(&rest).unwrap();
    let mut back = read_h5mu(&path).unwrap().data;
    let layers = &mut back.modalities.get_mut("rna").unwrap().layers;
    assert_eq!(
        layers.swap_remove("mean"),
        Some(Matrix::Dense(x.to_dense()))
    );
    assert_eq!(back, whole);
    assert!(
        fs::read(&path)
            .unwrap()
            .starts_with(b"MuData (format-version=0.1.0;")
    );
}

#[test]
fn refusals_leave_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.h5ad");
    let start = || MatrixWriter::h5ad(&path, &WriteOptions::default()).unwrap();
    let rest = Modality {
        obs: Table::new(["a", "b"]),
        var: Table::new(["g", "h"]),
        ..Modality::default()
    };
    let row = Dense::new(1, 2, vec![1.0, 2.0]).unwrap();

    let mut w = start();
    for (element, words) in [
        ("obsm/X_pca", "names no matrix"),
        ("raw/X", "raw/X cannot"),
        ("mod/rna/X", "no modalities"),
    ] {
        let e = w.add_dense(element, 2).unwrap_err().to_string();
        assert!(e.contains(element) && e.contains(words), "{e}");
    }
    w.add_dense("X", 2).unwrap();
    assert!(
        w.add_csr("X", 2)
            .unwrap_err()
            .to_string()
            .contains("before")
    );
    assert!(w.add_csr("layers/l", 1 << 40).is_err());
    let e = w.push("layers/l", &row).unwrap_err().to_string();
    assert!(e.contains("layers/l: was not announced"), "{e}");
    let e = w.push("X", &Dense::zeros(1, 3)).unwrap_err().to_string();
    assert!(e.contains("rows of 3 columns, 2 expected"), "{e}");
    // Both misfits in one message.
    w.push("X", &row).unwrap();
    w.add_csr("layers/wide", 3).unwrap();
    let e = w.finish(&rest).unwrap_err().to_string();
    assert!(
        e.contains("X is 1 x 2") && e.contains("layers/wide is 0 x 3"),
        "{e}"
    );

    let mut w = start();
    w.add_dense("X", 2).unwrap();
    w.push("X", &Dense::zeros(2, 2)).unwrap();
    let twice = Modality {
        x: Some(Matrix::Dense(Dense::zeros(2, 2))),
        ..rest.clone()
    };
    let e = w.finish(&twice).unwrap_err().to_string();
    assert!(e.contains("X is given twice"), "{e}");

    let e = start().finish_h5mu(&MultiModal::default()).unwrap_err();
    assert!(e.to_string().contains("started as an .h5ad"), "{e}");
    let mut w = start();
    w.add_dense("X", 2).unwrap();
    w.push("X", &row).unwrap();
    drop(w);
    let mut w = MatrixWriter::h5mu(dir.path().join("m.h5mu"), &WriteOptions::default()).unwrap();
    assert!(w.add_csr("X", 2).is_err());
    assert!(w.add_csr("mod/../X", 2).is_err());
    w.add_csr("mod/ghost/X", 2).unwrap();
    let only = MultiModal::new(IndexMap::from([("rna".into(), rest.clone())]));
    let e = w.finish_h5mu(&only).unwrap_err().to_string();
    assert!(e.contains("mod/ghost/X: there is no such modality"), "{e}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

    write_h5ad(&rest, &path).unwrap();
    let before = fs::read(&path).unwrap();
    let options = WriteOptions {
        forbid: vec![path.clone()],
    };
    assert!(MatrixWriter::h5ad(&path, &options).is_err());
    drop(start());
    assert_eq!(fs::read(&path).unwrap(), before, "the old file stays");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// The child of `disk_full`: writes the file that its environment names.
#[test]
fn child_writes_when_asked() {
    let Some(path) = std::env::var_os("SC_IO_TEST_WRITE_ROWS").map(PathBuf::from) else {
        return;
    };
    // Values that do not compress.
    let mut state = 1u64;
    let mut next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as f32
    };
    let mut w = MatrixWriter::h5ad(&path, &WriteOptions::default()).unwrap();
    w.add_dense("X", 500).unwrap();
    let mut refused = 0;
    for _ in 0..40 {
        let values = (0..50 * 500).map(|_| next()).collect();
        let block = Dense::new(50, 500, values).unwrap();
        refused += w.push("X", &block).is_err() as usize;
    }
    let rest = Modality {
        obs: Table::new((0..2000).map(|i| format!("c{i}"))),
        var: Table::new((0..500).map(|i| format!("g{i}"))),
        ..Modality::default()
    };
    match w.finish(&rest) {
        Ok(_) => println!("CHILD WROTE"),
        Err(e) => println!("CHILD REFUSED {refused} blocks, {e}"),
    }
}

#[cfg(unix)]
#[test]
fn disk_full() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.h5ad");
    write_h5ad(&named(Matrix::Csr(counts(5, 5))), &path).unwrap();
    let before = fs::read(&path).unwrap();
    let run = |limit: &str| {
        // The signal of the limit is ignored, so that the write fails as on a full disk.
        let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"");
        let out = std::process::Command::new("bash")
            .args(["-c", &script])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "child_writes_when_asked", "--nocapture"])
            .env("SC_IO_TEST_WRITE_ROWS", &path)
            .output()
            .unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    // In blocks of 1024 bytes; the whole file is about 3.5 MB.
    for limit in ["1", "8", "900", "1500", "2500", "3000"] {
        let out = run(limit);
        assert!(out.contains("CHILD REFUSED"), "limit {limit}: {out}");
        assert_eq!(fs::read(&path).unwrap(), before, "limit {limit}");
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "limit {limit}"
        );
    }
    assert!(run("unlimited").contains("CHILD WROTE"));
    assert_eq!(read_h5ad(&path).unwrap().data.n_obs(), 2000);
}
