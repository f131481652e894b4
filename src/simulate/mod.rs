//! Synthetic CITE-seq: RNA and surface proteins of the same cells, with known truth.
//!
//! The model, for cell `i` of type `t` in batch `b`, gene `g` and protein `p`:
//!
//! - **Types** hang on a small tree. Two share their RNA programme and differ in proteins alone
//!   (`CD4 naive T`, `CD4 memory T`); two share their proteins and differ in RNA alone
//!   (`CD14 monocyte`, `CD14 monocyte IFN`). Only both modalities together tell all types apart.
//! - **Genes** lie on the human chromosomes, as many on each as in proportion to its
//!   protein-coding genes. Genes that code for a protein of the panel bear their real name and
//!   place; all others are invented (`SIMG0001`, ...).
//! - **Log mean** `mu_tg = N(0, sigma_g^2) + sum of delta_vg over the nodes v from root to t`.
//!   A node marks blocks of neighbouring genes: `delta_vg = +-e U(0.5, 1.5)` there, plus in four
//!   blocks of five, and 0 elsewhere. A coding gene has instead
//!   `mu_tg = -1 + 2 max(level of its proteins in t)`.
//! - **Activity** `a_ig` is a stationary Ornstein-Uhlenbeck path along each chromosome, drawn per
//!   cell: mean 0, variance 1, correlation `exp(-d / l)` between genes `d` places apart.
//! - **Counts** `r_ig = mu_tg + N(0, sigma_b^2)_bg`, `Z_tb = sum_g exp(r_ig)`,
//!   `m_ig = L_i exp(r_ig + sigma_a a_ig - sigma_a^2 / 2) / Z_tb`, library size
//!   `L_i = median exp(sigma_L N(0, 1))`, count `~ Poisson(Gamma(shape theta, mean m_ig))`.
//! - **Dropout** sets a count to 0 with probability `1 / (1 + (m_ig / m_0)^k)`.
//! - **Proteins** `y_ip = ambient + z foreground`, both negative binomial with shape `theta_p`:
//!   ambient mean `s_i A h_bp`, foreground mean
//!   `s_i F level_tp exp(w_ip - c^2 sigma_a^2 / 2)` with `w_ip = c sigma_a a_ig` of the gene `g`
//!   that codes for `p`; `z ~ Bernoulli(q)`, `s_i = exp(N(0, sd^2))`,
//!   `h_bp = exp(N(0, sigma_b^2))`.
//!
//! There are no doublets. Types have fixed shares of the cells and are spread over cells and
//! batches at random.
//!
//! Genome, gene means, tree nodes, batches and cells draw from streams of their own of one ChaCha8
//! generator: the same settings give the same bytes, and settings of the proteins leave the RNA as
//! it is.

mod cell_types;
mod config;
mod genome;
mod protein;
mod random;
mod rna;
mod simulator;
#[cfg(test)]
mod tests;

pub use config::{SimulateConfig, SimulateError};
pub use simulator::Simulator;

use indexmap::IndexMap;
use rand::Rng;
use rand::seq::SliceRandom;
use sc_io::{Categorical, Column, Matrix, Modality, MultiModal, Table, Uns};

use cell_types::{CELL_TYPES, PROTEINS};
use genome::{CHROMOSOMES, Gene};
use random::stream;

/// Streams of the generator, one per part of the model.
mod part {
    pub const GENOME: u64 = 0;
    pub const GENE_MEANS: u64 = 1;
    pub const BATCHES: u64 = 2;
    pub const ASSIGNMENT: u64 = 3;
    pub const FIRST_NODE: u64 = 16;
    pub const FIRST_CELL: u64 = 1 << 20;
}

