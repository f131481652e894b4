//! The same seed gives the same bytes; interrupted and resumed equals uninterrupted.

mod common;

use std::path::Path;

use cellweave::sc_io;
use common::{cellweave, fuse, small, stderr, write};

fn embedding(folder: &Path) -> Vec<u8> {
    let data = sc_io::read(folder.join("result.h5mu")).unwrap().data;
    match &data.obsm["X_scfusionttt"] {
        sc_io::Embedding::Matrix(m) => m.values().iter().flat_map(|v| v.to_le_bytes()).collect(),
        sc_io::Embedding::Table(_) => panic!("the embedding is a matrix"),
    }
}

#[test]
fn equal_seeds_and_resumed_runs_are_equal_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "input.h5mu", &small(80));
    // Dropout on, so that its draws are covered too.
    // Batches of 16 in parts of 6, so that gathered gradients are.
    let more = [
        "--seed",
        "5",
        "--set",
        "model.dropout=0.1",
        "--set",
        "train.micro_batch=6",
    ];
    let run = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let output = fuse(&file, &out, more);
        (out, output)
    };
    let (first, output) = run("first", &more);
    assert!(output.status.success(), "{}", stderr(&output));
    let (second, _) = run("second", &more);
    let expected = embedding(&first);
    assert_eq!(embedding(&second), expected, "two runs with one seed");
    let file_of = |folder: &Path| std::fs::read(folder.join("result.h5mu")).unwrap();
    assert!(file_of(&first) == file_of(&second), "the whole result file");

    let (other, _) = run("other", &["--seed", "6", "--set", "model.dropout=0.1"]);
    assert_ne!(embedding(&other), expected, "another seed");

    // 64 training cells make 4 steps per epoch: stop inside the first epoch, at its end, and inside
    // the second.
    for (name, steps) in [("early", "3"), ("between", "4"), ("late", "6")] {
        let mut args = more.to_vec();
        args.extend(["--stop-after-steps", steps]);
        let (out, output) = run(name, &args);
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        assert!(!out.join("result.h5mu").exists());
        let output = cellweave(["fuse", "--resume", out.to_str().unwrap()]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(embedding(&out), expected, "resumed after {steps} steps");
    }
}

#[test]
fn a_run_of_other_settings_is_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "input.h5mu", &small(80));
    let out = folder.path().join("out");
    assert!(
        fuse(&file, &out, &["--stop-after-steps", "2"])
            .status
            .code()
            == Some(130)
    );
    let record = out.join("run.json");
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(
        &record,
        text.replace("\"mask_ratio\": 0.5", "\"mask_ratio\": 0.25"),
    )
    .unwrap();
    let output = cellweave(["fuse", "--resume", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("mask_ratio"),
        "{}",
        stderr(&output)
    );
}

/// Ctrl-C finishes the step and leaves a checkpoint that can be resumed.
#[cfg(unix)]
#[test]
fn an_interrupt_leaves_a_checkpoint() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "input.h5mu", &small(80));
    let out = folder.path().join("out");
    let mut run = Command::new(env!("CARGO_BIN_EXE_cellweave"))
        .args(["fuse", file.to_str().unwrap(), "-o", out.to_str().unwrap()])
        .args(common::QUICK)
        .args(["--set", "train.epochs=500", "--set", "train.patience=0"])
        .env("CELLWEAVE_GENOME", "none")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(run.stderr.take().unwrap()).lines();
    let trained = lines
        .by_ref()
        .map_while(Result::ok)
        .any(|l| l.starts_with("epoch   2"));
    assert!(trained, "the run reports its epochs");
    assert!(
        Command::new("kill")
            .args(["-INT", &run.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(run.wait().unwrap().code(), Some(130), "{rest:?}");
    assert!(rest.iter().any(|l| l.contains("--resume")), "{rest:?}");

    let resumed = cellweave([
        "fuse",
        "--resume",
        out.to_str().unwrap(),
        "--stop-after-steps",
        "5",
    ]);
    assert_eq!(resumed.status.code(), Some(130), "{}", stderr(&resumed));
}
