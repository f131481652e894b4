//! A whole batch, rows in parallel.

use multiversion::{multiversion, target::target_cfg_f};
use rayon::prelude::*;

use super::block::{NB, POISSON, ZINB};
use super::row::{Row, RowCounts, RowGradients, Scratch, row};
use super::{Family, MeanLink, Number, ThetaLink};

/// Rows per piece of work: fixed, so that sums do not depend on the number of threads.
const PIECE: usize = 16;

/// The counts of a batch, or other values, `[cells, features]`.
#[derive(Clone, Copy, Debug)]
pub enum Counts<'a, T> {
    /// Row after row.
    Dense(&'a [T]),
    /// What is not 0; no column twice in a row.
    Sparse {
        /// Where each row starts, `[cells + 1]`.
        offsets: &'a [usize],
        /// Columns.
        columns: &'a [u32],
        /// Counts.
        values: &'a [T],
    },
}

impl<'a, T> Counts<'a, T> {
    pub(super) fn row(&self, cell: usize, n: usize) -> RowCounts<'a, T> {
        match *self {
            Self::Dense(x) => RowCounts::Dense(&x[cell * n..(cell + 1) * n]),
            Self::Sparse {
                offsets,
                columns,
                values,
            } => {
                let range = offsets[cell]..offsets[cell + 1];
                RowCounts::Sparse(&columns[range.clone()], &values[range])
            }
        }
    }
}

/// Which row of a parameter a cell takes.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// All cells the only one (a parameter per feature).
    One,
    /// Each cell its own.
    Each,
    /// The row of its group, below the number given (a parameter per feature and batch).
    Groups(&'a [u32], usize),
}

impl Rows<'_> {
    fn of(&self, cell: usize) -> usize {
        match self {
            Self::One => 0,
            Self::Each => cell,
            Self::Groups(group, _) => group[cell] as usize,
        }
    }

    /// Rows of the parameter.
    pub fn n_rows(&self, n_cells: usize) -> usize {
        match self {
            Self::One => 1,
            Self::Each => n_cells,
            Self::Groups(_, n) => *n,
        }
    }
}

/// What a likelihood depends on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a, T> {
    /// Kind of counts.
    pub family: Family,
    /// Number of features.
    pub n_features: usize,
    /// Output of the network for the mean, `[cells, features]`.
    pub h: &'a [T],
    /// From `h` to the mean.
    pub mean_link: MeanLink,
    /// Library size or size factor, `[cells]`.
    pub scale: &'a [T],
    /// Raw inverse dispersion, `[rows, features]`; empty for Poisson.
    pub theta: &'a [T],
    /// From `theta` to the inverse dispersion.
    pub theta_link: ThetaLink,
    /// Rows of `theta`.
    pub theta_rows: Rows<'a>,
    /// Logits of an extra zero, `[cells, features]`; empty but for ZINB.
    pub logit: &'a [T],
    /// Weights of the features, `[rows, features]`. What has weight 0 is not looked at.
    pub weights: Option<(&'a [T], Rows<'a>)>,
    /// The counts.
    pub counts: Counts<'a, T>,
    /// Weight of each cell in the loss, `[cells]`.
    pub cell_weights: &'a [T],
}

/// Gradients of the loss, of the shapes of what they belong to.
#[derive(Clone, Debug, Default)]
pub struct Gradients<T> {
    /// By `h`.
    pub h: Vec<T>,
    /// By `theta`.
    pub theta: Vec<T>,
    /// By `logit`.
    pub logit: Vec<T>,
}

/// Negative log-likelihood of each cell, `[cells]`, summed over the features with their weights; and, if
/// asked for, the gradients of the loss `Σ_cells cell_weight nll`.
///
/// # Panics
/// If lengths do not fit each other.
pub fn run<T: Number>(input: &Input<'_, T>, with_gradients: bool) -> (Vec<T>, Gradients<T>) {
    if !with_gradients {
        check(input, input.h.len(), input.logit.len());
        let (nll, _) = of_family(input, None);
        return (nll, Gradients::default());
    }
    let (mut h, mut logit) = (input.h.to_vec(), input.logit.to_vec());
    let (nll, theta) = run_in_place(input, &mut h, &mut logit);
    (nll, Gradients { h, theta, logit })
}

