//! Likelihoods as burn operations: the kernel against tensor operations, sparse against dense, sampling against
//! the moments.
#![cfg(feature = "tensor")]

mod one_parameter;
#[cfg(feature = "wgpu")]
mod wgpu;

use burn::tensor::{DType, Device, Tensor, TensorData};
use sparse_ops::CsrTensor;
use zinb::kernel::{MeanLink, ThetaLink};
use zinb::tensor::{
    BatchLikelihood, BernoulliOutput, CountOutput, Dispersion, GaussianOutput, RowMap, Targets,
    Weights, posterior_predictive, reference,
};

const CELLS: usize = 19;
const GENES: usize = 41;

fn tensor<const D: usize>(
    data: Vec<f64>,
    shape: [usize; D],
    device: &Device,
    dtype: DType,
) -> Tensor<D> {
    Tensor::from_data(
        TensorData::new(data, shape).convert_dtype(dtype),
        (device, dtype),
    )
}

fn wave(n: usize, k: f64) -> Vec<f64> {
    (0..n).map(|i| (i as f64 * k).sin()).collect()
}

fn counts() -> Vec<f64> {
    let w = wave(CELLS * GENES, 1.7);
    w.iter()
        .map(|x| if *x < 0.4 { 0.0 } else { (x * 25.0).floor() })
        .collect()
}

fn values<const D: usize>(x: Tensor<D>) -> Vec<f64> {
    x.into_data().iter::<f64>().collect()
}

fn close(a: &[f64], b: &[f64], tolerance: f64, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    let scale = b.iter().fold(1e-30f64, |s, x| s.max(x.abs()));
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * scale,
            "{what} at {i}: {a} and {b}"
        );
    }
}

/// The three kinds of counts, each with another pair of links and rows.
fn outputs(device: &Device, dtype: DType) -> Vec<CountOutput> {
    let n = CELLS * GENES;
    let tracked = |x: Tensor<2>| {
        if device.is_autodiff() {
            x.require_grad()
        } else {
            x
        }
    };
    let h = |k: f64| tracked(tensor(wave(n, k), [CELLS, GENES], device, dtype));
    let positive = |len: usize, k: f64| {
        wave(len, k)
            .into_iter()
            .map(|x| 1.2 + x)
            .collect::<Vec<_>>()
    };
    let scale = |factor: f64| {
        let s = positive(CELLS, 0.9)
            .into_iter()
            .map(|x| x * factor)
            .collect();
        tensor(s, [CELLS], device, dtype)
    };
    let raw = |rows: usize| {
        tracked(tensor(
            wave(rows * GENES, 0.3),
            [rows, GENES],
            device,
            dtype,
        ))
    };
    let groups: Vec<u32> = (0..CELLS as u32).map(|i| i % 3).collect();
    let grouped = Dispersion {
        link: ThetaLink::Softplus,
        ..Dispersion::per_group(raw(3), groups)
    };
    vec![
        CountOutput {
            h: h(0.7),
            mean_link: MeanLink::Exp,
            scale: scale(1.0),
            dispersion: None,
            logit: None,
        },
        CountOutput {
            h: h(0.8),
            mean_link: MeanLink::Softplus,
            scale: scale(2.0),
            dispersion: Some(grouped),
            logit: None,
        },
        CountOutput {
            h: h(0.6),
            mean_link: MeanLink::Softmax,
            scale: scale(50.0),
            dispersion: Some(Dispersion::per_cell(raw(CELLS))),
            logit: Some(h(0.4)),
        },
    ]
}

fn weights(device: &Device, dtype: DType) -> Weights {
    let w = wave(2 * GENES, 2.1)
        .into_iter()
        .map(|x| if x < -0.3 { 0.0 } else { 1.0 + x })
        .collect();
    let groups: Vec<u32> = (0..CELLS as u32).map(|i| i % 2).collect();
    Weights {
        features: Some((
            tensor(w, [2, GENES], device, dtype),
            RowMap::Groups(groups.into()),
        )),
        cells: Some(tensor(
            wave(CELLS, 0.5).into_iter().map(|x| 1.5 + x).collect(),
            [CELLS],
            device,
            dtype,
        )),
    }
}

fn sparse(device: &Device, dtype: DType) -> CsrTensor {
    let (mut indptr, mut indices, mut data) = (vec![0], vec![], vec![]);
    for row in counts().chunks(GENES) {
        for (j, x) in row.iter().enumerate().filter(|(_, x)| **x != 0.0) {
            indices.push(j as u32);
            data.push(*x);
        }
        indptr.push(data.len());
    }
    CsrTensor::from_slices([CELLS, GENES], &indptr, &indices, &data, (device, dtype)).unwrap()
}

