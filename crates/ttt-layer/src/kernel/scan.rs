//! TTT-Linear over one (sample, head) pair: the chunk loop, forward.

use super::gemm::{self, Into};
use super::real::Real;
use super::rows::{standardise, through_standardise};

/// What the scan does, apart from its tensors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScanOptions {
    /// Number of heads; the width must be a multiple of it.
    pub heads: usize,
    /// Tokens per chunk (inner mini-batch).
    pub chunk: usize,
    /// Token `i` reads the inner weights after tokens `..= i` of its chunk (`true`), or every
    /// token reads the weights at the end of its chunk (`false`).
    pub causal: bool,
    /// Base of the rotary angles, or `None` for no rotation.
    pub rope: Option<f64>,
    /// Added to the variance in the inner normalisation.
    pub eps: f64,
    /// The forward pass keeps the inner state at every `group`-th chunk.
    pub group: usize,
}

impl ScanOptions {
    /// Number of chunks in a sequence.
    pub fn chunks(&self, length: usize) -> usize {
        length.div_ceil(self.chunk)
    }

    /// Number of kept states: one at the start of each group and one at the end.
    pub fn states(&self, length: usize) -> usize {
        self.chunks(length).div_ceil(self.group) + 1
    }
}

/// Learned tensors shared by all samples, row-major, and the rotary table.
pub struct Shared<'a, T> {
    /// `[chunk]`, position rates.
    pub t: &'a [T],
    /// `[heads, width, width]`.
    pub w0: &'a [T],
    /// `[heads, width]`.
    pub c0: &'a [T],
    /// `[heads, width]`.
    pub gamma: &'a [T],
    /// `[heads, width]`.
    pub beta: &'a [T],
    /// Rotation of the coordinates, empty when switched off.
    pub rope: &'a Rope<T>,
}

/// Cosines and sines of the rotary angles of one chunk.
pub struct Rope<T> {
    table: Vec<(T, T)>,
    pairs: usize,
}

impl<T: Real> Rope<T> {
    /// Angle of pair `p` at place `i`: `i base^(-2p / width)`, computed in double precision.
    pub fn new(options: &ScanOptions, width: usize) -> Self {
        let pairs = width / 2;
        let mut table = Vec::new();
        if let Some(base) = options.rope {
            for i in 0..options.chunk {
                for p in 0..pairs {
                    let angle = i as f64 * base.powf(-2.0 * p as f64 / width as f64);
                    table.push((T::of(angle.cos()), T::of(angle.sin())));
                }
            }
        }
        Self { table, pairs }
    }

    /// Copies a row and turns it forward.
    #[inline(always)]
    pub fn turn(&self, place: usize, from: &[T], to: &mut [T]) {
        self.rotate(place, T::ONE, from, to);
    }

    /// Copies a row and turns it back: the gradient of [`turn`](Self::turn).
    #[inline(always)]
    pub fn turn_back(&self, place: usize, from: &[T], to: &mut [T]) {
        self.rotate(place, -T::ONE, from, to);
    }

    #[inline(always)]
    fn rotate(&self, place: usize, sign: T, from: &[T], to: &mut [T]) {
        if self.table.is_empty() {
            to.copy_from_slice(from);
            return;
        }
        let table = &self.table[place * self.pairs..][..self.pairs];
        let (from, _) = from.as_chunks::<2>();
        let (to, _) = to.as_chunks_mut::<2>();
        for ((to, from), &(cos, sin)) in to.iter_mut().zip(from).zip(table) {
            let sin = sin * sign;
            *to = [from[0] * cos - from[1] * sin, from[0] * sin + from[1] * cos];
        }
    }
}

/// The inputs of one (sample, head) pair. Token `j` has its row at `j * stride` of `q`, `k`, `v`
/// and its rate at `j * heads` of `eta`.
pub struct Pair<'a, T> {
    /// Head index.
    pub head: usize,
    /// Tokens.
    pub length: usize,
    /// Head width.
    pub width: usize,
    /// Distance between two tokens.
    pub stride: usize,
    /// Queries, from this head's first column on.
    pub q: &'a [T],
    /// Keys.
    pub k: &'a [T],
    /// Values.
    pub v: &'a [T],
    /// Inner rates.
    pub eta: &'a [T],
}

impl<T: Real> Pair<'_, T> {
    /// Rates of the chunk that starts at `start`: `out[j] = eta_j`.
    #[inline(always)]
    pub fn rates(&self, heads: usize, start: usize, out: &mut [T]) {
        for (j, out) in out.iter_mut().enumerate() {
            *out = self.eta[(start + j) * heads];
        }
    }
}

/// Steps 1 and 2 for one token: `z` holds `k W + c` and becomes the standardised row; `g` becomes
/// the gradient of the inner loss in `z`. Returns `1/σ` and `mean(h x̂)`.
#[inline(always)]
pub fn inner_gradient<T: Real>(
    z: &mut [T],
    g: &mut [T],
    [k, v, gamma, beta]: [&[T]; 4],
    eps: T,
) -> (T, T) {
    let inverse = standardise(z, eps);
    for i in 0..z.len() {
        g[i] = (gamma[i] * z[i] + beta[i] - (v[i] - k[i])) * gamma[i];
    }
    let along = through_standardise(g, z, inverse);
    (inverse, along)
}

