//! From counts to expression, size factors and the graph of cells.

use indexmap::IndexMap;
use sc_graph::{Graph, Knn, NeighbourOptions, Operator, neighbours};
use sc_io::{CountScan, Csr, Dense, Matrix, Modality, MultiModal};
use sc_prep::{HvgOptions, Pca, PcaOptions, Target, highly_variable, log_normalize, pca};
use train::{CellData, CellNetwork, NeighbourSampling};

use super::ClusteringConfig;
use crate::Error;

/// Cells and values that a model is trained on.
#[derive(Clone, Debug)]
pub struct Expression {
    /// The cells, with everything that the file held of them.
    pub cells: Modality,
    /// `rna` (log-normalised), `counts` and `size_factor`, with the graph.
    pub data: CellData,
    /// Places of the genes that are used.
    pub genes: Vec<usize>,
    /// Log-normalised values of all genes.
    pub logged: Csr,
    /// Principal components that neighbours were found in; `scores` is cells x components.
    pub components: Pca,
    /// Sum of counts of the median cell.
    pub median_library: f64,
    /// The graph as an operator.
    pub operator: Operator,
    /// The neighbours.
    pub neighbours: Knn,
    /// What the user should know.
    pub notices: Vec<String>,
}

/// Picks counts, normalises, selects genes, finds neighbours.
///
/// - cells without counts are left out;
/// - expression: `ln(1 + target x / total)` of the `n_top_genes` most variable genes (`seurat`);
/// - size factor: total / median total;
/// - graph: nearest neighbours by Euclidean distance in principal components, an edge where either cell lists the
///   other, one self loop each, symmetrically normalised.
///
/// # Errors
/// No such modality or layer, values that are not counts, fewer than three cells.
pub fn prepare(
    data: &MultiModal,
    config: &ClusteringConfig,
    seed: u64,
) -> Result<Expression, Error> {
    let mut notices = Vec::new();
    let all = modality(data, &config.modality)?;
    let counts = counts(all, config)?;
    let totals = counts.row_sums();
    let kept: Vec<usize> = (0..totals.len()).filter(|&i| totals[i] > 0.0).collect();
    if kept.len() < totals.len() {
        let n = totals.len() - kept.len();
        notices.push(format!("{n} cells without counts are left out"));
    }
    if kept.len() < 3 {
        return Err(Error::Input(format!(
            "{} cells have counts; clustering needs at least 3",
            kept.len()
        )));
    }
    let cells = all.select_obs(&kept);
    let counts = counts.select_rows(&kept);
    let median = crate::denoise::median_library(&counts);
    let totals = counts.row_sums();

    let mut logged = counts.clone();
    let target = match config.target_sum {
        0.0 => median,
        sum => sum,
    };
    log_normalize(&mut logged, Target::Sum(target))?;
    let genes = select_genes(&counts, &logged, config, &mut notices)?;
    let rna = stored(logged.select_columns(&genes));

    let n = kept.len();
    let options = PcaOptions {
        seed,
        ..PcaOptions::new(config.graph.n_components)
    };
    let components = pca(&rna, &options)?;
    let k = config.graph.n_neighbors.min(n);
    if k < config.graph.n_neighbors {
        notices.push(format!("{n} cells: each has all others as neighbours"));
    }
    let options = NeighbourOptions::default();
    let neighbours = {
        let scores = &components.scores;
        neighbours(scores.values(), n, scores.n_cols(), k, &options)?
    };
    let graph = Graph::union_unweighted(&neighbours)?;
    let parts = graph.components().into_iter().max().map_or(0, |m| m + 1);
    if parts > 1 {
        notices.push(format!("the graph of neighbours falls into {parts} parts"));
    }
    let sampling = NeighbourSampling {
        hops: config.graph.hops,
        fanout: config.graph.fanout,
    };
    let size_factors: Vec<f32> = totals.iter().map(|t| (t / median) as f32).collect();
    let Some(size_factors) = Dense::new(n, 1, size_factors) else {
        return Err(Error::Input("one size factor per cell".to_owned()));
    };
    let features = IndexMap::from([
        ("rna".to_owned(), rna),
        (
            "counts".to_owned(),
            Matrix::Csr(counts.select_columns(&genes)),
        ),
        ("size_factor".to_owned(), Matrix::Dense(size_factors)),
    ]);
    let operator = Operator::new(&graph, 1.0);
    let network = CellNetwork::new(operator.clone(), sampling);
    let data = CellData::new(features)
        .and_then(|data| data.with_network(network))
        .map_err(train::TrainError::from)?;
    Ok(Expression {
        cells,
        data,
        genes,
        logged,
        components,
        median_library: median,
        operator,
        neighbours,
        notices,
    })
}