/// Loss, losses of the cells, and gradients by h, theta and logit.
fn evaluate(output: &CountOutput, targets: &Targets, weights: &Weights) -> Vec<Vec<f64>> {
    let nll = output.nll(targets, weights);
    // A factor, as a weighted sum of losses has one.
    let grads = (nll.loss.clone() * 0.25).backward();
    let mut all = vec![values(nll.loss), values(nll.per_cell)];
    all.push(values(output.h.grad(&grads).unwrap()));
    if let Some(d) = &output.dispersion {
        all.push(values(d.raw.grad(&grads).unwrap()));
    }
    if let Some(l) = &output.logit {
        all.push(values(l.grad(&grads).unwrap()));
    }
    all
}

#[test]
fn the_kernel_equals_tensor_operations() {
    for (dtype, tolerance) in [(DType::F64, 1e-7), (DType::F32, 3e-5)] {
        let device = Device::flex().autodiff();
        let x = tensor(counts(), [CELLS, GENES], &device, dtype);
        for w in [Weights::default(), weights(&device, dtype)] {
            for output in outputs(&device, dtype) {
                let what = format!("{:?} {dtype:?}", output.family());
                let fused = evaluate(&output, &Targets::Dense(x.clone()), &w);
                let ll = reference::count_ll(&output, x.clone());
                let ll = match &w.features {
                    None => ll,
                    Some((f, RowMap::Groups(g))) => {
                        let index: Vec<i32> = g.iter().map(|&g| g as i32).collect();
                        let index = TensorData::new(index, [CELLS]);
                        ll * f.clone().select(0, Tensor::from_data(index, &device))
                    }
                    _ => unreachable!(),
                };
                let per_cell: Tensor<1> = -ll.sum_dim(1).squeeze_dim::<1>(1);
                let loss = match &w.cells {
                    None => per_cell.clone().mean(),
                    Some(c) => (per_cell.clone() * c.clone()).sum(),
                };
                let grads = (loss.clone() * 0.25).backward();
                close(&fused[0], &values(loss), tolerance, &what);
                close(&fused[1], &values(per_cell), tolerance, &what);
                close(
                    &fused[2],
                    &values(output.h.grad(&grads).unwrap()),
                    5.0 * tolerance,
                    &what,
                );
                if let Some(d) = &output.dispersion {
                    close(
                        &fused[3],
                        &values(d.raw.grad(&grads).unwrap()),
                        5.0 * tolerance,
                        &what,
                    );
                }
                if let Some(l) = &output.logit {
                    close(
                        &fused[4],
                        &values(l.grad(&grads).unwrap()),
                        5.0 * tolerance,
                        &what,
                    );
                }
            }
        }
    }
}

#[test]
fn sparse_targets_equal_dense_ones() {
    let device = Device::flex().autodiff();
    let w = weights(&device, DType::F32);
    let dense = Targets::from(tensor(counts(), [CELLS, GENES], &device, DType::F32));
    let sparse = Targets::from(sparse(&device, DType::F32));
    assert_eq!(values(dense.to_dense()), values(sparse.to_dense()));
    for output in outputs(&device, DType::F32) {
        assert_eq!(
            evaluate(&output, &dense, &w),
            evaluate(&output, &sparse, &w)
        );
    }
}

#[test]
fn without_autodiff_there_is_only_a_value() {
    let device = Device::flex();
    let tracked = Device::flex().autodiff();
    let targets = Targets::from(sparse(&device, DType::F32));
    for (plain, with) in outputs(&device, DType::F32)
        .iter()
        .zip(outputs(&tracked, DType::F32))
    {
        let (a, b) = (
            plain.nll(&targets, &Weights::default()),
            with.nll(&targets, &Weights::default()),
        );
        assert_eq!(values(a.loss), values(b.loss));
        assert!(!b.per_cell.is_autodiff());
    }
}

#[test]
fn rows_of_a_larger_tensor_are_those_rows() {
    let device = Device::flex().autodiff();
    let kept = 3..10;
    let part = kept.start * GENES..kept.end * GENES;
    let x = tensor(
        counts()[part.clone()].to_vec(),
        [7, GENES],
        &device,
        DType::F64,
    );
    let targets = Targets::Dense(x.inner());
    let of = |h: Tensor<2>, leaf: &Tensor<2>| {
        let poisson = CountOutput {
            scale: Tensor::ones([7], (&device, DType::F64)),
            h,
            mean_link: MeanLink::Exp,
            dispersion: None,
            logit: None,
        };
        let nll = poisson.into_nll(&targets, &Weights::default());
        let grads = nll.loss.clone().backward();
        (values(nll.loss), values(leaf.grad(&grads).unwrap()))
    };
    let h = wave(CELLS * GENES, 0.7);
    let all = tensor(h.clone(), [CELLS, GENES], &device, DType::F64).require_grad();
    // Nothing else holds the product, of which these rows are a view.
    let (loss, by_all) = of((all.clone() * 2.0).slice([kept]), &all);
    let own = tensor(h[part.clone()].to_vec(), [7, GENES], &device, DType::F64).require_grad();
    let (expected, by_own) = of(own.clone() * 2.0, &own);
    assert_eq!(loss, expected);
    assert_eq!(by_all[part], by_own);
}

