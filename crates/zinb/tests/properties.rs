//! What must hold for every parameter: probabilities sum to one, slopes are slopes, nothing overflows.

use proptest::prelude::*;
use zinb::{Bernoulli, BernoulliProb, Gaussian, Likelihood, Nb, Poisson, Zinb, ZinbPi};

/// The count beyond which nothing is left of total, mean and variance.
fn last_count(mean: f64, variance: f64, ll: impl Fn(f64) -> f64) -> u32 {
    // far out the probabilities fall like a geometric series with a mean of about this many steps
    let steps = 1.0 + variance / mean.max(1.0);
    (0..)
        .find(|&count| {
            let d = f64::from(count) - mean;
            let rest = ll(f64::from(count)).exp() * steps;
            d > 0.0 && rest < 1e-14 && d * d * rest < 1e-14 * variance
        })
        .unwrap()
}

/// Σ p, Σ x p and Σ (x - mean)² p over the counts 0, 1, ..., last.
fn moments(last: u32, mean: f64, ll: impl Fn(f64) -> f64) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for x in (0..=last).map(f64::from) {
        let (p, d) = (ll(x).exp(), x - mean);
        [p, x * p, d * d * p]
            .iter()
            .zip(&mut sums)
            .for_each(|(term, sum)| *sum += term);
    }
    sums
}

fn close(found: f64, wanted: f64, relative: f64) -> bool {
    (found - wanted).abs() <= relative * wanted
}

#[test]
fn probabilities_sum_to_one() {
    let mut sets = 0;
    for mu in [1e-3, 0.1, 1.0, 4.5, 30.0, 700.0] {
        let poisson = |x| Poisson { mu }.ll(x);
        let [total, mean, variance] = moments(last_count(mu, mu, poisson), mu, poisson);
        assert!(
            close(total, 1.0, 1e-12) && close(mean, mu, 1e-12) && close(variance, mu, 1e-11),
            "Poisson {mu}"
        );
        for theta in [
            0.05,
            0.3,
            1.0,
            7.5,
            15.99,
            16.0,
            100.0,
            1e4,
            1e8,
            1e300,
            f64::INFINITY,
        ] {
            let nb = Nb { mu, theta };
            let wanted = mu + mu * mu / theta;
            let last = last_count(mu, wanted, |x| nb.ll(x));
            let [total, mean, variance] = moments(last, mu, |x| nb.ll(x));
            assert!(
                close(total, 1.0, 1e-12) && close(mean, mu, 1e-11),
                "{nb:?}: total {total}, mean {mean}"
            );
            assert!(
                close(variance, wanted, 1e-10),
                "{nb:?}: variance {variance}, not {wanted}"
            );
            for logit in [-40.0, -1.0, 0.0, 3.0, 40.0] {
                let zinb = Zinb { mu, theta, logit };
                let [total, mean, _] = moments(last, mu, |x| zinb.ll(x));
                let wanted = mu / (1.0 + f64::exp(logit));
                assert!(
                    close(total, 1.0, 1e-12) && close(mean, wanted, 1e-11),
                    "{zinb:?}: total {total}, mean {mean}"
                );
                sets += 1;
            }
            for pi in [0.0, 0.25, 1.0] {
                let zinb = ZinbPi { mu, theta, pi };
                let [total, mean, _] = moments(last, mu, |x| zinb.ll(x));
                assert!(
                    close(total, 1.0, 1e-12) && close(mean, (1.0 - pi) * mu, 1e-11),
                    "{zinb:?}: {total} {mean}"
                );
                sets += 1;
            }
        }
    }
    assert_eq!(sets, 528);
}

/// Derivative by differences of fourth order, with its own error: rounding of the values over the step.
fn slope(f: impl Fn(f64) -> f64, at: f64, step: f64) -> (f64, f64) {
    let d = |k: f64| (f(at + k * step) - f(at - k * step)) / (2.0 * k * step);
    let rounding =
        64.0 * f64::EPSILON * (1.0 + f(at + 2.0 * step).abs() + f(at - 2.0 * step).abs()) / step;
    ((4.0 * d(1.0) - d(2.0)) / 3.0, rounding)
}

