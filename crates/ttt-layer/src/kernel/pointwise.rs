//! Row-wise and element-wise kernels of the block: normalisations, gated unit, dropout.
//!
//! Work is cut into pieces of fixed size, whatever the number of threads, and the gradients of
//! shared vectors are added over the pieces in their order, in doubles.

use multiversion::multiversion;
use rayon::prelude::*;

use super::real::Real;
use super::rows::{standardise, sums, through_standardise};

/// Rows per piece.
const ROWS: usize = 64;
/// Elements per piece of an element-wise kernel.
const PIECE: usize = 8192;

/// Which statistics a row is normalised with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// `x / sqrt(mean(x²) + eps)`
    Rms,
    /// `(x - mean) / sqrt(var + eps)`, biased variance
    Layer,
}

/// Gradients of [`norm_forward`].
pub struct NormGradients<T> {
    /// Input.
    pub x: Vec<T>,
    /// Scale.
    pub scale: Vec<T>,
    /// Shift; to be ignored where there was none.
    pub shift: Vec<T>,
}

/// `scale * normalise(x) + shift` for rows as long as `scale`. An empty `shift` stands for zeros.
///
/// # Panics
///
/// When `x` is not a whole number of rows.
pub fn norm_forward<T: Real>(norm: Norm, x: &[T], scale: &[T], shift: &[T], eps: f64) -> Vec<T> {
    let d = scale.len();
    assert!(
        d > 0 && x.len().is_multiple_of(d),
        "norm: rows of {d} do not fill the input"
    );
    assert!(
        shift.is_empty() || shift.len() == d,
        "norm: length of the shift"
    );
    let mut out = vec![T::ZERO; x.len()];
    out.par_chunks_mut(ROWS * d)
        .zip(x.par_chunks(ROWS * d))
        .for_each(|(out, x)| norm_rows(norm, x, scale, shift, T::of(eps), out));
    out
}

/// Gradients of [`norm_forward`], given that of its output.
///
/// # Panics
///
/// As [`norm_forward`], and when the lengths of `x` and `d_out` differ.
pub fn norm_backward<T: Real>(
    norm: Norm,
    x: &[T],
    scale: &[T],
    d_out: &[T],
    eps: f64,
) -> NormGradients<T> {
    let d = scale.len();
    assert!(
        d > 0 && x.len().is_multiple_of(d),
        "norm: rows of {d} do not fill the input"
    );
    assert_eq!(
        x.len(),
        d_out.len(),
        "norm: gradient of the output does not fit"
    );
    let mut dx = vec![T::ZERO; x.len()];
    let pieces = x.len().div_ceil(ROWS * d);
    let mut shares = vec![T::ZERO; pieces * 2 * d];
    dx.par_chunks_mut(ROWS * d)
        .zip(x.par_chunks(ROWS * d))
        .zip(d_out.par_chunks(ROWS * d))
        .zip(shares.par_chunks_mut(2 * d))
        .for_each(|(((dx, x), d_out), share)| {
            norm_rows_backward(norm, x, scale, d_out, T::of(eps), dx, share);
        });
    let mut sum = vec![0.0f64; 2 * d];
    for share in shares.chunks_exact(2 * d) {
        for (s, x) in sum.iter_mut().zip(share) {
            *s += x.wide();
        }
    }
    let mut sum = sum.into_iter().map(T::of);
    NormGradients {
        x: dx,
        scale: sum.by_ref().take(d).collect(),
        shift: sum.collect(),
    }
}

/// Divides a row by `sqrt(mean(x²) + eps)` and returns the reciprocal of that root.
#[inline(always)]
fn rms<T: Real>(row: &mut [T], eps: T) -> T {
    let n = row.len();
    let [square] = sums(n, |i| [row[i] * row[i]]);
    let inverse = T::ONE / (square / T::of(n as f64) + eps).root();
    for x in row.iter_mut() {
        *x = *x * inverse;
    }
    inverse
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma",
    "x86_64+avx2+fma"
))]
fn norm_rows<T: Real>(norm: Norm, x: &[T], scale: &[T], shift: &[T], eps: T, out: &mut [T]) {
    let d = scale.len();
    for (out, x) in out.chunks_exact_mut(d).zip(x.chunks_exact(d)) {
        out.copy_from_slice(x);
        match norm {
            Norm::Rms => rms(out, eps),
            Norm::Layer => standardise(out, eps),
        };
        for (out, scale) in out.iter_mut().zip(scale) {
            *out = *out * *scale;
        }
        for (out, shift) in out.iter_mut().zip(shift) {
            *out += *shift;
        }
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma",
    "x86_64+avx2+fma"
))]
fn norm_rows_backward<T: Real>(
    norm: Norm,
    x: &[T],
    scale: &[T],
    d_out: &[T],
    eps: T,
    dx: &mut [T],
    share: &mut [T],
) {
    let d = scale.len();
    let (dscale, dshift) = share.split_at_mut(d);
    let mut normal = vec![T::ZERO; d];
    let rows = dx.chunks_exact_mut(d).zip(x.chunks_exact(d));
    for ((dx, x), d_out) in rows.zip(d_out.chunks_exact(d)) {
        normal.copy_from_slice(x);
        let inverse = match norm {
            Norm::Rms => rms(&mut normal, eps),
            Norm::Layer => standardise(&mut normal, eps),
        };
        for i in 0..d {
            dscale[i] += d_out[i] * normal[i];
            dshift[i] += d_out[i];
            dx[i] = d_out[i] * scale[i];
        }
        match norm {
            Norm::Rms => {
                let [along] = sums(d, |i| [dx[i] * normal[i]]);
                let along = along / T::of(d as f64);
                for i in 0..d {
                    dx[i] = (dx[i] - normal[i] * along) * inverse;
                }
            }
            Norm::Layer => {
                through_standardise(dx, &normal, inverse);
            }
        }
    }
}

