//! Files written by anndata 0.6 to 0.13, mudata and 10x tools: every value they hold.

#![cfg(all(feature = "h5", feature = "mex"))]

use std::path::{Path, PathBuf};

use sc_io::{
    Column, Embedding, Format, Matrix, Modality, MultiModal, Table, Uns, read, read_h5ad, read_h5mu,
};
use serde_json::Value;

fn golden(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/interop")
        .join(folder)
}

fn expected(folder: &str) -> Value {
    let text = std::fs::read_to_string(golden(folder).join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn list<'a>(v: &'a Value, what: &str) -> &'a Vec<Value> {
    v.as_array()
        .unwrap_or_else(|| panic!("{what}: {v} is no list"))
}

fn number(v: &Value) -> f64 {
    match v {
        Value::String(s) if s == "nan" => f64::NAN,
        Value::String(s) if s == "inf" => f64::INFINITY,
        Value::String(s) if s == "-inf" => f64::NEG_INFINITY,
        Value::Bool(b) => *b as u8 as f64,
        v => v.as_f64().unwrap_or_else(|| panic!("{v} is no number")),
    }
}

fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

fn texts(v: &Value) -> Vec<String> {
    list(v, "texts")
        .iter()
        .map(|t| t.as_str().unwrap().to_owned())
        .collect()
}

fn check_matrix(m: &Matrix, e: &Value, what: &str) {
    let shape: Vec<u64> = list(&e["shape"], what)
        .iter()
        .map(|v| v.as_u64().unwrap())
        .collect();
    assert_eq!([m.n_rows() as u64, m.n_cols() as u64], shape[..], "{what}");
    let sparse = e["format"] != "dense";
    assert_eq!(
        matches!(m, Matrix::Csr(_)),
        sparse,
        "{what}: {}",
        e["format"]
    );
    if let (Matrix::Csr(csr), Some(nnz)) = (m, e["nnz_stored"].as_u64()) {
        assert_eq!(csr.nnz() as u64, nnz, "{what}: stored values");
    }
    let dense = m.to_dense();
    if let Some(rows) = e["values"].as_array() {
        for (r, row) in rows.iter().enumerate() {
            for (c, v) in list(row, what).iter().enumerate() {
                let (found, wanted) = (dense.row(r)[c] as f64, number(v) as f32 as f64);
                assert!(
                    same(found, wanted),
                    "{what}[{r},{c}] = {found}, {v} expected"
                );
            }
        }
    }
    let sum: f64 = dense
        .values()
        .iter()
        .filter(|v| v.is_finite())
        .map(|&v| v as f64)
        .sum();
    let wanted = number(&e["sum_of_finite"]);
    assert!(
        (sum - wanted).abs() <= 1e-6 * (1.0 + wanted.abs()),
        "{what}: sum {sum}, {wanted}"
    );
}

fn check_values(c: &Column, values: &[Value], what: &str) {
    assert_eq!(c.len(), values.len(), "{what}");
    for (row, v) in values.iter().enumerate() {
        match v {
            Value::Null => assert_eq!(c.label(row), None, "{what}[{row}]"),
            Value::String(s) if matches!(c, Column::Text(_)) => {
                assert_eq!(c.label(row).as_deref(), Some(s.as_str()), "{what}[{row}]");
            }
            Value::Bool(b) => {
                assert_eq!(c.label(row), Some(b.to_string()), "{what}[{row}]");
            }
            v => match c {
                Column::Float(f) => assert!(same(f[row], number(v)), "{what}[{row}]"),
                Column::Int { values, .. } => {
                    assert_eq!(Some(values[row]), v.as_i64(), "{what}[{row}]");
                }
                other => panic!("{what}[{row}]: {v} against {other:?}"),
            },
        }
    }
}