fn agree(found: f64, (wanted, error): (f64, f64)) -> Result<(), TestCaseError> {
    let limit = 1e-6 * (1.0 + wanted.abs()) + error;
    prop_assert!(
        (found - wanted).abs() < limit,
        "slope {} but by differences {}",
        found,
        wanted
    );
    Ok(())
}

fn magnitude(low: f64, high: f64) -> impl Strategy<Value = f64> {
    (low..high).prop_map(|e| 10f64.powf(e))
}

fn count() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        magnitude(0.0, 4.0).prop_map(f64::round),
        magnitude(-2.0, 3.0)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn slopes_of_counts(x in count(), mu in magnitude(-3.0, 4.0), theta in magnitude(-3.0, 5.0), logit in -12f64..12.0) {
        let (h, hl) = (1e-3, 1e-3);
        // by log-parameters, so that one step suits all magnitudes
        let (_, d) = Poisson { mu }.ll_grad(x);
        agree(mu * d.mu, slope(|a| Poisson { mu: a.exp() }.ll(x), mu.ln(), h))?;
        let (_, d) = Nb { mu, theta }.ll_grad(x);
        agree(mu * d.mu, slope(|a| Nb { mu: a.exp(), theta }.ll(x), mu.ln(), h))?;
        agree(theta * d.theta, slope(|a| Nb { mu, theta: a.exp() }.ll(x), theta.ln(), h))?;
        let (_, d) = Zinb { mu, theta, logit }.ll_grad(x);
        agree(mu * d.mu, slope(|a| Zinb { mu: a.exp(), theta, logit }.ll(x), mu.ln(), h))?;
        agree(theta * d.theta, slope(|a| Zinb { mu, theta: a.exp(), logit }.ll(x), theta.ln(), h))?;
        agree(d.logit, slope(|a| Zinb { mu, theta, logit: a }.ll(x), logit, hl))?;
        let pi = 1.0 / (1.0 + (-logit).exp());
        let (_, d) = ZinbPi { mu, theta, pi }.ll_grad(x);
        let by_logit = |a: f64| ZinbPi { mu, theta, pi: 1.0 / (1.0 + (-a).exp()) }.ll(x);
        let (wanted, error) = slope(by_logit, logit, hl);
        agree(pi * (1.0 - pi) * d.pi, (wanted, error / (1.0 - pi)))?; // the rounding of pi, seen from 1 - pi
    }

    #[test]
    fn slopes_of_the_others(x in -5f64..5.0, mean in -5f64..5.0, sd in 0.05f64..9.0, logit in -9f64..9.0) {
        let (_, d) = Gaussian { mean, sd }.ll_grad(x);
        agree(sd * d.mean, slope(|a| Gaussian { mean: mean + sd * a, sd }.ll(x), 0.0, 1e-3))?;
        agree(sd * d.sd, slope(|a| Gaussian { mean, sd: a.exp() }.ll(x), sd.ln(), 1e-3))?;
        let share = (x + 5.0) / 10.0;
        let (ll, d) = Bernoulli { logit }.ll_grad(share);
        agree(d.logit, slope(|a| Bernoulli { logit: a }.ll(share), logit, 1e-3))?;
        let p = 1.0 / (1.0 + (-logit).exp());
        let (ll_p, d_p) = BernoulliProb { p }.ll_grad(share);
        prop_assert!((ll - ll_p).abs() < 1e-11 * (1.0 + ll.abs()));
        prop_assert!((d.logit - p * (1.0 - p) * d_p.p).abs() < 1e-11);
    }

    #[test]
    fn finite_everywhere(x in prop_oneof![Just(0.0), magnitude(-12.0, 15.0), magnitude(0.0, 12.0).prop_map(f64::round)],
        mu in magnitude(-30.0, 30.0), theta in magnitude(-30.0, 300.0), logit in -1e4f64..1e4) {
        let (ll, d) = Nb { mu, theta }.ll_grad(x);
        prop_assert!(ll.is_finite() && d.mu.is_finite() && d.theta.is_finite());
        let whole = x.fract() == 0.0;
        prop_assert!(!whole || ll <= 1e-12, "a probability above one: {}", ll);
        let (ll, d) = Zinb { mu, theta, logit }.ll_grad(x);
        prop_assert!(ll.is_finite() && d.mu.is_finite() && d.theta.is_finite() && d.logit.abs() <= 1.0);
        prop_assert!(!whole || ll <= 1e-12);
        let (ll, d) = Poisson { mu }.ll_grad(x);
        prop_assert!(ll.is_finite() && d.mu.is_finite());
        let (ll, d) = Bernoulli { logit }.ll_grad(if whole { 0.0 } else { 1.0 });
        prop_assert!(ll.is_finite() && d.logit.abs() <= 1.0);
    }

    #[test]
    fn finite_in_f32(x in 0u32..10_000_000, mu in magnitude(-15.0, 12.0), theta in magnitude(-15.0, 30.0), logit in -1e4f32..1e4) {
        let (ll, d) = Zinb { mu: mu as f32, theta: theta as f32, logit }.ll_grad(x as f32);
        prop_assert!(ll.is_finite() && d.mu.is_finite() && d.theta.is_finite() && d.logit.is_finite());
    }

    #[test]
    fn f32_is_f64_rounded_once(x in count(), mu in magnitude(-6.0, 6.0), theta in magnitude(-6.0, 9.0), logit in -60f32..60.0) {
        let (x, mu, theta) = (x as f32, mu as f32, theta as f32);
        let (ll, d) = Zinb { mu, theta, logit }.ll_grad(x);
        let (ll_64, d_64) = Zinb { mu: f64::from(mu), theta: theta.into(), logit: logit.into() }.ll_grad(x.into());
        prop_assert_eq!((ll, d.mu, d.theta, d.logit), (ll_64 as f32, d_64.mu as f32, d_64.theta as f32, d_64.logit as f32));
    }

    #[test]
    fn no_jump_where_formulas_change(x in count(), mu in magnitude(-3.0, 4.0), theta in magnitude(-3.0, 5.0)) {
        let close = |a: f64, b: f64, cond: f64| (a - b).abs() < 1e-12 * (1.0 + a.abs() + cond);
        let step = 1.0 - 1e-14;
        let near_16 = [16.0, 16.0 * step].map(|theta| Nb { mu, theta }.ll_grad(x));
        prop_assert!(close(near_16[0].0, near_16[1].0, 16.0 * near_16[0].1.theta.abs()));
        prop_assert!(close(near_16[0].1.theta, near_16[1].1.theta, 0.0));
        for x in [16.0, 7.0] {
            let (at, below) = (Nb { mu, theta }.ll_grad(x), Nb { mu, theta }.ll_grad(x * step));
            prop_assert!(close(at.0, below.0, 100.0 + x * (theta / mu).ln_1p()));
            prop_assert!(close(theta * at.1.theta, theta * below.1.theta, x));
        }
    }

    #[test]
    fn large_theta_is_poisson(x in count(), mu in magnitude(-3.0, 4.0)) {
        let (poisson, _) = Poisson { mu }.ll_grad(x);
        let gap = |theta: f64| Nb { mu, theta }.ll(x) - poisson;
        // the leading term of the gap is ((x - mu)² - x) / (2 theta)
        let theta = 1e13;
        let lead = ((x - mu) * (x - mu) - x) / (2.0 * theta);
        let terms = 1.0 + poisson.abs() + (x - mu).abs();
        prop_assert!((gap(theta) - lead).abs() < 1e-14 * terms + 1e-3 * lead.abs());
        prop_assert_eq!(gap(f64::INFINITY), 0.0);
        prop_assert_eq!(Nb { mu, theta: f64::INFINITY }.ll_grad(x).1, Nb { mu: Poisson { mu }.ll_grad(x).1.mu, theta: 0.0 });
    }
}

