//! What defines a correct TTT-Linear scan.

mod common;

use burn::tensor::{DType, Tensor};
use common::*;
use ttt_layer::kernel::{ScanInputs, ScanOutput, scan_backward, scan_forward};
use ttt_layer::*;

/// The seven inputs of the kernel as plain vectors.
#[derive(Clone)]
struct Plain {
    dims: [usize; 4],
    tensors: [Vec<f64>; 7],
}

impl Plain {
    fn new(dims: [usize; 4], chunk: usize) -> Self {
        let ScanTensors {
            qkv,
            eta,
            t,
            w0,
            c0,
            gamma,
            beta,
        } = scan_tensors(dims, chunk, DType::F64);
        let tensors = [
            values(qkv),
            values(eta),
            values(t),
            values(w0),
            values(c0),
            values(gamma),
            values(beta),
        ];
        Self { dims, tensors }
    }

    fn view(&self) -> ScanInputs<'_, f64> {
        let [batch, length, _, width] = self.dims;
        let [qkv, eta, t, w0, c0, gamma, beta] = &self.tensors;
        ScanInputs {
            batch,
            length,
            width,
            qkv,
            eta,
            t,
            w0,
            c0,
            gamma,
            beta,
        }
    }

    fn forward(&self, options: &ScanOptions) -> ScanOutput<f64> {
        scan_forward(options, &self.view())
    }

    /// Row of a token in `q`, `k` or `v` for one head, turned by its place in the chunk.
    fn row(
        &self,
        which: usize,
        sample: usize,
        token: usize,
        head: usize,
        chunk: usize,
    ) -> Vec<f64> {
        let [_, length, heads, f] = self.dims;
        let d = heads * f;
        let at = (sample * length + token) * 3 * d + which * d + head * f;
        let row = &self.tensors[0][at..at + f];
        if which == 2 {
            return row.to_vec();
        }
        let mut out = vec![0.0; f];
        for p in 0..f / 2 {
            let angle = (token % chunk) as f64 / 10000f64.powf(2.0 * p as f64 / f as f64);
            let (a, b) = (row[2 * p], row[2 * p + 1]);
            out[2 * p] = a * angle.cos() - b * angle.sin();
            out[2 * p + 1] = a * angle.sin() + b * angle.cos();
        }
        out
    }
}

fn normalise(z: &[f64]) -> (Vec<f64>, f64) {
    let n = z.len() as f64;
    let mean = z.iter().sum::<f64>() / n;
    let sigma = (z.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n + 1e-6).sqrt();
    (z.iter().map(|x| (x - mean) / sigma).collect(), sigma)
}

