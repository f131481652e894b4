//! Elementary functions in `f32` that the compiler can vectorise: no branches, no calls, no
//! conversions but of small integers.

/// Entries that are worked on together.
pub(crate) const LANES: usize = 16;

/// `a b + c`, in one rounding where the target has the instruction (`FMA`).
#[inline(always)]
pub(crate) fn mad<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `e^x` with a relative error below 2e-7; arguments are clamped to [-87.3, 88.7].
#[inline(always)]
pub(crate) fn exp<const FMA: bool>(x: f32) -> f32 {
    // x = n ln 2 + r. Adding 1.5 2^23 leaves n in the low bits of the sum, from where it is shifted
    // into the exponent.
    const MAGIC: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.3, 88.7);
    let shifted = mad::<FMA>(x, std::f32::consts::LOG2_E, MAGIC);
    let n = shifted - MAGIC;
    let r = mad::<FMA>(n, -LN2_LOW, mad::<FMA>(n, -LN2_HIGH, x));
    // Minimax coefficients of Cephes' expf on [-ln 2 / 2, ln 2 / 2].
    let p = 1.987_569_1e-4;
    let p = mad::<FMA>(p, r, 1.398_199_9e-3);
    let p = mad::<FMA>(p, r, 8.333_452e-3);
    let p = mad::<FMA>(p, r, 4.166_579_6e-2);
    let p = mad::<FMA>(p, r, 1.666_666_5e-1);
    let p = mad::<FMA>(p, r, 0.5);
    let y = mad::<FMA>(p * r, r, r) + 1.0;
    // Two factors, because 2^128 has no exponent of its own.
    let n = shifted.to_bits().wrapping_sub(MAGIC.to_bits()) as i32;
    let half = n >> 1;
    let power = |k: i32| f32::from_bits(((k + 127) as u32) << 23);
    y * power(half) * power(n - half)
}

/// `ln x` of a normal positive number: absolute error below 1e-7 near 1, relative below 2e-7
/// elsewhere. Anything else gives a meaningless number.
#[inline(always)]
pub(crate) fn ln<const FMA: bool>(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // x = m 2^e with m in [sqrt(1/2), sqrt(2)).
    let bits = x.to_bits() as i32;
    let e = bits.wrapping_sub(0x3f35_04f3) >> 23;
    let f = f32::from_bits(bits.wrapping_sub(e << 23) as u32) - 1.0;
    let e = e as f32;
    // Minimax coefficients of Cephes' logf.
    let p = 7.037_683_6e-2;
    let p = mad::<FMA>(p, f, -1.151_461e-1);
    let p = mad::<FMA>(p, f, 1.167_699_87e-1);
    let p = mad::<FMA>(p, f, -1.242_014_1e-1);
    let p = mad::<FMA>(p, f, 1.424_932_3e-1);
    let p = mad::<FMA>(p, f, -1.666_805_8e-1);
    let p = mad::<FMA>(p, f, 2.000_071_5e-1);
    let p = mad::<FMA>(p, f, -2.499_999_4e-1);
    let p = mad::<FMA>(p, f, 0.333_333_3);
    let square = f * f;
    let y = mad::<FMA>(p * f, square, e * LN2_LOW);
    let y = mad::<FMA>(-0.5, square, y);
    mad::<FMA>(e, LN2_HIGH, f + y)
}

/// `ln(1 + r)` for `r >= 0`, given `u = 1 + r` as rounded and `1 / u`: what rounding `u` lost is put
/// back to first order.
#[inline(always)]
pub(crate) fn ln_1p<const FMA: bool>(r: f32, u: f32, inverse: f32) -> f32 {
    mad::<FMA>(r - (u - 1.0), inverse, ln::<FMA>(u))
}

/// `ln(1 + e^x)`; linear beyond 88, where `e^x` would overflow.
#[inline(always)]
pub(crate) fn softplus<const FMA: bool>(x: f32) -> f32 {
    let e = exp::<FMA>(-x.abs());
    let u = 1.0 + e;
    x.max(0.0) + ln_1p::<FMA>(e, u, 1.0 / u)
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(crate) fn sigmoid<const FMA: bool>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<FMA>(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(from: f32, to: f32) -> impl Iterator<Item = f32> {
        (0..200_001).map(move |i| from + (to - from) * (i as f32 / 200_000.0))
    }

    #[test]
    fn exp_and_ln_are_close_to_the_standard_library() {
        for x in sweep(-87.0, 88.0) {
            let expected = f64::from(x).exp();
            for y in [exp::<true>(x), exp::<false>(x)] {
                assert!((f64::from(y) / expected - 1.0).abs() < 2e-7, "exp({x})");
            }
        }
        for e in sweep(-87.0, 88.0) {
            let x = e.exp();
            let expected = f64::from(x).ln();
            for y in [ln::<true>(x), ln::<false>(x)] {
                let error = (f64::from(y) - expected).abs();
                assert!(error < 1e-7 + 2e-7 * expected.abs(), "ln({x})");
            }
        }
        for x in sweep(0.7, 1.5) {
            let error = (f64::from(ln::<true>(x)) - f64::from(x).ln()).abs();
            assert!(error < 1e-7, "ln({x})");
        }
    }

    #[test]
    fn ln_1p_keeps_small_arguments() {
        for e in sweep(-60.0, 60.0) {
            let r = e.exp();
            let u = 1.0 + r;
            let y = f64::from(ln_1p::<true>(r, u, 1.0 / u));
            let expected = f64::from(r).ln_1p();
            assert!((y / expected - 1.0).abs() < 3e-7, "ln_1p({r})");
        }
    }

    #[test]
    fn softplus_and_sigmoid_keep_both_tails() {
        for x in sweep(-80.0, 80.0) {
            let wide = f64::from(x);
            let plus = wide.max(0.0) + (-wide.abs()).exp().ln_1p();
            assert!((f64::from(softplus::<true>(x)) / plus - 1.0).abs() < 4e-7);
            let logistic = 1.0 / (1.0 + (-wide).exp());
            assert!((f64::from(sigmoid::<true>(x)) / logistic - 1.0).abs() < 4e-7);
        }
    }
}