/// As [`run`], with `h` and `logit` from the two slices instead of `input`; their gradients take their places. Returns the
/// negative log-likelihoods and the gradient by `theta`.
///
/// # Panics
/// If lengths do not fit each other.
pub fn run_in_place<T: Number>(
    input: &Input<'_, T>,
    h: &mut [T],
    logit: &mut [T],
) -> (Vec<T>, Vec<T>) {
    check(input, h.len(), logit.len());
    of_family(input, Some([h, logit]))
}

fn of_family<T: Number>(input: &Input<'_, T>, outputs: Option<[&mut [T]; 2]>) -> (Vec<T>, Vec<T>) {
    match input.family {
        Family::Poisson => pieces::<T, POISSON>(input, outputs),
        Family::Nb => pieces::<T, NB>(input, outputs),
        Family::Zinb => pieces::<T, ZINB>(input, outputs),
    }
}

/// The rows of one piece of work and where their results go.
struct Piece<'a, T> {
    first: usize,
    nll: &'a mut [T],
    h: &'a mut [T],
    logit: &'a mut [T],
    /// Gradient by ln t of the rows of theta that the piece shares with others, or of its own cells.
    log_theta: &'a mut [T],
}

/// `outputs`: `h` and `logit`, if their gradients are to take their places.
fn pieces<T: Number, const FAMILY: u8>(
    input: &Input<'_, T>,
    outputs: Option<[&mut [T]; 2]>,
) -> (Vec<T>, Vec<T>) {
    let (n, n_cells) = (input.n_features, input.cell_weights.len());
    let theta = linked_theta(input);
    let zeros = |len: usize| vec![T::default(); len];
    let mut nll = zeros(n_cells);
    if n == 0 || n_cells == 0 {
        return (nll, zeros(input.theta.len()));
    }
    let n_pieces = n_cells.div_ceil(PIECE);
    let with_gradients = outputs.is_some();
    let [h, logit] = outputs.unwrap_or_default();
    let own_theta = matches!(input.theta_rows, Rows::Each);
    let theta_piece = if input.theta.is_empty() {
        0
    } else if own_theta {
        PIECE * n
    } else {
        input.theta.len()
    };
    let mut log_theta = zeros(match (with_gradients, own_theta) {
        (false, _) => 0,
        (true, true) => input.theta.len(),
        (true, false) => n_pieces * theta_piece,
    });
    let mut work: Vec<Piece<'_, T>> = Vec::with_capacity(n_pieces);
    let mut h_pieces = h.chunks_mut(PIECE * n);
    let mut logit_pieces = logit.chunks_mut(PIECE * n);
    let mut theta_pieces = log_theta.chunks_mut(theta_piece.max(1));
    for (i, nll) in nll.chunks_mut(PIECE).enumerate() {
        work.push(Piece {
            first: i * PIECE,
            nll,
            h: h_pieces.next().unwrap_or_default(),
            logit: logit_pieces.next().unwrap_or_default(),
            log_theta: theta_pieces.next().unwrap_or_default(),
        });
    }
    work.into_par_iter().for_each_init(
        || Scratch::new(n),
        |scratch, piece| {
            if with_gradients {
                rows::<T, FAMILY, true>(input, &theta, piece, scratch);
            } else {
                rows::<T, FAMILY, false>(input, &theta, piece, scratch);
            }
        },
    );
    let theta = if with_gradients {
        theta_gradient(input, &theta, log_theta, own_theta)
    } else {
        Vec::new()
    };
    (nll, theta)
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma",
    "x86_64+avx2+fma",
    "aarch64+neon"
))]
fn rows<T: Number, const FAMILY: u8, const GRAD: bool>(
    input: &Input<'_, T>,
    theta: &[T],
    piece: Piece<'_, T>,
    scratch: &mut Scratch<T>,
) {
    if target_cfg_f!(target_feature = "fma") {
        rows_with::<T, FAMILY, true, GRAD>(input, theta, piece, scratch);
    } else {
        rows_with::<T, FAMILY, false, GRAD>(input, theta, piece, scratch);
    }
}

