//! `cellweave fuse`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cellweave::Error;
use cellweave::fuse::{FuseConfig, FuseObserver, FuseOptions, RunRecord, fuse};
use cellweave::train::DeviceChoice;

use super::progress::{Progress, StopFlag};
use super::{DeviceName, FuseArgs, out};

/// Largest settings file that is read.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

pub fn run(args: FuseArgs) -> Result<ExitCode, Error> {
    let (options, config) = match &args.resume {
        Some(folder) => {
            let record = RunRecord::load(folder)?;
            let options = FuseOptions {
                file: record.file,
                output: folder.clone(),
                seed: record.seed,
                device: record.device,
                labels: match args.labels.is_empty() {
                    true => record.labels,
                    false => args.labels.clone(),
                },
                resume: true,
                command: command_line(),
            };
            (options, record.config)
        }
        None => {
            let options = FuseOptions {
                file: args.file.as_deref().map(absolute).transpose()?,
                output: args.output.clone(),
                seed: args.run.seed,
                device: device(args.run.device),
                labels: args.labels.clone(),
                resume: false,
                command: command_line(),
            };
            (options, settings(&args)?)
        }
    };
    if args.run.print_config {
        out(&config.to_toml()?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut progress = Progress::new(
        StopFlag::listen(),
        args.run.quiet,
        args.run.stop_after_steps,
    );
    let fused = fuse(&options, &config, &mut progress)?;
    progress.finish();
    if !args.run.quiet {
        out(&fused.summary.to_string());
        if fused.finished {
            out(&format!("  results    {}\n", options.output.display()));
        }
    }
    if !fused.finished {
        eprintln!(
            "go on with: cellweave fuse --resume {}",
            options.output.display()
        );
        return Ok(ExitCode::from(130));
    }
    Ok(ExitCode::SUCCESS)
}

fn settings(args: &FuseArgs) -> Result<FuseConfig, Error> {
    let text = settings_text(args.run.config.as_deref())?;
    let mut config = FuseConfig::from_toml_with(&text, &args.run.settings)?;
    for path in [&mut config.prep.positions, &mut config.prep.antibodies]
        .into_iter()
        .flatten()
    {
        *path = absolute(path)?;
    }
    Ok(config)
}

/// The text of a settings file; empty without one.
pub(super) fn settings_text(file: Option<&Path>) -> Result<String, Error> {
    let Some(path) = file else {
        return Ok(String::new());
    };
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    if std::fs::metadata(path).map_err(io)?.len() > MAX_CONFIG_BYTES {
        return Err(Error::Settings(format!(
            "{} is too large to be a settings file",
            path.display()
        )));
    }
    std::fs::read_to_string(path).map_err(io)
}

/// A path that still holds when the run is resumed from another folder.
fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|source| Error::Io {
        path: path.to_owned(),
        source,
    })
}

pub(super) fn device(name: DeviceName) -> DeviceChoice {
    match name {
        DeviceName::Cpu => DeviceChoice::Cpu,
        DeviceName::Wgpu => DeviceChoice::Wgpu,
        DeviceName::Cuda => DeviceChoice::Cuda,
        DeviceName::Ndarray => DeviceChoice::Ndarray,
    }
}

pub(super) fn command_line() -> String {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .map(|w| if w.contains(' ') { format!("'{w}'") } else { w })
        .collect();
    format!("cellweave {}", words.join(" "))
}

impl FuseObserver for Progress {
    fn say(&mut self, line: &str) {
        Progress::say(self, line);
    }

    fn cells_per_second(&self) -> Option<f64> {
        Some(Progress::cells_per_second(self)).filter(|r| *r > 0.0)
    }
}
