//! Every likelihood on its whole reference grid, in f64 and f32.
//!
//! The reference asks for values within C eps (1 + |ll| + cond), C = 64, where cond is the sum of |parameter * slope|
//! (the rounding of the inputs), and slopes by log-parameters within 1e-9 (1 + |slope|) in f64, 1e-4 in f32. The limits
//! here are sharper: C = 24 (f32: 2), slopes 1e-13 (f32: 1e-5).

use crate::values::{Worst, golden, numbers, offgrid, rows};
use zinb::{Bernoulli, BernoulliProb, Gaussian, Likelihood, Nb, Poisson, Zinb, ZinbPi};

const EPS: f64 = f64::EPSILON;
const EPS_32: f64 = f32::EPSILON as f64;

fn nb_64(mu: f64, theta: f64, x: f64) -> [f64; 3] {
    let (ll, d) = Nb { mu, theta }.ll_grad(x);
    assert_eq!(ll, Nb { mu, theta }.ll(x));
    [ll, d.mu, d.theta]
}

fn nb_32(mu: f64, theta: f64, x: f64) -> [f64; 3] {
    let (ll, d) = Nb {
        mu: mu as f32,
        theta: theta as f32,
    }
    .ll_grad(x as f32);
    [ll, d.mu, d.theta].map(f64::from)
}

#[test]
fn nb_grid() {
    let rows = rows(
        &golden()["nb"],
        ["x", "mu", "theta", "ll", "d_mu", "d_theta"],
    );
    assert_eq!(rows.len(), 990);
    type Evaluate = fn(f64, f64, f64) -> [f64; 3];
    let versions: [(&str, Evaluate, f64, f64, f64); 2] = [
        ("f64", nb_64, EPS, 24.0, 1e-13),
        ("f32", nb_32, EPS_32, 2.0, 1e-5),
    ];
    for (name, evaluate, eps, limit, slope_limit) in versions {
        let [mut v, mut m, mut t] = std::array::from_fn(|_| Worst::default());
        for &[x, mu, theta, ll, d_mu, d_theta] in &rows {
            let [a, b, c] = evaluate(mu, theta, x);
            let (s_mu, s_theta) = (mu * d_mu, theta * d_theta);
            v.add(
                a,
                ll,
                eps * (1.0 + ll.abs() + s_mu.abs() + s_theta.abs()),
                (x, mu, theta),
            );
            m.add(mu * b, s_mu, 1.0 + s_mu.abs(), (x, mu, theta));
            t.add(theta * c, s_theta, 1.0 + s_theta.abs(), (x, mu, theta));
        }
        v.check(&format!("nb ll {name}, eps (1 + |ll| + cond)"), limit);
        m.check(&format!("nb mu d_mu {name}"), slope_limit);
        t.check(&format!("nb theta d_theta {name}"), slope_limit);
    }
}

fn zinb_64(mu: f64, theta: f64, logit: f64, x: f64) -> [f64; 4] {
    let (ll, d) = Zinb { mu, theta, logit }.ll_grad(x);
    assert_eq!(ll, Zinb { mu, theta, logit }.ll(x));
    [ll, d.mu, d.theta, d.logit]
}

fn zinb_32(mu: f64, theta: f64, logit: f64, x: f64) -> [f64; 4] {
    let (ll, d) = Zinb {
        mu: mu as f32,
        theta: theta as f32,
        logit: logit as f32,
    }
    .ll_grad(x as f32);
    [ll, d.mu, d.theta, d.logit].map(f64::from)
}

#[test]
fn zinb_logit_grid() {
    let rows = rows(&golden()["zinb_logit"], ZINB);
    assert_eq!(rows.len(), 2730);
    check_zinb("zinb", &rows);
}

/// Fractional counts, theta around 16, means next to the count.
#[test]
fn zinb_logit_off_the_grid() {
    check_zinb("off grid: zinb", &rows(&offgrid()["zinb_logit"], ZINB));
}

const ZINB: [&str; 8] = [
    "x", "mu", "theta", "logit", "ll", "d_mu", "d_theta", "d_logit",
];

fn check_zinb(what: &str, rows: &[[f64; 8]]) {
    type Evaluate = fn(f64, f64, f64, f64) -> [f64; 4];
    let versions: [(&str, Evaluate, f64, f64, f64); 2] = [
        ("f64", zinb_64, EPS, 24.0, 1e-13),
        ("f32", zinb_32, EPS_32, 2.0, 1e-5),
    ];
    for (name, evaluate, eps, limit, slope_limit) in versions {
        let [mut v, mut m, mut t, mut l] = std::array::from_fn(|_| Worst::default());
        for &[x, mu, theta, logit, ll, d_mu, d_theta, d_logit] in rows {
            let place = (x, mu, theta, logit);
            let [a, b, c, d] = evaluate(mu, theta, logit, x);
            let (s_mu, s_theta) = (mu * d_mu, theta * d_theta);
            let cond = s_mu.abs() + s_theta.abs() + (logit * d_logit).abs();
            v.add(a, ll, eps * (1.0 + ll.abs() + cond), place);
            m.add(mu * b, s_mu, 1.0 + s_mu.abs(), place);
            t.add(theta * c, s_theta, 1.0 + s_theta.abs(), place);
            l.add(d, d_logit, 1.0 + d_logit.abs(), place);
        }
        v.check(&format!("{what} ll {name}, eps (1 + |ll| + cond)"), limit);
        m.check(&format!("{what} mu d_mu {name}"), slope_limit);
        t.check(&format!("{what} theta d_theta {name}"), slope_limit);
        l.check(&format!("{what} d_logit {name}"), slope_limit);
    }
}

