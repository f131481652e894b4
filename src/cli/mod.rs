//! The verbs of the command.

mod cluster;
mod denoise;
mod fuse;
mod inclust;
mod progress;

use std::path::PathBuf;
use std::process::ExitCode;

use cellweave::describe::{Shipped, Sizes};
use cellweave::evaluate::{EvaluateOptions, MixingOptions};
use cellweave::{Error, describe, evaluate, inspect, simulate};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Fuse the modalities of single cells with deep models.
#[derive(Parser)]
#[command(version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Train scFusionTTT on a CITE-seq file and write embedding, clusters and a report.
    Fuse(FuseArgs),
    /// Fit a count autoencoder to an .h5ad file and write latent vectors and denoised means.
    Denoise(DenoiseArgs),
    /// Train scDEFR on a file of counts and write embedding, clusters, confidence and a report.
    Cluster(ClusterArgs),
    /// Generate the modalities that cells lack, from cells that have them (inClust+).
    Generate(GenerateArgs),
    /// Impute the genes that cells or spots lack, from cells that have them (inClust+).
    Impute(ImputeArgs),
    /// Label cells as those of a reference, with calibrated confidence and unknown cells (inClust+).
    Transfer(TransferArgs),
    /// Put the cells of several files, technologies or batches into one space (inClust+).
    Integrate(IntegrateArgs),
    /// Divide cells or spots into spatial domains (inClust+).
    Domains(DomainsArgs),
    /// Give new cells a place beside those of a finished run of inClust+, which stays as it is.
    Map(MapArgs),
    /// Score an embedding of any .h5ad or .h5mu file against labels.
    Evaluate(EvaluateArgs),
    /// Say what a file holds: modalities, shapes, sparsity, whether the values are counts.
    Inspect(InspectArgs),
    /// Print the blocks of a model: what feeds what, shapes, learned numbers.
    Describe(DescribeArgs),
    /// Write a simulated CITE-seq file.
    Simulate(SimulateArgs),
    /// Gene positions that are remembered for files that have none.
    #[command(subcommand)]
    Genome(GenomeVerb),
}

/// The device that trains.
#[derive(Clone, Copy, ValueEnum)]
enum DeviceName {
    Cpu,
    Wgpu,
    Cuda,
    Ndarray,
}

/// What every verb that trains takes.
#[derive(Args)]
struct RunArgs {
    /// Seed of everything random.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: u64,
    /// Where to train.
    #[arg(long, value_enum, default_value = "cpu")]
    device: DeviceName,
    /// Settings as TOML; `--print-config` shows all of them with their values.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Set one setting, such as `--set train.epochs=20`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Print the settings and stop.
    #[arg(long)]
    print_config: bool,
    /// Print nothing but errors.
    #[arg(short, long)]
    quiet: bool,
    /// Stop after this many optimiser steps as if interrupted.
    #[arg(long, hide = true)]
    stop_after_steps: Option<usize>,
}

#[derive(Args)]
struct FuseArgs {
    /// A .h5mu, .h5ad or 10x .h5 file, or a 10x MEX folder, with RNA and protein counts of the same
    /// cells. Without it, the embedded simulated data are used.
    file: Option<PathBuf>,
    /// Folder for the results.
    #[arg(short, long, default_value = "cellweave-out")]
    output: PathBuf,
    /// Column of obs that the clusters are scored against, and that the report draws. Labels are
    /// used for scoring only. May be repeated.
    #[arg(long = "labels", value_name = "OBS_KEY")]
    labels: Vec<String>,
    /// Go on with the run in this folder, with its input and settings. Labels may be named anew.
    #[arg(long, value_name = "DIR",
          conflicts_with_all = ["file", "output", "seed", "device", "config", "settings"])]
    resume: Option<PathBuf>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Args)]