/// `silu(gate) * up` with `silu(g) = g / (1 + e^-g)`, element by element.
///
/// # Panics
///
/// When the lengths differ.
pub fn silu_mul_forward<T: Real>(gate: &[T], up: &[T]) -> Vec<T> {
    assert_eq!(gate.len(), up.len(), "silu_mul: lengths differ");
    let mut out = vec![T::ZERO; gate.len()];
    out.par_chunks_mut(PIECE)
        .zip(gate.par_chunks(PIECE))
        .zip(up.par_chunks(PIECE))
        .for_each(|((out, gate), up)| silu_mul(gate, up, out));
    out
}

/// Gradients of `gate` and `up` in [`silu_mul_forward`], given that of its output.
///
/// # Panics
///
/// When the lengths differ.
pub fn silu_mul_backward<T: Real>(gate: &[T], up: &[T], d_out: &[T]) -> (Vec<T>, Vec<T>) {
    assert!(
        gate.len() == up.len() && up.len() == d_out.len(),
        "silu_mul: lengths differ"
    );
    let zeros = || vec![T::ZERO; gate.len()];
    let (mut d_gate, mut d_up) = (zeros(), zeros());
    d_gate
        .par_chunks_mut(PIECE)
        .zip(d_up.par_chunks_mut(PIECE))
        .zip(gate.par_chunks(PIECE))
        .zip(up.par_chunks(PIECE))
        .zip(d_out.par_chunks(PIECE))
        .for_each(|((((d_gate, d_up), gate), up), d_out)| {
            silu_mul_back(gate, up, d_out, d_gate, d_up);
        });
    (d_gate, d_up)
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma",
    "x86_64+avx2+fma"
))]
fn silu_mul<T: Real>(gate: &[T], up: &[T], out: &mut [T]) {
    for ((out, &g), &u) in out.iter_mut().zip(gate).zip(up) {
        *out = g * g.sigmoid() * u;
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma",
    "x86_64+avx2+fma"
))]
fn silu_mul_back<T: Real>(gate: &[T], up: &[T], d_out: &[T], d_gate: &mut [T], d_up: &mut [T]) {
    let n = gate.len();
    let (up, d_out) = (&up[..n], &d_out[..n]);
    let (d_gate, d_up) = (&mut d_gate[..n], &mut d_up[..n]);
    for i in 0..n {
        let (g, d) = (gate[i], d_out[i]);
        let s = g.sigmoid();
        d_up[i] = d * g * s;
        d_gate[i] = d * up[i] * s * (T::ONE + g * (T::ONE - s));
    }
}

/// A random mask that is a pure function of a seed and an element's index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DropMask {
    /// Chooses the mask.
    pub seed: u64,
    /// Probability that an element is dropped, in `[0, 1)`.
    pub prob: f64,
}

impl DropMask {
    /// `residual + mask * x / (1 - prob)`; an empty `residual` stands for zeros.
    ///
    /// # Panics
    ///
    /// When the lengths differ.
    pub fn apply<T: Real>(&self, x: &[T], residual: &[T]) -> Vec<T> {
        let mut out = if residual.is_empty() {
            vec![T::ZERO; x.len()]
        } else {
            residual.to_vec()
        };
        assert_eq!(x.len(), out.len(), "dropout: lengths differ");
        // An element is kept when its 24 random bits are at least this.
        let bound = (self.prob * f64::from(1 << 24)).round() as u32;
        let scale = T::of(1.0 / (1.0 - self.prob));
        out.par_chunks_mut(PIECE)
            .zip(x.par_chunks(PIECE))
            .enumerate()
            .for_each(|(piece, (out, x))| {
                let key = splitmix(self.seed ^ splitmix(piece as u64));
                drop_add(key, bound, scale, x, out);
            });
        out
    }
}

/// The finaliser of splitmix64.
fn splitmix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma",
    "x86_64+avx2+fma"
))]
fn drop_add<T: Real>(key: u64, bound: u32, scale: T, x: &[T], out: &mut [T]) {
    let (low, high) = (key as u32, (key >> 32) as u32);
    for (i, (out, &x)) in out.iter_mut().zip(x).enumerate() {
        // Two rounds of a 32-bit mixer, each with a key of its own.
        let mut h = (i as u32) ^ low;
        h = (h ^ (h >> 16)).wrapping_mul(0x21f0_aaad);
        h = (h ^ (h >> 15)).wrapping_mul(0xd35a_2d97);
        h ^= high;
        h = (h ^ (h >> 16)).wrapping_mul(0x21f0_aaad);
        h ^= h >> 15;
        *out += if h >> 8 >= bound { x * scale } else { T::ZERO };
    }
}
