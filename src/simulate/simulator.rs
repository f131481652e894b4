//! Cells by the block, so that a set of any size can be written.

use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;
use sc_io::{Csr, MatrixWriter, MultiModal, Notice, WriteOptions};

use super::genome::{self, Gene};
use super::protein::ProteinModel;
use super::random::{normal, stream};
use super::rna::RnaModel;
use super::{SimulateConfig, SimulateError, annotate, assign, part};
use crate::Error;

/// Cells per block of a file.
const BLOCK: usize = 1024;

/// A simulated set whose cells are drawn when they are asked for, each from its own stream: the same cells in any order,
/// number of blocks or of threads.
///
/// ```
/// use cellweave::simulate::{SimulateConfig, Simulator, simulate};
/// let config = SimulateConfig { n_cells: 60, n_genes: 200, ..SimulateConfig::default() };
/// let [rna, _adt] = Simulator::new(&config).unwrap().rows(20..30);
/// let whole = simulate(&config).unwrap();
/// let rows: Vec<usize> = (20..30).collect();
/// assert_eq!(whole.modalities["rna"].x.as_ref().unwrap().to_csr().select_rows(&rows), rna);
/// ```
pub struct Simulator {
    config: SimulateConfig,
    genes: Vec<Gene>,
    rna: RnaModel,
    protein: ProteinModel,
    types: Vec<usize>,
    batches: Vec<usize>,
}

impl Simulator {
    /// Draws all that cells share.
    ///
    /// # Errors
    /// [`SimulateError`] if the settings cannot be used; it lists every violation.
    pub fn new(config: &SimulateConfig) -> Result<Self, SimulateError> {
        config.validate()?;
        let genes = genome::place_genes(config.n_genes, &mut stream(config.seed, part::GENOME));
        let mut batch_rng = stream(config.seed, part::BATCHES);
        let rna = RnaModel::new(config, &genes, &mut batch_rng);
        let protein = ProteinModel::new(config, &genes, &mut batch_rng);
        let (types, batches) = assign(config);
        Ok(Self {
            config: config.clone(),
            genes,
            rna,
            protein,
            types,
            batches,
        })
    }

    /// RNA and protein counts of some cells.
    ///
    /// # Panics
    /// Beyond the number of cells.
    pub fn rows(&self, cells: Range<usize>) -> [Csr; 2] {
        let config = &self.config;
        let drawn: Vec<_> = cells
            .into_par_iter()
            .map_init(Vec::new, |activity, cell| {
                let (t, b) = (self.types[cell], self.batches[cell]);
                let mut rng = stream(config.seed, part::FIRST_CELL + cell as u64);
                let library = config.median_counts * (config.library_sd * normal(&mut rng)).exp();
                genome::activity(&self.genes, config.activity_span, &mut rng, activity);
                let rna = self.rna.draw(config, (t, b), library, activity, &mut rng);
                let adt = self.protein.draw(config, (t, b), activity, &mut rng);
                (rna, adt)
            })
            .collect();
        let mut rna = Csr::zeros(0, config.n_genes);
        let mut adt = Csr::zeros(0, config.n_proteins);
        for (genes, proteins) in drawn {
            rna.push_row(genes);
            adt.push_row(proteins);
        }
        [rna, adt]
    }

    /// The set without its matrices: `obs`, `var`, `uns`.
    pub fn annotations(&self) -> MultiModal {
        annotate(&self.config, &self.genes, (&self.types, &self.batches))
    }

    /// Writes the set by blocks of cells: an `.h5ad` holds the RNA alone, any other name becomes an `.h5mu`.
    ///
    /// # Errors
    /// What the disk refuses.
    pub fn write(&self, path: &Path) -> Result<Vec<Notice>, Error> {
        let rna_alone = path.extension().is_some_and(|e| e == "h5ad");
        let options = WriteOptions::default();
        let (mut writer, elements): (_, &[&str]) = match rna_alone {
            true => (MatrixWriter::h5ad(path, &options)?, &["X"]),
            false => (
                MatrixWriter::h5mu(path, &options)?,
                &["mod/rna/X", "mod/adt/X"],
            ),
        };
        let sizes = [self.config.n_genes, self.config.n_proteins];
        for (element, n_cols) in elements.iter().zip(sizes) {
            writer.add_csr(element, n_cols)?;
        }
        for first in (0..self.config.n_cells).step_by(BLOCK) {
            let last = (first + BLOCK).min(self.config.n_cells);
            for (element, rows) in elements.iter().zip(&self.rows(first..last)) {
                writer.push(element, rows)?;
            }
        }
        let mut rest = self.annotations();
        Ok(match rna_alone {
            false => writer.finish_h5mu(&rest)?,
            true => {
                let mut rna = rest.modalities.swap_remove("rna").unwrap_or_default();
                rna.uns = rest.uns;
                writer.finish(&rna)?
            }
        })
    }
}
