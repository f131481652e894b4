//! Properties of the containers, against slow direct forms.

use indexmap::IndexMap;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use sc_io::{
    Categorical, Column, Csr, CsrError, Dense, Embedding, Matrix, Modality, MultiModal, Table,
};

/// A sparse matrix and the same values by position.
fn any_csr() -> impl Strategy<Value = Csr> {
    (0usize..12, 0usize..12).prop_flat_map(|(n, p)| {
        let width = p.max(1) as u32;
        let row = btree_map(0..width, 1i8..100, 0..=p);
        vec(row, n).prop_map(move |rows| {
            let mut m = Csr::zeros(0, p);
            for row in rows {
                m.push_row(row.into_iter().map(|(c, v)| (c, v as f32)));
            }
            m
        })
    })
}

fn rows_of(m: &Csr) -> Vec<Vec<f32>> {
    let d = m.to_dense();
    (0..d.n_rows()).map(|r| d.row(r).to_vec()).collect()
}

/// Some of 0..n, in any order, without repeats.
fn pick(n: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&i| {
        (i as u64 + 1)
            .wrapping_mul(seed | 1)
            .wrapping_mul(0x9e37_79b9)
            % 1009
    });
    order.truncate(n / 2 + (seed % 2) as usize);
    order
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parts_make_the_same_matrix(m in any_csr()) {
        let again = Csr::new(
            m.n_rows(), m.n_cols(), m.indptr().to_vec(), m.indices().to_vec(), m.values().to_vec(),
        );
        prop_assert_eq!(again.unwrap(), m.clone());
        prop_assert_eq!(Csr::from_dense(&m.to_dense()), m);
    }

    #[test]
    fn rows_in_any_order_are_sorted(m in any_csr()) {
        let (mut indices, mut values) = (vec![], vec![]);
        for r in 0..m.n_rows() {
            let (c, v) = m.row(r);
            indices.extend(c.iter().rev());
            values.extend(v.iter().rev());
        }
        let again = Csr::new(m.n_rows(), m.n_cols(), m.indptr().to_vec(), indices, values);
        prop_assert_eq!(again.unwrap(), m);
    }

    #[test]
    fn transpose_is_its_own_inverse(m in any_csr()) {
        let t = m.transpose();
        prop_assert_eq!((t.n_rows(), t.n_cols()), (m.n_cols(), m.n_rows()));
        let (a, b) = (m.to_dense(), t.to_dense());
        for r in 0..m.n_rows() {
            for c in 0..m.n_cols() {
                prop_assert_eq!(a.row(r)[c], b.row(c)[r]);
            }
        }
        prop_assert_eq!(t.transpose(), m);
    }

    #[test]
    fn selections_agree_with_dense(m in any_csr(), seed in 0u64..1000) {
        let (rows, cols) = (pick(m.n_rows(), seed), pick(m.n_cols(), seed ^ 77));
        prop_assert_eq!(m.select_rows(&rows).to_dense(), m.to_dense().select_rows(&rows));
        prop_assert_eq!(m.select_columns(&cols).to_dense(), m.to_dense().select_columns(&cols));
    }

    #[test]
    fn sums_agree_with_dense(m in any_csr()) {
        let rows = rows_of(&m);
        let by_row: Vec<f64> = rows.iter().map(|r| r.iter().map(|&v| v as f64).sum()).collect();
        let by_col: Vec<f64> =
            (0..m.n_cols()).map(|c| rows.iter().map(|r| r[c] as f64).sum()).collect();
        prop_assert_eq!(m.row_sums(), by_row);
        prop_assert_eq!(m.column_sums(), by_col);
    }

    #[test]
    fn any_parts_give_a_valid_matrix_or_an_error(
        n in 0usize..5, p in 0usize..5, indptr in vec(0usize..8, 0..7),
        indices in vec(0u32..6, 0..8), values in vec(-2f32..2.0, 0..8),
    ) {
        if let Ok(m) = Csr::new(n, p, indptr, indices, values) {
            for r in 0..n {
                let (c, _) = m.row(r);
                prop_assert!(c.windows(2).all(|w| w[0] < w[1]));
                prop_assert!(c.iter().all(|&c| (c as usize) < p));
            }
            prop_assert_eq!(m.indptr()[n], m.nnz());
        }
    }

    #[test]
    fn labels_survive_categories(labels in vec("[a-d]{0,2}", 0..20)) {
        let c = Column::Categorical(Categorical::from_labels(&labels));
        let found: Vec<String> = c.labels().into_iter().flatten().collect();
        prop_assert_eq!(found, labels);
    }

    #[test]
    fn paired_cells_are_the_naive_join(a in vec("[a-f]", 0..6), b in vec("[a-f]", 0..6)) {
        let unique = |mut v: Vec<String>| {
            let mut seen = std::collections::HashSet::new();
            v.retain(|n| seen.insert(n.clone()));
            v
        };
        let (a, b) = (unique(a), unique(b));
        let modality = |names: &[String]| Modality { obs: Table::new(names.to_vec()), ..Modality::default() };
        let m = MultiModal::new(IndexMap::from([
            ("a".to_owned(), modality(&a)), ("b".to_owned(), modality(&b)),
        ]));
        let p = m.paired("a", "b").unwrap();
        let mut naive = vec![];
        for (i, x) in a.iter().enumerate() {
            for (j, y) in b.iter().enumerate() {
                if x == y {
                    naive.push((i, j));
                }
            }
        }
        let found: Vec<_> = p.first.iter().copied().zip(p.second.iter().copied()).collect();
        prop_assert_eq!(&found, &naive);
        prop_assert_eq!((p.only_first, p.only_second), (a.len() - naive.len(), b.len() - naive.len()));
        prop_assert_eq!(m.obs.len(), a.len() + b.len() - naive.len());
        prop_assert!(m.obs.first_duplicate().is_none());
    }
}