#[test]
fn outside_the_domain_is_nan() {
    let nan = f64::NAN;
    for (x, mu, theta) in [
        (-1.0, 1.0, 1.0),
        (nan, 1.0, 1.0),
        (f64::INFINITY, 1.0, 1.0),
        (1.0, -1.0, 1.0),
        (1.0, nan, 1.0),
        (0.0, f64::INFINITY, 1.0),
        (1.0, 1.0, 0.0),
        (0.0, 1.0, -2.0),
        (0.0, 1.0, nan),
    ] {
        let (ll, d) = Nb { mu, theta }.ll_grad(x);
        assert!(
            ll.is_nan() && d.mu.is_nan() && d.theta.is_nan(),
            "{x} {mu} {theta}"
        );
        let (ll, d) = Zinb {
            mu,
            theta,
            logit: 0.0,
        }
        .ll_grad(x);
        assert!(
            ll.is_nan() && d.mu.is_nan() && d.theta.is_nan() && d.logit.is_nan(),
            "{x} {mu} {theta}"
        );
        let (ll, d) = ZinbPi { mu, theta, pi: 0.5 }.ll_grad(x);
        assert!(
            ll.is_nan() && d.mu.is_nan() && d.theta.is_nan() && d.pi.is_nan(),
            "{x} {mu} {theta}"
        );
    }
    let good = Nb {
        mu: 1.0,
        theta: 1.0,
    };
    for bad in [nan, f64::INFINITY] {
        assert!(
            Zinb {
                mu: good.mu,
                theta: good.theta,
                logit: bad
            }
            .ll(0.0)
            .is_nan()
        );
        assert!(Bernoulli { logit: bad }.ll(0.0).is_nan());
        assert!(Gaussian { mean: bad, sd: 1.0 }.ll_grad(0.0).1.sd.is_nan());
    }
    for pi in [-0.1, 1.1, nan] {
        assert!(
            ZinbPi {
                mu: 1.0,
                theta: 1.0,
                pi
            }
            .ll_grad(0.0)
            .1
            .pi
            .is_nan()
        );
        assert!(
            BernoulliProb { p: pi }.ll(0.0).is_nan() && Bernoulli { logit: 0.0 }.ll(pi).is_nan()
        );
    }
    for sd in [0.0, -1.0, f64::INFINITY, nan] {
        assert!(Gaussian { mean: 0.0, sd }.ll(0.0).is_nan());
    }
    assert!(
        Poisson { mu: -1.0f64 }.ll_grad(1.0).1.mu.is_nan()
            && Poisson { mu: 1.0f64 }.ll(-1.0).is_nan()
    );
}