/// Simulates one data set: modalities `rna` (counts, CSR, cells x genes) and `adt` (counts, CSR,
/// cells x proteins).
///
/// `obs` of the whole and of each modality has `cell_type` and `batch`; `var` has `chromosome`
/// and `start` (bases), for proteins those of the `gene` that codes for them. The settings stand
/// in `uns["simulation"]`.
///
/// # Errors
/// [`SimulateError`] if the settings cannot be used; it lists every violation.
///
/// ```
/// use cellweave::simulate::{SimulateConfig, simulate};
/// let config = SimulateConfig { n_cells: 60, n_genes: 200, ..SimulateConfig::default() };
/// let data = simulate(&config).unwrap();
/// assert_eq!(data.modalities["rna"].n_vars(), 200);
/// assert_eq!(data.modalities["adt"].n_vars(), 14);
/// assert!(data.obs.column("cell_type").is_ok());
/// ```
pub fn simulate(config: &SimulateConfig) -> Result<MultiModal, SimulateError> {
    let simulator = Simulator::new(config)?;
    let [rna, adt] = simulator.rows(0..config.n_cells);
    let mut data = simulator.annotations();
    for (modality, x) in data.modalities.values_mut().zip([rna, adt]) {
        modality.x = Some(Matrix::Csr(x));
    }
    Ok(data)
}

/// Type and batch of every cell: fixed shares, random order.
fn assign(config: &SimulateConfig) -> (Vec<usize>, Vec<usize>) {
    let mut rng = stream(config.seed, part::ASSIGNMENT);
    let weights: Vec<f64> = CELL_TYPES[..config.n_types]
        .iter()
        .map(|t| t.weight)
        .collect();
    let shares = genome::share_out(config.n_cells, &weights);
    let mut types: Vec<usize> = shares
        .iter()
        .enumerate()
        .flat_map(|(t, &n)| std::iter::repeat_n(t, n))
        .collect();
    types.shuffle(&mut rng);
    let batches = types
        .iter()
        .map(|_| rng.random_range(0..config.n_batches))
        .collect();
    (types, batches)
}

/// Names, types, batches and settings, without matrices.
fn annotate(
    config: &SimulateConfig,
    genes: &[Gene],
    (types, batches): (&[usize], &[usize]),
) -> MultiModal {
    let digits = config.n_cells.to_string().len().max(4);
    let mut obs = Table::new((1..=config.n_cells).map(|i| format!("cell_{i:0digits$}")));
    let fits = "the table has one row per value";
    let types = Categorical::from_labels(types.iter().map(|&t| CELL_TYPES[t].name));
    obs.insert("cell_type", Column::Categorical(types))
        .expect(fits);
    let batches = Categorical::from_labels(batches.iter().map(|b| format!("batch_{}", b + 1)));
    obs.insert("batch", Column::Categorical(batches))
        .expect(fits);

    let mut gene_var = Table::new(genes.iter().map(|g| g.name.clone()));
    let chromosomes = genes.iter().map(|g| CHROMOSOMES[g.chromosome].0);
    gene_var
        .insert(
            "chromosome",
            Column::Categorical(Categorical::from_labels(chromosomes)),
        )
        .expect(fits);
    let starts = genes.iter().map(|g| g.start as i64).collect();
    gene_var.insert("start", Column::ints(starts)).expect(fits);

    let panel = &PROTEINS[..config.n_proteins];
    let mut protein_var = Table::new(panel.iter().map(|p| p.name));
    protein_var
        .insert("gene", Column::text(panel.iter().map(|p| p.gene)))
        .expect(fits);
    let chromosomes = panel.iter().map(|p| p.chromosome);
    protein_var
        .insert(
            "chromosome",
            Column::Categorical(Categorical::from_labels(chromosomes)),
        )
        .expect(fits);
    let starts = panel.iter().map(|p| p.start as i64).collect();
    protein_var
        .insert("start", Column::ints(starts))
        .expect(fits);

    let modality = |var| Modality {
        obs: obs.clone(),
        var,
        ..Modality::default()
    };
    let mut data = MultiModal::new(IndexMap::from([
        ("rna".to_owned(), modality(gene_var)),
        ("adt".to_owned(), modality(protein_var)),
    ]));
    data.obs = obs;
    let settings = serde_json::to_string(config).expect("plain numbers have a JSON form");
    data.uns.insert("simulation".into(), Uns::Text(settings));
    data
}