struct DenoiseArgs {
    /// An .h5ad file with raw counts.
    #[arg(required_unless_present = "print_config")]
    file: Option<PathBuf>,
    /// Folder for the results.
    #[arg(short, long, default_value = "cellweave-denoised")]
    output: PathBuf,
    /// Go on from the checkpoints in the output folder; file, seed and settings must be the same.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Args)]
struct ClusterArgs {
    /// A .h5ad, .h5mu or 10x .h5 file, or a 10x MEX folder, with raw counts.
    #[arg(required_unless_present = "print_config")]
    file: Option<PathBuf>,
    /// Number of clusters; estimated from the data if it is not given.
    #[arg(short, value_parser = parse_clusters)]
    k: Option<usize>,
    /// Folder of an earlier, finished run: the file's cells are placed onto its clusters, and nothing is trained.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["k", "resume", "settings", "config"])]
    onto: Option<PathBuf>,
    /// Folder for the results.
    #[arg(short, long, default_value = "cellweave-clusters")]
    output: PathBuf,
    /// Column of obs that the clusters are scored against, and that the report draws. Labels are used for scoring only. May be
    /// repeated.
    #[arg(long = "labels", value_name = "OBS_KEY")]
    labels: Vec<String>,
    /// Go on from the checkpoints in the output folder; file, seed and settings must be the same.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    run: RunArgs,
}

/// What every verb of inClust+ takes.
#[derive(Args)]
struct TaskArgs {
    /// Folder for the results.
    #[arg(short, long, default_value = "cellweave-inclust")]
    output: PathBuf,
    /// Column of obs that the embedding is scored against, and that the report draws. Used for scoring only. May be repeated.
    #[arg(long = "score", value_name = "OBS_KEY")]
    scored: Vec<String>,
    /// Go on from the checkpoints in the output folder; files, seed and settings must be the same.
    #[arg(long)]
    resume: bool,
}

#[derive(Args)]
struct GenerateArgs {
    /// Cells with all modalities: .h5mu or 10x.
    #[arg(long, required_unless_present = "print_config")]
    reference: Option<PathBuf>,
    /// Cells that lack some of them.
    #[arg(long, required_unless_present = "print_config")]
    query: Option<PathBuf>,
    /// Column of obs with batches. With it the files are batches too; without, all cells are taken to be of one.
    #[arg(long, value_name = "OBS_KEY")]
    batch: Option<String>,
    #[command(flatten)]
    task: TaskArgs,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Args)]
struct ImputeArgs {
    /// Cells with all genes: .h5ad, .h5mu or 10x.
    #[arg(long, required_unless_present = "print_config")]
    reference: Option<PathBuf>,
    /// Cells or spots with some of them.
    #[arg(long, required_unless_present = "print_config")]
    query: Option<PathBuf>,
    /// Genes that are hidden in the query and compared with their imputed values: a name per line.
    #[arg(long, value_name = "GENES.txt")]
    hold_out: Option<PathBuf>,
    /// Column of obs with batches within the files.
    #[arg(long, value_name = "OBS_KEY")]
    batch: Option<String>,
    #[command(flatten)]
    task: TaskArgs,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Args)]
struct TransferArgs {
    /// Cells with labels.
    #[arg(long, required_unless_present = "print_config")]
    reference: Option<PathBuf>,
    /// Cells that get labels.
    #[arg(long, required_unless_present = "print_config")]
    query: Option<PathBuf>,
    /// Column of the reference's obs with the labels.
    #[arg(long, value_name = "OBS_KEY", required_unless_present = "print_config")]
    labels: Option<String>,
    /// Share of the reference's cells whose labels are withheld to calibrate confidence and novelty.
    #[arg(long, default_value_t = 0.1)]
    calibration: f64,
    /// Cells are 'unknown' of whose like less than this share is in the reference.
    #[arg(long, default_value_t = 0.02)]
    unknown_below: f64,
    /// Column of obs with batches. With it the files are batches too, whose means are drawn together.
    #[arg(long, value_name = "OBS_KEY")]
    batch: Option<String>,
    #[command(flatten)]
    task: TaskArgs,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Args)]
struct IntegrateArgs {
    /// Files with any modalities each.
    #[arg(required_unless_present = "print_config")]
    files: Vec<PathBuf>,
    /// Column of obs with batches within the files.
    #[arg(long, value_name = "OBS_KEY")]
    batch: Option<String>,
    #[command(flatten)]
    task: TaskArgs,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Args)]
