//! What is written reads back equal; a failed write changes nothing.

#![cfg(feature = "h5")]

use std::fs;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use proptest::collection::vec;
use proptest::prelude::*;
use sc_io::{
    Categorical, Column, Csr, Dense, Embedding, Matrix, Modality, MultiModal, Raw, Table, Uns,
    WriteOptions, read, read_h5ad, read_h5mu, write_h5ad, write_h5ad_with, write_h5mu,
};

fn csr(rows: usize, cols: usize, seed: u64) -> Csr {
    let mut m = Csr::zeros(0, cols);
    for r in 0..rows as u64 {
        let keep = |c: u64| (seed ^ (r * 31 + c * 17)).wrapping_mul(0x9e37_79b9) >> 7 & 3 == 0;
        let row = (0..cols as u64)
            .filter(|&c| keep(c))
            .map(|c| (c as u32, (r + 2 * c) as f32));
        m.push_row(row);
    }
    m
}

fn dense(rows: usize, cols: usize, step: f32) -> Dense {
    Dense::new(
        rows,
        cols,
        (0..rows * cols).map(|i| i as f32 * step - 1.0).collect(),
    )
    .unwrap()
}

fn names(prefix: &str, n: usize) -> Vec<String> {
    (0..n).map(|i| format!("{prefix}{i}")).collect()
}

fn every_column(table: &mut Table) {
    let n = table.len();
    let cycle = |k: usize| (0..n).map(move |i| i % k);
    let mut add = |name: &str, c: Column| table.insert(name, c).unwrap();
    add(
        "z_float",
        Column::Float((0..n).map(|i| i as f64 * 0.1).collect()),
    );
    add(
        "int",
        Column::ints((0..n as i64).map(|i| i - 3 + (1 << 40)).collect()),
    );
    add("flag", Column::bools(cycle(2).map(|i| i == 0).collect()));
    let missing = Some(cycle(3).map(|i| i == 1).collect());
    add(
        "nullable",
        Column::Int {
            values: cycle(5).map(|i| i as i64).collect(),
            missing,
        },
    );
    let missing = Some(vec![false; n]);
    add(
        "nullable bool",
        Column::Bool {
            values: cycle(2).map(|i| i == 1).collect(),
            missing,
        },
    );
    add(
        "text é",
        Column::text(cycle(4).map(|i| ["", "a", "µ", "long text"][i])),
    );
    let mut c = Categorical::from_codes(cycle(3).map(|i| i as i32 - 1).collect(), names("t", 2));
    c.ordered = true;
    add("a_type", Column::Categorical(c));
    let categories = Box::new(Column::ints(vec![10, 2]));
    let codes = cycle(2).map(|i| i as i32).collect();
    add(
        "int_cat",
        Column::Categorical(Categorical {
            codes,
            categories,
            ordered: false,
        }),
    );
}

/// Every slot filled.
fn full(n: usize, p: usize) -> Modality {
    let mut obs = Table::new(names("cell", n));
    every_column(&mut obs);
    let mut var = Table::new(names("gene", p));
    var.index_name = Some("gene_id".into());
    every_column(&mut var);
    let mut m = Modality::new(Matrix::Csr(csr(n, p, 1)), obs, var).unwrap();
    m.layers
        .insert("scaled".into(), Matrix::Dense(dense(n, p, 0.25)));
    m.layers.insert("counts".into(), Matrix::Csr(csr(n, p, 2)));
    m.obsm.insert("X_pca".into(), dense(n, 3, 0.5).into());
    m.obsm.insert(
        "sparse".into(),
        Embedding::Matrix(Matrix::Csr(csr(n, 4, 3))),
    );
    let mut t = Table::new(m.obs.index().iter().cloned());
    t.insert("CD3", Column::Float(vec![1.5; n])).unwrap();
    m.obsm.insert("protein".into(), Embedding::Table(t));
    m.varm.insert("PCs".into(), dense(p, 2, 1.0).into());
    m.obsp.insert("distances".into(), Matrix::Csr(csr(n, n, 4)));
    m.varp
        .insert("corr".into(), Matrix::Dense(dense(p, p, 0.1)));
    m.raw = Some(Raw {
        x: Matrix::Csr(csr(n, p + 2, 5)),
        var: Table::new(names("raw", p + 2)),
        varm: IndexMap::from([("PCs".into(), dense(p + 2, 2, 1.0).into())]),
    });
    let inner = IndexMap::from([
        ("text".to_owned(), Uns::Text("µ and more".into())),
        ("empty".to_owned(), Uns::Text(String::new())),
        ("int".to_owned(), Uns::Int(i64::MIN)),
        ("float".to_owned(), Uns::Float(1e-300)),
        ("bool".to_owned(), Uns::Bool(true)),
        (
            "none".to_owned(),
            Uns::Array(Column::text(Vec::<String>::new())),
        ),
        ("numbers".to_owned(), Uns::Array(Column::Float(vec![]))),
        ("matrix".to_owned(), Uns::Matrix(dense(2, 3, 0.5))),
        ("table".to_owned(), Uns::Table(Table::new(["r1", "r2"]))),
        ("nothing".to_owned(), Uns::Map(IndexMap::new())),
    ]);
    m.uns.insert("cellweave".into(), Uns::Map(inner));
    m
}