#[inline(always)]
fn rows_with<T: Number, const FAMILY: u8, const FMA: bool, const GRAD: bool>(
    input: &Input<'_, T>,
    theta: &[T],
    piece: Piece<'_, T>,
    scratch: &mut Scratch<T>,
) {
    let n = input.n_features;
    let own_theta = matches!(input.theta_rows, Rows::Each);
    for (i, nll) in piece.nll.iter_mut().enumerate() {
        let cell = piece.first + i;
        let theta_row = input.theta_rows.of(cell);
        let one = Row {
            h: if GRAD { &[] } else { part_of(input.h, cell, n) },
            link: input.mean_link,
            scale: input.scale[cell],
            theta: part_of(theta, theta_row, n),
            logit: if GRAD {
                &[]
            } else {
                part_of(input.logit, cell, n)
            },
            weights: input.weights.map(|(w, rows)| part_of(w, rows.of(cell), n)),
            counts: input.counts.row(cell, n),
            factor: input.cell_weights[cell],
        };
        let mut gradients = RowGradients {
            h: part(piece.h, i, n),
            log_theta: part(piece.log_theta, if own_theta { i } else { theta_row }, n),
            logit: part(piece.logit, i, n),
        };
        *nll = T::from_f64(row::<T, FAMILY, FMA, GRAD>(&one, &mut gradients, scratch));
    }
}

/// Row `i` of rows of length `n`; nothing if there are none.
#[inline(always)]
fn part_of<T>(all: &[T], i: usize, n: usize) -> &[T] {
    all.get(i * n..(i + 1) * n).unwrap_or_default()
}

/// As [`part_of`].
#[inline(always)]
fn part<T>(all: &mut [T], i: usize, n: usize) -> &mut [T] {
    all.get_mut(i * n..(i + 1) * n).unwrap_or_default()
}

fn linked_theta<T: Number>(input: &Input<'_, T>) -> Vec<T> {
    let raw = input.theta.par_iter();
    match input.theta_link {
        ThetaLink::Identity => input.theta.to_vec(),
        ThetaLink::Exp => raw.map(|t| t.exp::<false>()).collect(),
        ThetaLink::Softplus => raw.map(|t| t.softplus::<false>()).collect(),
    }
}

/// Adds the shares of the pieces up in their order and goes from ln t to the raw parameter.
fn theta_gradient<T: Number>(
    input: &Input<'_, T>,
    theta: &[T],
    shares: Vec<T>,
    own: bool,
) -> Vec<T> {
    if theta.is_empty() {
        return Vec::new();
    }
    let mut sum = if own {
        shares
    } else {
        let mut sum = vec![0.0f64; theta.len()];
        for share in shares.chunks_exact(theta.len()) {
            for (sum, x) in sum.iter_mut().zip(share) {
                *sum += x.to_f64();
            }
        }
        sum.into_iter().map(T::from_f64).collect()
    };
    match input.theta_link {
        ThetaLink::Exp => {}
        ThetaLink::Identity => {
            for (g, t) in sum.iter_mut().zip(theta) {
                *g = *g / *t;
            }
        }
        ThetaLink::Softplus => {
            for ((g, t), raw) in sum.iter_mut().zip(theta).zip(input.theta) {
                *g = *g * raw.sigmoid::<false>() / *t;
            }
        }
    }
    sum
}

/// `h` and `logit` are lengths.
fn check<T>(input: &Input<'_, T>, h: usize, logit: usize) {
    let (n, n_cells) = (input.n_features, input.cell_weights.len());
    let fits = |what: &str, len: usize, expected: usize| {
        assert_eq!(
            len, expected,
            "likelihood: `{what}` of {n_cells} cells x {n} features"
        );
    };
    fits("h", h, n_cells * n);
    fits("scale", input.scale.len(), n_cells);
    let theta = match input.family {
        Family::Poisson => 0,
        _ => input.theta_rows.n_rows(n_cells) * n,
    };
    fits("theta", input.theta.len(), theta);
    let logits = match input.family {
        Family::Zinb => n_cells * n,
        _ => 0,
    };
    fits("logit", logit, logits);
    if let Some((w, rows)) = input.weights {
        fits("weights", w.len(), rows.n_rows(n_cells) * n);
    }
    if let Rows::Groups(group, _) = input.theta_rows {
        fits("groups", group.len(), n_cells);
    }
    match input.counts {
        Counts::Dense(x) => fits("counts", x.len(), n_cells * n),
        Counts::Sparse {
            offsets,
            columns,
            values,
        } => {
            fits("offsets", offsets.len(), n_cells + 1);
            fits("values", values.len(), columns.len());
            let last = columns.iter().max().map_or(0, |&c| c as usize + 1);
            assert!(last <= n, "likelihood: column {} of {n} features", last - 1);
        }
    }
}
