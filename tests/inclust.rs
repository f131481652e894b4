//! The verbs of inClust+ from files to files.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use cellweave::inclust::{InclustSettings, Part};
use cellweave::sc_io::{self, Categorical, Column, Dense, Embedding, Modality, MultiModal};
use cellweave::sc_metrics::pearson;
use common::{cellweave, small, stderr};

const QUICK: [&str; 8] = [
    "--set",
    "n_models=2",
    "--set",
    "steps=150",
    "--set",
    "train.batch_size=32",
    "--set",
    "train.micro_batch=32",
];

fn run(verb: &str, output: &Path, args: &[&str]) -> Output {
    let mut all = vec![verb.to_owned(), "-o".into(), output.display().to_string()];
    all.extend(QUICK.iter().chain(args).map(|s| (*s).to_owned()));
    cellweave(all)
}

fn succeeds(verb: &str, output: &Path, args: &[&str]) {
    let done = run(verb, output, args);
    assert!(done.status.success(), "{}", stderr(&done));
    for name in ["report.html", "summary.json", "pictures"] {
        assert!(output.join(name).exists(), "{name}");
    }
}

/// Fails before any training, with this message.
fn refuses(verb: &str, args: &[&str], message: &str) {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let done = run(verb, &output, args);
    assert!(!done.status.success());
    let said = stderr(&done);
    assert!(said.contains(message), "'{message}' is not in: {said}");
    assert!(
        !output.join("checkpoints").exists(),
        "something was trained"
    );
}

/// The first cells of a simulated CITE-seq file, and RNA and protein of the rest.
fn split(n_cells: usize, n_first: usize) -> (MultiModal, MultiModal) {
    let all = small(n_cells);
    let part = |rows: Vec<usize>| {
        let modalities = all.modalities.iter();
        MultiModal::new(
            modalities
                .map(|(n, m)| (n.clone(), m.select_obs(&rows)))
                .collect(),
        )
    };
    (
        part((0..n_first).collect()),
        part((n_first..n_cells).collect()),
    )
}

fn write(folder: &Path, name: &str, data: &MultiModal) -> String {
    let path = folder.join(name);
    match data.modalities.len() {
        1 => sc_io::write_h5ad(&data.modalities[0], &path).unwrap(),
        _ => sc_io::write_h5mu(data, &path).unwrap(),
    };
    path.display().to_string()
}

fn alone(data: &MultiModal, modality: &str) -> MultiModal {
    let m = data.modalities[modality].clone();
    MultiModal::new([(modality.to_owned(), m)].into_iter().collect())
}

fn dense(m: &Modality) -> Dense {
    m.x.as_ref().unwrap().to_dense()
}

fn column(x: &Dense, j: usize) -> Vec<f64> {
    (0..x.n_rows()).map(|r| f64::from(x.row(r)[j])).collect()
}

fn read_h5ad(folder: &Path) -> Modality {
    sc_io::read_h5ad(folder.join("result.h5ad")).unwrap().data
}

fn vectors(m: &Modality) -> Dense {
    match &m.obsm["X_inclust"] {
        Embedding::Matrix(x) => x.to_dense(),
        Embedding::Table(_) => panic!("the embedding is a table"),
    }
}

