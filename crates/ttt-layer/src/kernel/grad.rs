//! TTT-Linear over one (sample, head) pair, backward.
//!
//! The chunks of a group are first run forward again from the kept state, then walked back.

use super::gemm::{self, Into};
use super::real::Real;
use super::rows::{standardise, sums, through_standardise};
use super::scan::{Pair, ScanOptions, Shared, affine, descend, end_rates, inner_gradient, padded};

/// Where the gradients of one pair go. The last five are this pair's share of the gradients of
/// the shared tensors.
pub struct Gradients<'a, T> {
    /// Rows of the gradient of the queries, one per token.
    pub q: &'a mut [&'a mut [T]],
    /// Keys.
    pub k: &'a mut [&'a mut [T]],
    /// Values.
    pub v: &'a mut [&'a mut [T]],
    /// `[length]`, rates.
    pub eta: &'a mut [T],
    /// `[width + 1, width]`, start state `[W; c]`.
    pub state: &'a mut [T],
    /// `[width]`
    pub gamma: &'a mut [T],
    /// `[width]`
    pub beta: &'a mut [T],
    /// `[chunk]`
    pub t: &'a mut [T],
}

/// Backward pass of one pair. `d_out` starts at the pair's first output and is laid
/// out as the output; `states` are those kept by the
/// forward pass. All gradients are overwritten.
#[inline(always)]
pub fn backward<T: Real, const WIDTH: usize>(
    options: &ScanOptions,
    shared: &Shared<T>,
    pair: &Pair<T>,
    d_out: &[T],
    states: &[T],
    grads: &mut Gradients<T>,
) {
    let f = if WIDTH == 0 { pair.width } else { WIDTH };
    let b = options.chunk;
    let bp = padded(b);
    let bf = b * f;
    let block = (f + 1) * f;
    let (eps, h) = (T::of(options.eps), pair.head);
    let per_row = T::ONE / T::of(f as f64);
    let gamma = &shared.gamma[h * f..][..f];
    let beta = &shared.beta[h * f..][..f];
    let causal = options.causal;
    let group = options.group.min(options.chunks(pair.length));
    let zeros = |n: usize| vec![T::ZERO; n];

    // Kept for each chunk of a group.
    let mut path = zeros((group + 1) * block);
    let (mut keys, mut normals, mut inner) =
        (zeros(group * bf), zeros(group * bf), zeros(group * bf));
    let (mut inverses, mut alongs) = (zeros(group * b), zeros(group * b));
    // Kept for one chunk.
    let (mut q, mut dq, mut dk) = (zeros(bf), zeros(bf), zeros(bf));
    let (mut zq, mut dzq, mut dz, mut kd) = (zeros(bf), zeros(bf), zeros(bf), zeros(bf));
    let (mut dg, mut gd) = (zeros(bf), zeros(bf));
    let (mut kt, mut gt) = (zeros(f * bp), zeros(f * bp));
    let (mut s, mut m, mut a) = (zeros(b * bp), zeros(b * bp), zeros(b * bp));
    let mut wt = zeros(f * f);
    let (mut eta, mut e, mut deta) = (zeros(b), zeros(b), zeros(b));

    let dstate = &mut *grads.state;
    dstate.fill(T::ZERO);
    grads.gamma.fill(T::ZERO);
    grads.beta.fill(T::ZERO);
    grads.t.fill(T::ZERO);

    let span = options.group * b;
    let groups = pair.length.div_ceil(span);
    for gi in (0..groups).rev() {
        let first = gi * span;
        let last = pair.length.min(first + span);
        path[..block].copy_from_slice(&states[gi * block..][..block]);
        for (n, start) in (first..last).step_by(b).enumerate() {
            let r = b.min(last - start);
            let k = &mut keys[n * bf..][..r * f];
            let z = &mut normals[n * bf..][..r * f];
            let g = &mut inner[n * bf..][..r * f];
            for j in 0..r {
                let at = (start + j) * pair.stride;
                shared
                    .rope
                    .turn(j, &pair.k[at..][..f], &mut k[j * f..][..f]);
            }
            let (here, next) = path[n * block..].split_at_mut(block);
            affine([r, f], k, here, z);
            for j in 0..r {
                let v = &pair.v[(start + j) * pair.stride..][..f];
                let rows = [&k[j * f..][..f], v, gamma, beta];
                let (inverse, along) =
                    inner_gradient(&mut z[j * f..][..f], &mut g[j * f..][..f], rows, eps);
                inverses[n * b + j] = inverse;
                alongs[n * b + j] = along;
            }
            // The last chunk's end state is read only when its own tokens read it.
            if start + r < last || !causal {
                let (eta, e) = (&mut eta[..r], &mut e[..r]);
                pair.rates(options.heads, start, eta);
                end_rates(causal, shared.t, eta, e);
                let next = &mut next[..block];
                next.copy_from_slice(here);
                dg[..r * f].copy_from_slice(g);
                descend([r, f], k, e, &mut dg[..r * f], next);
            }
        }

        for (n, start) in (first..last)
            .step_by(b)
            .enumerate()
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
        {
            let r = b.min(last - start);
            let rf = [r, f];
            let k = &keys[n * bf..][..r * f];
            let normal = &normals[n * bf..][..r * f];
            let g = &inner[n * bf..][..r * f];
            let start_state = &path[n * block..][..block];
            let read_state = if causal {
                start_state
            } else {
                &path[(n + 1) * block..][..block]
            };
            let (eta, e) = (&mut eta[..r], &mut e[..r]);
            pair.rates(options.heads, start, eta);
            end_rates(causal, shared.t, eta, e);
            for j in 0..r {
                let at = (start + j) * pair.stride;
                shared
                    .rope
                    .turn(j, &pair.q[at..][..f], &mut q[j * f..][..f]);
            }

            // Read-out again: Z̄ and, for causal chunks, S = Q Kᵀ and M.
            affine(rf, &q, read_state, &mut zq);
            if causal {
                gemm::transpose(r, f, k, f, &mut kt, bp);
                gemm::nn(
                    [r, bp, f],
                    (&q, f),
                    false,
                    (&kt, bp),
                    Into::Set,
                    (&mut s, bp),
                );
                for i in 0..r {
                    for j in 0..r {
                        let x = s[i * bp + j] + T::ONE;
                        s[i * bp + j] = x;
                        let e_ij = if j <= i {
                            shared.t[i] * eta[j]
                        } else {
                            T::ZERO
                        };
                        m[i * bp + j] = e_ij * x;
                    }
                }
                gemm::nn([r, f, r], (&m, bp), true, (g, f), Into::Sub, (&mut zq, f));
            }
            // Through the read-out normalisation: dZ̄.
            for i in 0..r {
                let row = &mut zq[i * f..][..f];
                let inverse = standardise(row, eps);
                let d = &d_out[(start + i) * options.heads * f..][..f];
                let y = &mut dzq[i * f..][..f];
                let dq = &mut dq[i * f..][..f];
                for c in 0..f {
                    grads.gamma[c] += d[c] * row[c];
                    grads.beta[c] += d[c];
                    y[c] = d[c] * gamma[c];
                    dq[c] = d[c];
                }
                through_standardise(y, row, inverse);
            }
            if !causal {
                absorb(rf, &q, &dzq, dstate);
            }

            // Through the chunk-end weights: KD = K dW' + dc', GD = G dW'ᵀ.
            affine(rf, k, dstate, &mut kd);
            gemm::transpose(f, f, dstate, f, &mut wt, f);
            gemm::nn([r, f, f], (g, f), false, (&wt, f), Into::Set, (&mut gd, f));
            for j in 0..r {
                let (kd, g) = (&kd[j * f..][..f], &g[j * f..][..f]);
                let (gd, dg) = (&gd[j * f..][..f], &mut dg[j * f..][..f]);
                let dk = &mut dk[j * f..][..f];
                for c in 0..f {
                    dg[c] = -e[j] * kd[c];
                    dk[c] = -e[j] * gd[c];
                }
                let [de] = sums(f, |c| [-(kd[c] * g[c])]);
                deta[j] = de;
            }
            if causal {
                let end = r - 1;
                for j in 0..r {
                    grads.t[end] += deta[j] * eta[j];
                    deta[j] = deta[j] * shared.t[end];
                }
                absorb(rf, &q, &dzq, dstate);
                // Through M: dM = -tril(dZ̄ Gᵀ), dE = dM (S + 1), R = dM E.
                gemm::transpose(r, f, g, f, &mut gt, bp);
                gemm::nn(
                    [r, bp, f],
                    (&dzq, f),
                    false,
                    (&gt, bp),
                    Into::Set,
                    (&mut a, bp),
                );
                for i in 0..r {
                    let ti = shared.t[i];
                    let row = &mut a[i * bp..][..r];
                    for j in 0..=i {
                        let dm = -row[j];
                        let de = dm * s[i * bp + j];
                        deta[j] += de * ti;
                        grads.t[i] += de * eta[j];
                        row[j] = dm * ti * eta[j];
                    }
                    row[i + 1..].fill(T::ZERO);
                }
                gemm::nn([r, f, r], (&a, bp), true, (k, f), Into::Add, (&mut dq, f));
                gemm::tn([r, f, r], (&a, bp), (&q, f), Into::Add, (&mut dk, f));
                gemm::tn([r, f, r], (&m, bp), (&dzq, f), Into::Sub, (&mut dg, f));
            } else {
                let share = T::ONE / T::of(r as f64);
                for d in &mut deta[..r] {
                    *d = *d * share;
                }
            }
            grads.eta[start..start + r].copy_from_slice(&deta[..r]);

            // Through the inner gradient (the second-order part) and the loss: dZ, dV, dγ, dβ.
            for j in 0..r {
                let inverse = inverses[n * b + j];
                let along = alongs[n * b + j];
                let x = &normal[j * f..][..f];
                let (k, g) = (&k[j * f..][..f], &g[j * f..][..f]);
                let v = &pair.v[(start + j) * pair.stride..][..f];
                let dg = &mut dg[j * f..][..f];
                let [dsigma] = sums(f, |c| [-(dg[c] * g[c])]);
                let dsigma = dsigma * inverse;
                let dz = &mut dz[j * f..][..f];
                let dk = &mut dk[j * f..][..f];
                let dv = &mut grads.v[start + j][..f];
                for c in 0..f {
                    dz[c] = dg[c] * inverse; // u
                }
                let [sum, across] = sums(f, |c| [dz[c], dz[c] * x[c]]);
                let (mean, across) = (sum * per_row, across * per_row);
                for c in 0..f {
                    let u = dz[c];
                    let residual = gamma[c] * x[c] + beta[c] - (v[c] - k[c]);
                    let h = residual * gamma[c];
                    let dh = u - mean - x[c] * across;
                    let dr = dh * gamma[c];
                    grads.gamma[c] += dh * residual + dr * x[c];
                    grads.beta[c] += dr;
                    dv[c] = -dr;
                    dk[c] += dr;
                    dz[c] = dr * gamma[c] - along * u - h * across;
                }
                through_standardise(dz, x, inverse);
                let slope = dsigma * per_row;
                for c in 0..f {
                    dz[c] += slope * x[c];
                }
            }

            // Through Z = K W + c and Z̄ = Q W + c.
            gemm::transpose(f, f, start_state, f, &mut wt, f);
            gemm::nn(
                [r, f, f],
                (&dz, f),
                false,
                (&wt, f),
                Into::Add,
                (&mut dk, f),
            );
            if !causal {
                gemm::transpose(f, f, read_state, f, &mut wt, f);
            }
            gemm::nn(
                [r, f, f],
                (&dzq, f),
                false,
                (&wt, f),
                Into::Add,
                (&mut dq, f),
            );
            absorb(rf, k, &dz, dstate);

            for j in 0..r {
                shared
                    .rope
                    .turn_back(j, &dq[j * f..][..f], &mut grads.q[start + j][..f]);
                shared
                    .rope
                    .turn_back(j, &dk[j * f..][..f], &mut grads.k[start + j][..f]);
            }
        }
    }
}

/// `dW += Xᵀ D`, `dc += Σ D` for the gradient `[dW; dc]` of a state read as `X W + c`.
#[inline(always)]
fn absorb<T: Real>([r, f]: [usize; 2], x: &[T], d: &[T], dstate: &mut [T]) {
    let (dw, dc) = dstate.split_at_mut(f * f);
    let dc = &mut dc[..f];
    for row in d[..r * f].chunks_exact(f) {
        for c in 0..f {
            dc[c] += row[c];
        }
    }
    gemm::tn([f, f, r], (x, f), (d, f), Into::Add, (dw, f));
}
