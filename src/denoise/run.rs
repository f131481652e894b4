//! One run from file to result.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use fusion_core::{Draw, FusionModel};
use fusion_models::ZinbAutoencoder;
use indexmap::IndexMap;
use sc_io::{Dense, Matrix, MatrixReader, MatrixWriter, Modality, Uns, WriteOptions};
use train::{CellData, DeviceChoice, Outcome, Run, Trained};

use super::counts::{self, BLOCK, Counts, median_library};
use super::{DenoiseConfig, DenoiseSummary};
use crate::clock::Clock;
use crate::fuse::FuseObserver;
use crate::{Error, atomic, resources};

/// Keys of the result.
const EMBEDDING: &str = "X_zinb_ae";
const LAYER: &str = "layers/denoised";
const UNS: &str = "zinb_ae";

/// What to denoise, and where to.
#[derive(Clone, Debug)]
pub struct DenoiseOptions {
    /// An `.h5ad` file.
    pub file: PathBuf,
    /// Folder of the results; made if it does not exist.
    pub output: PathBuf,
    /// Seed of everything random.
    pub seed: u64,
    /// Where to train.
    pub device: DeviceChoice,
    /// Whether to go on from the checkpoints in the output folder.
    pub resume: bool,
}

/// What a run leaves behind.
#[derive(Clone, Debug)]
pub struct Denoised {
    /// The summary, as in `summary.json`.
    pub summary: DenoiseSummary,
    /// `false` if the run was interrupted; then there are checkpoints and no result.
    pub finished: bool,
}

/// Reads counts by blocks of rows, trains, writes latent vectors and denoised means.
///
/// Leaves `result.h5ad`, `summary.json` and `checkpoints/` in the output folder. `result.h5ad` holds the counts as `X`, the
/// denoised means as `layers["denoised"]`, the latent vectors as `obsm["X_zinb_ae"]`, the record of the run as
/// `uns["zinb_ae"]`, and what else the file said of its cells and genes. The input is not changed.
///
/// # Errors
/// A file that cannot be read, values that are not counts, too few cells, settings, the disk.
pub fn denoise(
    options: &DenoiseOptions,
    config: &DenoiseConfig,
    observer: &mut dyn FuseObserver,
) -> Result<Denoised, Error> {
    config.validate()?;
    let device = options.device.open()?;
    let mut clock = Clock::new();
    fs::create_dir_all(&options.output).map_err(Error::io(&options.output))?;
    let target = options.output.join("result.h5ad");
    crate::fuse::refuse_same_file(&options.file, &target)?;

    observer.say(&format!("reading {}", options.file.display()));
    let reader = MatrixReader::open(&options.file, &config.element)?;
    let Counts { x, genes } = counts::read(&reader, &options.file, config)?;
    let mut notices: Vec<String> = reader.notices().iter().map(ToString::to_string).collect();
    let (n_cells, n_genes, nnz) = (x.n_rows(), x.n_cols(), x.nnz());
    let library = match config.library {
        0.0 => median_library(&x),
        library => library,
    };
    let empty = x.row_sums().iter().filter(|&&s| s == 0.0).count();
    if empty > 0 {
        notices.push(format!(
            "{empty} cells have no counts; their vectors mean nothing"
        ));
    }
    let data = CellData::new(IndexMap::from([("rna".to_owned(), Matrix::Csr(x))]))
        .map_err(train::TrainError::from)?;
    clock.lap("read");

    let config = &config.for_cells(n_cells);
    let model = train::seeded_init(&device.clone().autodiff(), options.seed, |device| {
        config.model.init(n_genes, device)
    })
    .map_err(|e| Error::Settings(format!("model: {e}")))?;
    let n_parameters = model.describe().n_params();
    observer.say(&format!(
        "{n_cells} cells, {n_genes} genes; {n_parameters} parameters on {}",
        options.device.name()
    ));
    let checkpoints = options.output.join("checkpoints");
    let run = Run {
        config: &config.train,
        seed: options.seed,
        device: &device,
        checkpoints: Some(&checkpoints),
        resume: options.resume,
        context: serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "seed": options.seed,
            "config": config,
            "genes": genes,
            "data": data.fingerprint(),
        }),
    };
    let Trained {
        model,
        history,
        outcome,
    } = train::train(model, &data, &run, observer)?;
    clock.lap("train");
    let mut summary = DenoiseSummary {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        input: options.file.display().to_string(),
        element: config.element.clone(),
        outcome: match outcome {
            Outcome::Finished => "all epochs ran",
            Outcome::StoppedEarly => "the validation loss stopped falling",
            Outcome::Interrupted => "interrupted; go on with --resume",
        }
        .to_owned(),
        seed: options.seed,
        device: options.device.name().to_owned(),
        n_cells,
        n_genes,
        zero_fraction: 1.0 - nnz as f64 / (n_cells * n_genes).max(1) as f64,
        library,
        n_parameters,
        n_epochs: history.epochs.len(),
        best_epoch: history.best.map(|e| e + 1),
        final_losses: history.final_losses(),
        seconds: IndexMap::new(),
        cells_per_second: observer.cells_per_second(),
        peak_memory_bytes: None,
        notices,
    };
    let finished = outcome != Outcome::Interrupted;
    if finished {
        let embedding = train::embed(&model, &data, BLOCK, &device);
        clock.lap("embed");
        observer.say(&format!("writing {}", target.display()));
        let result = Output {
            options,
            config,
            reader: &reader,
            genes: &genes,
            library,
        };
        let written = result.write(&target, &model, &data, &device, embedding)?;
        summary.notices.extend(written);
        clock.lap("write");
    }
    summary.seconds = clock.into_seconds();
    summary.peak_memory_bytes = resources::peak_memory();
    atomic::save_readable(&options.output.join("summary.json"), &summary)?;
    Ok(Denoised { summary, finished })
}

