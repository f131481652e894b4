//! `cellweave generate`, `impute`, `transfer`, `integrate`, `domains` and `map`.

use std::process::ExitCode;

use cellweave::Error;
use cellweave::inclust::{
    DomainFiles, Done, GenerateFiles, ImputeFiles, InclustSettings, IntegrateFiles, MapFiles,
    TaskOptions, TransferFiles, domains, generate, impute, integrate, map, transfer,
};

use super::fuse::{command_line, device, settings_text};
use super::progress::{Progress, StopFlag};
use super::{
    DomainsArgs, GenerateArgs, ImputeArgs, IntegrateArgs, MapArgs, RunArgs, TaskArgs, TransferArgs,
    out,
};

fn settings(base: &InclustSettings, args: &RunArgs) -> Result<InclustSettings, Error> {
    base.with_toml(&settings_text(args.config.as_deref())?, &args.settings)
}

fn options(task: &TaskArgs, run: &RunArgs) -> TaskOptions {
    TaskOptions {
        output: task.output.clone(),
        seed: run.seed,
        device: device(run.device),
        resume: task.resume,
        scored: task.scored.clone(),
        command: command_line(),
    }
}

/// Runs a verb and says what came of it.
fn perform(
    run: &RunArgs,
    task: &TaskArgs,
    work: impl FnOnce(&TaskOptions, &mut Progress) -> Result<Done, Error>,
) -> Result<ExitCode, Error> {
    let mut progress = Progress::new(StopFlag::listen(), run.quiet, run.stop_after_steps);
    let done = work(&options(task, run), &mut progress)?;
    progress.finish();
    said(&done, run.quiet, task)
}

fn said(done: &Done, quiet: bool, task: &TaskArgs) -> Result<ExitCode, Error> {
    if !quiet {
        out(&done.summary.to_string());
    }
    if !done.finished {
        eprintln!("go on with the same command and --resume");
        return Ok(ExitCode::from(130));
    }
    if !quiet {
        out(&format!("  results    {}\n", task.output.display()));
    }
    Ok(ExitCode::SUCCESS)
}

pub fn run_generate(args: &GenerateArgs) -> Result<ExitCode, Error> {
    let settings = settings(&InclustSettings::default(), &args.run)?;
    let (Some(reference), Some(query), false) =
        (&args.reference, &args.query, args.run.print_config)
    else {
        out(&settings.to_toml()?);
        return Ok(ExitCode::SUCCESS);
    };
    let files = GenerateFiles {
        reference: reference.clone(),
        query: query.clone(),
        batch: args.batch.clone(),
    };
    perform(&args.run, &args.task, |options, progress| {
        generate(&files, options, &settings, progress)
    })
}

pub fn run_impute(args: &ImputeArgs) -> Result<ExitCode, Error> {
    let settings = settings(&InclustSettings::imputation(), &args.run)?;
    let (Some(reference), Some(query), false) =
        (&args.reference, &args.query, args.run.print_config)
    else {
        out(&settings.to_toml()?);
        return Ok(ExitCode::SUCCESS);
    };
    let hold_out = match &args.hold_out {
        None => vec![],
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|source| Error::Io {
                path: path.clone(),
                source,
            })?;
            let lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
            lines.map(str::to_owned).collect()
        }
    };
    let files = ImputeFiles {
        reference: reference.clone(),
        query: query.clone(),
        hold_out,
        batch: args.batch.clone(),
    };
    perform(&args.run, &args.task, |options, progress| {
        impute(&files, options, &settings, progress)
    })
}

pub fn run_transfer(args: &TransferArgs) -> Result<ExitCode, Error> {
    let settings = settings(&InclustSettings::default(), &args.run)?;
    let (Some(reference), Some(query), Some(labels), false) = (
        &args.reference,
        &args.query,
        &args.labels,
        args.run.print_config,
    ) else {
        out(&settings.to_toml()?);
        return Ok(ExitCode::SUCCESS);
    };
    let files = TransferFiles {
        reference: reference.clone(),
        query: query.clone(),
        labels: labels.clone(),
        batch: args.batch.clone(),
        calibration: args.calibration,
        unknown_below: args.unknown_below,
    };
    perform(&args.run, &args.task, |options, progress| {
        transfer(&files, options, &settings, progress)
    })
}

pub fn run_integrate(args: &IntegrateArgs) -> Result<ExitCode, Error> {
    let settings = settings(&InclustSettings::integration(), &args.run)?;
    if args.files.is_empty() || args.run.print_config {
        out(&settings.to_toml()?);
        return Ok(ExitCode::SUCCESS);
    }
    let files = IntegrateFiles {
        files: args.files.clone(),
        batch: args.batch.clone(),
    };
    perform(&args.run, &args.task, |options, progress| {
        integrate(&files, options, &settings, progress)
    })
}

pub fn run_domains(args: &DomainsArgs) -> Result<ExitCode, Error> {
    let settings = settings(&InclustSettings::integration(), &args.run)?;
    let (Some(file), false) = (&args.file, args.run.print_config) else {
        out(&settings.to_toml()?);
        return Ok(ExitCode::SUCCESS);
    };
    let files = DomainFiles {
        file: file.clone(),
        batch: args.batch.clone(),
        n_domains: args.k,
        n_around: args.neighbors,
        own: args.own,
    };
    perform(&args.run, &args.task, |options, progress| {
        domains(&files, options, &settings, progress)
    })
}

pub fn run_map(args: &MapArgs) -> Result<ExitCode, Error> {
    let files = MapFiles {
        file: args.file.clone(),
        onto: args.onto.clone(),
        steps: args.steps,
    };
    let mut progress = Progress::new(StopFlag::listen(), args.quiet, None);
    let options = TaskOptions {
        output: args.task.output.clone(),
        seed: args.seed,
        device: device(args.device),
        resume: args.task.resume,
        scored: args.task.scored.clone(),
        command: command_line(),
    };
    let done = map(&files, &options, &mut progress)?;
    progress.finish();
    said(&done, args.quiet, &args.task)
}