struct DomainsArgs {
    /// Cells or spots with coordinates in obsm['spatial'].
    #[arg(required_unless_present = "print_config")]
    file: Option<PathBuf>,
    /// Number of domains; estimated from the data if it is not given.
    #[arg(short, value_parser = parse_clusters)]
    k: Option<usize>,
    /// Cells around a cell that its surroundings are made of.
    #[arg(long, default_value_t = 30)]
    neighbors: usize,
    /// Weight of the cell itself beside its surroundings.
    #[arg(long, default_value_t = 0.3)]
    own: f64,
    /// Column of obs with sections: cells of different ones are no neighbours.
    #[arg(long, value_name = "OBS_KEY")]
    batch: Option<String>,
    #[command(flatten)]
    task: TaskArgs,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Args)]
struct MapArgs {
    /// The new cells.
    file: PathBuf,
    /// Folder of a finished run of integrate, transfer, generate or impute.
    #[arg(long, value_name = "DIR")]
    onto: PathBuf,
    /// Optimiser steps for what the new cells' batch has of its own; 0 takes the run's models as they are.
    #[arg(long, default_value_t = 400)]
    steps: usize,
    /// Seed of everything random.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: u64,
    /// Where to compute.
    #[arg(long, value_enum, default_value = "cpu")]
    device: DeviceName,
    /// Print nothing but errors.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    task: TaskArgs,
}

#[derive(Args)]
struct EvaluateArgs {
    /// A .h5ad or .h5mu file.
    file: PathBuf,
    /// Entry of obsm to score, such as X_pca.
    #[arg(long, value_name = "OBSM_KEY")]
    rep: String,
    /// Column of obs with the labels; may be repeated.
    #[arg(long, value_name = "OBS_KEY", required = true)]
    labels: Vec<String>,
    /// Column of obs with batches: scores of integration (scIB) as well.
    #[arg(long, value_name = "OBS_KEY")]
    batch: Option<String>,
    /// Entry of obsm of the same cells that nothing was corrected in, to compare with.
    #[arg(long, value_name = "OBSM_KEY", requires = "batch")]
    before: Option<String>,
    /// Number of clusters for k-means and for Leiden at a fixed number; the number of classes if it
    /// is not given.
    #[arg(short)]
    k: Option<usize>,
    /// Resolution of Leiden.
    #[arg(long, default_value_t = 1.0)]
    resolution: f64,
    /// Neighbours of a cell, itself included.
    #[arg(long, default_value_t = 15)]
    neighbors: usize,
    /// Seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct InspectArgs {
    /// A file or a 10x MEX folder.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A model by its name.
#[derive(Clone, Copy, ValueEnum)]
enum ModelName {
    Scfusionttt,
    Scdefr,
    Inclust,
    ZinbAutoencoder,
}

#[derive(Args)]
struct DescribeArgs {
    /// The model.
    #[arg(value_enum)]
    model: ModelName,
    /// Print a Graphviz graph.
    #[arg(long, conflicts_with = "mermaid")]
    dot: bool,
    /// Print a Mermaid flow chart.
    #[arg(long)]
    mermaid: bool,
    /// The published sizes instead of the defaults.
    #[arg(long)]
    paper: bool,
    /// Genes.
    #[arg(long, default_value_t = 2000)]
    genes: usize,
    /// Proteins.
    #[arg(long, default_value_t = 14)]
    proteins: usize,
    /// Clusters, or components of a prior.
    #[arg(long, default_value_t = 10)]
    clusters: usize,
    /// Cells, which count for gates per cell alone.
    #[arg(long, default_value_t = 1000)]
    cells: usize,
}

#[derive(Args)]
struct SimulateArgs {
    /// File to write: RNA and protein, or RNA alone where the name ends in .h5ad.
    #[arg(short, long)]
    output: PathBuf,
    /// Seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Cells.
    #[arg(long)]
    cells: Option<usize>,
    /// Genes.
    #[arg(long)]
    genes: Option<usize>,
    /// Median number of RNA molecules of a cell, before dropout.
    #[arg(long)]
    molecules: Option<f64>,
}

#[derive(Subcommand)]
enum GenomeVerb {
    /// Remember the gene positions of a table (TSV, CSV) or annotation (GTF, GFF), plain or gzip.
    Add {
        /// The table or annotation.
        file: PathBuf,
    },
}

fn parse_clusters(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least one cluster".to_owned()),
        Ok(k) => Ok(k),
        Err(e) => Err(format!("{e}")),
    }
}

