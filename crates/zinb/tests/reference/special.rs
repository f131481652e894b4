//! Special functions against reference values and identities.

use crate::values::{Worst, golden, offgrid, rows};
use proptest::prelude::*;
use zinb::special::{
    digamma, digamma_difference, lgamma, lgamma_difference, ln_1p_minus, sigmoid, softplus,
    trigamma,
};

const EPS: f64 = f64::EPSILON;

#[test]
fn gamma_family_on_the_grid() {
    let block = &golden()["special_functions"];
    let [mut l, mut d, mut t] = [Worst::default(), Worst::default(), Worst::default()];
    for [x, lg, di, tri] in rows(block, ["t", "lgamma", "digamma", "trigamma"]) {
        l.add(lgamma(x), lg, EPS * lg.abs(), x); // relative, next to the zeros too
        d.add(digamma(x), di, EPS * (1.0 + di.abs()), x);
        t.add(trigamma(x), tri, EPS * tri, x);
    }
    l.check("lgamma, eps relative", 8.0);
    d.check("digamma, eps (1 + |value|)", 8.0);
    t.check("trigamma, eps relative", 8.0);
}

#[test]
fn gamma_family_in_f32() {
    let block = &golden()["special_functions"];
    let mut worst = Worst::default();
    for [x, lg] in rows(block, ["t", "lgamma"]) {
        let exact_in_f32 = f64::from(x as f32) == x;
        if exact_in_f32 {
            worst.add(
                f64::from(lgamma(x as f32)),
                lg,
                f64::from(f32::EPSILON) * lg.abs(),
                x,
            );
        }
    }
    worst.check("lgamma f32, eps relative", 0.5 + 1e-6);
}

#[test]
fn differences_on_the_grid() {
    let block = &golden()["special_functions"]["differences"];
    let [mut l, mut d, mut library] = [Worst::default(), Worst::default(), Worst::default()];
    for [t, x, lg, di] in rows(block, ["t", "x", "lgamma_difference", "digamma_difference"]) {
        l.add(lgamma_difference(t, x), lg, EPS * (1.0 + lg.abs()), (t, x));
        d.add(digamma_difference(t, x), di, EPS * di, (t, x));
        library.add(
            lgamma(t + x) - lgamma(t),
            lg,
            EPS * (1.0 + lg.abs()),
            (t, x),
        );
    }
    l.check("lgamma difference, eps (1 + |value|)", 8.0);
    d.check("digamma difference, eps relative", 8.0);
    // the subtraction it replaces is far outside: the grid is hard enough
    assert!(library.error > 1e6);
}

#[test]
fn off_the_grid() {
    let names = [
        "t",
        "x",
        "lgamma_difference",
        "digamma_difference",
        "lgamma",
        "digamma",
        "trigamma",
    ];
    let [mut dl, mut dd, mut l, mut d, mut tri] = std::array::from_fn(|_| Worst::default());
    for [t, x, d_lgamma, d_digamma, lg, di, tr] in rows(&offgrid()["special_functions"], names) {
        // next to the zero of digamma a small step is worth x * digamma = 0
        let scale = d_lgamma.abs() + x.min(1.0) * (1.0 + 1.0 / t);
        dl.add(lgamma_difference(t, x), d_lgamma, EPS * scale, (t, x));
        dd.add(digamma_difference(t, x), d_digamma, EPS * d_digamma, (t, x));
        l.add(lgamma(t), lg, EPS * lg.abs(), t);
        d.add(digamma(t), di, EPS * (1.0 + di.abs()), t);
        tri.add(trigamma(t), tr, EPS * tr, t);
    }
    dl.check("off grid: lgamma difference", 16.0);
    dd.check("off grid: digamma difference, eps relative", 8.0);
    l.check("off grid: lgamma, eps relative", 8.0);
    d.check("off grid: digamma, eps (1 + |value|)", 8.0);
    tri.check("off grid: trigamma, eps relative", 8.0);
}