/// Beyond the stated tolerance: at x = 0 nothing cancels, so small values keep their relative accuracy.
#[test]
fn zinb_at_zero_is_relatively_accurate() {
    let [mut v, mut m, mut l] = std::array::from_fn(|_| Worst::default());
    for [x, mu, theta, logit, ll, d_mu, d_theta, d_logit] in rows(&golden()["zinb_logit"], ZINB) {
        if x == 0.0 {
            let [a, b, _, d] = zinb_64(mu, theta, logit, x);
            let cond = (mu * d_mu).abs() + (theta * d_theta).abs() + (logit * d_logit).abs();
            v.add(a, ll, EPS * (ll.abs() + cond), (mu, theta, logit));
            let ln_p0 = theta * (mu / theta).ln_1p(); // exp of it, or of the logit: its rounding shows in the slopes
            let scale = EPS * (1.0 + ln_p0 + logit.abs());
            // exp below 1e-308 has no digits left
            if d_mu.abs() > 1e-290 {
                m.add(b, d_mu, scale * d_mu.abs(), (mu, theta, logit));
            }
            l.add(d, d_logit, scale * d_logit.abs(), (mu, theta, logit));
        }
    }
    v.check("zinb ll at zero, eps (|ll| + cond)", 24.0);
    m.check("zinb d_mu at zero, eps relative", 16.0);
    l.check("zinb d_logit at zero, eps relative", 16.0);
}

#[test]
fn zinb_pi_grid() {
    let rows = rows(
        &golden()["zinb_pi"],
        ["x", "mu", "theta", "pi", "ll", "d_mu", "d_theta", "d_pi"],
    );
    assert_eq!(rows.len(), 448);
    let [mut v, mut m, mut t, mut p] = std::array::from_fn(|_| Worst::default());
    let [mut v_32, mut m_32, mut t_32] = std::array::from_fn(|_| Worst::default());
    for [x, mu, theta, pi, ll, d_mu, d_theta, d_pi] in rows {
        let place = (x, mu, theta, pi);
        let (a, d) = ZinbPi { mu, theta, pi }.ll_grad(x);
        assert_eq!(a, ZinbPi { mu, theta, pi }.ll(x));
        let (s_mu, s_theta) = (mu * d_mu, theta * d_theta);
        let cond = s_mu.abs() + s_theta.abs() + if pi == 0.0 { 0.0 } else { (pi * d_pi).abs() };
        v.add(a, ll, EPS * (1.0 + ll.abs() + cond), place);
        m.add(mu * d.mu, s_mu, 1.0 + s_mu.abs(), place);
        t.add(theta * d.theta, s_theta, 1.0 + s_theta.abs(), place);
        p.add(d.pi, d_pi, 1.0 + d_pi.abs(), place);
        let (a, d) = ZinbPi {
            mu: mu as f32,
            theta: theta as f32,
            pi: pi as f32,
        }
        .ll_grad(x as f32);
        v_32.add(a.into(), ll, EPS_32 * (1.0 + ll.abs() + cond), place);
        m_32.add(mu * f64::from(d.mu), s_mu, 1.0 + s_mu.abs(), place);
        t_32.add(
            theta * f64::from(d.theta),
            s_theta,
            1.0 + s_theta.abs(),
            place,
        );
    }
    v.check("zinb_pi ll, eps (1 + |ll| + cond)", 24.0);
    m.check("zinb_pi mu d_mu", 1e-13);
    t.check("zinb_pi theta d_theta", 1e-13);
    p.check("zinb_pi d_pi", 1e-13);
    v_32.check("zinb_pi ll f32, eps (1 + |ll| + cond)", 2.0);
    m_32.check("zinb_pi mu d_mu f32", 1e-5);
    t_32.check("zinb_pi theta d_theta f32", 1e-5);
}