/// Token by token with explicit inner weights: the definition, without the chunk algebra.
/// Returns the outputs and the inner loss of every chunk at its start and at its end weights.
fn primal(plain: &Plain, chunk: usize) -> (Vec<f64>, Vec<(f64, f64)>) {
    let [batch, length, heads, f] = plain.dims;
    let mut out = vec![0.0; batch * length * heads * f];
    let mut losses = Vec::new();
    let [.., t, w0, c0, gamma, beta] = &plain.tensors;
    let eta = &plain.tensors[1];
    for sample in 0..batch {
        for head in 0..heads {
            let (gamma, beta) = (&gamma[head * f..][..f], &beta[head * f..][..f]);
            let mut w = w0[head * f * f..][..f * f].to_vec();
            let mut c = c0[head * f..][..f].to_vec();
            let apply = |x: &[f64], w: &[f64], c: &[f64]| -> Vec<f64> {
                (0..f)
                    .map(|j| c[j] + (0..f).map(|i| x[i] * w[i * f + j]).sum::<f64>())
                    .collect()
            };
            let inner = |k: &[f64], v: &[f64], w: &[f64], c: &[f64]| {
                let (x, sigma) = normalise(&apply(k, w, c));
                let r: Vec<f64> = (0..f)
                    .map(|i| gamma[i] * x[i] + beta[i] - (v[i] - k[i]))
                    .collect();
                let loss = 0.5 * r.iter().map(|r| r * r).sum::<f64>();
                // The full Jacobian of the normalisation.
                let n = f as f64;
                let g: Vec<f64> = (0..f)
                    .map(|j| {
                        (0..f)
                            .map(|i| {
                                let same = if i == j { 1.0 } else { 0.0 };
                                r[i] * gamma[i] * (same - 1.0 / n - x[i] * x[j] / n) / sigma
                            })
                            .sum()
                    })
                    .collect();
                (loss, g)
            };
            for start in (0..length).step_by(chunk) {
                let r = chunk.min(length - start);
                let (mut sw, mut sc) = (vec![0.0; f * f], vec![0.0; f]);
                let (mut wi, mut ci) = (w.clone(), c.clone());
                let mut before = 0.0;
                for (i, t) in t.iter().enumerate().take(r) {
                    let token = start + i;
                    let k = plain.row(1, sample, token, head, chunk);
                    let v = plain.row(2, sample, token, head, chunk);
                    let (loss, g) = inner(&k, &v, &w, &c);
                    before += loss;
                    let rate = eta[(sample * length + token) * heads + head];
                    for a in 0..f {
                        for j in 0..f {
                            sw[a * f + j] += rate * k[a] * g[j];
                        }
                        sc[a] += rate * g[a];
                    }
                    for (x, (w, s)) in wi.iter_mut().zip(w.iter().zip(&sw)) {
                        *x = w - t * s;
                    }
                    for (x, (c, s)) in ci.iter_mut().zip(c.iter().zip(&sc)) {
                        *x = c - t * s;
                    }
                    let q = plain.row(0, sample, token, head, chunk);
                    let (x, _) = normalise(&apply(&q, &wi, &ci));
                    let at = (sample * length + token) * heads * f + head * f;
                    for j in 0..f {
                        out[at + j] = q[j] + gamma[j] * x[j] + beta[j];
                    }
                }
                (w, c) = (wi, ci);
                let after = (start..start + r)
                    .map(|token| {
                        let k = plain.row(1, sample, token, head, chunk);
                        let v = plain.row(2, sample, token, head, chunk);
                        inner(&k, &v, &w, &c).0
                    })
                    .sum();
                losses.push((before, after));
            }
        }
    }
    (out, losses)
}

#[test]
fn chunked_form_equals_the_token_by_token_form() {
    // The third case is per-token online descent.
    for (length, chunk) in [(16, 16), (48, 16), (53, 16), (7, 1), (40, 5)] {
        let plain = Plain::new([2, length, 2, 8], chunk);
        let (wanted, _) = primal(&plain, chunk);
        let found = plain.forward(&options(2, chunk, true)).out;
        assert_close("f64", &found, &wanted, 1e-12);
        let tensors = scan_tensors([2, length, 2, 8], chunk, DType::F32);
        let found = values(ttt_scan(tensors, &options(2, chunk, true)));
        assert_close("f32", &found, &wanted, 1e-5);
    }
}

#[test]
fn inner_loss_falls_within_every_chunk() {
    let plain = Plain::new([2, 64, 2, 16], 16);
    let (_, losses) = primal(&plain, 16);
    assert_eq!(losses.len(), 16);
    for (before, after) in losses {
        assert!(after < before, "{after} is not below {before}");
    }
}

#[test]
fn earlier_outputs_do_not_see_later_tokens() {
    let (length, d) = (53, 16);
    for (causal, changed, untouched) in [(true, 37, 37), (false, 37, 32)] {
        let options = options(2, 16, causal);
        let plain = Plain::new([1, length, 2, 8], 16);
        let mut other = plain.clone();
        for x in &mut other.tensors[0][changed * 3 * d..(changed + 1) * 3 * d] {
            *x += 1.0;
        }
        let (a, b) = (plain.forward(&options).out, other.forward(&options).out);
        assert_eq!(a[..untouched * d], b[..untouched * d], "bit for bit");
        for token in untouched.max(changed)..length {
            let row = token * d..(token + 1) * d;
            assert_ne!(a[row.clone()], b[row], "token {token} sees the change");
        }
    }
}

#[test]
fn a_token_at_the_front_sees_nothing_but_itself() {
    // Why a class token at position 0 is a constant over cells, and why sequences are pooled.
    let options = options(2, 16, true);
    let plain = Plain::new([1, 40, 2, 8], 16);
    let mut other = plain.clone();
    for x in &mut other.tensors[0][3 * 16..] {
        *x = -*x;
    }
    let (a, b) = (plain.forward(&options).out, other.forward(&options).out);
    assert_eq!(a[..16], b[..16]);
    assert_ne!(a[16..], b[16..]);
}