fn check_column(c: &Column, e: &Value, what: &str) {
    let kind = e["kind"].as_str().unwrap();
    let values = list(&e["values"], what);
    match (kind, c) {
        ("categorical", Column::Categorical(cat)) => {
            assert_eq!(cat.ordered, e["ordered"].as_bool().unwrap(), "{what}");
            check_values(&cat.categories, list(&e["categories"], what), what);
            let codes: Vec<i32> = list(&e["codes"], what)
                .iter()
                .map(|v| v.as_i64().unwrap() as i32)
                .collect();
            assert_eq!(cat.codes, codes, "{what}");
            return;
        }
        (
            "Int64",
            Column::Int {
                missing: Some(_), ..
            },
        )
        | (
            "boolean",
            Column::Bool {
                missing: Some(_), ..
            },
        )
        | ("bool", Column::Bool { missing: None, .. })
        | ("string" | "object" | "str", Column::Text(_)) => {}
        (k, Column::Int { missing: None, .. }) if k.contains("int") => {}
        (k, Column::Float(_)) if k.starts_with("float") => {}
        (k, c) => panic!("{what}: {k} was read as {c:?}"),
    }
    check_values(c, values, what);
}

fn check_table(t: &Table, e: &Value, what: &str) {
    assert_eq!(t.index(), texts(&e["index"]), "{what}: index");
    if let Some(name) = e["index_name"].as_str() {
        assert_eq!(t.index_name.as_deref(), Some(name), "{what}: index name");
    }
    let columns = e["columns"].as_object().unwrap();
    // The JSON reader sorts the names; their order is a matter of the round trip tests.
    let mut names: Vec<_> = t.columns().keys().collect();
    names.sort_unstable();
    assert_eq!(names, columns.keys().collect::<Vec<_>>(), "{what}: columns");
    for (name, c) in columns {
        check_column(&t.columns()[name], c, &format!("{what}/{name}"));
    }
}

fn check_embedding(m: &Embedding, e: &Value, what: &str) {
    match m {
        Embedding::Matrix(m) => check_matrix(m, e, what),
        Embedding::Table(t) => check_table(t, e, what),
    }
}

/// What cannot be represented must be absent, everything else equal.
fn check_uns(u: Option<&Uns>, e: &Value, what: &str) {
    let is_left_out = e.get("fields").is_some() || e["format"] == "csr";
    if is_left_out {
        assert!(u.is_none(), "{what} should be left out");
        return;
    }
    let u = u.unwrap_or_else(|| panic!("{what} is missing"));
    match (u, e) {
        (Uns::Null, Value::Null) => {}
        (Uns::Text(t), Value::String(s)) => assert_eq!(t, s, "{what}"),
        (Uns::Bool(b), Value::Bool(v)) => assert_eq!(b, v, "{what}"),
        (Uns::Int(i), Value::Number(v)) => assert_eq!(Some(*i), v.as_i64(), "{what}"),
        (Uns::Float(f), v) => assert_eq!(*f, number(v), "{what}"),
        (Uns::Array(c), Value::Array(v)) => check_values(c, v, what),
        (Uns::Matrix(m), Value::Array(rows)) => {
            for (r, row) in rows.iter().enumerate() {
                let row: Vec<f32> = list(row, what).iter().map(|v| number(v) as f32).collect();
                assert_eq!(m.row(r), row, "{what}");
            }
        }
        (Uns::Table(t), e) => check_table(t, e, what),
        (Uns::Map(m), Value::Object(o)) => {
            for (k, v) in o {
                check_uns(m.get(k), v, &format!("{what}/{k}"));
            }
            m.keys()
                .for_each(|k| assert!(o.contains_key(k), "{what}/{k} is unexpected"));
        }
        (u, e) => panic!("{what}: {u:?} against {e}"),
    }
}

