//! Inputs that cannot be fused: a clear message, an exit code, nothing lost, the input untouched.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use cellweave::sc_io::{Csr, Matrix, MultiModal, Table};
use common::{QUICK, cellweave, fuse, small, stderr, with, write};

/// Runs `fuse` on a file, expects exit code 1 and every word in the message, no result, and an
/// input that is byte for byte what it was.
fn refused(file: &Path, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let before = fs::read(file).ok();
    let output = fuse(file, folder.path(), &[]);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    for word in words {
        assert!(message.contains(word), "'{word}' is missing in: {message}");
    }
    assert!(!message.contains("panicked"), "{message}");
    assert!(!folder.path().join("result.h5mu").exists());
    assert_eq!(fs::read(file).ok(), before, "the input changed");
}

fn refused_data(data: &MultiModal, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    refused(&write(folder.path(), "input.h5mu", data), words);
}

fn change_value(m: &mut Matrix, change: impl FnOnce(&mut f32)) {
    match m {
        Matrix::Csr(m) => change(&mut m.values_mut()[7]),
        Matrix::Dense(m) => change(&mut m.values_mut()[7]),
    }
}

#[test]
fn not_a_data_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.h5mu");
    fs::write(&file, "<!DOCTYPE html><html>404</html>").unwrap();
    refused(&file, &["page.h5mu", "HTML"]);
    refused(&folder.path().join("absent.h5mu"), &["absent.h5mu"]);
}

#[test]
fn modality_missing() {
    let mut data = small(40);
    data.modalities.shift_remove("adt");
    refused_data(&data, &["adt", "the file has: rna", "input.protein"]);
}

#[test]
fn no_shared_cells() {
    let data = with(small(40), "adt", |m| {
        m.obs = Table::new(
            m.obs
                .index()
                .iter()
                .map(|n| format!("{n}-1"))
                .collect::<Vec<_>>(),
        );
    });
    let data = MultiModal::new(data.modalities);
    refused_data(&data, &["share no cell name", "suffixes"]);
}

#[test]
fn log_data_as_counts() {
    let data = with(small(40), "rna", |m| {
        if let Some(Matrix::Csr(x)) = &mut m.x {
            x.values_mut().iter_mut().for_each(|v| *v = v.ln_1p());
        }
    });
    refused_data(
        &data,
        &["rna/X", "does not hold counts", "allow_non_integer"],
    );
}

#[test]
fn not_a_number() {
    let data = with(small(40), "rna", |m| {
        change_value(m.x.as_mut().unwrap(), |v| *v = f32::NAN)
    });
    refused_data(&data, &["rna/X", "does not hold counts", "NaN"]);
}

#[test]
fn negative_value() {
    let data = with(small(40), "adt", |m| {
        change_value(m.x.as_mut().unwrap(), |v| *v = -1.0)
    });
    refused_data(&data, &["adt/X", "does not hold counts", "negative"]);
}

#[test]
fn one_cell() {
    refused_data(&small(1), &["at least 3 cells"]);
}

#[test]
fn fewer_cells_than_a_batch() {
    refused_data(&small(15), &["fewer than one batch", "batch_size"]);
}

#[test]
fn cells_without_counts_are_named_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = with(small(60), "rna", |m| {
        if let Some(Matrix::Csr(x)) = &mut m.x {
            let mut emptied = Csr::zeros(0, x.n_cols());
            for r in 0..x.n_rows() {
                let (c, v) = x.row(r);
                let entries = c.iter().copied().zip(v.iter().copied());
                emptied.push_row(entries.filter(|_| r != 3 && r != 9));
            }
            *x = emptied;
        }
    });
    let file = write(folder.path(), "input.h5mu", &data);
    let out = folder.path().join("out");
    let output = fuse(&file, &out, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("58 fused, 2 left out: no RNA counts"),
        "{text}"
    );
}

#[test]
fn target_is_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "result.h5mu", &small(40));
    let before = fs::read(&file).unwrap();
    let output = fuse(&file, folder.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("is the input"),
        "{}",
        stderr(&output)
    );
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn settings_that_cannot_work() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "input.h5mu", &small(40));
    let output = fuse(
        &file,
        &folder.path().join("o"),
        &["--set", "model.mask_ratio=2"],
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("mask_ratio"));
    let output = fuse(
        &file,
        &folder.path().join("o"),
        &["--set", "model.no_such=2"],
    );
    assert!(stderr(&output).contains("no_such"), "{}", stderr(&output));
    let output = cellweave([
        "fuse",
        file.to_str().unwrap(),
        "--labels",
        "nope",
        "-o",
        "/dev/null/x",
    ]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn labels_that_do_not_exist_are_refused_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "input.h5mu", &small(40));
    let output = fuse(&file, &folder.path().join("o"), &["--labels", "cell_typ"]);
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains("cell_typ") && message.contains("cell_type"),
        "{message}"
    );
    assert!(!message.contains("epoch"), "{message}");
}

/// The limit on file sizes stands for a full disk: writes beyond it fail.
#[cfg(unix)]
#[test]
fn disk_full() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "input.h5mu", &small(60));
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("result.h5mu"), b"an older result").unwrap();
    let run = |blocks: u32| {
        let mut args = vec!["fuse", file.to_str().unwrap(), "-o", out.to_str().unwrap()];
        args.extend(QUICK);
        let command: Vec<String> = std::iter::once(env!("CARGO_BIN_EXE_cellweave"))
            .chain(args)
            .map(|a| format!("'{a}'"))
            .collect();
        let script = format!(
            "trap '' XFSZ; ulimit -f {blocks}; exec {}",
            command.join(" ")
        );
        Command::new("bash").args(["-c", &script]).output().unwrap()
    };
    for blocks in [1, 16] {
        let output = run(blocks);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{blocks}: {message}");
        assert!(!message.contains("panicked"), "{message}");
        assert_eq!(
            fs::read(out.join("result.h5mu")).unwrap(),
            b"an older result"
        );
        let left: Vec<_> = fs::read_dir(&out)
            .unwrap()
            .filter_map(|e| e.unwrap().file_name().into_string().ok())
            .filter(|n| n.contains("tmp"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_loss_that_is_no_longer_finite() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "input.h5mu", &small(40));
    let out = folder.path().join("out");
    let output = fuse(&file, &out, &["--set", "train.learning_rate=1e30"]);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{message}");
    assert!(
        message.contains("rna_mse") && message.contains("learning_rate"),
        "{message}"
    );
    assert!(!out.join("result.h5mu").exists());
}

#[test]
fn a_device_that_this_build_lacks() {
    if cfg!(feature = "cuda") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "input.h5mu", &small(40));
    let output = fuse(&file, &folder.path().join("o"), &["--device", "cuda"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("--features cuda"),
        "{}",
        stderr(&output)
    );
}
