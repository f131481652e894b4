//! Normalisation of the columns of a matrix, row by row on slices.

use multiversion::multiversion;
use rayon::prelude::*;

use super::kernel::Real;

/// Rows that are added up in one piece, whatever the number of threads.
const PIECE: usize = 128;

/// Mean and biased variance of every column.
pub struct Statistics<T> {
    /// `[width]`
    pub mean: Vec<T>,
    /// `[width]`
    pub variance: Vec<T>,
}

impl<T: Real> Statistics<T> {
    /// Of rows of that width.
    pub fn of(x: &[T], width: usize) -> Self {
        let n = (x.len() / width.max(1)).max(1) as f64;
        let mean = |sums: Vec<f64>| sums.into_iter().map(|s| T::of(s / n)).collect::<Vec<T>>();
        let center = mean(sums(x, width, |rows, sum| add(rows, sum)));
        let variance = mean(sums(x, width, |rows, sum| add_squares(rows, &center, sum)));
        Self {
            mean: center,
            variance,
        }
    }

    /// `1 / sqrt(variance + eps)` of every column.
    fn inverse_deviations(&self, eps: f64) -> Vec<T> {
        let of = |v: &T| T::of(1.0 / (v.wide() + eps).sqrt());
        self.variance.iter().map(of).collect()
    }

    /// `scale (x - mean) / sqrt(variance + eps) + shift`
    pub fn normalize(&self, x: &[T], scale: &[T], shift: &[T], eps: f64) -> Vec<T> {
        let inverse = self.inverse_deviations(eps);
        let factor: Vec<T> = scale.iter().zip(&inverse).map(|(&s, &i)| s * i).collect();
        map(x, None, scale.len(), |x, _, y| {
            affine(x, &self.mean, &factor, shift, y)
        })
    }

    /// Gradients of `x`, `scale` and `shift` from that of the normalised matrix, with `u` for what the scale multiplies:
    /// `dx = scale / deviation (g - mean(g) - u mean(g u))`.
    pub fn gradients(&self, x: &[T], scale: &[T], grad: &[T], eps: f64) -> [Vec<T>; 3] {
        let width = scale.len();
        let n = (x.len() / width.max(1)).max(1) as f64;
        let inverse = self.inverse_deviations(eps);
        let both = sums_of_two(x, grad, width, |x, g, sums| {
            add_slopes(x, g, &self.mean, sums)
        });
        let (of_shift, of_product) = both.split_at(width);
        let of_scale: Vec<f64> = of_product
            .iter()
            .zip(&inverse)
            .map(|(s, i)| s * i.wide())
            .collect();
        // dx = a g + b (x - mean) + c
        let factors: Vec<[T; 3]> = (0..width)
            .map(|j| {
                let a = scale[j].wide() * inverse[j].wide();
                let b = -a * of_scale[j] / n * inverse[j].wide();
                [a, b, -a * of_shift[j] / n].map(T::of)
            })
            .collect();
        let of = |place: usize| factors.iter().map(|f| f[place]).collect::<Vec<T>>();
        let (a, b, c) = (of(0), of(1), of(2));
        let dx = map(x, Some(grad), width, |x, g, dx| {
            slope(x, g, &self.mean, [&a, &b, &c], dx)
        });
        let narrow = |sums: &[f64]| sums.iter().map(|&s| T::of(s)).collect();
        [dx, narrow(&of_scale), narrow(of_shift)]
    }
}

/// A sum per column: in pieces of rows, then over the pieces in order and in doubles.
fn sums<T: Real>(x: &[T], width: usize, add: impl Fn(&[T], &mut [T]) + Sync) -> Vec<f64> {
    sums_of_two(x, x, width, |x, _, sum| add(x, &mut sum[..width]))[..width].to_vec()
}

/// Two sums per column, of two matrices.
fn sums_of_two<T: Real>(
    a: &[T],
    b: &[T],
    width: usize,
    add: impl Fn(&[T], &[T], &mut [T]) + Sync,
) -> Vec<f64> {
    let piece = PIECE * width.max(1);
    let parts: Vec<Vec<T>> = a
        .par_chunks(piece)
        .zip(b.par_chunks(piece))
        .map(|(a, b)| {
            let mut sum = vec![T::zero(); 2 * width];
            add(a, b, &mut sum);
            sum
        })
        .collect();
    let mut total = vec![0.0; 2 * width];
    for part in &parts {
        total.iter_mut().zip(part).for_each(|(t, s)| *t += s.wide());
    }
    total
}

/// A matrix from the rows of one, or of two.
fn map<T: Real>(
    x: &[T],
    other: Option<&[T]>,
    width: usize,
    f: impl Fn(&[T], &[T], &mut [T]) + Sync,
) -> Vec<T> {
    let mut out = vec![T::zero(); x.len()];
    let piece = PIECE * width.max(1);
    let other = other.unwrap_or(x);
    out.par_chunks_mut(piece)
        .zip(x.par_chunks(piece).zip(other.par_chunks(piece)))
        .for_each(|(out, (x, other))| f(x, other, out));
    out
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma",
    "x86_64+avx2+fma"
))]
fn add<T: Real>(rows: &[T], sum: &mut [T]) {
    for row in rows.chunks_exact(sum.len().max(1)) {
        for (sum, &x) in sum.iter_mut().zip(row) {
            *sum += x;
        }
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma",
    "x86_64+avx2+fma"
))]
fn add_squares<T: Real>(rows: &[T], mean: &[T], sum: &mut [T]) {
    for row in rows.chunks_exact(mean.len().max(1)) {
        for ((sum, &x), &m) in sum.iter_mut().zip(row).zip(mean) {
            *sum += (x - m) * (x - m);
        }
    }
}

/// The gradients' sums in the first half, those of gradients times distances from the mean in the second.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma",
    "x86_64+avx2+fma"
))]
fn add_slopes<T: Real>(x: &[T], grad: &[T], mean: &[T], sums: &mut [T]) {
    let width = mean.len().max(1);
    let (plain, product) = sums.split_at_mut(mean.len());
    for (x, grad) in x.chunks_exact(width).zip(grad.chunks_exact(width)) {
        let sums = plain.iter_mut().zip(product.iter_mut());
        for (((plain, product), (&x, &g)), &m) in sums.zip(x.iter().zip(grad)).zip(mean) {
            *plain += g;
            *product += g * (x - m);
        }
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma",
    "x86_64+avx2+fma"
))]
fn affine<T: Real>(x: &[T], mean: &[T], factor: &[T], shift: &[T], out: &mut [T]) {
    let width = mean.len().max(1);
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let columns = mean.iter().zip(factor.iter().zip(shift));
        for ((out, &x), (&m, (&f, &s))) in out.iter_mut().zip(x).zip(columns) {
            *out = (x - m) * f + s;
        }
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma",
    "x86_64+avx2+fma"
))]
fn slope<T: Real>(x: &[T], grad: &[T], mean: &[T], [a, b, c]: [&[T]; 3], out: &mut [T]) {
    let width = mean.len().max(1);
    let rows = x.chunks_exact(width).zip(grad.chunks_exact(width));
    for ((x, grad), out) in rows.zip(out.chunks_exact_mut(width)) {
        let columns = mean.iter().zip(a.iter().zip(b.iter().zip(c)));
        let values = out.iter_mut().zip(x.iter().zip(grad));
        for ((out, (&x, &g)), (&m, (&a, (&b, &c)))) in values.zip(columns) {
            *out = a * g + b * (x - m) + c;
        }
    }
}