fn check_modality(m: &Modality, e: &Value, what: &str) {
    assert_eq!(m.n_obs() as u64, e["n_obs"].as_u64().unwrap(), "{what}");
    assert_eq!(m.n_vars() as u64, e["n_var"].as_u64().unwrap(), "{what}");
    m.check().unwrap();
    match &m.x {
        Some(x) => check_matrix(x, &e["X"], &format!("{what}/X")),
        None => assert!(e["X"].is_null(), "{what}: X is missing"),
    }
    check_table(&m.obs, &e["obs"], &format!("{what}/obs"));
    check_table(&m.var, &e["var"], &format!("{what}/var"));
    let empty = serde_json::Map::new();
    let members = |slot: &str| e[slot].as_object().unwrap_or(&empty).clone();
    for (slot, map) in [("layers", &m.layers), ("obsp", &m.obsp), ("varp", &m.varp)] {
        let mut wanted = members(slot);
        // anndata 0.13 lists X among the layers too, under the key None (null).
        wanted.remove("null");
        assert_eq!(map.len(), wanted.len(), "{what}/{slot}");
        wanted
            .iter()
            .for_each(|(k, v)| check_matrix(&map[k], v, &format!("{what}/{slot}/{k}")));
    }
    for (slot, map) in [("obsm", &m.obsm), ("varm", &m.varm)] {
        let wanted = members(slot);
        assert_eq!(map.len(), wanted.len(), "{what}/{slot}");
        wanted
            .iter()
            .for_each(|(k, v)| check_embedding(&map[k], v, &format!("{what}/{slot}/{k}")));
    }
    if let Some(raw) = e.get("raw").filter(|r| !r.is_null()) {
        let found = m
            .raw
            .as_ref()
            .unwrap_or_else(|| panic!("{what}: raw is missing"));
        check_matrix(&found.x, &raw["X"], &format!("{what}/raw/X"));
        check_table(&found.var, &raw["var"], &format!("{what}/raw/var"));
    }
    if let Some(uns) = e.get("uns").filter(|u| !u.is_null()) {
        check_uns(Some(&Uns::Map(m.uns.clone())), uns, &format!("{what}/uns"));
    }
}

fn check_multimodal(m: &MultiModal, e: &Value, what: &str) {
    assert_eq!(
        m.modalities.keys().cloned().collect::<Vec<_>>(),
        texts(&e["modalities"]),
        "{what}"
    );
    assert_eq!(m.obs.index(), texts(&e["obs_index"]), "{what}");
    for (name, modality) in &m.modalities {
        check_modality(modality, &e["mod"][name], &format!("{what}/{name}"));
        let rows = modality.obs.positions();
        let map = list(&e["obsmap"][name], what);
        for (cell, at) in m.obs.index().iter().zip(map) {
            let found = rows.get(cell.as_str()).map_or(0, |r| r + 1);
            assert_eq!(Some(found as u64), at.as_u64(), "{what}/{name}: {cell}");
        }
    }
    // Columns that repeat those of a modality are left to the modality.
    let mut obs = e["obs"].clone();
    obs["columns"]
        .as_object_mut()
        .unwrap()
        .retain(|k, _| !k.contains(':'));
    check_table(&m.obs, &obs, &format!("{what}/obs"));
}

/// Checks every file of a folder; returns how many.
fn check_folder(folder: &str) -> usize {
    let all = expected(folder);
    let files = all["files"].as_object().unwrap();
    for (name, e) in files {
        let what = format!("{folder}/{name}");
        let path = golden(folder).join(name);
        if name.ends_with(".h5ad") {
            let loaded = read_h5ad(&path).unwrap_or_else(|e| panic!("{e}"));
            check_modality(&loaded.data, e, &what);
            let whole = read(&path).unwrap();
            assert_eq!(whole.format, Format::H5ad);
            // By their text, as NaN is not equal to itself.
            let (a, b) = (&whole.data.modalities["rna"], &loaded.data);
            assert_eq!(format!("{a:?}"), format!("{b:?}"), "{what}");
        } else if name.starts_with("axis1") {
            let message = read_h5mu(&path).unwrap_err().to_string();
            assert!(message.contains("axis is 1"), "{message}");
        } else {
            let loaded = read_h5mu(&path).unwrap_or_else(|e| panic!("{e}"));
            check_multimodal(&loaded.data, e, &what);
        }
    }
    files.len()
}

#[test]
fn anndata_0_8() {
    assert_eq!(check_folder("anndata-0.8.0"), 7);
}

#[test]
fn anndata_0_10() {
    assert_eq!(check_folder("anndata-0.10.9"), 2);
}

