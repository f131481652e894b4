//! The batch kernel against the reference values, itself, and finite differences.

use crate::values::{Worst, golden, numbers, rows};
use zinb::kernel::{Counts, Family, Gradients, Input, MeanLink, Number, Rows, ThetaLink, run};
use zinb::{Likelihood, Zinb};

/// A batch that owns its numbers.
#[derive(Clone)]
struct Batch {
    family: Family,
    n: usize,
    h: Vec<f64>,
    mean_link: MeanLink,
    scale: Vec<f64>,
    theta: Vec<f64>,
    theta_link: ThetaLink,
    theta_rows: Rows<'static>,
    logit: Vec<f64>,
    weights: Option<(Vec<f64>, Rows<'static>)>,
    counts: Vec<f64>,
    cell_weights: Vec<f64>,
}

impl Batch {
    /// The loss per cell and the gradients, computed in `T`.
    fn run<T: Number>(&self, sparse: bool) -> (Vec<f64>, Gradients<f64>) {
        let of = |v: &[f64]| -> Vec<T> { v.iter().map(|&x| T::from_f64(x)).collect() };
        let wide = |v: Vec<T>| -> Vec<f64> { v.into_iter().map(|x| x.to_f64()).collect() };
        let [h, scale, theta, logit, counts, cell_weights] = [
            &self.h,
            &self.scale,
            &self.theta,
            &self.logit,
            &self.counts,
            &self.cell_weights,
        ]
        .map(|v| of(v));
        let weights = self.weights.as_ref().map(|(w, rows)| (of(w), *rows));
        let (mut offsets, mut columns, mut values) = (vec![0], vec![], vec![]);
        for row in counts.chunks(self.n) {
            for (j, x) in row.iter().enumerate() {
                if x.to_f64() != 0.0 {
                    columns.push(j as u32);
                    values.push(*x);
                }
            }
            offsets.push(columns.len());
        }
        let counts = if sparse {
            Counts::Sparse {
                offsets: &offsets,
                columns: &columns,
                values: &values,
            }
        } else {
            Counts::Dense(&counts)
        };
        let input = Input {
            family: self.family,
            n_features: self.n,
            h: &h,
            mean_link: self.mean_link,
            scale: &scale,
            theta: &theta,
            theta_link: self.theta_link,
            theta_rows: self.theta_rows,
            logit: &logit,
            weights: weights.as_ref().map(|(w, rows)| (w.as_slice(), *rows)),
            counts,
            cell_weights: &cell_weights,
        };
        let (nll, g) = run(&input, true);
        let bits = |v: Vec<T>| -> Vec<u64> { wide(v).into_iter().map(f64::to_bits).collect() };
        assert_eq!(bits(nll.clone()), bits(run(&input, false).0));
        let gradients = Gradients {
            h: wide(g.h),
            theta: wide(g.theta),
            logit: wide(g.logit),
        };
        (wide(nll), gradients)
    }

