use faer::{Mat, Side};
use rand_chacha::ChaCha8Rng;

use crate::umap::normal;

/// Most vectors kept.
const MOST_STEPS: usize = 200;

/// Eigenvectors to the `count` largest eigenvalues of a symmetric operator on vectors of length `n`,
/// orthogonal to `known`.
///
/// Lanczos with full reorthogonalisation, until the residuals are below `tolerance` times the largest
/// eigenvalue or `MOST_STEPS` vectors are used. Returns fewer vectors where the space has fewer
/// dimensions. The sign is such that the largest entry is positive.
pub(crate) fn largest(
    n: usize,
    count: usize,
    known: &[Vec<f64>],
    tolerance: f64,
    apply: impl Fn(&[f64]) -> Vec<f64>,
    rng: &mut ChaCha8Rng,
) -> Vec<Vec<f64>> {
    let most = MOST_STEPS.min(n - known.len().min(n));
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let (mut diagonal, mut off) = (Vec::<f64>::new(), Vec::<f64>::new());
    let mut next: Vec<f64> = (0..n).map(|_| normal(rng)).collect();
    let mut small: Option<(Mat<f64>, usize)> = None;
    while basis.len() < most {
        // Twice is enough (Kahan): the second round removes what rounding left of the first.
        let before = norm(&next);
        for _ in 0..2 {
            for v in known.iter().chain(&basis) {
                let along = dot(&next, v);
                subtract(&mut next, along, v);
            }
        }
        let length = norm(&next);
        if length <= 1e-12 * before || length == 0.0 {
            break;
        }
        if !basis.is_empty() {
            off.push(length);
        }
        next.iter_mut().for_each(|x| *x /= length);
        let image = apply(&next);
        diagonal.push(dot(&image, &next));
        basis.push(std::mem::replace(&mut next, image));

        let m = basis.len();
        if m >= count && (m.is_multiple_of(10) || m == most) {
            let Some((values, vectors)) = eigen(&diagonal, &off) else {
                break;
            };
            // |A y - theta y| = |next off-diagonal| |last entry of the small eigenvector|
            let mut rest = next.clone();
            for v in known.iter().chain(&basis) {
                let along = dot(&rest, v);
                subtract(&mut rest, along, v);
            }
            let beta = norm(&rest);
            let worst = (m - count..m).fold(0f64, |w, c| w.max(beta * vectors[(m - 1, c)].abs()));
            let converged = worst <= tolerance * values[m - 1].abs();
            small = Some((vectors, m));
            if converged {
                break;
            }
        }
    }
    let m = basis.len();
    let vectors = match small {
        Some((vectors, at)) if at == m => vectors,
        _ => match eigen(&diagonal, &off) {
            Some((_, vectors)) => vectors,
            None => return Vec::new(),
        },
    };
    (m.saturating_sub(count)..m)
        .rev()
        .map(|c| {
            let mut y = vec![0f64; n];
            for (r, v) in basis.iter().enumerate() {
                subtract(&mut y, -vectors[(r, c)], v);
            }
            let largest = y
                .iter()
                .fold(0f64, |a, &b| if b.abs() > a.abs() { b } else { a });
            if largest < 0.0 {
                y.iter_mut().for_each(|v| *v = -*v);
            }
            y
        })
        .collect()
}

/// Eigenvalues, increasing, and eigenvectors of a tridiagonal matrix.
fn eigen(diagonal: &[f64], off: &[f64]) -> Option<(Vec<f64>, Mat<f64>)> {
    let m = diagonal.len();
    if m == 0 {
        return None;
    }
    let matrix = Mat::from_fn(m, m, |r, c| match r.abs_diff(c) {
        0 => diagonal[r],
        1 => off[r.min(c)],
        _ => 0.0,
    });
    let solved = matrix.self_adjoint_eigen(Side::Lower).ok()?;
    let values = (0..m).map(|i| solved.S()[i]).collect();
    Some((values, solved.U().to_owned()))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// `a -= factor * b`
fn subtract(a: &mut [f64], factor: f64, b: &[f64]) {
    for (x, y) in a.iter_mut().zip(b) {
        *x -= factor * y;
    }
}