fn summary(folder: &Path) -> serde_json::Value {
    let text = fs::read_to_string(folder.join("summary.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn protein_is_generated_for_cells_that_lack_it() {
    let folder = tempfile::tempdir().unwrap();
    let (reference, query) = split(300, 220);
    let r = write(folder.path(), "reference.h5mu", &reference);
    let q = write(folder.path(), "query.h5ad", &alone(&query, "rna"));
    let before = fs::read(&q).unwrap();
    let out = folder.path().join("out");
    succeeds(
        "generate",
        &out,
        &["--reference", &r, "--query", &q, "--score", "cell_type"],
    );
    assert_eq!(fs::read(&q).unwrap(), before, "the input changed");
    let result = sc_io::read_h5mu(out.join("result.h5mu")).unwrap().data;
    let (rna, adt) = (&result.modalities["rna"], &result.modalities["adt"]);
    assert_eq!(rna.obs.index(), query.modalities["rna"].obs.index());
    assert_eq!(
        dense(rna).values(),
        dense(&query.modalities["rna"]).values()
    );
    assert_eq!(adt.var.index(), reference.modalities["adt"].var.index());
    assert_eq!(
        adt.var.column("imputed").unwrap().label(0).as_deref(),
        Some("true")
    );
    assert!(result.obsm.contains_key("X_inclust") && result.uns.contains_key("inclust"));
    // The measured protein of these cells was seen by nobody.
    let measured = dense(&query.modalities["adt"]);
    let generated = dense(adt);
    let mut mean = 0.0;
    for j in 0..measured.n_cols() {
        let truth: Vec<f64> = column(&measured, j).iter().map(|v| v.ln_1p()).collect();
        mean += pearson(&truth, &column(&generated, j)) / measured.n_cols() as f64;
    }
    assert!(mean > 0.5, "mean correlation {mean}");
    let sd = adt.layers["sd"].to_dense();
    assert!(sd.values().iter().all(|v| *v > 0.0 && v.is_finite()));
}

#[test]
fn an_interrupted_run_ends_as_an_uninterrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let (reference, query) = split(160, 120);
    let r = write(folder.path(), "reference.h5mu", &reference);
    let q = write(folder.path(), "query.h5ad", &alone(&query, "rna"));
    let [once, twice] = ["once", "twice"].map(|n| folder.path().join(n));
    let files = ["--reference", &r, "--query", &q];
    succeeds("generate", &once, &files);
    // In the middle of the second model.
    let stopped = run(
        "generate",
        &twice,
        &[&files[..], &["--stop-after-steps", "170"]].concat(),
    );
    assert_eq!(stopped.status.code(), Some(130), "{}", stderr(&stopped));
    assert!(!twice.join("result.h5mu").exists());
    succeeds("generate", &twice, &[&files[..], &["--resume"]].concat());
    let read = |folder: &PathBuf| {
        let data = sc_io::read_h5mu(folder.join("result.h5mu")).unwrap().data;
        dense(&data.modalities["adt"])
    };
    assert_eq!(read(&once).values(), read(&twice).values());
}

#[test]
fn hidden_genes_are_imputed_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let (reference, query) = split(300, 200);
    let r = write(folder.path(), "reference.h5ad", &alone(&reference, "rna"));
    let q = write(folder.path(), "query.h5ad", &alone(&query, "rna"));
    let genes = query.modalities["rna"].var.index();
    let hidden: Vec<String> = genes.iter().step_by(7).cloned().collect();
    let list = folder.path().join("hidden.txt");
    fs::write(&list, hidden.join("\n")).unwrap();
    let list = list.display().to_string();
    let out = folder.path().join("out");
    let files = ["--reference", &r, "--query", &q];
    succeeds(
        "impute",
        &out,
        &[&files[..], &["--hold-out", &list]].concat(),
    );
    let result = read_h5ad(&out);
    assert_eq!(result.obs.index(), query.modalities["rna"].obs.index());
    let (mut found, mut wanted) = (result.var.index().to_vec(), hidden.clone());
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
    assert!(result.layers.contains_key("sd"));
    let summary = summary(&out);
    let found = summary["found"].as_object().unwrap();
    let (_, pearson) = found
        .iter()
        .find(|(k, _)| k.starts_with("Pearson"))
        .unwrap();
    assert!(pearson.as_f64().unwrap() > 0.1, "{pearson}");
    refuses("impute", &files, "nothing to impute");
    let published = "likelihoods.rna={squared='sigmoid'}";
    refuses(
        "impute",
        &[&files[..], &["--set", published]].concat(),
        "scaling = \"by_maximum\"",
    );
}

