//! `cellweave denoise` from file to file.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use cellweave::sc_io::{self, Embedding, Matrix, Modality};
use common::{cellweave, small, stderr};

const QUICK: [&str; 10] = [
    "--set",
    "train.epochs=4",
    "--set",
    "train.batch_size=16",
    "--set",
    "train.validation_fraction=0.2",
    "--set",
    "model.hidden=[16]",
    "--set",
    "model.n_latent=4",
];

fn rna() -> Modality {
    small(90).modalities["rna"].clone()
}

fn write(folder: &Path, m: &Modality) -> PathBuf {
    let path = folder.join("cells.h5ad");
    sc_io::write_h5ad(m, &path).unwrap();
    path
}

fn denoise(file: &Path, output: &Path, more: &[&str]) -> Output {
    let mut args = vec!["denoise".to_owned(), file.display().to_string()];
    args.extend(["-o".into(), output.display().to_string()]);
    args.extend(QUICK.iter().chain(more).map(|s| (*s).to_owned()));
    cellweave(args)
}

fn result(output: &Path) -> Modality {
    sc_io::read_h5ad(output.join("result.h5ad")).unwrap().data
}

#[test]
fn the_result_holds_counts_vectors_and_means() {
    let folder = tempfile::tempdir().unwrap();
    let input = rna();
    let file = write(folder.path(), &input);
    let before = fs::read(&file).unwrap();
    let out = folder.path().join("out");
    let more = [
        "--set",
        "train.epochs=60",
        "--set",
        "train.learning_rate=0.01",
    ];
    let done = denoise(&file, &out, &more);
    assert!(done.status.success(), "{}", stderr(&done));
    assert_eq!(fs::read(&file).unwrap(), before, "the input changed");

    let r = result(&out);
    let (x, counts) = (r.x.unwrap(), input.x.unwrap());
    assert_eq!(x.to_dense().values(), counts.to_dense().values());
    assert!(matches!(x, Matrix::Csr(_)));
    assert_eq!(r.obs.index(), input.obs.index());
    assert_eq!(r.var.index(), input.var.index());
    let Embedding::Matrix(z) = &r.obsm["X_zinb_ae"] else {
        panic!("the embedding is a table")
    };
    assert_eq!((z.n_rows(), z.n_cols()), (90, 4));
    assert!(z.values().iter().all(|v| v.is_finite()));

    // Every cell is given for the median library size, and genes with more counts have larger means.
    let mut sums = counts.to_csr().row_sums();
    sums.sort_by(f64::total_cmp);
    let median = 0.5 * (sums[44] + sums[45]);
    let means = r.layers["denoised"].to_dense();
    for cell in 0..90 {
        let sum: f64 = means.row(cell).iter().map(|&v| f64::from(v)).sum();
        assert!((sum / median - 1.0).abs() < 1e-4, "{sum} and {median}");
        assert!(means.row(cell).iter().all(|&v| v >= 0.0));
    }
    let totals = counts.to_csr().column_sums();
    let top = (0..totals.len())
        .max_by(|&a, &b| totals[a].total_cmp(&totals[b]))
        .unwrap();
    let low = (0..totals.len())
        .min_by(|&a, &b| totals[a].total_cmp(&totals[b]))
        .unwrap();
    let column = |j: usize| (0..90).map(|i| means.row(i)[j]).sum::<f32>();
    assert!(column(top) > column(low));
    assert!(r.uns.contains_key("zinb_ae"));

    let summary: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["n_cells"], 90);
    assert!((summary["library"].as_f64().unwrap() - median).abs() < 1e-9);
    assert!(
        summary["final_losses"]["validation/reconstruction"]
            .as_f64()
            .unwrap()
            > 0.0
    );
}

#[test]
fn genes_can_be_selected_and_seeds_differ() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), &rna());
    let run = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let done = denoise(&file, &out, &[&["--set", "n_top_genes=50"], more].concat());
        assert!(done.status.success(), "{}", stderr(&done));
        out
    };
    let (a, b, c) = (run("a", &[]), run("b", &[]), run("c", &["--seed", "1"]));
    assert_eq!(result(&a).n_vars(), 50);
    assert_eq!(result(&a).layers["denoised"].n_cols(), 50);
    let bytes = |out: &Path| fs::read(out.join("result.h5ad")).unwrap();
    assert_eq!(bytes(&a), bytes(&b), "one seed, one result");
    assert_ne!(bytes(&a), bytes(&c));
}

#[test]
fn interrupted_and_resumed_equals_uninterrupted() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), &rna());
    let whole = folder.path().join("whole");
    assert!(denoise(&file, &whole, &[]).status.success());
    let parts = folder.path().join("parts");
    let stopped = denoise(&file, &parts, &["--stop-after-steps", "6"]);
    assert_eq!(stopped.status.code(), Some(130), "{}", stderr(&stopped));
    assert!(!parts.join("result.h5ad").exists());
    let resumed = denoise(&file, &parts, &["--resume"]);
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    let bytes = |out: &Path| fs::read(out.join("result.h5ad")).unwrap();
    assert_eq!(bytes(&whole), bytes(&parts));
}

#[test]
fn what_cannot_be_denoised_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |file: &Path, more: &[&str], words: &[&str]| {
        let out = folder.path().join("refused");
        let done = denoise(file, &out, more);
        let message = stderr(&done);
        assert_eq!(done.status.code(), Some(1), "{message}");
        for word in words {
            assert!(message.contains(word), "'{word}' is missing in: {message}");
        }
        assert!(!message.contains("panicked"), "{message}");
        assert!(!out.join("result.h5ad").exists());
    };
    let file = write(folder.path(), &rna());
    refused(&file, &["--set", "element=layers/none"], &["layers/none"]);
    refused(&file, &["--set", "element=obs"], &["obs"]);
    refused(&file, &["--set", "model.n_latent=0"], &["n_latent"]);
    refused(&file, &["--set", "train.micro_batch=8"], &["micro_batch"]);
    let large = ["train.batch_size=1000", "train.micro_batch=1000"];
    let large = ["--set", large[0], "--set", large[1]];
    refused(&file, &large, &["1000", "training cells"]);
    refused(Path::new("absent.h5ad"), &[], &["absent.h5ad"]);
    let mut logged = rna();
    if let Some(Matrix::Csr(x)) = &mut logged.x {
        x.values_mut().iter_mut().for_each(|v| *v = v.ln_1p());
    }
    refused(
        &write(folder.path(), &logged),
        &[],
        &["not counts", "element"],
    );
    for wrong in [f32::NAN, -1.0] {
        let mut m = rna();
        if let Some(Matrix::Csr(x)) = &mut m.x {
            x.values_mut()[3] = wrong;
        }
        refused(
            &write(folder.path(), &m),
            &["--set", "allow_non_integer=true"],
            &["not counts"],
        );
    }
}

#[test]
fn the_result_is_never_written_over_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("result.h5ad");
    sc_io::write_h5ad(&rna(), &path).unwrap();
    let before = fs::read(&path).unwrap();
    let done = denoise(&path, folder.path(), &[]);
    assert_eq!(done.status.code(), Some(1));
    assert!(stderr(&done).contains("is the input"));
    assert_eq!(fs::read(&path).unwrap(), before);
}
