//! Softmax correlation of all rows with all rows on slices, tile by tile.

use std::ops::AddAssign;

use faer::linalg::matmul::matmul;
use faer::traits::RealField;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Rows per tile.
const TILE: usize = 32;

/// Numbers that the kernel runs on.
pub trait Real: RealField + AddAssign + Copy + Send + Sync {
    /// The lowest number.
    const LOWEST: Self;
    /// `e^x` of every number; 0 where that is no normal number.
    fn exp(x: &mut [Self]);
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Rounds a double to this type.
    fn of(x: f64) -> Self;
    /// Widens to a double.
    fn wide(self) -> f64;
}

impl Real for f32 {
    const LOWEST: Self = f32::NEG_INFINITY;
    fn exp(x: &mut [f32]) {
        exp_f32(x);
    }
    fn ln(self) -> Self {
        f32::ln(self)
    }
    fn of(x: f64) -> Self {
        x as f32
    }
    fn wide(self) -> f64 {
        self as f64
    }
}

impl Real for f64 {
    const LOWEST: Self = f64::NEG_INFINITY;
    fn exp(x: &mut [f64]) {
        for v in x {
            // Results that underflow are slow, and so is everything that is done with them.
            *v = if *v < -700.0 { 0.0 } else { v.exp() };
        }
    }
    fn ln(self) -> Self {
        f64::ln(self)
    }
    fn of(x: f64) -> Self {
        x
    }
    fn wide(self) -> f64 {
        self
    }
}

/// `e^x = 2^n e^r` with `|r| <= ln 2 / 2`, by a Taylor polynomial of degree 7: within 2 units in the last place. Arguments are
/// those of a softmax, not above 88.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+fma",
    "x86_64+avx2+fma",
    "aarch64+neon"
))]
fn exp_f32(x: &mut [f32]) {
    const MAGIC: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to a whole number
    for v in x {
        let t = v.clamp(-87.0, 88.0);
        let n = (t * std::f32::consts::LOG2_E + MAGIC) - MAGIC;
        let r = (t - n * 0.693_359_4) - n * -2.121_944_4e-4;
        let mut p = 1.0 / 5040.0;
        for c in [
            1.0 / 720.0,
            1.0 / 120.0,
            1.0 / 24.0,
            1.0 / 6.0,
            0.5,
            1.0,
            1.0,
        ] {
            p = p * r + c;
        }
        let scale = f32::from_bits(((n as i32 + 127) << 23) as u32);
        *v = if *v < -87.0 { 0.0 } else { p * scale };
    }
}

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
    for v in x.iter_mut() {
        *v -= largest;
    }
    T::exp(x);
    let sum = x.iter().fold(T::zero(), |sum, &v| sum + v);
    for v in x.iter_mut() {
        *v /= sum;
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
            || {
                (
                    [(); 3].map(|()| vec![T::zero(); TILE * n]),
                    vec![T::zero(); n],
                )
            },
            |([from, own_g, other_g], to), (tile, dz)| {
                let first = tile * TILE;
                let count = dz.len() / width;
                let (own, grad) = (rows(z, width, first, count), rows(g, width, first, count));
                product(from, Accum::Replace, own, all_z.transpose());
                product(own_g, Accum::Replace, grad, all_z.transpose());
                product(other_g, Accum::Replace, own, all_g.transpose());
                for t in 0..count {
                    let (l, r_t) = (log_sums[first + t], r[first + t]);
                    let line = t * n..(t + 1) * n;
                    let (from, own_g) = (&mut from[line.clone()], &mut own_g[line.clone()]);
                    for ((to, from), &l_p) in to.iter_mut().zip(from.iter_mut()).zip(log_sums) {
                        *to = *from - l;
                        *from -= l_p;
                    }
                    T::exp(to);
                    T::exp(from);
                    let others = other_g[line].iter().zip(&r);
                    for (((own, &to), &from), (&other, &r_p)) in
                        own_g.iter_mut().zip(&*to).zip(&*from).zip(others)
                    {
                        *own = to * (*own - r_t) + from * (other - r_p);
                    }
                }
                product(dz, Accum::Replace, rows(own_g, n, 0, count), all_z);
                product(dz, Accum::Add, rows(from, n, 0, count), all_g);
            },
        );
    dz
}

#[cfg(test)]
mod tests {
    use super::exp_f32;

    #[test]
    fn exponentials() {
        let arguments: Vec<f32> = (-9000..=0).map(|i| i as f32 * 0.01).collect();
        let mut found = arguments.clone();
        exp_f32(&mut found);
        for (x, found) in arguments.iter().zip(found) {
            let expected = f64::from(*x).exp();
            if *x < -87.0 {
                assert_eq!(found, 0.0, "e^{x}");
            } else {
                let error = (f64::from(found) - expected).abs() / expected;
                assert!(error < 2.5e-7, "e^{x}: {found}, relative error {error}");
            }
        }
    }
}