#[test]
fn samples_do_not_see_each_other() {
    let options = options(2, 16, true);
    let whole = Plain::new([3, 37, 2, 8], 16);
    let out = whole.forward(&options).out;
    let swapped = {
        let mut p = whole.clone();
        for (which, row) in [(0, 48), (1, 2)] {
            let n = 37 * row;
            let (first, rest) = p.tensors[which].split_at_mut(n);
            first.swap_with_slice(&mut rest[n..2 * n]);
        }
        p.forward(&options).out
    };
    let n = 37 * 16;
    assert_eq!(out[..n], swapped[2 * n..]);
    assert_eq!(out[n..2 * n], swapped[n..2 * n]);
    assert_eq!(out[2 * n..], swapped[..n]);
}

#[test]
fn without_rates_nothing_is_learned() {
    for causal in [true, false] {
        let mut plain = Plain::new([2, 21, 2, 8], 16);
        plain.tensors[1].fill(0.0);
        let options = ScanOptions {
            rope: None,
            ..options(2, 16, causal)
        };
        let output = plain.forward(&options);
        let [_, _, _, w0, c0, gamma, beta] = &plain.tensors;
        for i in 0..2 * 21 * 2 {
            let h = i % 2;
            let row = plain.row(0, i / 42, i / 2 % 21, h, 1);
            let z: Vec<f64> = (0..8)
                .map(|j| {
                    let w = |a: usize| w0[h * 64 + a * 8 + j];
                    c0[h * 8 + j] + (0..8).map(|a| row[a] * w(a)).sum::<f64>()
                })
                .collect();
            let (x, _) = normalise(&z);
            let wanted: Vec<f64> = (0..8)
                .map(|j| row[j] + gamma[h * 8 + j] * x[j] + beta[h * 8 + j])
                .collect();
            assert_close("row", &output.out[i * 8..][..8], &wanted, 1e-13);
        }
        // States: [batch, heads, states, 9, 8].
        let states = options.states(21);
        for pair in 0..4 {
            let end = &output.states[(pair * states + states - 1) * 72..][..72];
            assert_eq!(end[..64], w0[pair % 2 * 64..][..64]);
            assert_eq!(end[64..], c0[pair % 2 * 8..][..8]);
        }
    }
}

#[test]
fn gradients_match_central_differences() {
    // Widths with and without a specialised kernel, chunks that end short, groups that end short.
    for (dims, chunk, causal, rope, group) in [
        ([2, 21, 2, 8], 5, true, true, 2),
        ([2, 21, 2, 8], 5, false, true, 2),
        ([1, 9, 1, 32], 4, true, true, 8),
        ([1, 11, 2, 5], 4, true, false, 1),
        ([1, 11, 2, 5], 16, false, false, 3),
    ] {
        let plain = Plain::new(dims, chunk);
        let options = ScanOptions {
            heads: dims[2],
            chunk,
            causal,
            rope: rope.then_some(10000.0),
            eps: 1e-6,
            group,
        };
        let weight = wave(plain.tensors[0].len() / 3, 11.0, 1.0, 0.0);
        let loss = |p: &Plain| -> f64 {
            p.forward(&options)
                .out
                .iter()
                .zip(&weight)
                .map(|(x, w)| x * w)
                .sum()
        };
        let states = plain.forward(&options).states;
        let g = scan_backward(&options, &plain.view(), &states, &weight);
        let found = [g.qkv, g.eta, g.t, g.w0, g.c0, g.gamma, g.beta];
        for (which, found) in found.iter().enumerate() {
            let n = found.len();
            assert_eq!(n, plain.tensors[which].len());
            let places: Vec<usize> = (0..n).step_by((n / 60).max(1)).collect();
            let wanted: Vec<f64> = places
                .iter()
                .map(|&i| {
                    let step = 2e-5;
                    let at = |delta: f64| {
                        let mut p = plain.clone();
                        p.tensors[which][i] += delta;
                        loss(&p)
                    };
                    // Without the error of second order in the step.
                    let slope = |step: f64| (at(step) - at(-step)) / (2.0 * step);
                    (4.0 * slope(step / 2.0) - slope(step)) / 3.0
                })
                .collect();
            let found: Vec<f64> = places.iter().map(|&i| found[i]).collect();
            let scale = wanted.iter().fold(1.0f64, |a, x| a.max(x.abs()));
            for (a, b) in found.iter().zip(&wanted) {
                let error = (a - b).abs() / scale;
                assert!(error < 1e-7, "input {which} of {dims:?}: {a} against {b}");
            }
        }
    }
}

