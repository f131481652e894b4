//! Small dense products for matrices that live in the first-level cache.
//!
//! The result is computed in tiles whose accumulators stay in registers: 8 x 32 numbers with
//! AVX-512, 4 x 16 with AVX2, 4 x 8 on the baseline.

use multiversion::{multiversion, target::match_target};

use super::real::Real;

/// How a product enters the result.
#[derive(Clone, Copy, PartialEq)]
pub enum Into {
    /// `C = AB`
    Set,
    /// `C += AB`
    Add,
    /// `C -= AB`
    Sub,
}

/// A row-major matrix (or the start of one) and the length of its rows in memory.
pub type View<'a, T> = (&'a [T], usize);

/// `C[m, n] = A[m, k] B[k, n]`, all row-major. `lower` says that `A` is zero above its diagonal,
/// which saves half of the work.
pub fn nn<T: Real>(
    dims: [usize; 3],
    a: View<T>,
    lower: bool,
    b: View<T>,
    into: Into,
    c: (&mut [T], usize),
) {
    product::<T, false>(dims, a, lower, b, into, c);
}

/// `C[m, n] = A[k, m]ᵀ B[k, n]`.
pub fn tn<T: Real>(dims: [usize; 3], a: View<T>, b: View<T>, into: Into, c: (&mut [T], usize)) {
    product::<T, true>(dims, a, false, b, into, c);
}

/// `B[n, m] = A[m, n]ᵀ`.
#[inline(always)]
pub fn transpose<T: Real>(m: usize, n: usize, a: &[T], lda: usize, b: &mut [T], ldb: usize) {
    for j in 0..n {
        let row = &mut b[j * ldb..][..m];
        for (i, out) in row.iter_mut().enumerate() {
            *out = a[i * lda + j];
        }
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma",
    "x86_64+avx2+fma"
))]
fn product<T: Real, const TRANSPOSED: bool>(
    dims: [usize; 3],
    a: View<'_, T>,
    lower: bool,
    b: View<'_, T>,
    into: Into,
    c: (&mut [T], usize),
) {
    match_target! {
        "x86_64+avx512f" => blocks::<T, TRANSPOSED, true, 8, 32>(dims, a, lower, b, into, c),
        "x86_64+fma" => blocks::<T, TRANSPOSED, true, 4, 16>(dims, a, lower, b, into, c),
        "aarch64+neon" => blocks::<T, TRANSPOSED, true, 4, 16>(dims, a, lower, b, into, c),
        _ => blocks::<T, TRANSPOSED, false, 4, 8>(dims, a, lower, b, into, c),
    }
}

#[inline(always)]
fn blocks<T: Real, const TRANSPOSED: bool, const FMA: bool, const M: usize, const N: usize>(
    [m, n, k]: [usize; 3],
    a: View<'_, T>,
    lower: bool,
    b: View<'_, T>,
    into: Into,
    (c, ldc): (&mut [T], usize),
) {
    let mut i = 0;
    while i < m {
        let rows = if i + M <= m { M } else { 1 };
        let k = if lower { k.min(i + rows) } else { k };
        let mut j = 0;
        while j < n {
            let left = n - j;
            let c = (&mut c[i * ldc + j..], ldc);
            j += if rows == M && left >= N {
                tile::<T, TRANSPOSED, FMA, M, N>(k, i, j, a, b, into, c)
            } else if rows == M && left >= 8 {
                tile::<T, TRANSPOSED, FMA, M, 8>(k, i, j, a, b, into, c)
            } else if rows == M {
                tile::<T, TRANSPOSED, FMA, M, 1>(k, i, j, a, b, into, c)
            } else if left >= N {
                tile::<T, TRANSPOSED, FMA, 1, N>(k, i, j, a, b, into, c)
            } else {
                tile::<T, TRANSPOSED, FMA, 1, 1>(k, i, j, a, b, into, c)
            };
        }
        i += rows;
    }
}

/// One `M x N` tile at `(i, j)`; returns `N`.
#[inline(always)]
fn tile<T: Real, const TRANSPOSED: bool, const FMA: bool, const M: usize, const N: usize>(
    k: usize,
    i: usize,
    j: usize,
    (a, lda): View<'_, T>,
    (b, ldb): View<'_, T>,
    into: Into,
    (c, ldc): (&mut [T], usize),
) -> usize {
    let mut acc = [[T::ZERO; N]; M];
    let mut step = |x: [T; M], p: usize| {
        let row = &b[p * ldb + j..][..N];
        for r in 0..M {
            for s in 0..N {
                acc[r][s] = if FMA {
                    x[r].fused(row[s], acc[r][s])
                } else {
                    x[r] * row[s] + acc[r][s]
                };
            }
        }
    };
    if TRANSPOSED {
        for p in 0..k {
            let x = &a[p * lda + i..][..M];
            step(std::array::from_fn(|r| x[r]), p);
        }
    } else {
        let rows: [&[T]; M] = std::array::from_fn(|r| &a[(i + r) * lda..][..k]);
        for p in 0..k {
            step(std::array::from_fn(|r| rows[r][p]), p);
        }
    }
    for (r, acc) in acc.iter().enumerate() {
        let out = &mut c[r * ldc..][..N];
        match into {
            Into::Set => out.copy_from_slice(acc),
            Into::Add => (0..N).for_each(|s| out[s] += acc[s]),
            Into::Sub => (0..N).for_each(|s| out[s] -= acc[s]),
        }
    }
    N
}