fn sorted(mut m: Modality) -> Modality {
    m.layers.sort_keys();
    m.obsm.sort_keys();
    m.uns.sort_keys();
    m
}

/// As written: maps have no order in the file.
fn assert_same(a: &Modality, b: &Modality) {
    assert_eq!(sorted(a.clone()), sorted(b.clone()));
    let order = |t: &Table| t.columns().keys().cloned().collect::<Vec<_>>();
    assert_eq!(order(&a.obs), order(&b.obs), "columns keep their order");
}

#[test]
fn every_slot_of_h5ad() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("full.h5ad");
    for (n, p) in [(7, 5), (300, 40), (0, 3), (4, 0), (1, 1)] {
        let m = full(n, p);
        assert_eq!(write_h5ad(&m, &path).unwrap(), []);
        let back = read_h5ad(&path).unwrap();
        assert_same(&back.data, &m);
        assert!(back.notices.is_empty(), "{:?}", back.notices);
        if n > 0 {
            let whole = read(&path).unwrap();
            assert_same(&whole.data.modalities["rna"], &m);
        }
    }
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        1,
        "no temporary file stays"
    );
}

fn pair() -> MultiModal {
    let rna = full(6, 4);
    let mut adt = Modality::new(
        Matrix::Dense(dense(5, 3, 1.0)),
        Table::new(["cell9", "cell2", "cell1", "cell7", "cell0"]),
        Table::new(["CD3", "CD4", "gene0"]),
    )
    .unwrap();
    adt.obs
        .insert("n_counts", Column::ints(vec![1, 2, 3, 4, 5]))
        .unwrap();
    let mut m = MultiModal::new(IndexMap::from([("rna".into(), rna), ("adt".into(), adt)]));
    let n = m.obs.len();
    m.obs
        .insert(
            "cluster",
            Column::Categorical(Categorical::from_labels(names("k", n))),
        )
        .unwrap();
    m.obsm.insert("X_joint".into(), dense(n, 2, 0.125).into());
    m.uns.insert("version".into(), Uns::Text("0.1.0".into()));
    m
}

#[test]
fn h5mu_keeps_modalities_and_cells() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pair.h5mu");
    let m = pair();
    assert_eq!(write_h5mu(&m, &path).unwrap(), []);
    let back = read_h5mu(&path).unwrap().data;
    assert_eq!(back.modalities.keys().collect::<Vec<_>>(), ["rna", "adt"]);
    for (name, modality) in &m.modalities {
        assert_same(&back.modalities[name], modality);
    }
    assert_eq!(
        (&back.obs, &back.obsm, &back.uns),
        (&m.obs, &m.obsm, &m.uns)
    );
    let p = back.paired("rna", "adt").unwrap();
    assert_eq!(
        (p.first, p.second, p.only_first, p.only_second),
        (vec![0, 1, 2], vec![4, 2, 1], 3, 2)
    );
    let head = fs::read(&path).unwrap();
    assert!(head.starts_with(b"MuData (format-version=0.1.0;creator=cellweave;creator-version="));
    let end = head[..512].iter().position(|&b| b == 0).unwrap();
    assert!(head[end..512].iter().all(|&b| b == 0), "zero padded");
    assert_eq!(&head[512..520], b"\x89HDF\r\n\x1a\n");
    // The same data give the same bytes.
    let again = dir.path().join("again.h5mu");
    write_h5mu(&m, &again).unwrap();
    assert_eq!(head, fs::read(&again).unwrap());
}

fn wide(columns: usize) -> Modality {
    let mut m = full(3, 2);
    for i in 0..columns {
        m.obs
            .insert(format!("column_{i:05}"), Column::ints(vec![i as i64; 3]))
            .unwrap();
    }
    m
}

/// The list of columns is an attribute beyond 64 KiB.
#[test]
fn wide_tables() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wide.h5ad");
    let m = wide(6000);
    write_h5ad(&m, &path).unwrap();
    assert_same(&read_h5ad(&path).unwrap().data, &m);
}