/// The published loss and scaling: what is predicted is in 0 to 1, and comes back on the scale of the reference's logarithms.
#[test]
fn genes_are_imputed_by_the_published_squared_error() {
    let folder = tempfile::tempdir().unwrap();
    let (reference, query) = split(300, 200);
    let r = write(folder.path(), "reference.h5ad", &alone(&reference, "rna"));
    let rna = &query.modalities["rna"];
    let seen: Vec<usize> = (0..rna.n_vars()).filter(|j| j % 7 != 0).collect();
    let part = MultiModal::new(
        [("rna".to_owned(), rna.select_var(&seen))]
            .into_iter()
            .collect(),
    );
    let q = write(folder.path(), "query.h5ad", &part);
    let out = folder.path().join("out");
    let settings = [
        "--set",
        "scaling=by_maximum",
        "--set",
        "likelihoods.rna={squared='sigmoid'}",
    ];
    let files = ["--reference", &r, "--query", &q];
    succeeds("impute", &out, &[&files[..], &settings].concat());
    let result = read_h5ad(&out);
    let (found, counts) = (dense(&result), dense(&reference.modalities["rna"]));
    let names = reference.modalities["rna"].var.index();
    assert_eq!(found.n_rows(), 100);
    let mut above_0 = 0;
    for (j, name) in result.var.index().iter().enumerate() {
        let at = names.iter().position(|n| n == name).unwrap();
        let largest = column(&counts, at).into_iter().fold(0.0, f64::max).ln_1p();
        let values = column(&found, j);
        assert!(
            values.iter().all(|v| (0.0..=largest + 1e-5).contains(v)),
            "{name}"
        );
        above_0 += usize::from(values.iter().any(|v| *v > 0.5));
    }
    // Not the fractions themselves, which a mean of small values would be.
    assert!(above_0 > 0, "nothing is expressed");
}

#[test]
fn labels_are_transferred_and_new_types_are_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let (reference, query) = split(400, 280);
    // One type is not in the reference.
    let labels = reference.modalities["rna"]
        .obs
        .column("cell_type")
        .unwrap()
        .labels();
    let new = "B".to_owned();
    let kept: Vec<usize> = (0..labels.len())
        .filter(|&i| labels[i].as_ref() != Some(&new))
        .collect();
    let rna = reference.modalities["rna"].select_obs(&kept);
    let reference = MultiModal::new([("rna".to_owned(), rna)].into_iter().collect());
    let r = write(folder.path(), "reference.h5ad", &reference);
    let q = write(folder.path(), "query.h5ad", &alone(&query, "rna"));
    let out = folder.path().join("out");
    let files = ["--reference", &r, "--query", &q, "--labels", "cell_type"];
    let more = [
        "--set",
        "steps=400",
        "--unknown-below",
        "0.1",
        "--calibration",
        "0.2",
    ];
    succeeds("transfer", &out, &[&files[..], &more].concat());
    let result = read_h5ad(&out);
    let found = result.obs.column("inclust_label").unwrap().labels();
    let truth = query.modalities["rna"]
        .obs
        .column("cell_type")
        .unwrap()
        .labels();
    let share = |new_type: bool, right: &dyn Fn(&Option<String>, &Option<String>) -> bool| {
        let of = found
            .iter()
            .zip(&truth)
            .filter(|(_, t)| (t.as_ref() == Some(&new)) == new_type);
        let all: Vec<bool> = of.map(|(f, t)| right(f, t)).collect();
        all.iter().filter(|r| **r).count() as f64 / all.len() as f64
    };
    let known = share(false, &|f, t| f == t);
    // Logistic regression on all genes has 0.75; some are called unknown.
    assert!(known > 0.5, "{known} of the known types");
    let unknown = |f: &Option<String>, _: &Option<String>| f.as_deref() == Some("unknown");
    let (of_new, of_known) = (share(true, &unknown), share(false, &unknown));
    assert!(
        of_new > of_known + 0.3,
        "unknown: {of_new} of the new, {of_known} of the known"
    );
    for name in ["inclust_confidence", "inclust_novelty"] {
        assert!(
            matches!(result.obs.column(name).unwrap(), Column::Float(_)),
            "{name}"
        );
    }
    // Nothing withheld: every cell gets a label.
    let out = folder.path().join("all");
    let more = ["--set", "steps=40", "--calibration", "0"];
    succeeds("transfer", &out, &[&files[..], &more].concat());
    let found = read_h5ad(&out)
        .obs
        .column("inclust_label")
        .unwrap()
        .labels();
    assert!(found.iter().all(|f| f.is_some() && !unknown(f, f)));
    refuses(
        "transfer",
        &["--reference", &r, "--query", &q, "--labels", "age"],
        "age",
    );
    let mut none = reference.clone();
    let n = none.modalities["rna"].n_obs();
    let column = Column::Categorical(Categorical::from_labels(vec!["unknown"; n]));
    none.modalities["rna"]
        .obs
        .insert("nothing", column)
        .unwrap();
    let r = write(folder.path(), "none.h5ad", &none);
    refuses(
        "transfer",
        &["--reference", &r, "--query", &q, "--labels", "nothing"],
        "has no label",
    );
}

