//! Quality metrics of cells and features.

use sc_io::{Column, Csr, Table, TableError};

use crate::PrepError;
use crate::counts::require_counts;

/// Columns for `obs` and `var` under the names of `scanpy.pp.calculate_qc_metrics`.
#[derive(Clone, Debug, PartialEq)]
pub struct QcMetrics {
    /// Per cell: `n_genes_by_counts`, `total_counts`, `log1p_...` of both,
    /// `pct_counts_in_top_N_genes`, and for each subset `total_counts_S`, `log1p_total_counts_S`,
    /// `pct_counts_S`. Percentages of an empty cell are 0.
    pub obs: Vec<(String, Column)>,
    /// Per feature: `n_cells_by_counts`, `mean_counts`, `pct_dropout_by_counts`, `total_counts`,
    /// and `log1p_...` of mean and total.
    pub var: Vec<(String, Column)>,
}

impl QcMetrics {
    /// Adds the columns to the tables of the modality.
    ///
    /// # Errors
    /// Tables of another length.
    pub fn insert_into(&self, obs: &mut Table, var: &mut Table) -> Result<(), TableError> {
        for (name, column) in &self.obs {
            obs.insert(name.clone(), column.clone())?;
        }
        for (name, column) in &self.var {
            var.insert(name.clone(), column.clone())?;
        }
        Ok(())
    }
}

/// Computes quality metrics of raw counts.
///
/// `subsets` are named sets of features (mitochondrial genes, say), one flag per feature;
/// `percent_top` are the N of `pct_counts_in_top_N_genes`.
///
/// # Errors
/// Negative or non-finite values, a subset of another length.
///
/// ```
/// let x = sc_io::Csr::new(1, 3, vec![0, 2], vec![0, 2], vec![1.0, 3.0]).unwrap();
/// let qc = sc_prep::qc_metrics(&x, &[("mt", &[true, false, false])], &[1]).unwrap();
/// let value = |name: &str| qc.obs.iter().find(|c| c.0 == name).unwrap().1.number(0);
/// assert_eq!(value("pct_counts_mt"), Some(25.0));
/// assert_eq!(value("pct_counts_in_top_1_genes"), Some(75.0));
/// ```
pub fn qc_metrics(
    x: &Csr,
    subsets: &[(&str, &[bool])],
    percent_top: &[usize],
) -> Result<QcMetrics, PrepError> {
    require_counts(x)?;
    for (_, members) in subsets {
        if members.len() != x.n_cols() {
            let (found, expected) = (members.len(), x.n_cols());
            return Err(PrepError::Length {
                what: "a subset of the features",
                found,
                expected,
            });
        }
    }
    let seen = |row: usize| x.row(row).1.iter().filter(|v| **v > 0.0).count();
    let n_genes: Vec<f64> = (0..x.n_rows()).map(|r| seen(r) as f64).collect();
    let totals = x.row_sums();
    let mut obs = vec![
        integers("n_genes_by_counts".into(), &n_genes),
        floats(
            "log1p_n_genes_by_counts".into(),
            n_genes.iter().map(|n| n.ln_1p()),
        ),
        floats("total_counts".into(), totals.iter().copied()),
        floats(
            "log1p_total_counts".into(),
            totals.iter().map(|t| t.ln_1p()),
        ),
    ];
    for &n in percent_top {
        let share = (0..x.n_rows()).map(|r| {
            let mut values = x.row(r).1.to_vec();
            values.sort_unstable_by(|a, b| b.total_cmp(a));
            percent(
                values.iter().take(n).map(|&v| f64::from(v)).sum(),
                totals[r],
            )
        });
        obs.push(floats(format!("pct_counts_in_top_{n}_genes"), share));
    }
    for (name, members) in subsets {
        let sum = |r| {
            let (c, v) = x.row(r);
            let inside = c.iter().zip(v).filter(|(c, _)| members[**c as usize]);
            inside.map(|(_, &v)| f64::from(v)).sum::<f64>()
        };
        let sums: Vec<f64> = (0..x.n_rows()).map(sum).collect();
        let shares = sums.iter().zip(&totals).map(|(&s, &t)| percent(s, t));
        obs.push(floats(format!("total_counts_{name}"), sums.iter().copied()));
        obs.push(floats(
            format!("log1p_total_counts_{name}"),
            sums.iter().map(|s| s.ln_1p()),
        ));
        obs.push(floats(format!("pct_counts_{name}"), shares));
    }

    let mut n_cells = vec![0.0; x.n_cols()];
    for (&c, _) in x
        .indices()
        .iter()
        .zip(x.values())
        .filter(|(_, v)| **v > 0.0)
    {
        n_cells[c as usize] += 1.0;
    }
    let n = x.n_rows().max(1) as f64;
    let totals = x.column_sums();
    let var = vec![
        integers("n_cells_by_counts".into(), &n_cells),
        floats("mean_counts".into(), totals.iter().map(|t| t / n)),
        floats(
            "log1p_mean_counts".into(),
            totals.iter().map(|t| (t / n).ln_1p()),
        ),
        floats(
            "pct_dropout_by_counts".into(),
            n_cells.iter().map(|c| 100.0 * (1.0 - c / n)),
        ),
        floats("total_counts".into(), totals.iter().copied()),
        floats(
            "log1p_total_counts".into(),
            totals.iter().map(|t| t.ln_1p()),
        ),
    ];
    Ok(QcMetrics { obs, var })
}

fn percent(part: f64, total: f64) -> f64 {
    if total > 0.0 {
        100.0 * part / total
    } else {
        0.0
    }
}

fn floats(name: String, values: impl Iterator<Item = f64>) -> (String, Column) {
    (name, Column::Float(values.collect()))
}

fn integers(name: String, values: &[f64]) -> (String, Column) {
    (
        name,
        Column::ints(values.iter().map(|&v| v as i64).collect()),
    )
}
