//! `cellweave denoise`.

use std::process::ExitCode;

use cellweave::Error;
use cellweave::denoise::{DenoiseConfig, DenoiseOptions, denoise};

use super::fuse::{device, settings_text};
use super::progress::{Progress, StopFlag};
use super::{DenoiseArgs, out};

pub fn run(args: &DenoiseArgs) -> Result<ExitCode, Error> {
    let text = settings_text(args.run.config.as_deref())?;
    let config = DenoiseConfig::from_toml(&text, &args.run.settings)?;
    let file = match &args.file {
        Some(file) if !args.run.print_config => file.clone(),
        _ => {
            out(&config.to_toml()?);
            return Ok(ExitCode::SUCCESS);
        }
    };
    let options = DenoiseOptions {
        file,
        output: args.output.clone(),
        seed: args.run.seed,
        device: device(args.run.device),
        resume: args.resume,
    };
    let mut progress = Progress::new(
        StopFlag::listen(),
        args.run.quiet,
        args.run.stop_after_steps,
    );
    let denoised = denoise(&options, &config, &mut progress)?;
    progress.finish();
    if !args.run.quiet {
        out(&denoised.summary.to_string());
    }
    if !denoised.finished {
        eprintln!("go on with the same command and --resume");
        return Ok(ExitCode::from(130));
    }
    if !args.run.quiet {
        out(&format!("  results    {}\n", options.output.display()));
    }
    Ok(ExitCode::SUCCESS)
}
