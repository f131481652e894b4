//! Local quadratic regression of one variable (loess, Cleveland & Grosse 1991).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How the curve is evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VarianceFit {
    /// Regression at the vertices of a k-d tree, cubic interpolation between them: what the
    /// loess package, and through it scanpy and Seurat, computes. Fast.
    #[default]
    Interpolated,
    /// Regression at every feature.
    Exact,
}

/// Cells of the k-d tree hold at most this share of the points of one regression.
const CELL: f64 = 0.2;
/// The box of the tree is this share of the range larger than the data on either side.
const MARGIN: f64 = 0.005;
/// A regression sees at least this many points, if there are as many.
const FEWEST: usize = 4;

/// The curve through `(x, y)` at every `x`. `x` and `y` must be finite.
pub(super) fn fit(x: &[f64], y: &[f64], span: f64, how: VarianceFit) -> Vec<f64> {
    let n = x.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
    let points = Points {
        x: order.iter().map(|&i| x[i]).collect(),
        y: order.iter().map(|&i| y[i]).collect(),
        q: ((n as f64 * span + 1e-5) as usize).max(FEWEST).min(n),
    };
    let curve = match how {
        VarianceFit::Exact => points.everywhere(),
        VarianceFit::Interpolated => points.interpolated((n as f64 * span * CELL) as usize),
    };
    let mut fitted = vec![0.0; n];
    for (&i, f) in order.iter().zip(curve) {
        fitted[i] = f;
    }
    fitted
}

/// Points by increasing `x`; `q` of them take part in each regression.
struct Points {
    x: Vec<f64>,
    y: Vec<f64>,
    q: usize,
}

/// Value and slope of the curve at one place.
#[derive(Clone, Copy)]
struct Local {
    value: f64,
    slope: f64,
}

impl Points {
    fn everywhere(&self) -> Vec<f64> {
        // Equal x have equal values: once each.
        let mut distinct = self.x.clone();
        distinct.dedup();
        let values: Vec<f64> = distinct.par_iter().map(|&c| self.at(c).value).collect();
        let place = |x: &f64| distinct.partition_point(|d| d < x);
        self.x.iter().map(|x| values[place(x)]).collect()
    }

    /// Regression at the vertices, then in each cell the cubic with the values and slopes of
    /// its two ends.
    fn interpolated(&self, cell_size: usize) -> Vec<f64> {
        let (Some(&lo), Some(&hi)) = (self.x.first(), self.x.last()) else {
            return vec![];
        };
        let margin = MARGIN * (hi - lo).max(1e-10 * lo.abs().max(hi.abs()) + 1e-30);
        let mut vertices = vec![lo - margin, hi + margin];
        self.split(
            0,
            self.x.len(),
            (vertices[0], vertices[1]),
            cell_size.max(1),
            &mut vertices,
        );
        vertices.sort_unstable_by(f64::total_cmp);
        vertices.dedup();
        let locals: Vec<Local> = vertices.par_iter().map(|&v| self.at(v)).collect();
        let value = |&x: &f64| {
            let right = vertices
                .partition_point(|&v| v < x)
                .clamp(1, vertices.len() - 1);
            let (a, b) = (locals[right - 1], locals[right]);
            let width = vertices[right] - vertices[right - 1];
            let h = (x - vertices[right - 1]) / width;
            let (r, s) = (1.0 - h, h * h);
            r * r * (1.0 + 2.0 * h) * a.value
                + s * (3.0 - 2.0 * h) * b.value
                + (h * r * r * a.slope - s * r * b.slope) * width
        };
        self.x.iter().map(value).collect()
    }

    /// Cuts the cell of the points `from..to` at its median until few enough are left.
    fn split(&self, from: usize, to: usize, (lo, hi): (f64, f64), size: usize, out: &mut Vec<f64>) {
        if to - from <= size {
            return;
        }
        let m = self.median_between_ties(from, to - 1);
        if self.x[m] == lo || self.x[m] == hi {
            return;
        }
        let cut = self.x[m];
        out.push(cut);
        self.split(from, m + 1, (lo, cut), size, out);
        self.split(m + 1, to, (cut, hi), size, out);
    }

    /// The middle of `first..=last`, or the nearest place (right before left) where the next
    /// point differs; the middle itself if there is none.
    fn median_between_ties(&self, first: usize, last: usize) -> usize {
        let middle = (first + last) / 2;
        let mut offset = 0isize;
        loop {
            let m = middle as isize + offset;
            if m >= last as isize || m < first as isize {
                return middle;
            }
            if self.x[m as usize] != self.x[m as usize + 1] {
                return m as usize;
            }
            offset = if offset > 0 { -offset } else { 1 - offset };
        }
    }

    /// Weighted quadratic regression on the `q` points nearest to `c`, with tricube weights
    /// `(1 - (|x - c| / h)^3)^3`, `h` the distance of the farthest.
    ///
    /// Orthogonal polynomials instead of normal equations: no cancellation, and where the
    /// points do not determine a quadratic (fewer than three places) the degree falls by itself.
    fn at(&self, c: f64) -> Local {
        let (x, q, n) = (&self.x, self.q, self.x.len());
        // The window of the q nearest: the first that would not gain from moving on.
        let (mut a, mut b) = (0, n - q);
        while a < b {
            let mid = (a + b) / 2;
            if x[mid + q] - c < c - x[mid] {
                a = mid + 1
            } else {
                b = mid
            }
        }
        let window = a..a + q;
        let (first, last) = (x[window.start], x[window.end - 1]);
        let h = (c - first).abs().max((last - c).abs());
        let terms: Vec<(f64, f64, f64)> = window
            .map(|i| {
                let t = if h > 0.0 { (x[i] - c) / h } else { 0.0 };
                let u = 1.0 - t.abs().powi(3);
                (u * u * u, t, self.y[i])
            })
            .collect();
        let sum = |f: &dyn Fn(f64, f64, f64) -> f64| -> f64 {
            terms.iter().map(|&(w, t, y)| w * f(w, t, y)).sum()
        };
        let s0 = sum(&|_, _, _| 1.0);
        if h == 0.0 || s0 <= 0.0 {
            // So many points at one place that they fill the window, at its middle or its rim.
            let ties = x.partition_point(|v| *v < first)..x.partition_point(|v| *v <= last);
            let value = self.y[ties.clone()].iter().sum::<f64>() / ties.len() as f64;
            return Local { value, slope: 0.0 };
        }
        let y0 = sum(&|_, _, y| y) / s0;
        let t1 = sum(&|_, t, _| t) / s0;
        let n1 = sum(&|_, t, _| (t - t1) * (t - t1));
        let negligible = 1e-26 * s0;
        if n1 <= negligible {
            return Local {
                value: y0,
                slope: 0.0,
            };
        }
        let c1 = sum(&|_, t, y| (y - y0) * (t - t1)) / n1;
        let t2 = sum(&|_, t, _| t * (t - t1) * (t - t1)) / n1;
        let k = n1 / s0;
        let p2 = |t: f64| (t - t1) * (t - t2) - k;
        let n2 = sum(&|_, t, _| p2(t) * p2(t));
        let c2 = if n2 > negligible {
            sum(&|_, t, y| (y - y0) * p2(t)) / n2
        } else {
            0.0
        };
        Local {
            value: y0 - c1 * t1 + c2 * p2(0.0),
            slope: (c1 - c2 * (t1 + t2)) / h,
        }
    }
}
