//! What the integration tests share.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cellweave::sc_io::{self, Modality, MultiModal};
use cellweave::simulate::{SimulateConfig, simulate};

/// Settings that train in a second or two.
pub const QUICK: [&str; 12] = [
    "--set",
    "train.epochs=2",
    "--set",
    "train.batch_size=16",
    "--set",
    "model.d_model=8",
    "--set",
    "model.encoder_depth=1",
    "--set",
    "train.validation_fraction=0.2",
    "--set",
    "prep.n_top_genes=60",
];

/// Folder of the shared real data, if it is there.
pub fn real_data() -> Option<PathBuf> {
    let folder = std::env::var_os("CELLWEAVE_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    if !folder.is_dir() {
        println!("skipped: no data");
        return None;
    }
    Some(folder)
}

/// A small simulated set: the first cells of a larger one, since the simulator wants a few per type.
pub fn small(n_cells: usize) -> MultiModal {
    let config = SimulateConfig {
        n_cells: n_cells.max(40),
        n_genes: 200,
        ..SimulateConfig::default()
    };
    let data = simulate(&config).expect("the simulator's settings are valid");
    let first: Vec<usize> = (0..n_cells).collect();
    let modalities = data
        .modalities
        .iter()
        .map(|(k, m)| (k.clone(), m.select_obs(&first)));
    MultiModal {
        obs: data.obs.select(&first),
        ..MultiModal::new(modalities.collect())
    }
}

/// Writes a set and returns its path.
pub fn write(folder: &Path, name: &str, data: &MultiModal) -> PathBuf {
    let path = folder.join(name);
    sc_io::write_h5mu(data, &path).expect("writing a test file");
    path
}

/// Changes one modality.
pub fn with(mut data: MultiModal, name: &str, change: impl FnOnce(&mut Modality)) -> MultiModal {
    change(
        data.modalities
            .get_mut(name)
            .expect("the simulated modalities"),
    );
    data
}

/// Runs the command.
pub fn cellweave<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cellweave"))
        .args(args)
        .env("CELLWEAVE_GENOME", "none")
        .output()
        .expect("the command runs")
}

/// Runs `fuse` with quick settings.
pub fn fuse(file: &Path, output: &Path, more: &[&str]) -> Output {
    let mut args: Vec<String> = vec!["fuse".into(), file.display().to_string()];
    args.extend(["-o".into(), output.display().to_string()]);
    args.extend(QUICK.iter().chain(more).map(|s| (*s).to_owned()));
    cellweave(args)
}

/// What the command wrote to stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