#[test]
fn mean_over_entries_is_the_mean_over_cells_by_the_number_of_features() {
    let device = Device::flex();
    let targets = Targets::from(sparse(&device, DType::F64));
    for output in outputs(&device, DType::F64) {
        let entries = output.nll(&targets, &Weights::mean_over_entries(&targets, &output.h));
        let cells = output.nll(&targets, &Weights::mean_over_cells());
        close(
            &values(entries.loss * GENES as f64),
            &values(cells.loss),
            1e-12,
            "means",
        );
    }
}

/// Value and gradient by the probability are those of the scalar distribution by probability.
#[test]
fn extra_zeros_by_probability() {
    use zinb::{Likelihood, ZinbPi};
    let device = Device::flex().autodiff();
    let pi: Vec<f64> = [1e-12, 1e-3, 0.2, 0.5, 0.9, 1.0 - 1e-9].repeat(4);
    let n = pi.len();
    let x: Vec<f64> = (0..n).map(|i| [0.0, 1.0, 0.0, 7.0][i / 6]).collect();
    let mu: Vec<f64> = (0..n).map(|i| [0.3, 2.0, 5.0, 4.0][i / 6]).collect();
    let input = tensor::<2>(pi.clone(), [n, 1], &device, DType::F64).require_grad();
    let output = CountOutput {
        h: tensor(mu.clone(), [n, 1], &device, DType::F64),
        mean_link: MeanLink::Identity,
        scale: Tensor::ones([n], (&device, DType::F64)),
        dispersion: Some(Dispersion::per_feature(tensor(
            vec![0.7f64.ln()],
            [1],
            &device,
            DType::F64,
        ))),
        logit: Some(zinb::tensor::logit_of_probability(input.clone())),
    };
    let targets = Targets::Dense(tensor(x.clone(), [n, 1], &device, DType::F64));
    let weights = Weights {
        features: None,
        cells: Some(Tensor::ones([n], (&device, DType::F64))),
    };
    let nll = output.nll(&targets, &weights);
    let gradient = values(input.grad(&nll.loss.backward()).unwrap());
    for (i, nll) in values(nll.per_cell).into_iter().enumerate() {
        let (mu, pi) = (mu[i], pi[i]);
        let (ll, slope) = ZinbPi { mu, theta: 0.7, pi }.ll_grad(x[i]);
        // 1 - pi has as many digits as pi leaves it.
        let limit = 1e-12 + 2.0 * f64::EPSILON / (1.0 - pi);
        assert!((nll + ll).abs() < limit * (1.0 + ll.abs()), "{i}: {nll}");
        let error = (gradient[i] + slope.pi).abs();
        assert!(error < limit * (1.0 + slope.pi.abs()), "{i}: {error:e}");
    }
}

/// 40,000 draws of one entry have its mean, variance and share of zeros within five standard errors.
#[test]
fn draws_have_the_moments_of_the_distribution() {
    const N: usize = 200;
    let device = Device::flex();
    let full = |x: f64| Tensor::<2>::full([N, N], x, (&device, DType::F64));
    let counts = |h: f64, theta: Option<f64>, logit: Option<f64>| CountOutput {
        h: full(h),
        mean_link: MeanLink::Exp,
        scale: Tensor::ones([N], (&device, DType::F64)),
        dispersion: theta.map(|t| Dispersion::per_cell(full(t.ln()))),
        logit: logit.map(full),
    };
    let all: Vec<Box<dyn BatchLikelihood>> = vec![
        Box::new(counts(0.4, None, None)),
        Box::new(counts(1.0, Some(0.7), None)),
        Box::new(counts(1.5, Some(2.0), Some(-0.5))),
        Box::new(GaussianOutput {
            mean: full(0.3),
            log_sd: full(0.2),
        }),
        Box::new(BernoulliOutput { logit: full(0.8) }),
    ];
    for (i, d) in all.iter().enumerate() {
        let x = values(d.sample(7));
        assert_eq!(x, values(d.sample(7)));
        assert_ne!(x, values(d.sample(8)));
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let moment = |k: i32| x.iter().map(|x| (x - mean).powi(k)).sum::<f64>() / n;
        let first = |t: Tensor<2>| values(t)[0];
        let (m, v, z) = (
            first(d.mean()),
            first(d.variance()),
            first(d.zero_probability()),
        );
        assert!(
            (mean - m).abs() < 5.0 * (v / n).sqrt(),
            "mean of {i}: {mean}, {m}"
        );
        let error = ((moment(4) - moment(2).powi(2)) / n).sqrt();
        assert!(
            (moment(2) - v).abs() < 5.0 * error,
            "variance of {i}: {}, {v}",
            moment(2)
        );
        let zeros = x.iter().filter(|x| **x == 0.0).count() as f64 / n;
        assert!(
            (zeros - z).abs() <= 5.0 * (z * (1.0 - z) / n).sqrt(),
            "zeros of {i}: {zeros}, {z}"
        );
    }
}

