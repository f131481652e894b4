use faer::{Mat, Side};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::umap::normal;

/// Vectors of the search space beyond twice the wanted ones.
const SPARE: usize = 40;
/// Products with the operator at most.
const MOST_PRODUCTS: usize = 20_000;
/// Entries that one task takes.
const BLOCK: usize = 4096;

/// Eigenvectors to the `count` largest eigenvalues of a symmetric operator on vectors of length `n`,
/// orthogonal to `known`.
///
/// Lanczos with full reorthogonalisation and thick restarts: the search space is cut down to its leading
/// vectors where it is full, until the residuals are below `tolerance` times the largest eigenvalue or
/// `MOST_PRODUCTS` products were taken. Eigenvalues close to each other need many. Returns fewer vectors
/// where the space has fewer dimensions. The sign is such that the largest entry is positive.
///
/// Source: Wu and Simon, "Thick-restart Lanczos method for large symmetric eigenvalue problems", SIAM J.
/// Matrix Anal. Appl. 2000.
pub(crate) fn largest(
    n: usize,
    count: usize,
    known: &[Vec<f64>],
    tolerance: f64,
    apply: impl Fn(&[f64]) -> Vec<f64>,
    rng: &mut ChaCha8Rng,
) -> Vec<Vec<f64>> {
    let dimensions = n - known.len().min(n);
    let most = (2 * count + SPARE).min(dimensions);
    let mut basis: Vec<Vec<f64>> = Vec::new();
    // v_i A v_j of the basis.
    let mut projected = Mat::<f64>::zeros(most, most);
    let mut next = random(n, rng);
    let mut products = 0;
    loop {
        while basis.len() < most {
            if !orthogonalise(&mut next, known, &basis) {
                // What was found is closed under the operator; the rest is elsewhere.
                next = random(n, rng);
                if !orthogonalise(&mut next, known, &basis) {
                    break;
                }
            }
            let length = norm(&next);
            next.iter_mut().for_each(|x| *x /= length);
            let image = apply(&next);
            products += 1;
            basis.push(std::mem::replace(&mut next, image));
            let last = basis.len() - 1;
            for (i, along) in along(&next, &basis).into_iter().enumerate() {
                projected[(i, last)] = along;
                projected[(last, i)] = along;
            }
        }
        let m = basis.len();
        let wanted = count.min(m);
        let Some((values, vectors)) = eigen(&projected, m) else {
            return Vec::new();
        };
        // Only the image of the last vector leaves the basis: |A y - theta y| = |rest| |last entry|.
        let rest = match orthogonalise(&mut next, known, &basis) {
            true => norm(&next),
            false => 0.0,
        };
        let leading = (m - wanted..m).rev();
        let worst = leading.fold(0f64, |w, c| w.max(rest * vectors[(m - 1, c)].abs()));
        let done = m < most || m == dimensions || products >= MOST_PRODUCTS;
        if m == 0 || done || worst <= tolerance * values[m - 1].abs() {
            return combined(&basis, &vectors, wanted)
                .into_iter()
                .map(pointed)
                .collect();
        }
        let kept = wanted + (m - wanted) / 2;
        basis = combined(&basis, &vectors, kept);
        projected.fill(0.0);
        for i in 0..kept {
            projected[(i, i)] = values[m - 1 - i];
        }
    }
}

fn random(n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    (0..n).map(|_| normal(rng)).collect()
}

/// Takes the directions of `known` and `basis` away; `false` where nothing is left.
fn orthogonalise(x: &mut [f64], known: &[Vec<f64>], basis: &[Vec<f64>]) -> bool {
    let before = norm(x);
    // Twice is enough (Kahan): the second round removes what rounding left of the first.
    for _ in 0..2 {
        for vectors in [known, basis] {
            let along = along(x, vectors);
            x.par_chunks_mut(BLOCK).enumerate().for_each(|(block, x)| {
                for (v, along) in vectors.iter().zip(&along) {
                    let part = &v[block * BLOCK..];
                    x.iter_mut().zip(part).for_each(|(x, v)| *x -= along * v);
                }
            });
        }
    }
    norm(x) > 1e-12 * before
}

/// The lengths of `x` along each vector.
fn along(x: &[f64], vectors: &[Vec<f64>]) -> Vec<f64> {
    vectors.par_iter().map(|v| dot(x, v)).collect()
}

/// The `count` leading combinations of the basis; `vectors` holds them by increasing eigenvalue.
fn combined(basis: &[Vec<f64>], vectors: &Mat<f64>, count: usize) -> Vec<Vec<f64>> {
    let m = basis.len();
    let one = |c: usize| {
        let mut y = vec![0f64; basis[0].len()];
        for (r, v) in basis.iter().enumerate() {
            let weight = vectors[(r, m - 1 - c)];
            y.iter_mut().zip(v).for_each(|(y, v)| *y += weight * v);
        }
        y
    };
    (0..count).into_par_iter().map(one).collect()
}

/// With a positive largest entry.
fn pointed(mut y: Vec<f64>) -> Vec<f64> {
    let largest = y
        .iter()
        .fold(0f64, |a, &b| if b.abs() > a.abs() { b } else { a });
    if largest < 0.0 {
        y.iter_mut().for_each(|v| *v = -*v);
    }
    y
}

/// Eigenvalues, increasing, and eigenvectors of the first `m` rows and columns.
fn eigen(matrix: &Mat<f64>, m: usize) -> Option<(Vec<f64>, Mat<f64>)> {
    let matrix = matrix.submatrix(0, 0, m, m);
    let solved = matrix.self_adjoint_eigen(Side::Lower).ok()?;
    let values = (0..m).map(|i| solved.S()[i]).collect();
    Some((values, solved.U().to_owned()))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0f64; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f64>() + rest
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}