#[test]
fn anndata_0_12() {
    assert_eq!(check_folder("anndata-0.12.19"), 38);
}

#[test]
fn anndata_0_13_pandas_2() {
    assert_eq!(check_folder("anndata-0.13.4-pandas2"), 2);
}

#[test]
fn anndata_0_13_pandas_3_nullable_string_index() {
    assert_eq!(check_folder("anndata-0.13.4-pandas3"), 13);
}

#[test]
fn anndata_0_7_with_categories_beside_the_columns() {
    assert_eq!(check_folder("anndata-0.7.8"), 3);
}

#[test]
fn anndata_0_6_asks_to_resave() {
    let all = expected("anndata-0.6.22");
    for name in all["files"].as_object().unwrap().keys() {
        let message = read(golden("anndata-0.6.22").join(name))
            .unwrap_err()
            .to_string();
        assert!(message.contains("please resave"), "{message}");
    }
}

/// Matrix, names and types of all modalities of a 10x file, in file order.
fn check_tenx(data: &MultiModal, e: &Value, what: &str) {
    let rows = list(&e["cells_by_features"], what);
    let types: Vec<String> = e["feature_type"]
        .as_array()
        .map(|v| v.iter().map(|t| t.as_str().unwrap().to_owned()).collect())
        .unwrap_or(vec![
            "Gene Expression".into();
            e["n_var"].as_u64().unwrap() as usize
        ]);
    let (names, ids) = (texts(&e["feature_name"]), texts(&e["feature_id"]));
    for (modality, m) in &data.modalities {
        let kind = match modality.as_str() {
            "rna" => "Gene Expression",
            "adt" => "Antibody Capture",
            other => panic!("{what}: {other}"),
        };
        let columns: Vec<usize> = (0..types.len()).filter(|&i| types[i] == kind).collect();
        assert_eq!(m.n_vars(), columns.len(), "{what}");
        assert_eq!(m.obs.index(), texts(&e["barcodes"]), "{what}");
        let stored = m.var.column("gene_ids").unwrap().labels();
        let x = m.x.as_ref().unwrap().to_dense();
        for (new, &old) in columns.iter().enumerate() {
            assert_eq!(m.var.index()[new], names[old], "{what}");
            assert_eq!(stored[new].as_ref(), Some(&ids[old]), "{what}");
            for (cell, row) in rows.iter().enumerate() {
                assert_eq!(
                    x.row(cell)[new] as f64,
                    number(&row[old]),
                    "{what} {cell} {old}"
                );
            }
        }
    }
    let found: usize = data.modalities.values().map(Modality::n_vars).sum();
    assert_eq!(found, types.len(), "{what}");
}

#[test]
fn tenx_files() {
    let all = expected("tenx");
    let formats = [
        ("v3_rna_adt.h5", Format::TenxH5v3, 2),
        ("v2_rna.h5", Format::TenxH5v2, 1),
        ("mex_v3", Format::MexV3, 2),
        ("mex_v2", Format::MexV2, 1),
    ];
    for (name, format, modalities) in formats {
        let loaded = read(golden("tenx").join(name)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(loaded.format, format, "{name}");
        assert_eq!(loaded.data.modalities.len(), modalities, "{name}");
        check_tenx(&loaded.data, &all["files"][name], name);
    }
}

#[test]
fn tenx_v2_names_both_genomes() {
    let all = expected("tenx");
    let loaded = read(golden("tenx").join("v2_two_genomes.h5")).unwrap();
    let groups = all["files"]["v2_two_genomes.h5"]["groups"]
        .as_object()
        .unwrap();
    assert_eq!(loaded.data.modalities.len(), groups.len());
    for (genome, ids) in groups {
        let m = &loaded.data.modalities[&format!("rna_{genome}")];
        let found: Vec<String> = m
            .var
            .column("gene_ids")
            .unwrap()
            .labels()
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(found, texts(ids));
        assert_eq!(
            m.var.column("genome").unwrap().label(0).as_deref(),
            Some(genome.as_str())
        );
    }
}