#[test]
fn a_mosaic_is_put_into_one_space() {
    let folder = tempfile::tempdir().unwrap();
    let (mut first, second) = split(240, 120);
    let ages = Column::ints((0..120).collect());
    let obs = &mut first.modalities["rna"].obs;
    obs.insert("age", ages).unwrap();
    let a = write(folder.path(), "both.h5mu", &first);
    let b = write(folder.path(), "rna.h5ad", &alone(&second, "rna"));
    let out = folder.path().join("out");
    succeeds("integrate", &out, &[&a, &b, "--score", "cell_type"]);
    let result = sc_io::read_h5mu(out.join("result.h5mu")).unwrap().data;
    let Embedding::Matrix(z) = &result.obsm["X_inclust"] else {
        panic!("the embedding is a table")
    };
    assert_eq!((z.n_rows(), result.obs.len()), (240, 240));
    assert_eq!(result.modalities["adt"].n_obs(), 120);
    for name in ["inclust_batch", "inclust_cluster", "cell_type"] {
        assert!(result.obs.column(name).is_ok(), "{name}");
    }
    // What the files say of their cells stays, missing where one of them is silent.
    let age = result.obs.column("age").unwrap();
    let of = |row| age.number(row);
    assert_eq!((of(0), of(119), of(120)), (Some(0.0), Some(119.0), None));
    let summary = summary(&out);
    assert!(summary.to_string().contains("\"ari\""));
    // The same scores of mixing from the result's own columns.
    let file = out.join("result.h5mu").display().to_string();
    let columns = ["--labels", "cell_type", "--batch", "inclust_batch"];
    let known = [
        "evaluate",
        &file,
        "--rep",
        "X_inclust",
        "--before",
        "X_pca",
        "--json",
    ];
    let again = cellweave(known.iter().chain(&columns).copied());
    assert!(again.status.success(), "{}", stderr(&again));
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    let scores = |v: &serde_json::Value| v["mixing"]["scores"].clone();
    assert_eq!(scores(&again[0]), scores(&summary));
    assert_eq!(scores(&summary).as_object().unwrap().len(), 10);
    refuses("integrate", &[&b, "--batch", "donor"], "obs['donor']");
}

