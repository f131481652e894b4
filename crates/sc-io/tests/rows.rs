//! Reading by blocks of rows gives what a whole read gives.

#![cfg(feature = "h5")]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use sc_io::{
    Csr, Dense, Error, Fault, Matrix, MatrixReader, Modality, ReadOptions, RowOptions, Table,
    read_h5ad, read_h5mu, write_h5ad,
};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/interop")
        .join(name)
}

fn bits(m: &[f32]) -> Vec<u32> {
    m.iter().map(|v| v.to_bits()).collect()
}

/// Same encoding, same pattern, same bits.
fn assert_same(a: &Matrix, b: &Matrix, what: &str) {
    assert_eq!((a.n_rows(), a.n_cols()), (b.n_rows(), b.n_cols()), "{what}");
    assert_eq!(bits(a.values()), bits(b.values()), "{what}");
    match (a, b) {
        (Matrix::Dense(_), Matrix::Dense(_)) => {}
        (Matrix::Csr(a), Matrix::Csr(b)) => {
            assert_eq!(a.indptr(), b.indptr(), "{what}");
            assert_eq!(a.indices(), b.indices(), "{what}");
        }
        _ => panic!("{what}: one is sparse, the other dense"),
    }
}

/// Every row of a matrix, by blocks in order, and by rows backwards.
fn check_element(file: &Path, element: &str, whole: &Matrix) {
    let what = format!("{} {element}", file.display());
    let reader = MatrixReader::open(file, element).unwrap();
    assert_eq!(
        (reader.n_rows(), reader.n_cols()),
        (whole.n_rows(), whole.n_cols()),
        "{what}"
    );
    let nnz = match whole {
        Matrix::Dense(_) => None,
        Matrix::Csr(m) => Some(m.nnz()),
    };
    assert_eq!(reader.nnz(), nnz, "{what}");
    for n in [1, 2, 5, whole.n_rows().max(1), usize::MAX] {
        let mut end = 0;
        for block in reader.blocks(n) {
            let (rows, m) = block.unwrap();
            assert_eq!(rows.start, end, "{what}");
            assert!(rows.len() == n || rows.end == whole.n_rows(), "{what}");
            end = rows.end;
            let expected = whole.select_rows(&rows.collect::<Vec<_>>());
            assert_same(&m, &expected, &what);
        }
        assert_eq!(end, whole.n_rows(), "{what}");
    }
    for row in (0..whole.n_rows()).rev() {
        let m = reader.read_rows(row..row + 1).unwrap();
        assert_same(&m, &whole.select_rows(&[row]), &what);
    }
    let none = reader.read_rows(0..0).unwrap();
    assert_same(&none, &whole.select_rows(&[]), &what);
}

fn check_modality(file: &Path, prefix: &str, m: &Modality) -> usize {
    let mut checked = 0;
    let mut check = |name: String, whole: &Matrix| {
        check_element(file, &format!("{prefix}{name}"), whole);
        checked += 1;
    };
    if let Some(x) = &m.x {
        check("X".into(), x);
    }
    for (name, layer) in &m.layers {
        check(format!("layers/{name}"), layer);
    }
    if let Some(raw) = &m.raw {
        check("raw/X".into(), &raw.x);
    }
    checked
}

/// Dense and sparse, by rows and by columns, of every type and filter.
#[test]
fn golden_files() {
    let mut checked = 0;
    for folder in fs::read_dir(golden("")).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("anndata-") || name == "anndata-0.6.22" {
            continue;
        }
        for file in fs::read_dir(folder).unwrap() {
            let file = file.unwrap().path();
            match file.extension().and_then(|e| e.to_str()) {
                Some("h5ad") => {
                    checked += check_modality(&file, "", &read_h5ad(&file).unwrap().data);
                }
                Some("h5mu") => {
                    let Ok(loaded) = read_h5mu(&file) else {
                        // Parts that share features.
                        let e = MatrixReader::open(&file, "mod/a/X").err().unwrap();
                        assert!(e.to_string().contains("axis is 1"), "{e}");
                        continue;
                    };
                    for (name, m) in &loaded.data.modalities {
                        checked += check_modality(&file, &format!("mod/{name}/"), m);
                    }
                }
                _ => {}
            }
        }
    }
    assert!(checked > 80, "{checked} matrices");
}