#[test]
fn simple_likelihoods_equal_the_scalar_ones() {
    use zinb::{Bernoulli, Gaussian, Likelihood};
    let device = Device::flex().autodiff();
    let n = CELLS * GENES;
    let h = tensor(wave(n, 0.7), [CELLS, GENES], &device, DType::F64).require_grad();
    let log_sd = tensor(wave(GENES, 0.3), [1, GENES], &device, DType::F64).require_grad();
    let x: Vec<f64> = wave(n, 1.1).into_iter().map(|x| 0.5 + 0.5 * x).collect();
    let targets = Targets::Dense(tensor(x.clone(), [CELLS, GENES], &device, DType::F64));
    let (h_values, sd_values) = (wave(n, 0.7), wave(GENES, 0.3));
    let gaussian = GaussianOutput {
        mean: h.clone(),
        log_sd: log_sd.clone(),
    };
    let bernoulli = BernoulliOutput { logit: h.clone() };
    let nll = gaussian.nll(&targets, &Weights::default());
    let grads = nll.loss.clone().backward();
    let (mut loss, mut d_mean, mut d_sd) = (0.0, vec![], vec![0.0; GENES]);
    for i in 0..n {
        let sd = sd_values[i % GENES].exp();
        let (ll, g) = Gaussian {
            mean: h_values[i],
            sd,
        }
        .ll_grad(x[i]);
        loss -= ll / CELLS as f64;
        d_mean.push(-g.mean / CELLS as f64);
        d_sd[i % GENES] -= g.sd * sd / CELLS as f64;
    }
    close(&values(nll.loss), &[loss], 1e-12, "gaussian");
    close(
        &values(h.grad(&grads).unwrap()),
        &d_mean,
        1e-11,
        "gaussian mean",
    );
    close(
        &values(log_sd.grad(&grads).unwrap()),
        &d_sd,
        1e-11,
        "gaussian sd",
    );
    let nll = bernoulli.nll(&targets, &Weights::default());
    let grads = nll.loss.clone().backward();
    let (mut loss, mut d_logit) = (0.0, vec![]);
    for i in 0..n {
        let (ll, g) = Bernoulli { logit: h_values[i] }.ll_grad(x[i]);
        loss -= ll / CELLS as f64;
        d_logit.push(-g.logit / CELLS as f64);
    }
    close(&values(nll.loss), &[loss], 1e-12, "bernoulli");
    close(
        &values(h.grad(&grads).unwrap()),
        &d_logit,
        1e-11,
        "bernoulli logit",
    );
}

/// Data drawn from the model itself look like the model.
#[test]
fn posterior_predictive_of_own_draws() {
    let device = Device::flex();
    let n = 400;
    let h = Tensor::<2>::full([n, 3], 1.0, (&device, DType::F64));
    let output = CountOutput {
        h,
        mean_link: MeanLink::Exp,
        scale: Tensor::ones([n], (&device, DType::F64)),
        dispersion: Some(Dispersion::per_feature(tensor(
            vec![-0.5, 0.5, 1.5],
            [3],
            &device,
            DType::F64,
        ))),
        logit: None,
    };
    let targets = Targets::Dense(output.sample(1));
    let p = posterior_predictive(&output, &targets, 5, 2);
    for j in 0..3 {
        assert!((p.zero_fraction[j] - p.zero_fraction_predicted[j]).abs() < 0.1);
        assert!((p.cv[j] / p.cv_predicted[j] - 1.0).abs() < 0.2);
    }
    // A larger inverse dispersion means fewer zeros and less spread.
    assert!(p.zero_fraction_predicted[0] > p.zero_fraction_predicted[2]);
    assert!(p.cv_predicted[0] > p.cv_predicted[2]);
}
