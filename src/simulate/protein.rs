//! Protein counts.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::SimulateConfig;
use super::cell_types::{CELL_TYPES, PROTEINS};
use super::genome::Gene;
use super::random::{negative_binomial, normal};

/// What the proteins need besides the settings.
pub(super) struct ProteinModel {
    /// Row of the coding gene of each protein.
    coding_gene: Vec<usize>,
    /// Per batch, the factor of the ambient level of each protein.
    ambient: Vec<Vec<f64>>,
}

impl ProteinModel {
    pub fn new(config: &SimulateConfig, genes: &[Gene], batch_rng: &mut ChaCha8Rng) -> Self {
        let panel = &PROTEINS[..config.n_proteins];
        let row = |gene: &str| genes.iter().position(|g| g.name == gene);
        let coding_gene = panel
            .iter()
            .map(|p| row(p.gene).expect("coding genes are placed"))
            .collect();
        let ambient = (0..config.n_batches)
            .map(|_| {
                panel
                    .iter()
                    .map(|_| (config.batch_sd * normal(batch_rng)).exp())
                    .collect()
            })
            .collect();
        Self {
            coding_gene,
            ambient,
        }
    }

    /// The counts of one cell: columns and values of its non-zeros.
    pub fn draw(
        &self,
        config: &SimulateConfig,
        (cell_type, batch): (usize, usize),
        activity: &[f64],
        rng: &mut ChaCha8Rng,
    ) -> Vec<(u32, f32)> {
        let size = (config.protein_size_sd * normal(rng)).exp();
        let reach = config.protein_coupling * config.activity_sd;
        let mut row = Vec::new();
        for (p, &gene) in self.coding_gene.iter().enumerate() {
            let ambient = size * config.protein_ambient * self.ambient[batch][p];
            let mut count = negative_binomial(rng, ambient, config.protein_shape);
            let level = CELL_TYPES[cell_type].level(PROTEINS[p].name);
            if level > 0.0 && rng.random::<f64>() < config.protein_positive {
                let coupled = (reach * activity[gene] - 0.5 * reach * reach).exp();
                let mean = size * config.protein_foreground * level * coupled;
                count += negative_binomial(rng, mean, config.protein_shape);
            }
            if count > 0 {
                row.push((p as u32, count as f32));
            }
        }
        row
    }
}