#[test]
fn each_broken_part_is_named() {
    let new = |n, p, indptr: &[usize], indices: &[u32], values: &[f32]| {
        Csr::new(n, p, indptr.to_vec(), indices.to_vec(), values.to_vec()).unwrap_err()
    };
    assert_eq!(
        new(2, 2, &[0, 1], &[0], &[1.0]),
        CsrError::IndptrLength {
            found: 2,
            expected: 3
        }
    );
    assert_eq!(new(1, 2, &[1, 1], &[], &[]), CsrError::IndptrStart(1));
    let order = CsrError::IndptrOrder {
        row: 0,
        before: 0,
        after: 0,
    };
    let found = new(2, 2, &[0, 2, 1], &[0, 1], &[1.0, 1.0]);
    assert_eq!(
        std::mem::discriminant(&found),
        std::mem::discriminant(&order)
    );
    assert_eq!(
        new(1, 2, &[0, 2], &[0], &[1.0]),
        CsrError::IndptrEnd { end: 2, stored: 1 }
    );
    assert_eq!(
        new(1, 2, &[0, 1], &[0, 1], &[1.0]),
        CsrError::Lengths {
            indices: 2,
            values: 1
        }
    );
    let range = CsrError::IndexRange {
        row: 0,
        index: 2,
        n_cols: 2,
    };
    assert_eq!(new(1, 2, &[0, 1], &[2], &[1.0]), range);
    let twice = CsrError::Duplicate { row: 0, index: 1 };
    assert_eq!(new(1, 2, &[0, 2], &[1, 1], &[1.0, 2.0]), twice);
}

#[test]
#[should_panic(expected = "selected twice")]
fn a_column_cannot_be_selected_twice() {
    Csr::zeros(2, 3).select_columns(&[1, 1]);
}

#[test]
fn columns_give_labels_and_numbers() {
    let missing = Some(vec![false, true]);
    let ints = Column::Int {
        values: vec![4, 0],
        missing,
    };
    assert_eq!((ints.label(0), ints.label(1)), (Some("4".into()), None));
    assert_eq!((ints.number(0), ints.number(1)), (Some(4.0), None));
    let floats = Column::Float(vec![1.0, f64::NAN]);
    assert_eq!(floats.labels(), [Some("1".to_owned()), None]);
    let categories = Box::new(Column::ints(vec![10, 2]));
    let c = Column::Categorical(Categorical {
        codes: vec![1, -1],
        categories,
        ordered: true,
    });
    assert_eq!((c.number(0), c.label(1)), (Some(2.0), None));
    assert_eq!(
        c.select(&[1, 0, 0]).labels(),
        [None, Some("2".into()), Some("2".into())]
    );
    assert_eq!(Column::text(["a"]).number(0), None);
}