#[test]
fn files_that_share_nothing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (reference, query) = split(120, 80);
    let r = write(folder.path(), "reference.h5mu", &reference);
    let q = write(folder.path(), "query.h5mu", &query);
    refuses(
        "generate",
        &["--reference", &r, "--query", &q],
        "nothing to generate",
    );
    let mut other = alone(&query, "rna");
    let m = &mut other.modalities["rna"];
    let names: Vec<String> = (0..m.n_vars()).map(|i| format!("other{i}")).collect();
    m.var = sc_io::Table::new(names);
    let q = write(folder.path(), "other.h5ad", &other);
    refuses(
        "generate",
        &["--reference", &r, "--query", &q],
        "share no feature",
    );
    // Two files without a common modality have no common labels.
    let adt = folder.path().join("proteins.h5mu").display().to_string();
    sc_io::write_h5mu(&alone(&query, "adt"), &adt).unwrap();
    let rna = write(folder.path(), "labelled.h5ad", &alone(&reference, "rna"));
    let files = [
        "--reference",
        &rna,
        "--query",
        &adt,
        "--labels",
        "cell_type",
    ];
    refuses("transfer", &files, "no modality in common");
    // Names that stand twice cannot be paired.
    let mut twice = reference.clone();
    for m in twice.modalities.values_mut() {
        let mut names = m.obs.index().to_vec();
        names[1] = names[0].clone();
        m.obs = sc_io::Table::new(names);
    }
    let refused = Part::new("twice", twice, &InclustSettings::default());
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("make the names differ"), "{message}");
    // Protein alone leads nowhere: the query has nothing that the reference shares with it.
    let rna = write(folder.path(), "rna.h5ad", &alone(&reference, "rna"));
    let adt = folder.path().join("adt.h5mu").display().to_string();
    sc_io::write_h5mu(&alone(&query, "adt"), &adt).unwrap();
    refuses(
        "generate",
        &["--reference", &rna, "--query", &adt],
        "cannot be generated",
    );
}

#[test]
fn cells_of_a_run_are_mapped_to_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (reference, new) = split(260, 200);
    let r = write(folder.path(), "reference.h5ad", &alone(&reference, "rna"));
    let run_of = folder.path().join("run");
    succeeds(
        "integrate",
        &run_of,
        &[&r, "--set", "n_models=1", "--set", "steps=600"],
    );
    let onto = run_of.display().to_string();
    let map = |file: &str, steps: &str, name: &str| -> (Output, PathBuf) {
        let out = folder.path().join(name);
        let to = out.display().to_string();
        let done = cellweave(["map", file, "--onto", &onto, "-o", &to, "--steps", steps]);
        (done, out)
    };
    // The models as they are give the cells that they were trained on the vectors that the run has given them.
    let (done, out) = map(&r, "0", "same");
    assert!(done.status.success(), "{}", stderr(&done));
    let (was, is) = (vectors(&read_h5ad(&run_of)), vectors(&read_h5ad(&out)));
    let apart = was.values().iter().zip(is.values());
    assert!(apart.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 1e-4);
    // New cells land among those of their type, with and without something learned of their batch, about as often as those of the run lie there.
    let q = write(folder.path(), "new.h5ad", &alone(&new, "rna"));
    let types = |m: &Modality| m.obs.column("cell_type").unwrap().labels();
    let known = types(&reference.modalities["rna"]);
    let among_its_own = |z: &Dense, truth: &[Option<String>], itself: bool| {
        let nearest = |row: usize| {
            let distance = |i: usize| -> f32 {
                let pairs = z.row(row).iter().zip(was.row(i));
                pairs.map(|(a, b)| (a - b) * (a - b)).sum()
            };
            (0..was.n_rows())
                .filter(|&i| !(itself && i == row))
                .min_by(|&a, &b| distance(a).total_cmp(&distance(b)))
        };
        let right = (0..z.n_rows()).filter(|&r| nearest(r).is_some_and(|i| known[i] == truth[r]));
        right.count() as f64 / z.n_rows() as f64
    };
    let usual = among_its_own(&was, &known, true);
    assert!(usual > 0.5, "{usual}");
    for steps in ["0", "30"] {
        let (done, out) = map(&q, steps, &format!("new-{steps}"));
        assert!(done.status.success(), "{}", stderr(&done));
        let found = read_h5ad(&out);
        let share = among_its_own(&vectors(&found), &types(&found), false);
        assert!(
            share > 0.75 * usual,
            "steps {steps}: {share}, of the run {usual}"
        );
    }
    // A modality that the run has not seen is learned where anything is.
    let both = write(folder.path(), "both.h5mu", &new);
    for (steps, learned) in [("0", false), ("30", true)] {
        let (done, out) = map(&both, steps, &format!("both-{steps}"));
        assert!(done.status.success(), "{}", stderr(&done));
        let summary = summary(&out);
        let seen = summary["groups"].get("adt").is_some();
        let loss = summary["final_losses"].get("training/adt").is_some();
        assert_eq!((seen, loss), (learned, learned), "{summary}");
        let found = sc_io::read_h5mu(out.join("result.h5mu")).unwrap().data;
        let Embedding::Matrix(z) = &found.obsm["X_inclust"] else {
            panic!("the embedding is a table");
        };
        let share = among_its_own(&z.to_dense(), &types(&found.modalities["rna"]), false);
        assert!(share > 0.75 * usual, "both, steps {steps}: {share}");
    }
    // Other genes, other folders.
    let mut strangers = new.modalities["rna"].clone();
    let names = (0..strangers.n_vars()).map(|g| format!("other{g}"));
    strangers.var = sc_io::Table::new(names);
    let of = MultiModal::new([("rna".to_owned(), strangers)].into_iter().collect());
    let (done, _) = map(&write(folder.path(), "other.h5ad", &of), "0", "other");
    assert!(
        stderr(&done).contains("no modality of the reference"),
        "{}",
        stderr(&done)
    );
    let done = cellweave(["map", &q, "--onto", &onto, "-o", &onto]);
    assert!(
        stderr(&done).contains("Choose another folder"),
        "{}",
        stderr(&done)
    );
    let nowhere = folder.path().display().to_string();
    let to = folder.path().join("nowhere").display().to_string();
    let done = cellweave(["map", &q, "--onto", &nowhere, "-o", &to]);
    assert!(
        stderr(&done).contains("is this the folder of a finished run"),
        "{}",
        stderr(&done)
    );
}

