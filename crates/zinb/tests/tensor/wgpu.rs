//! The CubeCL kernels against the reference values and against the CPU.

use super::*;
use burn::tensor::DeviceKind;
use reference_values::{Worst, golden, rows};

#[path = "../reference/values.rs"]
#[allow(dead_code)]
mod reference_values;

fn gpu() -> Device {
    Device::wgpu(DeviceKind::DefaultDevice)
}

/// Every point of a grid as a cell: log-likelihood, then its slopes by the logarithms of mean and dispersion
/// and by the logit.
fn on_the_grid(points: &[[f64; 4]], zinb: bool) -> [Vec<f64>; 4] {
    let device = gpu().autodiff();
    let n = points.len();
    let column = |i: usize| {
        let data = points.iter().map(|p| p[i]).collect();
        tensor::<2>(data, [n, 1], &device, DType::F32).require_grad()
    };
    let raw = column(2);
    let output = CountOutput {
        h: column(1),
        mean_link: MeanLink::Identity,
        scale: Tensor::ones([n], &device),
        dispersion: Some(Dispersion {
            raw: raw.clone(),
            link: ThetaLink::Identity,
            rows: RowMap::Each,
        }),
        logit: zinb.then(|| column(3)),
    };
    let weights = Weights {
        features: None,
        cells: Some(Tensor::ones([n], &device)),
    };
    let nll = output.nll(&Targets::Dense(column(0)), &weights);
    let grads = nll.loss.backward();
    let slope = |t: &Tensor<2>| -> Vec<f64> {
        let gradient = values(-t.grad(&grads).expect("tracked"));
        let at = values(t.clone());
        gradient.iter().zip(at).map(|(g, at)| g * at).collect()
    };
    let by_logit = match &output.logit {
        Some(l) => values(-l.grad(&grads).expect("tracked")),
        None => vec![0.0; n],
    };
    [
        values(-nll.per_cell),
        slope(&output.h),
        slope(&raw),
        by_logit,
    ]
}

/// Within the tolerance of the reference file for `f32`: 64 eps (1 + |ll| + condition) for values, 1e-4 (1 + |slope|)
/// for slopes; finite everywhere.
fn check(name: &str, points: &[[f64; 8]], zinb: bool) {
    let inputs: Vec<[f64; 4]> = points.iter().map(|p| [p[0], p[1], p[2], p[3]]).collect();
    let found = on_the_grid(&inputs, zinb);
    let mut worst: [Worst; 4] = Default::default();
    for (i, &[x, m, t, l, ll, d_mu, d_theta, d_logit]) in points.iter().enumerate() {
        let slopes = [m * d_mu, t * d_theta, d_logit];
        let condition = slopes[0].abs() + slopes[1].abs() + (l * d_logit).abs();
        let place = (x, m, t, l);
        assert!(
            found.iter().all(|f| f[i].is_finite()),
            "{name} at {place:?}: {:?}",
            found.each_ref().map(|f| f[i])
        );
        let eps = f64::from(f32::EPSILON);
        worst[0].add(found[0][i], ll, eps * (1.0 + ll.abs() + condition), place);
        for k in 0..3 {
            worst[k + 1].add(found[k + 1][i], slopes[k], 1.0 + slopes[k].abs(), place);
        }
    }
    worst[0].check(&format!("{name}: ll"), 64.0);
    for (worst, of) in worst[1..].iter().zip(["mu", "theta", "logit"]) {
        worst.check(&format!("{name}: slope by {of}"), 1e-4);
    }
}

#[test]
fn the_kernels_keep_the_digits_of_the_reference_values() {
    let golden = golden();
    let nb: Vec<[f64; 8]> = rows(&golden["nb"], ["x", "mu", "theta", "ll", "d_mu", "d_theta"])
        .into_iter()
        .map(|[x, m, t, ll, a, b]| [x, m, t, 0.0, ll, a, b, 0.0])
        .collect();
    check("nb", &nb, false);
    let names = [
        "x", "mu", "theta", "logit", "ll", "d_mu", "d_theta", "d_logit",
    ];
    check("zinb", &rows(&golden["zinb_logit"], names), true);
}

#[test]
fn losses_and_gradients_equal_those_of_the_cpu() {
    let (cpu, gpu) = (Device::flex().autodiff(), gpu().autodiff());
    for weighted in [false, true] {
        let on = |device: &Device| {
            let w = match weighted {
                false => Weights::default(),
                true => weights(device, DType::F32),
            };
            let targets = Targets::from(sparse(device, DType::F32));
            outputs(device, DType::F32)
                .iter()
                .map(|output| evaluate(output, &targets, &w))
                .collect::<Vec<_>>()
        };
        for (i, (cpu, gpu)) in on(&cpu).iter().zip(on(&gpu)).enumerate() {
            for (k, (a, b)) in cpu.iter().zip(&gpu).enumerate() {
                close(
                    b,
                    a,
                    2e-5,
                    &format!("output {i}, part {k}, weighted {weighted}"),
                );
            }
        }
    }
}