/// Runs a verb.
pub fn run(cli: Cli) -> Result<ExitCode, Error> {
    match cli.verb {
        Verb::Fuse(args) => fuse::run(args),
        Verb::Denoise(args) => denoise::run(&args),
        Verb::Cluster(args) => cluster::run(&args),
        Verb::Generate(args) => inclust::run_generate(&args),
        Verb::Impute(args) => inclust::run_impute(&args),
        Verb::Transfer(args) => inclust::run_transfer(&args),
        Verb::Integrate(args) => inclust::run_integrate(&args),
        Verb::Domains(args) => inclust::run_domains(&args),
        Verb::Map(args) => inclust::run_map(&args),
        Verb::Evaluate(args) => run_evaluate(&args),
        Verb::Inspect(args) => {
            let found = inspect::inspect(&args.file)?;
            if args.json {
                print_json(&found)?
            } else {
                out(&found.to_string())
            }
            Ok(ExitCode::SUCCESS)
        }
        Verb::Describe(args) => run_describe(&args),
        Verb::Simulate(args) => run_simulate(&args),
        Verb::Genome(GenomeVerb::Add { file }) => {
            let (path, n_genes) = cellweave::fuse::genome_cache::add(&file)?;
            println!("{n_genes} gene positions remembered in {}", path.display());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn run_evaluate(args: &EvaluateArgs) -> Result<ExitCode, Error> {
    let options = EvaluateOptions {
        k: args.k,
        n_neighbors: args.neighbors,
        resolution: args.resolution,
        seed: args.seed,
    };
    let mixed = args.batch.clone().map(|batch| MixingOptions {
        batch,
        before: args.before.clone(),
    });
    let evaluations = args
        .labels
        .iter()
        .map(|labels| evaluate::evaluate(&args.file, &args.rep, labels, &options, mixed.as_ref()))
        .collect::<Result<Vec<_>, _>>()?;
    if args.json {
        print_json(&evaluations)?;
    } else {
        evaluations.iter().for_each(|e| out(&e.to_string()));
    }
    Ok(ExitCode::SUCCESS)
}

fn run_describe(args: &DescribeArgs) -> Result<ExitCode, Error> {
    let model = match args.model {
        ModelName::Scfusionttt => Shipped::ScFusionTtt,
        ModelName::Scdefr => Shipped::ScDefr,
        ModelName::Inclust => Shipped::Inclust,
        ModelName::ZinbAutoencoder => Shipped::ZinbAutoencoder,
    };
    let sizes = Sizes {
        genes: args.genes,
        proteins: args.proteins,
        clusters: args.clusters,
        cells: args.cells,
        paper: args.paper,
    };
    let graph = describe::describe(model, &sizes)?;
    out(&match (args.dot, args.mermaid) {
        (true, _) => graph.to_dot(),
        (_, true) => graph.to_mermaid(),
        _ => describe::table(&graph),
    });
    Ok(ExitCode::SUCCESS)
}

fn run_simulate(args: &SimulateArgs) -> Result<ExitCode, Error> {
    let defaults = simulate::SimulateConfig::default();
    let config = simulate::SimulateConfig {
        seed: args.seed.unwrap_or(defaults.seed),
        n_cells: args.cells.unwrap_or(defaults.n_cells),
        n_genes: args.genes.unwrap_or(defaults.n_genes),
        median_counts: args.molecules.unwrap_or(defaults.median_counts),
        ..defaults
    };
    for notice in simulate::Simulator::new(&config)?.write(&args.output)? {
        eprintln!("notice: {notice}");
    }
    println!(
        "{} cells written to {}",
        config.n_cells,
        args.output.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Prints; a reader that has gone away (`| head`) is no error.
fn out(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn print_json<T: serde::Serialize>(value: &T) -> Result<(), Error> {
    match serde_json::to_string_pretty(value) {
        Ok(text) => out(&format!("{text}\n")),
        Err(e) => return Err(Error::Input(format!("cannot print as JSON: {e}"))),
    }
    Ok(())
}