#[test]
fn a_cell_outside_obs_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut m = pair();
    m.obs = m.obs.select(&[0, 1, 2]);
    let e = write_h5mu(&m, dir.path().join("x.h5mu"))
        .unwrap_err()
        .to_string();
    assert!(e.contains("is not in obs"), "{e}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn what_older_readers_cannot_open_is_changed_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.h5ad");
    let mut m = full(4, 3);
    m.uns.insert("null".into(), Uns::Null);
    m.uns.insert("a/b".into(), Uns::Int(1));
    m.uns.insert("a_b".into(), Uns::Int(2));
    let text = vec![Some("x".into()), None, Some("".into()), Some("x".into())];
    m.obs.insert("maybe", Column::Text(text)).unwrap();
    let notices: Vec<String> = write_h5ad(&m, &path)
        .unwrap()
        .iter()
        .map(|n| n.to_string())
        .collect();
    assert_eq!(notices.len(), 2, "{notices:?}");
    assert!(
        notices
            .iter()
            .any(|n| n.starts_with("uns/a/b: written as 'a_b_'")),
        "{notices:?}"
    );
    let back = read_h5ad(&path).unwrap().data;
    assert_eq!(
        (&back.uns["a_b_"], &back.uns["a_b"]),
        (&Uns::Int(1), &Uns::Int(2))
    );
    assert!(!back.uns.contains_key("null"));
    let maybe = back.obs.column("maybe").unwrap();
    assert!(matches!(maybe, Column::Categorical(_)));
    assert_eq!(maybe.labels(), m.obs.column("maybe").unwrap().labels());
}

#[test]
fn the_input_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.h5ad");
    let m = full(3, 2);
    write_h5ad(&m, &input).unwrap();
    let before = fs::read(&input).unwrap();
    let options = WriteOptions {
        forbid: vec![input.clone()],
    };
    let mut aliases = vec![input.clone(), dir.path().join("./in.h5ad")];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&input, dir.path().join("soft.h5ad")).unwrap();
        fs::hard_link(&input, dir.path().join("hard.h5ad")).unwrap();
        aliases.extend([dir.path().join("soft.h5ad"), dir.path().join("hard.h5ad")]);
    }
    for alias in aliases {
        let e = write_h5ad_with(&full(9, 9), &alias, &options)
            .unwrap_err()
            .to_string();
        assert!(e.contains("it is the input"), "{e}");
    }
    assert_eq!(fs::read(&input).unwrap(), before);
    write_h5ad_with(&m, dir.path().join("out.h5ad"), &options).unwrap();
}

#[test]
fn a_link_stays_a_link_and_its_file_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real.h5ad");
    write_h5ad(&full(3, 2), &real).unwrap();
    #[cfg(unix)]
    {
        let link = dir.path().join("link.h5ad");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write_h5ad(&full(8, 2), &link).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
    #[cfg(unix)]
    assert_eq!(read_h5ad(&real).unwrap().data.n_obs(), 8);
}

#[test]
fn refusals_leave_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let e = write_h5ad(&full(2, 2), dir.path()).unwrap_err().to_string();
    assert!(e.contains("directory"), "{e}");
    let e = write_h5ad(&full(2, 2), dir.path().join("no/such/m.h5ad"))
        .unwrap_err()
        .to_string();
    assert!(e.contains("cannot find the folder"), "{e}");
    let mut m = full(2, 2);
    m.layers
        .insert("bad".into(), Matrix::Dense(dense(3, 2, 1.0)));
    m.obsm.insert("bad".into(), dense(1, 2, 1.0).into());
    let e = write_h5ad(&m, dir.path().join("m.h5ad"))
        .unwrap_err()
        .to_string();
    assert!(
        e.contains("layers/bad") && e.contains("obsm/bad"),
        "both in one message: {e}"
    );
    let mut m = full(2, 2);
    m.uns.insert(String::new(), Uns::Int(1));
    assert!(write_h5ad(&m, dir.path().join("m.h5ad")).is_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// The child of `disk_full`: writes the file that its environment names.
#[test]
fn child_writes_when_asked() {
    let Some(path) = std::env::var_os("SC_IO_TEST_WRITE").map(PathBuf::from) else {
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
    let values = (0..400 * 500).map(|_| next()).collect();
    let x = Matrix::Dense(Dense::new(400, 500, values).unwrap());
    let m = Modality::new(x, Table::new(names("c", 400)), Table::new(names("g", 500))).unwrap();
    match write_h5ad(&m, &path) {
        Ok(_) => println!("CHILD WROTE"),
        Err(e) => println!("CHILD REFUSED {e}"),
    }
}

#[cfg(unix)]
#[test]
fn disk_full() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.h5ad");
    write_h5ad(&full(5, 5), &path).unwrap();
    let before = fs::read(&path).unwrap();
    let run = |limit: &str| {
        // The signal of the limit is ignored, so that the write fails as on a full disk.
        let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"");
        let out = std::process::Command::new("bash")
            .args(["-c", &script])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "child_writes_when_asked", "--nocapture"])
            .env("SC_IO_TEST_WRITE", &path)
            .output()
            .unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    // In blocks of 1024 bytes; the whole file is about 700 KB.
    for limit in ["1", "2", "4", "8", "40", "200", "400", "600"] {
        let out = run(limit);
        assert!(out.contains("CHILD REFUSED"), "limit {limit}: {out}");
        assert_eq!(
            fs::read(&path).unwrap(),
            before,
            "limit {limit}: the old file is untouched"
        );
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "limit {limit}: no temporary"
        );
    }
    assert!(run("unlimited").contains("CHILD WROTE"));
    assert_eq!(read_h5ad(&path).unwrap().data.n_obs(), 400);
}

