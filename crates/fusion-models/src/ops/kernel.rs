//! Softmax correlation of all rows with all rows on slices, tile by tile.

use faer::linalg::matmul::matmul;
use faer::traits::RealField;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Rows per tile.
const TILE: usize = 32;

/// Numbers that the kernel runs on.
pub trait Real: RealField + Copy + Send + Sync {
    /// The lowest number.
    const LOWEST: Self;
    /// `e^x`
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
}

macro_rules! real {
    ($t:ty) => {
        impl Real for $t {
            const LOWEST: Self = <$t>::NEG_INFINITY;
            fn exp(self) -> Self {
                <$t>::exp(self)
            }
            fn ln(self) -> Self {
                <$t>::ln(self)
            }
        }
    };
}
real!(f32);
real!(f64);

/// Rows `from..` of a row-major matrix of that width, `count` of them.
fn rows<T: Real>(x: &[T], width: usize, from: usize, count: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice(&x[from * width..(from + count) * width], count, width)
}

/// `out [m, n] (+)= a [m, k] b [k, n]`, `out` row-major.
fn product<T: Real>(out: &mut [T], accum: Accum, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    let (m, n) = (a.nrows(), b.ncols());
    let out = MatMut::from_row_major_slice_mut(&mut out[..m * n], m, n);
    matmul(out, accum, a, b, T::one(), Par::Seq);
}

/// `y_i = sum_j s_ij z_j` with `s_ij = e^(z_i z_j - l_i)`; returns `y [n, width]` and `l [n]`.
pub fn forward<T: Real>(z: &[T], width: usize) -> (Vec<T>, Vec<T>) {
    let n = z.len() / width.max(1);
    let mut y = vec![T::zero(); z.len()];
    let mut log_sums = vec![T::zero(); n];
    y.par_chunks_mut(TILE * width.max(1))
        .zip(log_sums.par_chunks_mut(TILE))
        .enumerate()
        .for_each_init(
            || vec![T::zero(); TILE * n],
            |s, (tile, (y, log_sums))| {
                let count = log_sums.len();
                let own = rows(z, width, tile * TILE, count);
                product(s, Accum::Replace, own, rows(z, width, 0, n).transpose());
                for (s, log_sum) in s.chunks_exact_mut(n).zip(log_sums.iter_mut()) {
                    *log_sum = softmax(s);
                }
                product(
                    y,
                    Accum::Replace,
                    rows(s, n, 0, count),
                    rows(z, width, 0, n),
                );
            },
        );
    (y, log_sums)
}

/// Softmax in place; returns the logarithm of the sum of exponentials.
fn softmax<T: Real>(x: &mut [T]) -> T {
    let largest = x.iter().fold(T::LOWEST, |m, &v| if v > m { v } else { m });
    let mut sum = T::zero();
    for v in x.iter_mut() {
        *v = (*v - largest).exp();
        sum += *v;
    }
    for v in x.iter_mut() {
        *v = *v / sum;
    }
    largest + sum.ln()
}

/// Gradient of the input, `[n, width]`, from that of `y`.
///
/// With `g = dy`, `r_i = g_i y_i`, `d_ij = s_ij (g_i z_j - r_i)`:
/// `dz_t = sum_p (d_tp + d_pt) z_p + s_pt g_p`. The sums are made anew from `l`, so nothing of size n x n is kept.
pub fn backward<T: Real>(z: &[T], y: &[T], log_sums: &[T], g: &[T], width: usize) -> Vec<T> {
    let n = log_sums.len();
    let dot = |a: &[T], b: &[T]| a.iter().zip(b).fold(T::zero(), |s, (&a, &b)| s + a * b);
    let r: Vec<T> = (0..n)
        .map(|i| {
            dot(
                &g[i * width..(i + 1) * width],
                &y[i * width..(i + 1) * width],
            )
        })
        .collect();
    let mut dz = vec![T::zero(); z.len()];
    let (all_z, all_g) = (rows(z, width, 0, n), rows(g, width, 0, n));
    dz.par_chunks_mut(TILE * width.max(1))
        .enumerate()
        .for_each_init(
            || [(); 3].map(|()| vec![T::zero(); TILE * n]),
            |[logits, own_g, other_g], (tile, dz)| {
                let first = tile * TILE;
                let count = dz.len() / width;
                let (own, grad) = (rows(z, width, first, count), rows(g, width, first, count));
                product(logits, Accum::Replace, own, all_z.transpose());
                product(own_g, Accum::Replace, grad, all_z.transpose());
                product(other_g, Accum::Replace, own, all_g.transpose());
                for t in 0..count {
                    let (l, r_t) = (log_sums[first + t], r[first + t]);
                    let line = t * n..(t + 1) * n;
                    let (logits, own_g) = (&logits[line.clone()], &mut own_g[line.clone()]);
                    for (p, other) in other_g[line].iter_mut().enumerate() {
                        let (to, from) = ((logits[p] - l).exp(), (logits[p] - log_sums[p]).exp());
                        own_g[p] = to * (own_g[p] - r_t) + from * (*other - r[p]);
                        *other = from;
                    }
                }
                product(dz, Accum::Replace, rows(own_g, n, 0, count), all_z);
                product(dz, Accum::Add, rows(other_g, n, 0, count), all_g);
            },
        );
    dz
}