#[test]
fn poisson_grid() {
    let [mut v, mut m, mut v_32, mut m_32] = std::array::from_fn(|_| Worst::default());
    for [x, mu, ll, d_mu] in rows(&golden()["poisson"], ["x", "mu", "ll", "d_mu"]) {
        let (a, d) = Poisson { mu }.ll_grad(x);
        let s_mu = mu * d_mu;
        v.add(a, ll, EPS * (1.0 + ll.abs() + s_mu.abs()), (x, mu));
        m.add(mu * d.mu, s_mu, 1.0 + s_mu.abs(), (x, mu));
        let (a, d) = Poisson { mu: mu as f32 }.ll_grad(x as f32);
        v_32.add(
            a.into(),
            ll,
            EPS_32 * (1.0 + ll.abs() + s_mu.abs()),
            (x, mu),
        );
        m_32.add(mu * f64::from(d.mu), s_mu, 1.0 + s_mu.abs(), (x, mu));
    }
    v.check("poisson ll, eps (1 + |ll| + cond)", 24.0);
    m.check("poisson mu d_mu", 1e-13);
    v_32.check("poisson ll f32, eps (1 + |ll| + cond)", 2.0);
    m_32.check("poisson mu d_mu f32", 1e-5);
}

#[test]
fn gaussian_grid() {
    let [mut v, mut m, mut s, mut v_32, mut s_32] = std::array::from_fn(|_| Worst::default());
    for [x, mean, sd, ll, d_mean, d_sd] in rows(
        &golden()["gaussian"],
        ["x", "mean", "sd", "ll", "d_mean", "d_sd"],
    ) {
        let place = (x, mean, sd);
        // the rounding of x moves z as that of the mean does
        let cond = ((x.abs() + mean.abs()) * d_mean).abs() + (sd * d_sd).abs();
        let (a, d) = Gaussian { mean, sd }.ll_grad(x);
        v.add(a, ll, EPS * (1.0 + ll.abs() + cond), place);
        m.add(d.mean, d_mean, d_mean.abs(), place);
        s.add(sd * d.sd, sd * d_sd, 1.0 + (sd * d_sd).abs(), place);
        let (a, d) = Gaussian {
            mean: mean as f32,
            sd: sd as f32,
        }
        .ll_grad(x as f32);
        v_32.add(a.into(), ll, EPS_32 * (1.0 + ll.abs() + cond), place);
        s_32.add(
            sd * f64::from(d.sd),
            sd * d_sd,
            1.0 + (sd * d_sd).abs(),
            place,
        );
    }
    v.check("gaussian ll, eps (1 + |ll| + cond)", 24.0);
    m.check("gaussian d_mean, relative", 1e-15);
    s.check("gaussian sd d_sd", 1e-14);
    v_32.check("gaussian ll f32, eps (1 + |ll| + cond)", 2.0);
    s_32.check("gaussian sd d_sd f32", 1e-5);
}

#[test]
fn bernoulli_grids() {
    let [mut v, mut l, mut v_32, mut p, mut d_p] = std::array::from_fn(|_| Worst::default());
    for [x, logit, ll, d_logit] in rows(
        &golden()["bernoulli_logit"],
        ["x", "logit", "ll", "d_logit"],
    ) {
        let (a, d) = Bernoulli { logit }.ll_grad(x);
        // relative, up to the rounding of exp and of the last denormal
        v.add(
            a,
            ll,
            EPS * ll.abs() * (1.0 + logit.abs()) + 5e-324,
            (x, logit),
        );
        l.add(d.logit, d_logit, 1.0 + d_logit.abs(), (x, logit));
        let (a, d) = Bernoulli {
            logit: logit as f32,
        }
        .ll_grad(x as f32);
        v_32.add(a.into(), ll, EPS_32 * (1.0 + ll.abs()), (x, logit));
        assert!((f64::from(d.logit) - d_logit).abs() < 1e-4);
    }
    for [x, prob, ll, slope] in rows(&golden()["bernoulli_prob"], ["x", "p", "ll", "d_p"]) {
        let (a, d) = BernoulliProb { p: prob }.ll_grad(x);
        p.add(a, ll, EPS * ll.abs(), (x, prob));
        d_p.add(d.p, slope, EPS * slope.abs(), (x, prob));
    }
    v.check("bernoulli ll, eps relative", 4.0);
    l.check("bernoulli d_logit", 1e-15);
    v_32.check("bernoulli ll f32, eps (1 + |ll|)", 4.0);
    p.check("bernoulli_prob ll, eps relative", 4.0);
    d_p.check("bernoulli_prob d_p, eps relative", 4.0);
}

#[test]
fn zero_mean() {
    let edges = golden();
    let edges = edges["edge"].as_array().unwrap().clone();
    for edge in &edges {
        let [x, mu, ll] = ["x", "mu", "ll"].map(|name| numbers(&edge[name])[0]);
        let found = match edge["dist"].as_str().unwrap() {
            "poisson" => Poisson { mu }.ll(x),
            _ => Nb {
                mu,
                theta: numbers(&edge["theta"])[0],
            }
            .ll(x),
        };
        assert_eq!(found, ll, "{edge}");
    }
    assert_eq!(edges.len(), 4);
}