/// The limits that the domain includes.
#[test]
fn boundaries() {
    let inf = f64::INFINITY;
    for theta in [0.5, 100.0, inf] {
        assert_eq!(
            Nb { mu: 0.0, theta }.ll_grad(0.0),
            (
                0.0,
                Nb {
                    mu: -1.0,
                    theta: 0.0
                }
            )
        );
        let (ll, d) = Nb { mu: 0.0, theta }.ll_grad(20.0);
        assert_eq!((ll, d.mu), (-inf, inf));
        assert!(!d.theta.is_nan());
        assert_eq!(
            ZinbPi {
                mu: 2.0,
                theta,
                pi: 1.0
            }
            .ll_grad(0.0),
            (
                0.0,
                ZinbPi {
                    mu: 0.0,
                    theta: 0.0,
                    pi: d_pi(theta)
                }
            )
        );
        assert_eq!(
            ZinbPi {
                mu: 2.0,
                theta,
                pi: 1.0
            }
            .ll(1.0),
            -inf
        );
    }
    assert_eq!(
        BernoulliProb { p: 0.0 }.ll_grad(0.0),
        (0.0, BernoulliProb { p: -1.0 })
    );
    assert_eq!(
        BernoulliProb { p: 0.0 }.ll_grad(1.0),
        (-inf, BernoulliProb { p: inf })
    );
    assert_eq!(
        BernoulliProb { p: 1.0 }.ll_grad(1.0),
        (0.0, BernoulliProb { p: 1.0 })
    );
    assert_eq!(
        BernoulliProb { p: 1.0 }.ll_grad(0.5),
        (-inf, BernoulliProb { p: -inf })
    );
}

/// 1 - p0 for a mean of 2.
fn d_pi(theta: f64) -> f64 {
    -f64::exp_m1(Nb { mu: 2.0, theta }.ll(0.0))
}