/// Rate with which each key of the chunk enters the chunk-end weights (the column `e`).
#[inline(always)]
pub fn end_rates<T: Real>(causal: bool, t: &[T], eta: &[T], out: &mut [T]) {
    let n = eta.len();
    let factor = if causal {
        t[n - 1]
    } else {
        T::ONE / T::of(n as f64)
    };
    for j in 0..n {
        out[j] = eta[j] * factor;
    }
}

/// Step 6: `[W; c] -= [(e∘K)ᵀ G; Σ e G]`. Overwrites `g` with `e∘G`.
#[inline(always)]
pub fn descend<T: Real>([r, f]: [usize; 2], k: &[T], e: &[T], g: &mut [T], state: &mut [T]) {
    let (w, c) = state.split_at_mut(f * f);
    let c = &mut c[..f];
    for j in 0..r {
        let row = &mut g[j * f..][..f];
        for i in 0..f {
            row[i] = row[i] * e[j];
            c[i] -= row[i];
        }
    }
    gemm::tn([f, f, r], (k, f), (g, f), Into::Sub, (w, f));
}

/// `out[r, f] = x[r, f] W + c` for the state `[W; c]`.
#[inline(always)]
pub fn affine<T: Real>([r, f]: [usize; 2], x: &[T], state: &[T], out: &mut [T]) {
    let (w, c) = state.split_at(f * f);
    for row in out[..r * f].chunks_exact_mut(f) {
        row.copy_from_slice(&c[..f]);
    }
    gemm::nn([r, f, f], (x, f), false, (w, f), Into::Add, (out, f));
}

/// Length of a row of the `b x b` matrices in scratch memory.
pub fn padded(chunk: usize) -> usize {
    chunk.next_multiple_of(16)
}

/// Forward pass of one pair. Writes the output rows and the kept states
/// (`ScanOptions::states` blocks of `[W; c]`, each `(width + 1) * width`).
#[inline(always)]
pub fn forward<T: Real, const WIDTH: usize>(
    options: &ScanOptions,
    shared: &Shared<T>,
    pair: &Pair<T>,
    out: &mut [&mut [T]],
    states: &mut [T],
) {
    let f = if WIDTH == 0 { pair.width } else { WIDTH };
    let b = options.chunk;
    let bp = padded(b);
    let (eps, h) = (T::of(options.eps), pair.head);
    let gamma = &shared.gamma[h * f..][..f];
    let beta = &shared.beta[h * f..][..f];
    let zeros = |n: usize| vec![T::ZERO; n];
    let (mut q, mut k, mut g) = (zeros(b * f), zeros(b * f), zeros(b * f));
    let (mut z, mut zq) = (zeros(b * f), zeros(b * f));
    let (mut kt, mut m) = (zeros(f * bp), zeros(b * bp));
    let (mut eta, mut e) = (zeros(b), zeros(b));
    let mut state = zeros((f + 1) * f);
    state[..f * f].copy_from_slice(&shared.w0[h * f * f..][..f * f]);
    state[f * f..].copy_from_slice(&shared.c0[h * f..][..f]);

    let mut kept = states.chunks_exact_mut((f + 1) * f);
    for (index, start) in (0..pair.length).step_by(b).enumerate() {
        let r = b.min(pair.length - start);
        if index % options.group == 0
            && let Some(slot) = kept.next()
        {
            slot.copy_from_slice(&state);
        }
        let (eta, e) = (&mut eta[..r], &mut e[..r]);
        pair.rates(options.heads, start, eta);
        end_rates(options.causal, shared.t, eta, e);
        for j in 0..r {
            let at = (start + j) * pair.stride;
            shared
                .rope
                .turn(j, &pair.q[at..][..f], &mut q[j * f..][..f]);
            shared
                .rope
                .turn(j, &pair.k[at..][..f], &mut k[j * f..][..f]);
        }
        affine([r, f], &k, &state, &mut z);
        for j in 0..r {
            let rows = [
                &k[j * f..][..f],
                &pair.v[(start + j) * pair.stride..][..f],
                gamma,
                beta,
            ];
            inner_gradient(&mut z[j * f..][..f], &mut g[j * f..][..f], rows, eps);
        }
        if options.causal {
            affine([r, f], &q, &state, &mut zq);
            gemm::transpose(r, f, &k, f, &mut kt, bp);
            gemm::nn(
                [r, bp, f],
                (&q, f),
                false,
                (&kt, bp),
                Into::Set,
                (&mut m, bp),
            );
            for i in 0..r {
                let row = &mut m[i * bp..][..r];
                for j in 0..r {
                    let x = shared.t[i] * eta[j] * (row[j] + T::ONE);
                    row[j] = if j <= i { x } else { T::ZERO };
                }
            }
            gemm::nn([r, f, r], (&m, bp), true, (&g, f), Into::Sub, (&mut zq, f));
            descend([r, f], &k, e, &mut g, &mut state);
        } else {
            descend([r, f], &k, e, &mut g, &mut state);
            affine([r, f], &q, &state, &mut zq);
        }
        for i in 0..r {
            let row = &mut zq[i * f..][..f];
            standardise(row, eps);
            let (query, o) = (&q[i * f..][..f], &mut *out[start + i]);
            let o = &mut o[..f];
            for c in 0..f {
                o[c] = query[c] + gamma[c] * row[c] + beta[c];
            }
        }
    }
    if let Some(slot) = kept.last() {
        slot.copy_from_slice(&state);
    }
}
