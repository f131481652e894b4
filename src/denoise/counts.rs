//! The counts of a file, read by blocks of rows.

use std::path::Path;

use sc_io::{CountScan, Csr, MatrixReader};
use sc_prep::{HvgOptions, highly_variable};

use super::DenoiseConfig;
use crate::Error;

/// Rows per block of reading and writing.
pub(super) const BLOCK: usize = 1024;

/// All counts of a matrix, sparse, and the genes that are kept.
pub(super) struct Counts {
    pub x: Csr,
    pub genes: Vec<usize>,
}

/// Reads, checks that the values are counts, and selects genes.
pub(super) fn read(
    reader: &MatrixReader,
    path: &Path,
    config: &DenoiseConfig,
) -> Result<Counts, Error> {
    let n_genes = reader.n_cols();
    let nnz = reader.nnz().unwrap_or(0);
    let (mut indptr, mut indices, mut values) = (
        Vec::with_capacity(reader.n_rows() + 1),
        Vec::with_capacity(nnz),
        Vec::with_capacity(nnz),
    );
    indptr.push(0usize);
    for block in reader.blocks(BLOCK) {
        let (rows, block) = block?;
        let scan = CountScan::of(&block);
        let finite = scan.nans == 0 && scan.infinities == 0 && scan.negatives == 0;
        if !(scan.is_counts() || finite && config.allow_non_integer) {
            let hint = match finite {
                true => ", or set `allow_non_integer = true`",
                false => "",
            };
            return Err(Error::Input(format!(
                "{}, '{}', rows {} to {}: not counts: {}. Name the matrix with raw counts with `element`{hint}",
                path.display(),
                config.element,
                rows.start,
                rows.end,
                scan.to_string().trim_end_matches('.'),
            )));
        }
        let block = block.to_csr();
        let start = indices.len();
        indptr.extend(block.indptr()[1..].iter().map(|&i| start + i));
        indices.extend_from_slice(block.indices());
        values.extend_from_slice(block.values());
    }
    let x = Csr::new(reader.n_rows(), n_genes, indptr, indices, values)
        .map_err(|e| Error::Input(format!("{}, '{}': {e}", path.display(), config.element)))?;
    if config.n_top_genes == 0 || config.n_top_genes >= n_genes {
        return Ok(Counts {
            x,
            genes: (0..n_genes).collect(),
        });
    }
    let mut genes = highly_variable(&x, &HvgOptions::seurat_v3(config.n_top_genes), None)?.indices;
    genes.sort_unstable();
    let x = x.select_columns(&genes);
    Ok(Counts { x, genes })
}

/// The median of the library sizes above 0.
pub(crate) fn median_library(x: &Csr) -> f64 {
    let mut sums: Vec<f64> = x.row_sums().into_iter().filter(|&s| s > 0.0).collect();
    sums.sort_unstable_by(f64::total_cmp);
    match sums.len() {
        0 => 0.0,
        n if n % 2 == 1 => sums[n / 2],
        n => 0.5 * (sums[n / 2 - 1] + sums[n / 2]),
    }
}
