//! RNA counts.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::cell_types::{CELL_TYPES, PROTEINS, tree_nodes};
use super::genome::Gene;
use super::random::{negative_binomial, normal, stream};
use super::{SimulateConfig, part};

/// Share of the marker blocks that are up in the types below a node; the others are down.
const SHARE_UP: f64 = 0.8;
/// Log mean of a coding gene where its protein is absent, and how far full level lifts it.
const CODING_BASE: f64 = -1.0;
const CODING_LIFT: f64 = 2.0;

/// Expected composition of the RNA of every type and batch.
pub(super) struct RnaModel {
    /// Per type and batch, the share of each gene; sums to 1.
    shares: Vec<Vec<Vec<f64>>>,
}

impl RnaModel {
    pub fn new(config: &SimulateConfig, genes: &[Gene], batch_rng: &mut ChaCha8Rng) -> Self {
        let mut rng = stream(config.seed, part::GENE_MEANS);
        let base: Vec<f64> = genes
            .iter()
            .map(|_| config.gene_sd * normal(&mut rng))
            .collect();
        let shifts: Vec<Vec<f64>> = (0..config.n_batches)
            .map(|_| {
                genes
                    .iter()
                    .map(|_| config.batch_sd * normal(batch_rng))
                    .collect()
            })
            .collect();
        let shares = (0..config.n_types)
            .map(|t| {
                let mu = log_means(config, genes, &base, t);
                let share = |shift: &Vec<f64>| {
                    let mut p: Vec<f64> =
                        mu.iter().zip(shift).map(|(m, s)| (m + s).exp()).collect();
                    let total: f64 = p.iter().sum();
                    p.iter_mut().for_each(|v| *v /= total);
                    p
                };
                shifts.iter().map(share).collect()
            })
            .collect();
        Self { shares }
    }

    /// The counts of one cell: columns and values of its non-zeros.
    pub fn draw(
        &self,
        config: &SimulateConfig,
        (cell_type, batch): (usize, usize),
        library: f64,
        activity: &[f64],
        rng: &mut ChaCha8Rng,
    ) -> Vec<(u32, f32)> {
        let sd = config.activity_sd;
        let mut row = Vec::new();
        for (g, (share, a)) in self.shares[cell_type][batch]
            .iter()
            .zip(activity)
            .enumerate()
        {
            let mean = library * share * (sd * a - 0.5 * sd * sd).exp();
            let count = negative_binomial(rng, mean, config.rna_shape);
            if count > 0 && rng.random::<f64>() >= dropout(config, mean) {
                row.push((g as u32, count as f32));
            }
        }
        row
    }
}

/// Probability that a count is lost.
fn dropout(config: &SimulateConfig, mean: f64) -> f64 {
    if config.dropout_midpoint == 0.0 {
        return 0.0;
    }
    1.0 / (1.0 + (mean / config.dropout_midpoint).powf(config.dropout_steepness))
}

/// `mu_tg` of one type.
fn log_means(config: &SimulateConfig, genes: &[Gene], base: &[f64], cell_type: usize) -> Vec<f64> {
    let cell_type = &CELL_TYPES[cell_type];
    let mut mu = base.to_vec();
    for (v, node) in tree_nodes().iter().enumerate() {
        if cell_type.path.contains(node) {
            let programme = programme(config, genes, v as u64);
            mu.iter_mut()
                .zip(programme)
                .for_each(|(m, delta)| *m += delta);
        }
    }
    for (m, gene) in mu.iter_mut().zip(genes).filter(|(_, g)| g.coding) {
        let products = PROTEINS.iter().filter(|p| p.gene == gene.name);
        let level = products
            .map(|p| cell_type.level(p.name))
            .fold(0.0, f64::max);
        *m = CODING_BASE + CODING_LIFT * level;
    }
    mu
}

/// `delta_vg` of one node. It depends on the node alone, not on which types are simulated.
fn programme(config: &SimulateConfig, genes: &[Gene], node: u64) -> Vec<f64> {
    let mut rng = stream(config.seed, part::FIRST_NODE + node);
    let n_blocks = config.marker_fraction * genes.len() as f64 / config.marker_block as f64;
    let mut delta = vec![0.0; genes.len()];
    for _ in 0..n_blocks.ceil() as usize {
        let first = rng.random_range(0..=genes.len() - config.marker_block);
        let sign = if rng.random::<f64>() < SHARE_UP {
            1.0
        } else {
            -1.0
        };
        for g in first..first + config.marker_block {
            if genes[g].chromosome == genes[first].chromosome && !genes[g].coding {
                delta[g] = sign * config.marker_effect * rng.random_range(0.5..1.5);
            }
        }
    }
    delta
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropout_falls_with_the_mean() {
        let config = SimulateConfig::default();
        assert!((dropout(&config, config.dropout_midpoint) - 0.5).abs() < 1e-12);
        assert!(dropout(&config, 0.01) > 0.9);
        assert!(dropout(&config, 30.0) < 0.02);
        assert_eq!(
            dropout(
                &SimulateConfig {
                    dropout_midpoint: 0.0,
                    ..config
                },
                0.01
            ),
            0.0
        );
    }
}