fn any_text() -> impl Strategy<Value = String> {
    "[a-zA-Zäöµ0-9 _./|-]{0,12}"
}

fn any_column(n: usize) -> impl Strategy<Value = Column> {
    let mask = vec(any::<bool>(), n);
    prop_oneof![
        vec(
            prop_oneof![
                any::<f64>().prop_filter("not NaN", |v| !v.is_nan()),
                Just(0.0)
            ],
            n
        )
        .prop_map(Column::Float),
        vec(any::<i64>(), n).prop_map(Column::ints),
        vec(any::<bool>(), n).prop_map(Column::bools),
        vec(any_text(), n).prop_map(Column::text),
        (vec(any::<i64>(), n), mask.clone()).prop_map(|(values, m)| Column::Int {
            values,
            missing: Some(m)
        }),
        (vec(any::<bool>(), n), mask).prop_map(|(values, m)| Column::Bool {
            values,
            missing: Some(m)
        }),
        (1usize..400, any::<bool>()).prop_flat_map(move |(k, ordered)| {
            vec(-1..k as i32, n).prop_map(move |codes| {
                let mut c = Categorical::from_codes(codes, names("k", k));
                c.ordered = ordered;
                Column::Categorical(c)
            })
        }),
    ]
}

fn any_table(n: usize, prefix: &'static str) -> impl Strategy<Value = Table> {
    (vec(("[a-z]{1,6}", any_column(n)), 0..5), vec(any_text(), n)).prop_map(
        move |(columns, suffixes)| {
            let index = suffixes
                .iter()
                .enumerate()
                .map(|(i, s)| format!("{prefix}{i}{s}"));
            let mut t = Table::new(index);
            for (name, c) in columns {
                t.insert(name, c).unwrap();
            }
            t
        },
    )
}

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
        let x = prop_oneof![1 => Just(None), 4 => any_matrix(n, p).prop_map(Some)];
        let layers = vec(any_matrix(n, p), 0..2);
        (
            x,
            layers,
            any_table(n, "c"),
            any_table(p, "g"),
            any_matrix(n, 3),
            any_matrix(n, n),
        )
            .prop_map(|(x, layers, obs, var, pca, graph)| Modality {
                x,
                layers: layers
                    .into_iter()
                    .enumerate()
                    .map(|(i, m)| (format!("l{i}"), m))
                    .collect(),
                obs,
                var,
                obsm: IndexMap::from([("X_pca".into(), Embedding::Matrix(pca))]),
                obsp: IndexMap::from([("graph".into(), graph)]),
                ..Modality::default()
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_modality_round_trips(m in any_modality()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.h5ad");
        write_h5ad(&m, &path).unwrap();
        let back = read_h5ad(&path).unwrap().data;
        prop_assert_eq!(&back, &m);
    }
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/interop")
        .join(name)
}

/// A file of anndata, read, written and read again.
#[test]
fn golden_files_round_trip() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "anndata-0.12.19/named_index.h5ad",
        "anndata-0.8.0/text_columns.h5ad",
    ] {
        let m = read_h5ad(golden(name)).unwrap().data;
        let path = dir.path().join("again.h5ad");
        write_h5ad(&m, &path).unwrap();
        assert_same(&read_h5ad(&path).unwrap().data, &m);
    }
    for name in [
        "anndata-0.12.19/overlap_reversed.h5mu",
        "anndata-0.13.4-pandas3/overlap.h5mu",
    ] {
        let m = read_h5mu(golden(name)).unwrap().data;
        let path = dir.path().join("again.h5mu");
        write_h5mu(&m, &path).unwrap();
        let back = read_h5mu(&path).unwrap().data;
        assert_eq!(back.obs, m.obs);
        for (k, modality) in &m.modalities {
            assert_same(&back.modalities[k], modality);
        }
    }
}
