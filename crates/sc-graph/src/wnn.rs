mod side;

use rayon::prelude::*;

use self::side::Side;
use crate::{GraphError, Knn, knn};

/// One of the two representations of the same points: a row-major `n_points` x `n_dims` matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Modality<'a> {
    /// Coordinates, row by row.
    pub points: &'a [f32],
    /// Columns.
    pub n_dims: usize,
}

/// Settings of [`wnn`] and [`wnn_weights`].
#[derive(Debug, Clone, PartialEq)]
pub struct WnnOptions {
    /// Neighbours per point, the point itself included, within a modality (for the weights) and in the
    /// joint result. At least 2.
    pub k: usize,
    /// Nearest points of each modality, the point itself included, among which [`wnn`] looks for the
    /// joint neighbours. At least `k`; all points where there are fewer.
    pub n_candidates: usize,
    /// Points whose mean distance is the bandwidth, the point itself included. At least 2.
    pub n_bandwidth: usize,
}

impl Default for WnnOptions {
    fn default() -> Self {
        WnnOptions {
            k: 20,
            n_candidates: 200,
            n_bandwidth: 20,
        }
    }
}

/// What [`wnn`] finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Wnn {
    /// Weights of both modalities, one pair per point; they sum to 1.
    pub weights: Vec<[f64; 2]>,
    /// Joint neighbours, at distance `sqrt((1 - affinity) / 2)`; for [`crate::Graph::fuzzy`].
    pub neighbours: Knn,
}

/// How much each of two modalities tells about the neighbourhood of every point.
///
/// Point `i` is predicted in modality `a` by the mean of its `k - 1` neighbours in modality `b`, and the
/// prediction at distance `d` rated `theta_ab = exp(-max(d - d_1, 0) / (sigma - d_1))`: `d_1` is the
/// distance to the nearest neighbour in `a`; the bandwidth `sigma` is the mean distance to `n_bandwidth`
/// points, `i` itself and those whose neighbour sets share fewest members with its own, but at least
/// one, the farther first. The weights are the softmax over `a` of `theta_aa / (theta_ab + 1e-4)`, `b`
/// being the other modality. Where `sigma <= d_1` (many duplicates) the rating is 1 up to `d_1` and 0
/// beyond.
///
/// Source: Hao et al., "Integrated analysis of multimodal single-cell data", Cell 184 (2021), methods.
///
/// # Errors
/// Those of [`knn`] for each modality; a setting below its least value.
///
/// ```
/// use sc_graph::{Modality, WnnOptions, wnn_weights};
///
/// let line: Vec<f32> = (0..30).map(|i| i as f32).collect();
/// let same = Modality { points: &line, n_dims: 1 };
/// let weights = wnn_weights([same, same], 30, &WnnOptions::default())?;
/// assert_eq!(weights, [[0.5, 0.5]; 30]);
/// # Ok::<(), sc_graph::GraphError>(())
/// ```
pub fn wnn_weights(
    modalities: [Modality<'_>; 2],
    n_points: usize,
    options: &WnnOptions,
) -> Result<Vec<[f64; 2]>, GraphError> {
    Ok(weights(&sides(modalities, n_points, options.k, options)?))
}

/// Weighted nearest neighbours of two modalities.
///
/// With the weights `w_a` of [`wnn_weights`] the affinity of `j` to `i` is
/// `sum_a w_a(i) exp(-max(d_a(i, j) - d_1, 0) / (sigma - d_1))`. The neighbours of `i` are the `k - 1`
/// points of the largest affinity out of the union of the `n_candidates` nearest of each modality; the
/// result keeps the contract of [`Knn`] with distances `sqrt((1 - affinity) / 2)`.
///
/// Source: Hao et al., "Integrated analysis of multimodal single-cell data", Cell 184 (2021), methods.
///
/// # Errors
/// As [`wnn_weights`].
///
/// ```
/// use sc_graph::{Graph, Modality, WnnOptions, wnn};
///
/// // The first modality tells the halves apart, the second is constant.
/// let halves: Vec<f32> = (0..40).map(|i| i as f32 + (i / 20 * 100) as f32).collect();
/// let constant = [0.0; 40];
/// let both = [&halves[..], &constant].map(|points| Modality { points, n_dims: 1 });
/// let joint = wnn(both, 40, &WnnOptions { k: 5, ..WnnOptions::default() })?;
/// assert!(joint.neighbours.row(3).0.iter().all(|&j| j < 20));
/// assert_eq!(Graph::fuzzy(&joint.neighbours)?.n_nodes(), 40);
/// # Ok::<(), sc_graph::GraphError>(())
/// ```
pub fn wnn(
    modalities: [Modality<'_>; 2],
    n_points: usize,
    options: &WnnOptions,
) -> Result<Wnn, GraphError> {
    let k = options.k;
    at_least("n_candidates", options.n_candidates, k)?;
    let sides = sides(modalities, n_points, options.n_candidates, options)?;
    let weights = weights(&sides);
    let rows = (0..n_points).into_par_iter().map(|i| {
        let mut union: Vec<u32> = sides.iter().flat_map(|s| s.knn.row(i).0).copied().collect();
        union.sort_unstable();
        union.dedup();
        let mut found: Vec<(f64, u32)> = union
            .into_iter()
            .filter(|&j| j as usize != i)
            .map(|j| {
                let affinity =
                    |a: usize| weights[i][a] * sides[a].rating(i, sides[a].distance(i, j as usize));
                let apart = 1.0 - (affinity(0) + affinity(1));
                ((apart.max(0.0) / 2.0).sqrt(), j)
            })
            .collect();
        found.sort_unstable_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
        found.truncate(k - 1);
        found.insert(0, (0.0, i as u32));
        found
    });
    let rows: Vec<Vec<(f64, u32)>> = rows.collect();
    Ok(Wnn {
        weights,
        neighbours: Knn {
            k,
            indices: rows.iter().flatten().map(|e| e.1).collect(),
            distances: rows.iter().flatten().map(|e| e.0 as f32).collect(),
        },
    })
}

fn at_least(name: &'static str, value: usize, least: usize) -> Result<(), GraphError> {
    if value >= least {
        return Ok(());
    }
    Err(GraphError::Setting {
        name,
        value: value as f64,
        expected: match name {
            "n_candidates" => "at least k",
            _ => "at least 2: the point itself and another",
        },
    })
}

fn sides<'a>(
    modalities: [Modality<'a>; 2],
    n_points: usize,
    columns: usize,
    options: &WnnOptions,
) -> Result<[Side<'a>; 2], GraphError> {
    at_least("k", options.k, 2)?;
    at_least("n_bandwidth", options.n_bandwidth, 2)?;
    let columns = columns.min(n_points).max(options.k);
    let [a, b] = modalities.map(|m| {
        let knn = knn(m.points, n_points, m.n_dims, columns)?;
        Ok(Side::new(m, knn, options))
    });
    Ok([a?, b?])
}

fn weights(sides: &[Side<'_>; 2]) -> Vec<[f64; 2]> {
    let n_points = sides[0].knn.n_points();
    let of_point = |i: usize| {
        let ratio = |a: usize| {
            let [within, cross] =
                [a, 1 - a].map(|b| sides[a].prediction(i, sides[b].neighbours(i)));
            within / (cross + 1e-4)
        };
        let first = 1.0 / (1.0 + (ratio(1) - ratio(0)).exp());
        [first, 1.0 - first]
    };
    (0..n_points).into_par_iter().map(of_point).collect()
}
