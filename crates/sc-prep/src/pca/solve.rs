//! Singular value decompositions.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::svd::{ComputeSvdVectors, svd, svd_scratch};
use faer::{Auto, Mat, MatRef, Par, Spec};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::PcaOptions;
use super::operand::{Block, Operand};
use crate::PrepError;

/// `X = U S V^T`.
pub(super) struct Svd {
    pub u: Block,
    pub s: Vec<f64>,
    pub v: Block,
}

/// Of the densified matrix.
pub(super) fn exact(x: &Operand) -> Result<Svd, PrepError> {
    thin(&x.densified())
}

/// Of the best subspace that power iterations on a random block find.
///
/// `Y = X W`, then alternately `Z = X^T orth(Y)`, `Y = X orth(Z)`; with `Q = orth(Y)` the
/// decomposition of the small `B^T = X^T Q = V S R^T` gives `X ~ (Q R) S V^T`.
pub(super) fn randomized(x: &Operand, k: usize, options: &PcaOptions) -> Result<Svd, PrepError> {
    let width = (k + options.oversampling).min(x.n_rows()).min(x.n_cols());
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let mut w = Block::zeros(x.n_cols(), width);
    w.data.iter_mut().for_each(|v| *v = gaussian(&mut random));
    let mut q = thin(&x.times(&w))?.u;
    for _ in 0..options.power_iterations {
        let z = thin(&x.transpose_times(&q))?.u;
        q = thin(&x.times(&z))?.u;
    }
    let small = thin(&x.transpose_times(&q))?;
    let u = product(&q, &small.v);
    Ok(Svd {
        u,
        s: small.s,
        v: small.u,
    })
}

/// Box-Muller.
fn gaussian(random: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn product(a: &Block, b: &Block) -> Block {
    let mut c = Block::zeros(a.rows, b.cols);
    for r in 0..a.rows {
        let out = &mut c.data[r * b.cols..][..b.cols];
        for (i, &x) in a.row(r).iter().enumerate() {
            out.iter_mut().zip(b.row(i)).for_each(|(o, y)| *o += x * y);
        }
    }
    c
}

/// Thin decomposition by faer; on one thread, so that the result depends on nothing but `a`.
/// `U` also serves as an orthonormal basis of the columns of `a`.
fn thin(a: &Block) -> Result<Svd, PrepError> {
    let (m, n) = (a.rows, a.cols);
    let size = m.min(n);
    let matrix = MatRef::from_row_major_slice(&a.data, m, n);
    let (mut s, mut u, mut v) = (Diag::zeros(size), Mat::zeros(m, size), Mat::zeros(n, size));
    let (vectors, params) = (ComputeSvdVectors::Thin, Spec::new(Auto::<f64>::auto()));
    let scratch = svd_scratch::<f64>(m, n, vectors, vectors, Par::Seq, params);
    svd(
        matrix,
        s.as_mut(),
        Some(u.as_mut()),
        Some(v.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        params,
    )
    .map_err(|_| PrepError::NoConvergence {
        what: "the singular value decomposition of PCA",
    })?;
    let block = |m: &Mat<f64>| Block {
        rows: m.nrows(),
        cols: m.ncols(),
        data: (0..m.nrows())
            .flat_map(|r| (0..m.ncols()).map(move |c| m[(r, c)]))
            .collect(),
    };
    Ok(Svd {
        u: block(&u),
        s: s.column_vector().iter().copied().collect(),
        v: block(&v),
    })
}