    fn loss<T: Number>(&self) -> f64 {
        let (nll, _) = self.run::<T>(true);
        nll.iter().zip(&self.cell_weights).map(|(n, w)| n * w).sum()
    }
}

/// A grid of points `[x, mu, theta, logit, ll, d_mu, d_theta, d_logit]` as one column of cells, and as one cell.
fn check_grid(what: &str, family: Family, points: &[[f64; 8]]) {
    let column = |c: usize| -> Vec<f64> { points.iter().map(|p| p[c]).collect() };
    let n = points.len();
    let zinb = family == Family::Zinb;
    for n_features in [1, n] {
        let n_cells = n / n_features;
        let batch = Batch {
            family,
            n: n_features,
            h: column(1),
            mean_link: MeanLink::Identity,
            scale: vec![1.0; n_cells],
            theta: if family == Family::Poisson {
                vec![]
            } else {
                column(2)
            },
            theta_link: ThetaLink::Identity,
            theta_rows: Rows::Each,
            logit: if zinb { column(3) } else { vec![] },
            weights: None,
            counts: column(0),
            cell_weights: vec![1.0; n_cells],
        };
        for (name, found, eps, limit, slope_limit) in [
            ("f64", batch.run::<f64>(true), f64::EPSILON, 64.0, 1e-9),
            (
                "f32",
                batch.run::<f32>(false),
                f64::from(f32::EPSILON),
                64.0,
                1e-4,
            ),
        ] {
            let (nll, g) = found;
            let [mut v, mut m, mut t, mut l] = std::array::from_fn(|_| Worst::default());
            let (mut total, mut total_scale) = (0.0, 0.0);
            for (i, &[x, mu, theta, logit, ll, d_mu, d_theta, d_logit]) in points.iter().enumerate()
            {
                let place = (x, mu, theta, logit);
                let (s_mu, s_theta) = (mu * d_mu, theta * d_theta);
                let cond = s_mu.abs() + s_theta.abs() + (logit * d_logit).abs();
                let scale = eps * (1.0 + ll.abs() + cond);
                total -= ll;
                total_scale += scale;
                if n_features == 1 {
                    v.add(nll[i], -ll, scale, place);
                }
                // In f32 mu and theta themselves are rounded.
                m.add(-mu * g.h[i], s_mu, 1.0 + s_mu.abs(), place);
                if family != Family::Poisson {
                    t.add(-theta * g.theta[i], s_theta, 1.0 + s_theta.abs(), place);
                }
                if zinb {
                    l.add(-g.logit[i], d_logit, 1.0 + d_logit.abs(), place);
                }
            }
            let what = format!("{what} {name}, {n_features} features");
            if n_features > 1 {
                v.add(nll[0], total, total_scale, "sum");
            }
            v.check(&format!("{what}: eps (1 + |ll| + cond)"), limit);
            m.check(&format!("{what}: mu d_mu"), slope_limit);
            if family != Family::Poisson {
                t.check(&format!("{what}: theta d_theta"), slope_limit);
            }
            if zinb {
                l.check(&format!("{what}: d_logit"), slope_limit);
            }
        }
    }
}

#[test]
fn zinb_grid() {
    let names = [
        "x", "mu", "theta", "logit", "ll", "d_mu", "d_theta", "d_logit",
    ];
    check_grid("zinb", Family::Zinb, &rows(&golden()["zinb_logit"], names));
}

#[test]
fn nb_grid() {
    let points: Vec<[f64; 8]> = rows(
        &golden()["nb"],
        ["x", "mu", "theta", "ll", "d_mu", "d_theta"],
    )
    .into_iter()
    .map(|[x, mu, theta, ll, d_mu, d_theta]| [x, mu, theta, 0.0, ll, d_mu, d_theta, 0.0])
    .collect();
    check_grid("nb", Family::Nb, &points);
}

#[test]
fn poisson_grid() {
    let points: Vec<[f64; 8]> = rows(&golden()["poisson"], ["x", "mu", "ll", "d_mu"])
        .into_iter()
        .map(|[x, mu, ll, d_mu]| [x, mu, 1.0, 0.0, ll, d_mu, 0.0, 0.0])
        .collect();
    check_grid("poisson", Family::Poisson, &points);
}

/// Every small count, the quick ones in `f32` among them, against the scalar functions.
#[test]
fn small_counts() {
    let mut points = vec![];
    for x in 1..=72 {
        for mu in [1e-8, 1e-3, 1.1e-2, 0.3, 5.0, 70.0, 9e3] {
            for theta in [1.1e-5, 1e-2, 0.7, 15.0, 300.0, 9e3] {
                let [x, mu, theta] = [x as f32, mu as f32, theta as f32].map(f64::from);
                let logit = -1.5;
                let (ll, d) = Zinb { mu, theta, logit }.ll_grad(x);
                points.push([x, mu, theta, logit, ll, d.mu, d.theta, d.logit]);
            }
        }
    }
    check_grid("small counts", Family::Zinb, &points);
}

fn close(found: &[f64], wanted: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    let scale = wanted.iter().fold(0.0, |s: f64, v| s.max(v.abs()));
    let mut worst = Worst::default();
    for (i, (f, w)) in found.iter().zip(wanted).enumerate() {
        worst.add(*f, *w, scale, i);
    }
    worst.check(what, tolerance);
}

/// The stored 6 x 8 matrix with both parametrisations.
#[test]
fn stored_matrix() {
    let m = &golden()["matrix"];
    let [counts, h, t, l, size_factor, library, log_theta] = [
        "counts",
        "h",
        "t",
        "l",
        "size_factor",
        "library",
        "log_theta_gene",
    ]
    .map(|k| numbers(&m[k]));
    let by_entry = Batch {
        family: Family::Zinb,
        n: 8,
        h,
        mean_link: MeanLink::Exp,
        scale: size_factor,
        theta: t,
        theta_link: ThetaLink::Softplus,
        theta_rows: Rows::Each,
        logit: l,
        weights: None,
        counts,
        cell_weights: vec![1.0 / 48.0; 6],
    };
    let nb = Batch {
        family: Family::Nb,
        logit: vec![],
        ..by_entry.clone()
    };
    let softmax = Batch {
        mean_link: MeanLink::Softmax,
        scale: library,
        theta: log_theta,
        theta_link: ThetaLink::Exp,
        theta_rows: Rows::One,
        cell_weights: vec![1.0 / 6.0; 6],
        ..by_entry.clone()
    };
    for (batch, name, loss, theta) in [
        (&by_entry, "size_factor_exp", "loss_mean_entries", "grad_t"),
        (&nb, "size_factor_exp_nb", "loss_mean_entries", "grad_t"),
        (
            &softmax,
            "library_softmax",
            "loss_sum_genes_mean_cells",
            "grad_log_theta_gene",
        ),
    ] {
        let block = &m[name];
        for (kind, g, loss_found, value, slope) in [
            (
                "f64",
                batch.run::<f64>(true).1,
                batch.loss::<f64>(),
                1e-12,
                1e-11,
            ),
            (
                "f32",
                batch.run::<f32>(true).1,
                batch.loss::<f32>(),
                1e-5,
                5e-5,
            ),
        ] {
            let what = |x: &str| format!("{name} {kind} {x}");
            close(&[loss_found], &numbers(&block[loss]), value, &what("loss"));
            close(&g.h, &numbers(&block["grad_h"]), slope, &what("h"));
            close(&g.theta, &numbers(&block[theta]), slope, &what("theta"));
            if batch.family == Family::Zinb {
                close(&g.logit, &numbers(&block["grad_l"]), slope, &what("logit"));
            }
        }
    }
}

/// A batch of made-up numbers: 37 cells (two pieces and a rest), 53 features (three blocks and a rest).
fn made_up(family: Family, mean_link: MeanLink, theta_link: ThetaLink, groups: bool) -> Batch {
    let (cells, n) = (37, 53);
    let wave =
        |len: usize, k: f64| -> Vec<f64> { (0..len).map(|i| (i as f64 * k).sin()).collect() };
    let positive = |v: Vec<f64>| -> Vec<f64> { v.into_iter().map(|x| 1.3 + x).collect() };
    static GROUPS: [u32; 37] = {
        let mut g = [0; 37];
        let mut i = 0;
        while i < 37 {
            g[i] = (i % 3) as u32;
            i += 1;
        }
        g
    };
    let rows = if groups {
        Rows::Groups(&GROUPS, 3)
    } else {
        Rows::One
    };
    let theta = if family == Family::Poisson {
        vec![]
    } else {
        wave(rows.n_rows(cells) * n, 0.37)
    };
    let h = wave(cells * n, 0.71);
    Batch {
        family,
        n,
        h: if mean_link == MeanLink::Identity {
            positive(h)
        } else {
            h
        },
        mean_link,
        scale: positive(wave(cells, 1.3))
            .iter()
            .map(|x| {
                if mean_link == MeanLink::Softmax {
                    60.0 * x
                } else {
                    *x
                }
            })
            .collect(),
        theta: if theta_link == ThetaLink::Identity {
            positive(theta)
        } else {
            theta
        },
        theta_link,
        theta_rows: rows,
        logit: if family == Family::Zinb {
            wave(cells * n, 0.53)
        } else {
            vec![]
        },
        weights: Some((
            positive(wave(3 * n, 2.9))
                .iter()
                .map(|x| if *x < 0.5 { 0.0 } else { *x })
                .collect(),
            Rows::Groups(&GROUPS, 3),
        )),
        counts: wave(cells * n, 1.7)
            .iter()
            .enumerate()
            .map(|(i, x)| {
                if *x < 0.4 {
                    0.0
                } else {
                    (x * 30.0).floor().powi(1 + (i % 97 == 0) as i32)
                }
            })
            .collect(),
        cell_weights: positive(wave(cells, 0.9)),
    }
}

fn variants() -> Vec<Batch> {
    let mut all = vec![];
    for family in [Family::Poisson, Family::Nb, Family::Zinb] {
        for (mean, theta, groups) in [
            (MeanLink::Softmax, ThetaLink::Exp, false),
            (MeanLink::Exp, ThetaLink::Softplus, true),
            (MeanLink::Softplus, ThetaLink::Identity, false),
            (MeanLink::Identity, ThetaLink::Exp, true),
        ] {
            all.push(made_up(family, mean, theta, groups));
        }
    }
    all
}

#[test]
fn gradients_equal_central_differences() {
    for batch in variants() {
        let (_, g) = batch.run::<f64>(true);
        type Field = fn(&mut Batch) -> &mut Vec<f64>;
        let fields: [(&str, Field, &Vec<f64>); 3] = [
            ("h", |b| &mut b.h, &g.h),
            ("theta", |b| &mut b.theta, &g.theta),
            ("logit", |b| &mut b.logit, &g.logit),
        ];
        for (name, field, gradient) in fields {
            let mut worst = Worst::default();
            for i in (0..gradient.len()).step_by(gradient.len().div_ceil(60).max(1)) {
                let mut moved = batch.clone();
                let step = 1e-5;
                field(&mut moved)[i] += step;
                let up = moved.loss::<f64>();
                field(&mut moved)[i] -= 2.0 * step;
                let difference = (up - moved.loss::<f64>()) / (2.0 * step);
                worst.add(gradient[i], difference, 1.0 + difference.abs(), i);
            }
            if !gradient.is_empty() {
                let what = format!("{:?} {:?} {name}", batch.family, batch.mean_link);
                worst.check(&what, 1e-6);
            }
        }
    }
}

/// `f32` side by side equals `f64` one by one; sparse counts equal dense ones to the last bit.
#[test]
fn single_precision_equals_double_and_sparse_equals_dense() {
    for batch in variants() {
        let what = format!("{:?} {:?}", batch.family, batch.mean_link);
        let (nll, g) = batch.run::<f32>(true);
        let (nll_dense, g_dense) = batch.run::<f32>(false);
        assert_eq!(nll, nll_dense, "{what}");
        assert!(g.h == g_dense.h && g.theta == g_dense.theta && g.logit == g_dense.logit);
        let (nll_64, g_64) = batch.run::<f64>(true);
        close(&nll, &nll_64, 1e-5, &what);
        close(&g.h, &g_64.h, 5e-5, &what);
        if !g.theta.is_empty() {
            close(&g.theta, &g_64.theta, 5e-5, &what);
        }
        if !g.logit.is_empty() {
            close(&g.logit, &g_64.logit, 5e-5, &what);
        }
    }
}

#[test]
fn weight_zero_is_not_looked_at() {
    for batch in variants() {
        let (weights, rows) = batch.weights.clone().unwrap();
        let Rows::Groups(groups, _) = rows else {
            panic!()
        };
        let masked =
            |i: usize| weights[groups[i / batch.n] as usize * batch.n + i % batch.n] == 0.0;
        let (nll, g) = batch.run::<f32>(false);
        let mut other = batch.clone();
        let mut n_masked = 0;
        for i in 0..other.counts.len() {
            if masked(i) {
                n_masked += 1;
                other.counts[i] = f64::NAN;
                assert!(batch.mean_link == MeanLink::Softmax || g.h[i] == 0.0);
                assert!(g.logit.is_empty() || g.logit[i] == 0.0);
            }
        }
        assert!(n_masked > 100);
        let (nll_other, g_other) = other.run::<f32>(false);
        assert_eq!(nll, nll_other);
        assert!(g.h == g_other.h && g.theta == g_other.theta && g.logit == g_other.logit);
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let batch = made_up(Family::Zinb, MeanLink::Softmax, ThetaLink::Exp, true);
    let with = |n: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(n)
            .build()
            .unwrap();
        pool.install(|| batch.run::<f32>(true))
    };
    let (nll, g) = with(1);
    for n in [2, 3] {
        let (nll_n, g_n) = with(n);
        assert_eq!(nll, nll_n);
        assert!(g.h == g_n.h && g.theta == g_n.theta && g.logit == g_n.logit);
    }
}

#[test]
fn counts_that_are_none_give_nan() {
    for wrong in [-1.0, f64::NAN, f64::INFINITY] {
        let mut batch = made_up(Family::Zinb, MeanLink::Exp, ThetaLink::Exp, false);
        batch.weights = None;
        batch.counts[60] = wrong;
        let (nll, _) = batch.run::<f32>(true);
        assert!(nll[60 / batch.n].is_nan());
        assert!(nll[0].is_finite());
    }
}

#[test]
fn no_cells() {
    let batch = Batch {
        h: vec![],
        scale: vec![],
        logit: vec![],
        counts: vec![],
        cell_weights: vec![],
        weights: None,
        ..made_up(Family::Zinb, MeanLink::Exp, ThetaLink::Exp, false)
    };
    let (nll, g) = batch.run::<f32>(true);
    assert!(nll.is_empty() && g.h.is_empty());
    assert_eq!(g.theta, vec![0.0; 53]);
}
