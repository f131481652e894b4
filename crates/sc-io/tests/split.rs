//! Features split by type, and 10x folders beside the ones that other tools write.

#![cfg(all(feature = "h5", feature = "mex"))]

use std::fs;
use std::io::Write;
use std::path::Path;

use sc_io::{
    Column, Csr, Dense, Embedding, Format, Matrix, Modality, Raw, Table, Uns, read, read_h5ad,
    write_h5ad,
};

fn modality(types: Option<&[&str]>) -> Modality {
    let x = Matrix::Dense(Dense::new(2, 4, (0..8).map(|v| v as f32).collect()).unwrap());
    let mut obs = Table::new(["c1", "c2"]);
    obs.insert("type", Column::text(["T", "B"])).unwrap();
    let mut m = Modality::new(x, obs, Table::new(["g1", "p1", "g2", "p2"])).unwrap();
    m.layers.insert("counts".into(), m.x.clone().unwrap());
    m.obsm.insert("X_umap".into(), Dense::zeros(2, 2).into());
    m.varm.insert(
        "PCs".into(),
        Dense::new(4, 1, vec![0.0, 1.0, 2.0, 3.0]).unwrap().into(),
    );
    m.uns.insert("note".into(), Uns::Int(1));
    if let Some(types) = types {
        m.var
            .insert("feature_types", Column::text(types.iter().copied()))
            .unwrap();
    }
    m.raw = Some(Raw {
        x: m.x.clone().unwrap(),
        var: m.var.clone(),
        varm: Default::default(),
    });
    m
}

fn loaded(m: &Modality) -> sc_io::Loaded {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.h5ad");
    write_h5ad(m, &path).unwrap();
    assert_eq!(
        read_h5ad(&path).unwrap().data.n_vars(),
        m.n_vars(),
        "not split"
    );
    read(&path).unwrap()
}

#[test]
fn one_type_names_the_modality() {
    assert_eq!(
        loaded(&modality(None))
            .data
            .modalities
            .keys()
            .collect::<Vec<_>>(),
        ["rna"]
    );
    let adt = loaded(&modality(Some(&["Antibody Capture"; 4])));
    assert_eq!(adt.data.modalities.keys().collect::<Vec<_>>(), ["adt"]);
    assert_eq!(
        adt.data.modalities["adt"],
        modality(Some(&["Antibody Capture"; 4]))
    );
}

#[test]
fn several_types_are_split() {
    let types = [
        "Gene Expression",
        "Antibody Capture",
        "Gene Expression",
        "Antibody Capture",
    ];
    let whole = modality(Some(&types));
    let l = loaded(&whole);
    assert_eq!(l.data.modalities.keys().collect::<Vec<_>>(), ["rna", "adt"]);
    let adt = &l.data.modalities["adt"];
    assert_eq!(adt.var.index(), ["p1", "p2"]);
    for x in [
        adt.x.as_ref().unwrap(),
        &adt.layers["counts"],
        &adt.raw.as_ref().unwrap().x,
    ] {
        assert_eq!(x.to_dense().values(), [1.0, 3.0, 5.0, 7.0]);
    }
    assert_eq!(adt.obs, whole.obs);
    let pcs = Embedding::from(Dense::new(2, 1, vec![1.0, 3.0]).unwrap());
    assert_eq!(adt.varm["PCs"], pcs);
    assert_eq!(
        l.data.obsm.keys().collect::<Vec<_>>(),
        ["X_umap"],
        "belongs to the whole"
    );
    assert_eq!(l.data.uns["note"], Uns::Int(1));
    assert!(
        l.notices.iter().any(|n| n.message.contains("rna, adt")),
        "{:?}",
        l.notices
    );
    l.data.modalities.values().for_each(|m| m.check().unwrap());
}

fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    if name.ends_with(".gz") {
        let mut z =
            flate2::write::GzEncoder::new(fs::File::create(path).unwrap(), Default::default());
        z.write_all(text.as_bytes()).unwrap();
        z.finish().unwrap();
    } else {
        fs::write(path, text).unwrap();
    }
}

#[test]
fn a_folder_with_a_prefix_and_other_types() {
    let dir = tempfile::tempdir().unwrap();
    let features = "E1\tG1\tGene Expression\nE2\tguide\tCRISPR Guide Capture\nE3\tpeak\tPeaks\n";
    put(dir.path(), "s1_features.tsv.gz", features);
    put(dir.path(), "s1_barcodes.tsv.gz", "AAA-1\nCCC-1\n");
    let head = "%%MatrixMarket matrix coordinate integer general\n% a remark\n3 2 4\n";
    // Entries in no order.
    put(
        dir.path(),
        "s1_matrix.mtx.gz",
        &format!("{head}3 2 7\n1 1 5\n2 2 1\n1 2 6\n"),
    );
    let l = read(dir.path()).unwrap();
    assert_eq!(l.format, Format::MexV3);
    let names: Vec<_> = l.data.modalities.keys().collect();
    assert_eq!(names, ["rna", "crispr_guide_capture", "atac"]);
    let x = |m: &str| {
        l.data.modalities[m]
            .x
            .as_ref()
            .unwrap()
            .to_dense()
            .into_values()
    };
    assert_eq!(x("rna"), [5.0, 6.0]);
    assert_eq!(x("crispr_guide_capture"), [0.0, 1.0]);
    assert_eq!(x("atac"), [0.0, 7.0]);
    assert!(l.notices.is_empty(), "{:?}", l.notices);
}

#[test]
fn large_counts_are_told() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "genes.tsv", "E1\tG1\n");
    put(dir.path(), "barcodes.tsv", "AAA-1\n");
    let head = "%%MatrixMarket matrix coordinate integer general\n1 1 1\n";
    put(dir.path(), "matrix.mtx", &format!("{head}1 1 16777217\n"));
    let l = read(dir.path()).unwrap();
    assert_eq!(l.format, Format::MexV2);
    assert!(
        l.notices.iter().any(|n| n.message.contains("rounded")),
        "{:?}",
        l.notices
    );
}

#[test]
fn an_empty_folder_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let e = read(dir.path()).unwrap_err().to_string();
    assert!(e.contains("directory") && e.contains("matrix.mtx"), "{e}");
    let e = read(dir.path().join("nothing.h5ad"))
        .unwrap_err()
        .to_string();
    assert!(e.contains("cannot open"), "{e}");
}

#[test]
fn a_line_without_end_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "features.tsv", "E1\tG1\tGene Expression\n");
    put(dir.path(), "barcodes.tsv.gz", &"A".repeat(3 << 20));
    put(
        dir.path(),
        "matrix.mtx",
        "%%MatrixMarket matrix coordinate integer general\n1 1 0\n",
    );
    let e = read(dir.path()).unwrap_err().to_string();
    assert!(e.contains("too long"), "{e}");
}

/// More cells than one chunk of any array holds.
#[test]
fn many_cells_round_trip() {
    let n = 300_000;
    let indices = (0..n as u32).map(|i| i % 50).collect();
    let values = (0..n).map(|i| (i % 7 + 1) as f32).collect();
    let x = Csr::new(n, 50, (0..=n).collect(), indices, values).unwrap();
    let obs = Table::new((0..n).map(|i| format!("cell_{i}")));
    let var = Table::new((0..50).map(|i| format!("g{i}")));
    let m = Modality::new(Matrix::Csr(x), obs, var).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("many.h5ad");
    write_h5ad(&m, &path).unwrap();
    assert_eq!(read_h5ad(&path).unwrap().data, m);
}