/// Share of non-zeros above which dense products are faster than sparse ones.
const DENSE_ABOVE: f64 = 0.2;

pub(super) fn stored(x: Csr) -> Matrix {
    let share = x.nnz() as f64 / (x.n_rows() * x.n_cols()).max(1) as f64;
    match share > DENSE_ABOVE {
        true => Matrix::Dense(x.to_dense()),
        false => Matrix::Csr(x),
    }
}

pub(super) fn modality<'a>(data: &'a MultiModal, name: &str) -> Result<&'a Modality, Error> {
    let only = || match data.modalities.len() {
        1 => data.modalities.values().next(),
        _ => None,
    };
    data.modalities.get(name).or_else(only).ok_or_else(|| {
        let there: Vec<&str> = data.modalities.keys().map(String::as_str).collect();
        Error::Input(format!(
            "no modality '{name}'; the file has: {}. Name it with `modality`",
            there.join(", ")
        ))
    })
}

pub(super) fn counts(m: &Modality, config: &ClusteringConfig) -> Result<Csr, Error> {
    let (place, matrix) = match config.layer.as_str() {
        "" => ("X".to_owned(), m.x.as_ref()),
        layer => (format!("layers/{layer}"), m.layers.get(layer)),
    };
    let Some(matrix) = matrix else {
        let layers: Vec<&str> = m.layers.keys().map(String::as_str).collect();
        return Err(Error::Input(format!(
            "{place} does not exist; layers there are: [{}]. Name the one with counts with `layer`",
            layers.join(", ")
        )));
    };
    let scan = CountScan::of(matrix);
    let finite = scan.nans == 0 && scan.infinities == 0 && scan.negatives == 0;
    if !(scan.is_counts() || finite && config.allow_non_integer) {
        let hint = match finite {
            true => ", or set `allow_non_integer = true`",
            false => "",
        };
        return Err(Error::Input(format!(
            "{place} does not hold counts: {}. Name the layer with raw counts with `layer`{hint}",
            scan.to_string().trim_end_matches('.')
        )));
    }
    Ok(matrix.to_csr())
}

/// The most variable of the genes that enough cells have.
fn select_genes(
    counts: &Csr,
    logged: &Csr,
    config: &ClusteringConfig,
    notices: &mut Vec<String>,
) -> Result<Vec<usize>, Error> {
    let mut cells_with = vec![0usize; counts.n_cols()];
    for (&gene, &value) in counts.indices().iter().zip(counts.values()) {
        cells_with[gene as usize] += usize::from(value > 0.0);
    }
    let frequent: Vec<usize> = (0..counts.n_cols())
        .filter(|&g| cells_with[g] >= config.min_cells.max(1))
        .collect();
    if frequent.is_empty() {
        return Err(Error::Input(format!(
            "no gene has counts in {} cells; lower `min_cells`",
            config.min_cells
        )));
    }
    if frequent.len() <= config.n_top_genes {
        return Ok(frequent);
    }
    let options = HvgOptions::seurat(config.n_top_genes);
    let among = logged.select_columns(&frequent);
    let mut genes: Vec<usize> = highly_variable(&among, &options, None)?
        .indices
        .into_iter()
        .map(|g| frequent[g])
        .collect();
    genes.sort_unstable();
    notices.push(format!(
        "{} of {} genes are used: the most variable ones (seurat)",
        genes.len(),
        counts.n_cols()
    ));
    Ok(genes)
}