fn leaves(t: &ScanTensors) -> ScanTensors {
    let t = t.clone();
    ScanTensors {
        qkv: t.qkv.require_grad(),
        eta: t.eta.require_grad(),
        t: t.t.require_grad(),
        w0: t.w0.require_grad(),
        c0: t.c0.require_grad(),
        gamma: t.gamma.require_grad(),
        beta: t.beta.require_grad(),
    }
}

#[test]
fn fused_equals_tensor_operations() {
    for (dims, chunk, causal) in [
        ([2, 37, 2, 8], 16, true),
        ([2, 37, 2, 8], 16, false),
        ([1, 35, 3, 16], 8, true),
        ([2, 19, 1, 24], 16, true),
        ([1, 40, 2, 32], 16, true),
        ([1, 40, 2, 32], 16, false),
        ([1, 33, 1, 64], 16, true),
        ([1, 20, 1, 128], 16, true),
        ([1, 14, 2, 64], 16, true),
    ] {
        for (dtype, value, gradient) in [(DType::F64, 1e-12, 1e-11), (DType::F32, 1e-5, 5e-5)] {
            let tensors = scan_tensors(dims, chunk, dtype);
            let options = options(dims[2], chunk, causal);
            let run = |f: fn(ScanTensors, &ScanOptions) -> (Tensor<3>, InnerState)| {
                let x = leaves(&tensors);
                let (out, state) = f(x.clone(), &options);
                let grads = (out.clone() * weights(out.dims(), dtype)).sum().backward();
                let mut all = vec![values(x.qkv.grad(&grads).expect("qkv"))];
                all.push(values(x.eta.grad(&grads).expect("eta")));
                all.push(x.t.grad(&grads).map_or(vec![0.0; chunk], values));
                all.push(values(x.w0.grad(&grads).expect("w0")));
                all.push(values(x.c0.grad(&grads).expect("c0")));
                all.push(values(x.gamma.grad(&grads).expect("gamma")));
                all.push(values(x.beta.grad(&grads).expect("beta")));
                (values(out), values(state.w), values(state.c), all)
            };
            let (out, w, c, grads) = run(ttt_scan_with_state);
            let (out_r, w_r, c_r, grads_r) = run(reference::ttt_scan);
            let what = format!("{dims:?} {dtype:?} causal {causal}");
            assert_close(&what, &out, &out_r, value);
            assert_close(&what, &w, &w_r, value);
            assert_close(&what, &c, &c_r, value);
            for (i, (a, b)) in grads.iter().zip(&grads_r).enumerate() {
                assert_close(&format!("{what}: gradient {i}"), a, b, gradient);
            }
        }
    }
}

#[test]
fn strided_inputs_are_read_correctly() {
    let tensors = scan_tensors([2, 20, 2, 8], 16, DType::F32);
    let options = options(2, 16, true);
    let plain = values(ttt_scan(tensors.clone(), &options));
    let turned = |x: Tensor<3>| x.swap_dims(1, 2).reshape([2, 48, 20]).swap_dims(1, 2);
    let views = ScanTensors {
        qkv: turned(tensors.qkv.clone()),
        ..tensors
    };
    assert_eq!(values(ttt_scan(views, &options)), plain);
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let plain = Plain::new([5, 70, 2, 8], 16);
    let options = options(2, 16, true);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        pool.install(|| {
            let output = plain.forward(&options);
            let g = scan_backward(&options, &plain.view(), &output.states, &output.out);
            [output.out, g.qkv, g.eta, g.t, g.w0, g.c0, g.gamma, g.beta]
        })
    };
    let one = run(1);
    for threads in [2, 3] {
        assert_eq!(one, run(threads));
    }
}
