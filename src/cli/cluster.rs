//! `cellweave cluster`.

use std::process::ExitCode;

use cellweave::Error;
use cellweave::cluster::{ClusterOptions, ClusteringConfig, PlaceOptions, cluster, place};

use super::fuse::{command_line, device, settings_text};
use super::progress::{Progress, StopFlag};
use super::{ClusterArgs, out};

pub fn run(args: &ClusterArgs) -> Result<ExitCode, Error> {
    let text = settings_text(args.run.config.as_deref())?;
    let mut config = ClusteringConfig::from_toml(&text, &args.run.settings)?;
    if let Some(k) = args.k {
        config.n_clusters = k;
    }
    let file = match &args.file {
        Some(file) if !args.run.print_config => file.clone(),
        _ => {
            out(&config.to_toml()?);
            return Ok(ExitCode::SUCCESS);
        }
    };
    let mut progress = Progress::new(
        StopFlag::listen(),
        args.run.quiet,
        args.run.stop_after_steps,
    );
    if let Some(onto) = &args.onto {
        let options = PlaceOptions {
            file,
            onto: onto.clone(),
            output: args.output.clone(),
            device: device(args.run.device),
            labels: args.labels.clone(),
        };
        let summary = place(&options, &mut progress)?;
        progress.finish();
        if !args.run.quiet {
            let folder = options.output.display();
            out(&format!("{summary}  results    {folder}\n"));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let options = ClusterOptions {
        file,
        output: args.output.clone(),
        seed: args.run.seed,
        device: device(args.run.device),
        labels: args.labels.clone(),
        resume: args.resume,
        command: command_line(),
    };
    let clustered = cluster(&options, &config, &mut progress)?;
    progress.finish();
    if !args.run.quiet {
        out(&clustered.summary.to_string());
    }
    if !clustered.finished {
        eprintln!("go on with the same command and --resume");
        return Ok(ExitCode::from(130));
    }
    if !args.run.quiet {
        out(&format!("  results    {}\n", options.output.display()));
    }
    Ok(ExitCode::SUCCESS)
}
