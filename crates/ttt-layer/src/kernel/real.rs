//! The two float types of the kernels.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

/// A float the kernels run on: `f32` in training, `f64` in the tests of the same code. Only the
/// small matrix products have a version of their own for each type.
pub trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + super::gemm::Multiply
    + 'static
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;

    /// Rounds a double to this type.
    fn of(x: f64) -> Self;
    /// Widens to a double.
    fn wide(self) -> f64;
    /// Square root.
    fn root(self) -> Self;
    /// `e^self`. In `f32` a polynomial that the compiler can vectorise: relative error below
    /// 2e-7 for arguments in [-87.3, 88.7], arguments outside are clamped to that range. In `f64`
    /// the standard library's function.
    fn exponential(self) -> Self;

    /// Logistic function `1 / (1 + e^-self)`.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::ONE / (Self::ONE + (-self).exponential())
    }
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn of(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self as f64
    }
    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    fn exponential(self) -> Self {
        // e^x = 2^n e^r with n the integer nearest to x / ln 2. Adding 1.5 * 2^23 leaves n in the
        // low bits of the sum, from where it is shifted into the exponent: no rounding function,
        // no conversion, only operations that vectorise on every target.
        const MAGIC: f32 = 12_582_912.0;
        const LN2_HIGH: f32 = 0.693_359_4;
        const LN2_LOW: f32 = -2.121_944_4e-4;
        let x = self.clamp(-87.3, 88.7);
        let shifted = x * std::f32::consts::LOG2_E + MAGIC;
        let n = shifted - MAGIC;
        let r = x - n * LN2_HIGH - n * LN2_LOW;
        // Minimax coefficients of Cephes' expf on [-ln 2 / 2, ln 2 / 2].
        let p = 1.987_569_1e-4;
        let p = p * r + 1.398_199_9e-3;
        let p = p * r + 8.333_452e-3;
        let p = p * r + 4.166_579_6e-2;
        let p = p * r + 1.666_666_5e-1;
        let p = p * r + 0.5;
        let y = p * r * r + r + 1.0;
        // 2^n in two factors, because n = 128 has no exponent of its own.
        let n = shifted.to_bits().wrapping_sub(MAGIC.to_bits()) as i32;
        let power = |k: i32| f32::from_bits(((k + 127) as u32) << 23);
        y * power(n >> 1) * power(n - (n >> 1))
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    fn exponential(self) -> Self {
        self.exp()
    }
}