/// What the result is made of.
struct Output<'a> {
    options: &'a DenoiseOptions,
    config: &'a DenoiseConfig,
    reader: &'a MatrixReader,
    genes: &'a [usize],
    library: f64,
}

impl Output<'_> {
    /// Counts and denoised means by blocks of rows, then the rest. Returns notices.
    fn write(
        &self,
        target: &Path,
        model: &ZinbAutoencoder,
        data: &CellData,
        device: &Device,
        embedding: Dense,
    ) -> Result<Vec<String>, Error> {
        let (mut rest, mut notices) = self.annotations(embedding)?;
        rest.uns.insert(UNS.to_owned(), self.record()?);
        let forbid = vec![self.options.file.clone()];
        let mut writer = MatrixWriter::h5ad(target, &WriteOptions { forbid })?;
        writer.add_csr("X", self.genes.len())?;
        if self.config.means {
            writer.add_dense(LAYER, self.genes.len())?;
        }
        let device = device.clone().without_autodiff();
        let x = &data.features()["rna"];
        let rows: Vec<usize> = (0..data.n_cells()).collect();
        for rows in rows.chunks(BLOCK) {
            writer.push("X", &x.select_rows(rows))?;
            if !self.config.means {
                continue;
            }
            let batch = data.batch(rows, Draw::new(0), &device);
            let means = model.denoise(&batch, self.library);
            let means: Vec<f32> = means.into_data().iter::<f32>().collect();
            let Some(means) = Dense::new(rows.len(), self.genes.len(), means) else {
                return Err(Error::Input("denoised means of another shape".to_owned()));
            };
            writer.push(LAYER, &means)?;
        }
        notices.extend(writer.finish(&rest)?.iter().map(ToString::to_string));
        Ok(notices)
    }

    /// What the file says of its cells and of the genes that are kept.
    fn annotations(&self, embedding: Dense) -> Result<(Modality, Vec<String>), Error> {
        let (mut rest, notices) = self.reader.annotations()?;
        let mut notices: Vec<String> = notices.iter().map(ToString::to_string).collect();
        rest.obsm.insert(EMBEDDING.to_owned(), embedding.into());
        if self.genes.len() < self.reader.n_cols() {
            rest.var = rest.var.select(self.genes);
            if !(rest.varm.is_empty() && rest.varp.is_empty()) {
                rest.varm.clear();
                rest.varp.clear();
                notices.push("varm and varp are left out: the result holds fewer genes".to_owned());
            }
        }
        Ok((rest, notices))
    }

    fn record(&self) -> Result<Uns, Error> {
        let mut record = IndexMap::from([
            (
                "version".to_owned(),
                Uns::Text(env!("CARGO_PKG_VERSION").to_owned()),
            ),
            ("seed".to_owned(), Uns::Int(self.options.seed as i64)),
            ("config".to_owned(), Uns::Text(self.config.to_toml()?)),
            ("library".to_owned(), Uns::Float(self.library)),
        ]);
        if self.config.means {
            record.insert("layer".to_owned(), Uns::Text(LAYER.to_owned()));
        }
        Ok(Uns::Map(record))
    }
}