#[test]
fn genes_that_a_run_lacked_are_learned_where_it_used_specific_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (reference, new) = split(260, 200);
    let rna = &reference.modalities["rna"];
    let half: Vec<usize> = (0..rna.n_vars()).step_by(2).collect();
    let known = MultiModal::new(
        [("rna".to_owned(), rna.select_var(&half))]
            .into_iter()
            .collect(),
    );
    let r = write(folder.path(), "reference.h5ad", &known);
    let q = write(folder.path(), "new.h5ad", &alone(&new, "rna"));
    for (specific, steps, learned) in [
        ("false", "30", false),
        ("true", "0", false),
        ("true", "30", true),
    ] {
        let run_of = folder.path().join(format!("run-{specific}"));
        let specific = format!("specific={specific}");
        if !run_of.exists() {
            succeeds("integrate", &run_of, &[&r, "--set", &specific]);
        }
        let out = folder.path().join(format!("{specific}-{steps}"));
        let (onto, to) = (run_of.display().to_string(), out.display().to_string());
        let done = cellweave(["map", &q, "--onto", &onto, "-o", &to, "--steps", steps]);
        assert!(done.status.success(), "{}", stderr(&done));
        let summary = summary(&out);
        let seen = summary["groups"].get("rna:new").is_some();
        let loss = summary["final_losses"].get("training/rna:new").is_some();
        assert_eq!(
            (seen, loss),
            (learned, learned),
            "{specific}, {steps} steps"
        );
        let found = read_h5ad(&out);
        let z = vectors(&found);
        assert_eq!(z.n_rows(), 60);
        assert!(z.values().iter().all(|v| v.is_finite()));
        // All genes stay in the file, used or not.
        assert_eq!(found.n_vars(), new.modalities["rna"].n_vars());
    }
}