#[test]
fn tables_refuse_columns_of_another_length() {
    let mut t = Table::new(["a", "b"]);
    assert!(t.insert("x", Column::ints(vec![1])).is_err());
    t.insert("x", Column::ints(vec![1, 2])).unwrap();
    assert_eq!(t.select(&[1, 1]).index(), ["b", "b"]);
    assert_eq!(t.select(&[1, 1]).first_duplicate(), Some(("b", 0, 1)));
    assert!(
        t.column("y")
            .unwrap_err()
            .to_string()
            .contains("there are: x")
    );
}

#[test]
fn a_modality_reports_every_violation() {
    let mut m = Modality::new(
        Matrix::Dense(Dense::zeros(2, 3)),
        Table::new(["a", "b"]),
        Table::new(["x", "y", "z"]),
    )
    .unwrap();
    m.obsm
        .insert("e".into(), Embedding::from(Dense::zeros(3, 1)));
    m.obsp.insert("g".into(), Matrix::Csr(Csr::zeros(2, 3)));
    let e = m.check().unwrap_err();
    assert_eq!(e.0.len(), 2, "{e}");
    m.obsm.clear();
    m.obsp.clear();
    let half = m.select_obs(&[1]);
    assert_eq!((half.n_obs(), half.n_vars()), (1, 3));
    half.check().unwrap();
}

#[test]
fn columns_one_after_the_other_keep_their_type_where_they_agree() {
    let masked = Column::Int {
        values: vec![5, 6],
        missing: Some(vec![false, true]),
    };
    let types = Categorical::from_labels(["T", "B"]);
    let columns = [
        Column::ints(vec![1, 2]),
        masked,
        Column::Float(vec![0.5, f64::NAN]),
        Column::bools(vec![true, false]),
        Column::Text(vec![Some("a".into()), None]),
        Column::Categorical(types),
    ];
    for a in &columns {
        for b in &columns {
            let both = Column::concat(&[(2, Some(a)), (3, None), (2, Some(b))]);
            let wanted = [a.labels(), vec![None; 3], b.labels()].concat();
            assert_eq!(both.labels(), wanted, "{a:?}, {b:?}");
        }
        let kind = std::mem::discriminant(a);
        assert_eq!(
            std::mem::discriminant(&Column::concat(&[(2, Some(a))])),
            kind
        );
        let halves = [a.select(&[0]), a.select(&[1])];
        let whole = Column::concat(&[(1, Some(&halves[0])), (1, Some(&halves[1]))]);
        assert_eq!(whole.labels(), a.labels());
    }
    // An order stays where it is the same.
    let ordered = Column::Categorical(Categorical {
        codes: vec![1, 0],
        categories: Box::new(Column::ints(vec![10, 2])),
        ordered: true,
    });
    let twice = Column::concat(&[(2, Some(&ordered)), (1, None), (2, Some(&ordered))]);
    let Column::Categorical(twice) = twice else {
        panic!("{twice:?}");
    };
    assert_eq!((twice.codes, twice.ordered), (vec![1, 0, -1, 1, 0], true));
    assert_eq!(*twice.categories, Column::ints(vec![10, 2]));
    // Without anything missing there is no mask; integers beside fractions are numbers.
    let ints = Column::ints(vec![1, 2]);
    let twice = Column::concat(&[(2, Some(&ints)), (2, Some(&ints))]);
    assert_eq!(twice, Column::ints(vec![1, 2, 1, 2]));
    let mixed = Column::concat(&[(2, Some(&ints)), (1, Some(&Column::Float(vec![0.5])))]);
    assert_eq!(mixed, Column::Float(vec![1.0, 2.0, 0.5]));
}
