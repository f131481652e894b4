//! The scan over a batch: one task per (sample, head), shared gradients added in sample order.

use multiversion::multiversion;
use rayon::prelude::*;

use super::grad::{self, Gradients};
use super::real::Real;
use super::scan::{self, Pair, Rope, ScanOptions, Shared};

/// The seven inputs of the scan, row-major, with `d = heads * width`.
#[derive(Clone, Copy)]
pub struct ScanInputs<'a, T> {
    /// Number of sequences.
    pub batch: usize,
    /// Tokens of each.
    pub length: usize,
    /// Head width.
    pub width: usize,
    /// `[batch, length, 3 d]`, queries, keys and values side by side, before the rotation.
    pub qkv: &'a [T],
    /// `[batch, length, heads]`, inner rates of the tokens.
    pub eta: &'a [T],
    /// `[chunk]`, rates of the places in a chunk; not read when not causal.
    pub t: &'a [T],
    /// `[heads, width, width]`, start weights.
    pub w0: &'a [T],
    /// `[heads, width]`, start biases.
    pub c0: &'a [T],
    /// `[heads, width]`, scale of the inner normalisation.
    pub gamma: &'a [T],
    /// `[heads, width]`, shift of the inner normalisation.
    pub beta: &'a [T],
}

/// What the forward pass leaves.
pub struct ScanOutput<T> {
    /// `[batch, length, d]`
    pub out: Vec<T>,
    /// `[batch, heads, states, width + 1, width]`: the inner state `[W; c]` at the start of every
    /// group of chunks, and at the end of the sequence.
    pub states: Vec<T>,
}

/// Gradients of the seven inputs, shaped as they are.
pub struct ScanGradients<T> {
    /// Queries, keys and values.
    pub qkv: Vec<T>,
    /// Inner rates.
    pub eta: Vec<T>,
    /// Place rates.
    pub t: Vec<T>,
    /// Start weights.
    pub w0: Vec<T>,
    /// Start biases.
    pub c0: Vec<T>,
    /// Scale.
    pub gamma: Vec<T>,
    /// Shift.
    pub beta: Vec<T>,
}

impl<'a, T: Real> ScanInputs<'a, T> {
    fn check(&self, options: &ScanOptions) {
        let (heads, f) = (options.heads, self.width);
        let (d, tokens) = (heads * f, self.batch * self.length);
        for (name, found, wanted) in [
            ("qkv", self.qkv.len(), tokens * 3 * d),
            ("eta", self.eta.len(), tokens * heads),
            ("t", self.t.len(), options.chunk),
            ("w0", self.w0.len(), d * f),
            ("c0", self.c0.len(), d),
            ("gamma", self.gamma.len(), d),
            ("beta", self.beta.len(), d),
        ] {
            assert_eq!(
                found, wanted,
                "ttt_scan: `{name}` has the wrong number of elements"
            );
        }
        assert!(
            options.chunk > 0 && options.group > 0 && heads > 0 && f > 0 && self.length > 0,
            "ttt_scan: chunk, group, heads, head width and length must be positive"
        );
        assert!(
            options.rope.is_none() || f % 2 == 0,
            "ttt_scan: rotary positions need an even head width, found {f}"
        );
    }

    fn shared(&self, rope: &'a Rope<T>) -> Shared<'a, T> {
        Shared {
            t: self.t,
            w0: self.w0,
            c0: self.c0,
            gamma: self.gamma,
            beta: self.beta,
            rope,
        }
    }

    fn pair(&self, options: &ScanOptions, index: usize) -> Pair<'a, T> {
        let (sample, head) = (index / options.heads, index % options.heads);
        let d = options.heads * self.width;
        let at = sample * self.length * 3 * d + head * self.width;
        Pair {
            head,
            length: self.length,
            width: self.width,
            stride: 3 * d,
            q: &self.qkv[at..],
            k: &self.qkv[at + d..],
            v: &self.qkv[at + 2 * d..],
            eta: &self.eta[sample * self.length * options.heads + head..],
        }
    }
}

/// One row per token.
type Rows<'a, T> = Vec<&'a mut [T]>;

/// Splits `[batch, length, N * heads * width]` into the rows of each (sample, head) pair.
fn rows<'a, T, const N: usize>(
    data: &'a mut [T],
    inputs: &ScanInputs<T>,
    heads: usize,
) -> Vec<[Rows<'a, T>; N]> {
    let mut pairs: Vec<[Rows<T>; N]> = (0..inputs.batch * heads)
        .map(|_| std::array::from_fn(|_| Vec::with_capacity(inputs.length)))
        .collect();
    let mut pieces = data.chunks_exact_mut(inputs.width);
    for pairs in pairs.chunks_exact_mut(heads) {
        for _ in 0..inputs.length {
            for part in 0..N {
                for pair in pairs.iter_mut() {
                    pair[part].extend(pieces.next());
                }
            }
        }
    }
    pairs
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma",
    "x86_64+avx2+fma"
))]
fn forward<T: Real, const WIDTH: usize>(
    options: &ScanOptions,
    shared: &Shared<'_, T>,
    pair: &Pair<'_, T>,
    out: &mut [&mut [T]],
    states: &mut [T],
) {
    scan::forward::<T, WIDTH>(options, shared, pair, out, states);
}

#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512vl+avx512bw+avx2+fma",
    "x86_64+avx2+fma"
))]
fn backward<T: Real, const WIDTH: usize>(
    options: &ScanOptions,
    shared: &Shared<'_, T>,
    pair: &Pair<'_, T>,
    d_out: &[T],
    states: &[T],
    grads: &mut Gradients<'_, T>,
) {
    grad::backward::<T, WIDTH>(options, shared, pair, d_out, states, grads);
}

