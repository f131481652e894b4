//! Small dense products for matrices that live in the first-level cache.
//!
//! `f32` products are computed in tiles of 4 rows and up to two vectors whose accumulators stay in
//! registers; pulp picks the instruction set at run time. `f64`, which only the tests use, is a plain loop.

use pulp::{Arch, Simd, WithSimd};

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
    T::multiply::<false>(Product {
        dims,
        a,
        lower,
        b,
        into,
        c,
    });
}

/// `C[m, n] = A[k, m]ᵀ B[k, n]`.
pub fn tn<T: Real>(dims: [usize; 3], a: View<T>, b: View<T>, into: Into, c: (&mut [T], usize)) {
    T::multiply::<true>(Product {
        dims,
        a,
        lower: false,
        b,
        into,
        c,
    });
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

/// One product to compute.
pub struct Product<'a, T> {
    dims: [usize; 3],
    a: View<'a, T>,
    lower: bool,
    b: View<'a, T>,
    into: Into,
    c: (&'a mut [T], usize),
}

/// How a float type multiplies; `TRANSPOSED` says that `A` is stored transposed.
pub trait Multiply: Sized {
    /// Computes a product.
    fn multiply<const TRANSPOSED: bool>(product: Product<'_, Self>);
}

impl Multiply for f32 {
    fn multiply<const TRANSPOSED: bool>(product: Product<'_, Self>) {
        Arch::new().dispatch(Tiled::<TRANSPOSED>(product));
    }
}

impl Multiply for f64 {
    fn multiply<const TRANSPOSED: bool>(product: Product<'_, Self>) {
        let Product {
            dims: [m, n, k],
            a,
            lower,
            b,
            into,
            c,
        } = product;
        for i in 0..m {
            let k = if lower { k.min(i + 1) } else { k };
            for j in 0..n {
                let ab = (0..k).map(|p| a.0[at::<TRANSPOSED>(i, p, a.1)] * b.0[p * b.1 + j]);
                put(&mut c.0[i * c.1 + j], ab.sum(), into);
            }
        }
    }
}

/// Place of `A[i, p]`.
#[inline(always)]
fn at<const TRANSPOSED: bool>(i: usize, p: usize, lda: usize) -> usize {
    if TRANSPOSED { p * lda + i } else { i * lda + p }
}

#[inline(always)]
fn put<T: std::ops::AddAssign + std::ops::SubAssign>(c: &mut T, ab: T, into: Into) {
    match into {
        Into::Set => *c = ab,
        Into::Add => *c += ab,
        Into::Sub => *c -= ab,
    }
}

/// Rows of a tile.
const ROWS: usize = 4;

struct Tiled<'a, const TRANSPOSED: bool>(Product<'a, f32>);

impl<const TRANSPOSED: bool> WithSimd for Tiled<'_, TRANSPOSED> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut p = self.0;
        let [m, n, k] = p.dims;
        let lanes = S::F32_LANES;
        let mut i = 0;
        while i < m {
            let rows = if i + ROWS <= m { ROWS } else { 1 };
            let k = if p.lower { k.min(i + rows) } else { k };
            let mut j = 0;
            while j < n {
                let left = n - j;
                j += match (rows == ROWS, left >= 2 * lanes, left >= lanes) {
                    (true, true, _) => tile::<S, TRANSPOSED, ROWS, 2>(simd, k, i, j, &mut p),
                    (true, false, true) => tile::<S, TRANSPOSED, ROWS, 1>(simd, k, i, j, &mut p),
                    (false, true, _) => tile::<S, TRANSPOSED, 1, 2>(simd, k, i, j, &mut p),
                    (false, false, true) => tile::<S, TRANSPOSED, 1, 1>(simd, k, i, j, &mut p),
                    _ => column::<TRANSPOSED>(rows, k, i, j, &mut p),
                };
            }
            i += rows;
        }
    }
}

/// `M` rows and `V` vectors of columns at `(i, j)`; returns the number of columns.
#[inline(always)]
fn tile<S: Simd, const TRANSPOSED: bool, const M: usize, const V: usize>(
    simd: S,
    k: usize,
    i: usize,
    j: usize,
    p: &mut Product<'_, f32>,
) -> usize {
    let width = V * S::F32_LANES;
    let ((a, lda), (b, ldb)) = (p.a, p.b);
    let mut acc = [[simd.splat_f32s(0.0); V]; M];
    for q in 0..k {
        let (row, _) = S::as_simd_f32s(&b[q * ldb + j..][..width]);
        for r in 0..M {
            let x = simd.splat_f32s(a[at::<TRANSPOSED>(i + r, q, lda)]);
            for v in 0..V {
                acc[r][v] = simd.mul_add_f32s(x, row[v], acc[r][v]);
            }
        }
    }
    for (r, acc) in acc.into_iter().enumerate() {
        let (out, _) = S::as_mut_simd_f32s(&mut p.c.0[(i + r) * p.c.1 + j..][..width]);
        for (out, ab) in out.iter_mut().zip(acc) {
            *out = match p.into {
                Into::Set => ab,
                Into::Add => simd.add_f32s(*out, ab),
                Into::Sub => simd.sub_f32s(*out, ab),
            };
        }
    }
    width
}

/// One column of a tile, where less than a vector is left.
#[inline(always)]
fn column<const TRANSPOSED: bool>(
    rows: usize,
    k: usize,
    i: usize,
    j: usize,
    p: &mut Product<'_, f32>,
) -> usize {
    for i in i..i + rows {
        let mut sum = 0.0;
        for q in 0..k {
            sum += p.a.0[at::<TRANSPOSED>(i, q, p.a.1)] * p.b.0[q * p.b.1 + j];
        }
        put(&mut p.c.0[i * p.c.1 + j], sum, p.into);
    }
    1
}
