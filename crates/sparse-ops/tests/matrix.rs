//! Structure, checks and the operations on stored values.

mod common;

use burn::tensor::{DType, Tensor};
use common::*;
use proptest::prelude::*;
use sparse_ops::{CsrPattern, CsrTensor, SparseError, reference};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn transposed_lists_the_entries_by_column_and_row(case in cases()) {
        let pattern = case.pattern();
        let found = pattern.transposed();
        let entries = case.entries().enumerate();
        let mut wanted: Vec<_> = entries.map(|(k, (row, column, _))| (column, row, k)).collect();
        wanted.sort();
        let offsets = &found.offsets;
        prop_assert_eq!(offsets.len(), case.dims[1] + 1);
        prop_assert_eq!(offsets[0], 0);
        let mut listed = Vec::new();
        for c in 0..case.dims[1] {
            for place in offsets[c]..offsets[c + 1] {
                listed.push((c, found.rows[place] as usize, found.entries[place]));
            }
        }
        prop_assert_eq!(listed, wanted);
    }

    #[test]
    fn operations_on_values_equal_the_dense_ones(case in cases()) {
        let [rows, _] = case.dims;
        let scale = wave(rows, 1.0, 2.0);
        for (dtype, tolerance) in TYPES {
            let x = case.tensor(dtype);
            assert_close("dense", &values(x.to_dense()), &case.dense(), tolerance);
            assert_close("dense", &values(reference::to_dense(&x)), &case.dense(), tolerance);

            let mut sums = vec![0.0; rows];
            case.entries().for_each(|(row, _, x)| sums[row] += x);
            assert_close("sums", &values(x.row_sums()), &sums, tolerance);
            assert_close("sums", &values(reference::row_sums(&x)), &sums, tolerance);

            let scaled: Vec<f64> = case.entries().map(|(row, _, x)| x * scale[row]).collect();
            let scale = tensor(&scale, [rows], dtype);
            let found = x.scale_rows(scale.clone());
            assert_close("scaled", &values(found.values()), &scaled, tolerance);
            let found = reference::scale_rows(&x, scale.inner());
            assert_close("scaled", &values(found), &scaled, tolerance);

            let logs: Vec<f64> = case.values.iter().map(|x| x.abs().ln_1p()).collect();
            let found = x.map_values(Tensor::abs).log1p();
            assert_close("logarithms", &values(found.values()), &logs, tolerance);
            prop_assert_eq!(found.pattern().indices(), &case.indices[..]);
        }
    }
}

/// scanpy 1.11.5: `normalize_total(target_sum=1e4)`, then `log1p`, on a float32 matrix.
const SCANPY: [f64; 20] = [
    7.5368971824646,
    0.0,
    6.439350605010986,
    0.0,
    8.922791481018066,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    9.210440635681152,
    0.0,
    0.0,
    0.0,
    6.726633071899414,
    6.726633071899414,
    6.726633071899414,
    8.671515464782715,
    7.419180870056152,
];

#[test]
fn log_normalisation_equals_scanpy() {
    let rows = vec![
        vec![(0, 3.0), (2, 1.0), (4, 12.0)],
        vec![],
        vec![(1, 250.0)],
        vec![(0, 1.0), (1, 1.0), (2, 1.0), (3, 7.0), (4, 2.0)],
    ];
    for dtype in [DType::F64, DType::F32] {
        let x = Case::new([4, 5], rows.clone())
            .tensor(dtype)
            .log_normalize(1e4);
        assert_close("scanpy", &values(x.to_dense()), &SCANPY, 1e-6);
    }
}

#[test]
fn large_matrices_are_cut_at_any_row() {
    let case = Case::fixed([3000, 70], 9);
    let x = case.tensor(DType::F64);
    assert!(x.nnz() > 3 * 8192);
    let scale = wave(3000, 1.0, 2.0);
    let scaled: Vec<f64> = case.entries().map(|(row, _, x)| x * scale[row]).collect();
    let found = x.scale_rows(tensor(&scale, [3000], DType::F64));
    assert_eq!(values(found.values()), scaled);
    assert_eq!(values(x.to_dense()), case.dense());
    assert_eq!(values(x.row_sums()), values(reference::row_sums(&x)));
}

#[test]
fn copies_share_the_structure() {
    let x = Case::fixed([5, 6], 2).tensor(DType::F32);
    for copy in [x.clone(), x.log1p(), x.to_device(&device())] {
        assert!(std::sync::Arc::ptr_eq(copy.pattern(), x.pattern()));
        assert_eq!(copy.dims(), [5, 6]);
        assert!(!copy.device().is_autodiff());
    }
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&x);
}

#[test]
fn structures_that_are_none_are_refused() {
    let check = |dims, offsets: &[usize], indices: &[u32]| {
        CsrPattern::new(dims, offsets.to_vec(), indices.to_vec()).expect_err("refused")
    };
    assert_eq!(
        check([2, 3], &[0, 1], &[0]),
        SparseError::OffsetCount { rows: 2, found: 2 }
    );
    assert_eq!(
        check([0, 3], &[], &[]),
        SparseError::OffsetCount { rows: 0, found: 0 }
    );
    assert_eq!(
        check([1, 3], &[1, 2], &[0, 1]),
        SparseError::FirstOffset { found: 1 }
    );
    assert_eq!(
        check([3, 3], &[0, 2, 1, 2], &[0, 1]),
        SparseError::FallingOffsets {
            row: 1,
            start: 2,
            end: 1
        }
    );
    assert_eq!(
        check([2, 3], &[0, 1, 2], &[0, 1, 2]),
        SparseError::EntryCount { end: 2, found: 3 }
    );
    assert_eq!(
        check([2, 3], &[0, 1, 3], &[0, 1]),
        SparseError::EntryCount { end: 3, found: 2 }
    );
    let outside = check([3, 3], &[0, 1, 1, 3], &[0, 1, 3]);
    assert_eq!(
        outside,
        SparseError::Column {
            row: 2,
            entry: 2,
            column: 3,
            cols: 3
        }
    );
    assert_eq!(
        outside.to_string(),
        "row 2, entry 2: column 3 is outside of a matrix of 3 columns"
    );
    assert_eq!(
        check([1 << 32, 3], &[0], &[]),
        SparseError::TooManyRows { rows: 1 << 32 }
    );
    let values = CsrTensor::from_slices([1, 3], &[0, 2], &[0, 1], &[1.0f32], &device());
    assert_eq!(
        values.expect_err("refused"),
        SparseError::ValueCount {
            entries: 2,
            found: 1
        }
    );
}

#[test]
#[should_panic(expected = "2 values became 1")]
fn values_keep_their_number() {
    let x = CsrTensor::from_slices([1, 3], &[0, 2], &[0, 1], &[1.0f32, 2.0], &device());
    x.expect("valid").map_values(|x| x.narrow(0, 0, 1));
}