/// Calls `$f` with the head width as a constant where it is a usual one.
macro_rules! by_width {
    ($width:expr, $f:ident::<$t:ty>($($arg:expr),*)) => {
        match $width {
            32 => $f::<$t, 32>($($arg),*),
            64 => $f::<$t, 64>($($arg),*),
            _ => $f::<$t, 0>($($arg),*),
        }
    };
}

/// TTT-Linear over a batch of sequences; formulas in the crate documentation.
///
/// # Panics
///
/// When a slice does not have the length its shape asks for, or the head width is odd with rotary
/// positions.
pub fn scan_forward<T: Real>(options: &ScanOptions, inputs: &ScanInputs<T>) -> ScanOutput<T> {
    inputs.check(options);
    let f = inputs.width;
    let rope = Rope::new(options, f);
    let shared = inputs.shared(&rope);
    let mut out = vec![T::ZERO; inputs.qkv.len() / 3];
    let states_len = options.states(inputs.length) * (f + 1) * f;
    let mut states = vec![T::ZERO; inputs.batch * options.heads * states_len];
    rows(&mut out, inputs, options.heads)
        .into_par_iter()
        .zip(states.par_chunks_exact_mut(states_len))
        .enumerate()
        .for_each(|(index, ([mut out], states))| {
            let pair = inputs.pair(options, index);
            by_width!(f, forward::<T>(options, &shared, &pair, &mut out, states));
        });
    ScanOutput { out, states }
}

/// Gradients of the seven inputs of [`scan_forward`], given its kept `states` and the gradient of
/// its output.
///
/// # Panics
///
/// As [`scan_forward`], and when `states` or `d_out` do not fit.
pub fn scan_backward<T: Real>(
    options: &ScanOptions,
    inputs: &ScanInputs<T>,
    states: &[T],
    d_out: &[T],
) -> ScanGradients<T> {
    inputs.check(options);
    let (f, heads, b) = (inputs.width, options.heads, options.chunk);
    let pairs = inputs.batch * heads;
    let rope = Rope::new(options, f);
    let shared = inputs.shared(&rope);
    let states_len = options.states(inputs.length) * (f + 1) * f;
    assert_eq!(
        states.len(),
        pairs * states_len,
        "ttt_scan: kept states do not fit"
    );
    assert_eq!(
        d_out.len() * 3,
        inputs.qkv.len(),
        "ttt_scan: gradient of the output does not fit"
    );

    let zeros = |n: usize| vec![T::ZERO; n];
    let mut qkv = zeros(inputs.qkv.len());
    let mut eta_by_pair = zeros(inputs.eta.len());
    // Per pair: gradient of the start state, then of gamma, beta and t.
    let share = (f + 1) * f + 2 * f + b;
    let mut shares = zeros(pairs * share);
    rows(&mut qkv, inputs, heads)
        .into_par_iter()
        .zip(eta_by_pair.par_chunks_exact_mut(inputs.length))
        .zip(shares.par_chunks_exact_mut(share))
        .enumerate()
        .for_each(|(index, (([mut q, mut k, mut v], eta), share))| {
            let pair = inputs.pair(options, index);
            let at = index / heads * inputs.length * heads * f + pair.head * f;
            let (state, rest) = share.split_at_mut((f + 1) * f);
            let (gamma, rest) = rest.split_at_mut(f);
            let (beta, t) = rest.split_at_mut(f);
            let mut grads = Gradients {
                q: &mut q,
                k: &mut k,
                v: &mut v,
                eta,
                state,
                gamma,
                beta,
                t,
            };
            let states = &states[index * states_len..][..states_len];
            let d_out = &d_out[at..];
            by_width!(
                f,
                backward::<T>(options, &shared, &pair, d_out, states, &mut grads)
            );
        });

    let mut eta = zeros(inputs.eta.len());
    for (pair, rates) in eta_by_pair.chunks_exact(inputs.length).enumerate() {
        let (sample, head) = (pair / heads, pair % heads);
        for (l, &x) in rates.iter().enumerate() {
            eta[(sample * inputs.length + l) * heads + head] = x;
        }
    }
    // In doubles and in sample order, whichever thread computed which pair.
    let total = |head: usize, range: std::ops::Range<usize>| {
        let mut sum = vec![0.0f64; range.len()];
        for sample in 0..inputs.batch {
            let at = (sample * heads + head) * share;
            for (s, x) in sum
                .iter_mut()
                .zip(&shares[at + range.start..at + range.end])
            {
                *s += x.wide();
            }
        }
        sum
    };
    let per_head = |range: std::ops::Range<usize>| -> Vec<T> {
        (0..heads)
            .flat_map(|h| total(h, range.clone()))
            .map(T::of)
            .collect()
    };
    let bias = f * f..f * f + f;
    let gamma = bias.end..bias.end + f;
    let beta = gamma.end..gamma.end + f;
    let place = beta.end..share;
    let mut t = vec![0.0f64; b];
    for head in 0..heads {
        for (t, x) in t.iter_mut().zip(total(head, place.clone())) {
            *t += x;
        }
    }
    ScanGradients {
        qkv,
        eta,
        t: t.into_iter().map(T::of).collect(),
        w0: per_head(0..f * f),
        c0: per_head(bias),
        gamma: per_head(gamma),
        beta: per_head(beta),
    }
}