fn counts(rows: usize, cols: usize, every: u64) -> Csr {
    let mut m = Csr::zeros(0, cols);
    for r in 0..rows as u64 {
        // Some rows are empty.
        let keep = |c: &u64| {
            r % 7 != 3
                && (r * 31 + c * 17)
                    .wrapping_mul(0x9e37_79b9)
                    .is_multiple_of(every)
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

/// Arrays of several chunks; blocks that end inside a chunk, in any order.
#[test]
fn blocks_across_chunks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.h5ad");
    let mut m = named(Matrix::Csr(counts(3001, 400, 3)));
    let dense = (0..3001 * 400).map(|i| i as f32 * 0.5).collect();
    m.layers.insert(
        "dense".into(),
        Matrix::Dense(Dense::new(3001, 400, dense).unwrap()),
    );
    write_h5ad(&m, &path).unwrap();
    for (element, whole) in [
        ("X", m.x.as_ref().unwrap()),
        ("layers/dense", &m.layers["dense"]),
    ] {
        let reader = MatrixReader::open(&path, element).unwrap();
        let mut starts: Vec<usize> = (0..3001).step_by(97).collect();
        starts.sort_by_key(|s| s.wrapping_mul(2_654_435_761) % 3001);
        for start in starts {
            let rows = start..3001.min(start + 97);
            let expected = whole.select_rows(&rows.clone().collect::<Vec<_>>());
            assert_same(&reader.read_rows(rows).unwrap(), &expected, element);
        }
    }
    let reader = MatrixReader::open(&path, "X").unwrap();
    let (rest, notices) = reader.annotations().unwrap();
    assert!(notices.is_empty() && reader.notices().is_empty());
    assert_eq!((&rest.obs, &rest.var), (&m.obs, &m.var));
    assert!(rest.x.is_none() && rest.layers.is_empty());
    assert_eq!(reader.dtype(), "float32");
}

fn any_matrix() -> impl Strategy<Value = Matrix> {
    (0usize..40, 0usize..70).prop_flat_map(|(rows, cols)| {
        let value = prop_oneof![3 => Just(0f32), 1 => any::<f32>()];
        (vec(value, rows * cols), any::<bool>()).prop_map(move |(values, sparse)| {
            let d = Dense::new(rows, cols, values).unwrap();
            if sparse {
                Matrix::Csr(Csr::from_dense(&d))
            } else {
                Matrix::Dense(d)
            }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// NaN of any pattern included.
    #[test]
    fn any_rows_of_any_matrix(m in any_matrix(), n in 1usize..50, a in 0usize..41, b in 0usize..41) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.h5ad");
        write_h5ad(&named(m.clone()), &path).unwrap();
        let reader = MatrixReader::open(&path, "X").unwrap();
        let mut next = 0;
        for block in reader.blocks(n) {
            let (rows, block) = block.unwrap();
            prop_assert_eq!(rows.start, next);
            next = rows.end;
            assert_same(&block, &m.select_rows(&rows.collect::<Vec<_>>()), "block");
        }
        prop_assert_eq!(next, m.n_rows());
        let rows = a.min(b)..a.max(b);
        match reader.read_rows(rows.clone()) {
            Ok(found) => assert_same(&found, &m.select_rows(&rows.collect::<Vec<_>>()), "rows"),
            Err(e) => {
                prop_assert!(rows.end > m.n_rows(), "{}", e);
                prop_assert_eq!(e.fault(), Some(Fault::Value));
            }
        }
    }
}

fn open_error(file: &Path, element: &str) -> Error {
    match MatrixReader::open(file, element) {
        Ok(_) => panic!("{} {element} opened", file.display()),
        Err(e) => e,
    }
}

#[test]
fn damage_is_named() {
    let bad = |name: &str| golden("bad").join(name);
    let e = open_error(&bad("truncated_half.h5ad"), "X");
    assert!(matches!(e, Error::Truncated { .. }), "{e}");
    for (name, fault, words) in [
        (
            "indptr_not_monotone.h5ad",
            Fault::Value,
            ["X/indptr", "goes down"],
        ),
        (
            "indptr_start.h5ad",
            Fault::Value,
            ["X/indptr", "start at 0"],
        ),
        ("indptr_end.h5ad", Fault::Value, ["X/indptr", "99"]),
        (
            "indptr_short.h5ad",
            Fault::Shape,
            ["X/indptr", "7 expected"],
        ),
        ("data_indices_length.h5ad", Fault::Shape, ["X", "indices"]),
        (
            "float_indices.h5ad",
            Fault::WrongType,
            ["X/indices", "integers"],
        ),
        ("x_text.h5ad", Fault::WrongType, ["X", "not numeric"]),
        (
            "x_three_dims.h5ad",
            Fault::Unsupported,
            ["X", "two dimensions"],
        ),
        ("shape_2pow40.h5ad", Fault::Shape, ["X", "1099511627776"]),
        ("dense_2pow60.h5ad", Fault::Shape, ["X", "expected"]),
        ("layer_shape.h5ad", Fault::Shape, ["layers/", "expected"]),
        ("external_link.h5ad", Fault::Link, ["X", "external link"]),
    ] {
        let element = if name == "layer_shape.h5ad" {
            let layers = h5_layers(&bad(name));
            format!("layers/{}", layers[0])
        } else {
            "X".to_owned()
        };
        let e = open_error(&bad(name), &element);
        assert_eq!(e.fault(), Some(fault), "{name}: {e}");
        let message = e.to_string();
        assert!(words.iter().all(|w| message.contains(w)), "{name}: {e}");
    }
}

/// The names that the error about a missing layer lists.
fn h5_layers(file: &Path) -> Vec<String> {
    let message = open_error(file, "layers/no such layer").to_string();
    let (_, names) = message.split_once("the layers are: ").unwrap();
    names.split(", ").map(str::to_owned).collect()
}

/// A wrong value is found in the block that holds it, and in no other.
#[test]
fn wrong_values_in_their_block() {
    for (name, fault, words) in [
        (
            "index_out_of_range.h5ad",
            Fault::Value,
            ["X/indices", "0..4"],
        ),
        ("index_negative.h5ad", Fault::Value, ["X/indices", "-1"]),
        (
            "duplicate_entry.h5ad",
            Fault::Value,
            ["X", "stored twice in row"],
        ),
    ] {
        let file = golden("bad").join(name);
        let reader = MatrixReader::open(&file, "X").unwrap();
        let wrong: Vec<(usize, Error)> = (0..reader.n_rows())
            .filter_map(|r| reader.read_rows(r..r + 1).err().map(|e| (r, e)))
            .collect();
        let [(row, e)] = &wrong[..] else {
            panic!("{name}: {wrong:?}");
        };
        assert_eq!(e.fault(), Some(fault), "{name}: {e}");
        let by_row = e.to_string();
        assert!(words.iter().all(|w| by_row.contains(w)), "{name}: {e}");
        // Places are counted from the start of the matrix, so every block names the same one,
        // and so does a whole read.
        for n in [2, 4, 100] {
            let e = reader.blocks(n).find_map(Result::err).unwrap();
            assert_eq!(e.to_string(), by_row, "{name}, blocks of {n}, row {row}");
        }
        assert_eq!(read_h5ad(&file).unwrap_err().to_string(), by_row, "{name}");
        assert!(
            reader.blocks(1).last().unwrap().is_err(),
            "blocks end after an error"
        );
        assert_eq!(reader.blocks(1).count(), row + 1);
    }
    let reader = MatrixReader::open(golden("bad/checksum_error.h5ad"), "X").unwrap();
    let e = reader.blocks(3).find_map(Result::err).unwrap();
    assert_eq!(e.fault(), Some(Fault::Damaged), "{e}");
    assert!(e.to_string().contains("X/data"), "{e}");
    let reader = MatrixReader::open(golden("bad/unknown_filter.h5ad"), "X").unwrap();
    let e = reader.read_rows(0..6).unwrap_err().to_string();
    assert!(e.contains("32001") && e.contains("Blosc"), "{e}");
    let e = match MatrixReader::open(golden("bad/external_storage.h5ad"), "X") {
        Ok(reader) => reader.read_rows(0..1).unwrap_err(),
        Err(e) => e,
    };
    assert!(e.to_string().contains("another file"), "{e}");
}

/// Blocks beside a damaged chunk can still be read.
#[test]
fn a_damaged_chunk_spoils_its_own_rows_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.h5ad");
    let mut x = counts(3001, 400, 3);
    // Values that do not compress, so that they fill most of the file.
    let mut state = 1u64;
    for v in x.values_mut() {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
        *v = (state >> 33) as f32;
    }
    let m = named(Matrix::Csr(x));
    write_h5ad(&m, &path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    bytes[at..at + 8].iter_mut().for_each(|b| *b ^= 0x5a);
    fs::write(&path, bytes).unwrap();
    assert_eq!(read_h5ad(&path).unwrap_err().fault(), Some(Fault::Damaged));
    let reader = MatrixReader::open(&path, "X").unwrap();
    let x = m.x.as_ref().unwrap();
    let mut damaged = 0;
    for start in (0..3001).step_by(50) {
        let rows = start..3001.min(start + 50);
        match reader.read_rows(rows.clone()) {
            Ok(block) => assert_same(&block, &x.select_rows(&rows.collect::<Vec<_>>()), "good"),
            Err(e) => {
                damaged += 1;
                assert_eq!(e.fault(), Some(Fault::Damaged), "{e}");
                let message = e.to_string();
                assert!(
                    message.contains("X/data") || message.contains("X/indices"),
                    "{e}"
                );
            }
        }
    }
    assert!((1..=40).contains(&damaged), "{damaged} of 61 blocks");
}

#[test]
fn rows_outside() {
    let reader = MatrixReader::open(golden("anndata-0.12.19/minimal_dense_f32.h5ad"), "X").unwrap();
    let n = reader.n_rows();
    #[allow(clippy::reversed_empty_ranges)]
    for rows in [0..n + 1, n..n + 1, n + 1..n + 1, 2..1, 0..usize::MAX] {
        let e = reader.read_rows(rows.clone()).unwrap_err();
        assert_eq!(e.fault(), Some(Fault::Value));
        let message = e.to_string();
        let words = format!("X: rows {}..{} are outside 0..{n}", rows.start, rows.end);
        assert!(message.ends_with(&words), "{message}");
    }
    assert_eq!(reader.read_rows(n..n).unwrap().n_rows(), 0);
}

#[test]
fn names_that_lead_nowhere() {
    let h5ad = golden("anndata-0.12.19/full.h5ad");
    let h5mu = golden("anndata-0.12.19/overlap.h5mu");
    for (file, element, words) in [
        (&h5ad, "obs", "names no matrix"),
        (&h5ad, "layers/none", "the layers are: "),
        (&h5ad, "mod/rna/X", "AnnData"),
        (&h5mu, "X", "mod/MODALITY/"),
        (&h5mu, "mod/none/X", "names no modality"),
        (&golden("anndata-0.12.19/x_none.h5ad"), "X", "X: is missing"),
        (
            &golden("anndata-0.13.4-pandas3/x_none.h5ad"),
            "X",
            "X: is missing",
        ),
        (
            &golden("anndata-0.12.19/minimal_dense_f32.h5ad"),
            "raw/X",
            "is missing",
        ),
        (&golden("tenx/v3_rna_adt.h5"), "X", "10x HDF5"),
    ] {
        let e = open_error(file, element).to_string();
        assert!(e.contains(words), "{e}");
    }
}

/// A matrix by columns is turned and held, up to a limit.
#[test]
fn columns_are_turned_or_refused() {
    let file = golden("anndata-0.12.19/x_csc_f32_gzip.h5ad");
    let nnz = MatrixReader::open(&file, "X").unwrap().nnz().unwrap();
    let options = |max_turned_bytes| RowOptions {
        max_turned_bytes,
        ..RowOptions::default()
    };
    assert!(MatrixReader::open_with(&file, "X", &options(16 * nnz as u64)).is_ok());
    let e = MatrixReader::open_with(&file, "X", &options(16 * nnz as u64 - 1))
        .err()
        .unwrap();
    assert_eq!(e.fault(), Some(Fault::Unsupported));
    let message = e.to_string();
    for word in ["X: ", "csc_matrix", "max_turned_bytes", "adata.X.tocsr()"] {
        assert!(message.contains(word), "{message}");
    }
}

/// The limit of an array bounds a block, not the matrix.
#[test]
fn limits_bound_the_block() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.h5ad");
    write_h5ad(&named(Matrix::Csr(counts(3000, 100, 3))), &path).unwrap();
    let options = RowOptions {
        // The names of the cells take 48 KB, the values 400 KB.
        read: ReadOptions {
            max_array_bytes: 60_000,
        },
        ..RowOptions::default()
    };
    let reader = MatrixReader::open_with(&path, "X", &options).unwrap();
    assert_eq!(reader.blocks(100).filter(Result::is_ok).count(), 30);
    let e = reader.read_rows(0..3000).unwrap_err();
    assert_eq!(e.fault(), Some(Fault::TooLarge));
    assert!(e.to_string().contains("X/indices"), "{e}");
}

/// Rounding is told once, a value beyond f32 is refused in its block.
#[test]
fn rounding_is_told_once() {
    let file = golden("bad/counts_2pow24_plus_1.h5ad");
    let reader = MatrixReader::open(&file, "X").unwrap();
    assert!(reader.notices().is_empty());
    for _ in 0..3 {
        assert!(reader.blocks(1).all(|b| b.is_ok()));
    }
    let notices: Vec<String> = reader.notices().iter().map(|n| n.to_string()).collect();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains("2^24"), "{notices:?}");
}

#[test]
fn a_reader_can_move_to_another_thread() {
    let reader = MatrixReader::open(golden("anndata-0.12.19/full.h5ad"), "X").unwrap();
    let whole = read_h5ad(golden("anndata-0.12.19/full.h5ad")).unwrap().data;
    let n = reader.n_rows();
    let x = std::thread::spawn(move || reader.read_rows(0..n).unwrap())
        .join()
        .unwrap();
    assert_same(&x, whole.x.as_ref().unwrap(), "moved");
}
