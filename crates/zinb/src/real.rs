//! The two number types the likelihoods accept.

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`. Everything is evaluated in `f64`; an `f32` argument is widened without loss and the result rounded once.
///
/// So an `f32` result is within half a unit in the last place (plus the `f64` error) of the exact value at the
/// arguments given. A value beyond the range of `f32` becomes infinite.
pub trait Real:
    sealed::Sealed + Copy + PartialOrd + std::fmt::Debug + Send + Sync + 'static
{
    /// The same number as `f64`.
    fn to_f64(self) -> f64;
    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;
}

impl Real for f64 {
    #[inline]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline]
    fn from_f64(value: f64) -> f64 {
        value
    }
}

impl Real for f32 {
    #[inline]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }
}