#[test]
fn labels_of_a_transfer_reach_cells_that_come_later() {
    let folder = tempfile::tempdir().unwrap();
    let (reference, rest) = split(300, 200);
    let r = write(folder.path(), "reference.h5ad", &alone(&reference, "rna"));
    let q = write(folder.path(), "query.h5ad", &alone(&rest, "rna"));
    let run_of = folder.path().join("run");
    let files = ["--reference", &r, "--query", &q, "--labels", "cell_type"];
    succeeds("transfer", &run_of, &files);
    let (onto, out) = (run_of.display().to_string(), folder.path().join("later"));
    let to = out.display().to_string();
    let done = cellweave([
        "map",
        &q,
        "--onto",
        &onto,
        "-o",
        &to,
        "--steps",
        "0",
        "--score",
        "cell_type",
    ]);
    assert!(done.status.success(), "{}", stderr(&done));
    let found = read_h5ad(&out);
    let labels = |name: &str| found.obs.column(name).unwrap().labels();
    let pairs = labels("inclust_label").into_iter().zip(labels("cell_type"));
    let share = pairs.filter(|(a, b)| a == b).count() as f64 / found.n_obs() as f64;
    assert!(share > 0.6, "{share}");
    // These are the cells that the run has labelled.
    let was = read_h5ad(&run_of).obs;
    let best = was.column("inclust_best_label").unwrap().labels();
    let pairs = labels("inclust_label").into_iter().zip(best);
    let same = pairs.filter(|(a, b)| a == b).count() as f64 / found.n_obs() as f64;
    assert!(same > 0.98, "{same}");
    let confidence = |obs: &sc_io::Table| match obs.column("inclust_confidence").unwrap() {
        Column::Float(values) => values.clone(),
        other => panic!("{other:?}"),
    };
    let pairs = confidence(&found.obs).into_iter().zip(confidence(&was));
    let apart = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(apart < 0.02, "{apart}");
}

/// Two halves of a plane, each of one type of cells.
#[test]
fn domains_follow_space() {
    let folder = tempfile::tempdir().unwrap();
    let all = small(400).modalities["rna"].clone();
    let types = all.obs.column("cell_type").unwrap().labels();
    let mut names: Vec<&Option<String>> = types.iter().collect();
    names.sort();
    names.dedup();
    let of = |t: &Option<String>| -> Vec<usize> { (0..400).filter(|&i| types[i] == *t).collect() };
    let mut by_size: Vec<Vec<usize>> = names.into_iter().map(of).collect();
    by_size.sort_by_key(|cells| std::cmp::Reverse(cells.len()));
    let half = by_size[1].len();
    let cells: Vec<usize> = by_size[0][..half]
        .iter()
        .chain(&by_size[1])
        .copied()
        .collect();
    let mut m = all.select_obs(&cells);
    let places = (0..2 * half).flat_map(|i| {
        let (side, place) = (i / half, i % half);
        [(side * 100 + place % 5) as f32, (place / 5) as f32]
    });
    let places = Dense::new(2 * half, 2, places.collect()).unwrap();
    let without = MultiModal::new([("rna".to_owned(), m.clone())].into_iter().collect());
    let path = write(folder.path(), "nowhere.h5ad", &without);
    refuses("domains", &[&path], "obsm['spatial']");
    m.obsm.insert("spatial".to_owned(), places.into());
    let data = MultiModal::new([("rna".to_owned(), m)].into_iter().collect());
    let path = write(folder.path(), "space.h5ad", &data);
    let out = folder.path().join("out");
    succeeds(
        "domains",
        &out,
        &[&path, "-k", "2", "--neighbors", "8", "--set", "n_models=1"],
    );
    let found = read_h5ad(&out);
    let domains = found.obs.column("inclust_domain").unwrap().labels();
    assert!((0..2 * half).all(|i| (domains[i] == domains[0]) == (i < half)));
    assert!(found.obs.column("inclust_domain_confidence").is_ok());
    assert!(out.join("pictures").read_dir().unwrap().count() > 1);
}
