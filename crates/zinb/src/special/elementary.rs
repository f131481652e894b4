//! Logarithms and exponentials arranged so that nothing cancels or overflows.

pub fn sigmoid(v: f64) -> f64 {
    if v >= 0.0 {
        1.0 / (1.0 + (-v).exp())
    } else {
        let e = v.exp();
        e / (1.0 + e)
    }
}

pub fn softplus(v: f64) -> f64 {
    v.max(0.0) + (-v.abs()).exp().ln_1p()
}

/// ln(exp(a) + exp(b)); one of the two may be -∞.
pub fn log_sum_exp(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    high + (low - high).exp().ln_1p()
}

/// x ln(y), with 0 ln(0) = 0.
pub fn xlogy(x: f64, y: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x * y.ln() }
}

/// ln(1 + a/b) for a >= 0, b > 0, also where a/b overflows.
pub fn ln_1p_ratio(a: f64, b: f64) -> f64 {
    let r = a / b;
    if r.is_finite() {
        r.ln_1p()
    } else {
        a.ln() - b.ln()
    }
}

/// ln(a/b) - d/b with d = a - b, never positive. The caller passes d because it knows it without cancellation.
pub fn ln_ratio_excess(a: f64, b: f64, d: f64) -> f64 {
    let u = d / b;
    if (-0.25..0.35).contains(&u) {
        return ln_1p_minus_series(u);
    }
    let r = a / b;
    let log = if r.is_finite() {
        r.ln()
    } else {
        a.ln() - b.ln()
    };
    log - u
}

/// Deviance of k from l, k ln(k/l) - (k - l) >= 0, with d = k - l.
pub fn deviance(k: f64, l: f64, d: f64) -> f64 {
    -k * ln_ratio_excess(l, k, -d)
}

/// ln(1+u) - u near 0. With r = u / (2 + u), ln(1+u) = 2 artanh(r) and 2r - u = -u r.
fn ln_1p_minus_series(u: f64) -> f64 {
    let r = u / (2.0 + u);
    let r2 = r * r;
    // 1/3 + r2/5 + r2^2/7 + ...; r2 < 0.023, so twelve terms leave 1e-20
    let mut sum = 0.0;
    for k in (1..=12).rev() {
        sum = sum * r2 + 1.0 / f64::from(2 * k + 1);
    }
    r * (2.0 * r2 * sum - u)
}