#[test]
fn edges() {
    assert_eq!(lgamma(0.0), f64::INFINITY);
    assert_eq!(lgamma(f64::INFINITY), f64::INFINITY);
    assert_eq!((lgamma(1.0), lgamma(2.0)), (0.0, 0.0));
    assert!(lgamma(-0.5f64).is_nan() && lgamma(f64::NAN).is_nan());
    assert!(digamma(0.0f64).is_nan() && trigamma(-1.0f64).is_nan());
    assert!(lgamma_difference(0.0f64, 1.0).is_nan() && digamma_difference(1.0f64, -1.0).is_nan());
    for t in [1e-300, 1e-8, 0.3, 15.9, 16.0, 1e10] {
        assert_eq!(
            (lgamma_difference(t, 0.0), digamma_difference(t, 0.0)),
            (0.0, 0.0),
            "t = {t}"
        );
    }
    assert_eq!((softplus(1000.0), softplus(-1000.0)), (1000.0, 0.0));
    assert_eq!(
        (softplus(f64::INFINITY), sigmoid(f64::NEG_INFINITY)),
        (f64::INFINITY, 0.0)
    );
    assert!(softplus(f64::NAN).is_nan() && sigmoid(f64::NAN).is_nan());
    assert!((sigmoid(-50.0) / (-50f64).exp() - 1.0).abs() < 1e-15);
    assert_eq!(ln_1p_minus(-1.0), f64::NEG_INFINITY);
    assert!((ln_1p_minus(1e-9f64) / -5e-19 - 1.0).abs() < 1e-8);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn recurrences(x in 1e-3f64..60.0) {
        prop_assert!((lgamma(x + 1.0) - lgamma(x) - x.ln()).abs() < 1e-14 * (1.0 + lgamma(x + 1.0).abs()));
        prop_assert!((digamma(x + 1.0) - digamma(x) - 1.0 / x).abs() < 1e-14 * (1.0 + 1.0 / x));
        prop_assert!((trigamma(x) - trigamma(x + 1.0) - 1.0 / (x * x)).abs() < 1e-14 * (1.0 + 1.0 / (x * x)));
    }

    #[test]
    fn differences_of_any_step(t in -8f64..4.0, x in -8f64..3.0) {
        let (t, x) = (10f64.powf(t), 10f64.powf(x));
        // the subtraction is good here up to the rounding of its terms
        let terms = 1.0 + lgamma(t + x).abs() + lgamma(t).abs() + (t + x) * digamma(t + x).abs();
        prop_assert!((lgamma_difference(t, x) - (lgamma(t + x) - lgamma(t))).abs() < 1e-14 * terms);
        let terms = 1.0 + digamma(t + x).abs() + digamma(t).abs() + (t + x) * trigamma(t + x);
        prop_assert!((digamma_difference(t, x) - (digamma(t + x) - digamma(t))).abs() < 1e-14 * terms);
    }

    #[test]
    fn small_steps_are_derivatives(t in 0.01f64..1e6) {
        let x = 1e-9 * t;
        let (slope, curvature) = (digamma(t), trigamma(t));
        prop_assert!((lgamma_difference(t, x) / x - slope).abs() < 1e-8 * (1.0 + t * curvature) + 1e-13 * slope.abs());
        prop_assert!((digamma_difference(t, x) / (x * curvature) - 1.0).abs() < 3e-9);
    }

    #[test]
    fn steps_add_up(t in -3f64..10.0, x in -3f64..5.0, y in -3f64..5.0) {
        let (t, x, y) = (10f64.powf(t), 10f64.powf(x), 10f64.powf(y));
        let whole = lgamma_difference(t, x + y);
        let parts = lgamma_difference(t, x) + lgamma_difference(t + x, y);
        let rounding = x * digamma(t + x).abs() + y * digamma(t + x + y).abs() + (t + x) * 1e-2 * digamma_difference(t, x + y);
        prop_assert!((whole - parts).abs() < 2e-14 * (10.0 + whole.abs() + rounding), "{} {}", whole, parts);
    }

    #[test]
    fn ln_1p_minus_is_what_it_says(u in -0.999f64..5.0) {
        prop_assert!((ln_1p_minus(u) - (u.ln_1p() - u)).abs() < 4.0 * EPS * (1.0 + u.ln_1p().abs()));
        prop_assert!(ln_1p_minus(u) <= 0.0);
    }
}
