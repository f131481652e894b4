//! Numbers of any stored type, converted with checks of our own.

use hdf5_reader::{ByteOrder, Datatype};

/// How a number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumberType {
    pub class: Class,
    /// Bytes.
    pub size: u8,
    pub big_endian: bool,
}

/// What a stored number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Signed,
    Unsigned,
    Float,
    /// The enumeration FALSE, TRUE.
    Bool,
}

impl NumberType {
    /// `None` for what is no real number of a supported width.
    pub fn of(dtype: &Datatype) -> Option<Self> {
        let big = |o: &ByteOrder| *o == ByteOrder::BigEndian;
        match dtype {
            Datatype::FixedPoint {
                size: size @ (1 | 2 | 4 | 8),
                signed,
                byte_order,
            } => {
                let class = if *signed {
                    Class::Signed
                } else {
                    Class::Unsigned
                };
                Some(Self {
                    class,
                    size: *size,
                    big_endian: big(byte_order),
                })
            }
            Datatype::FloatingPoint {
                size: size @ (2 | 4 | 8),
                byte_order,
            } => Some(Self {
                class: Class::Float,
                size: *size,
                big_endian: big(byte_order),
            }),
            Datatype::Enum { base, members } => {
                let base = Self::of(base)?;
                let mut names: Vec<&str> = members.iter().map(|m| m.name.as_str()).collect();
                names.sort_unstable();
                let is_bool = base.size == 1 && names == ["FALSE", "TRUE"];
                Some(Self {
                    class: if is_bool { Class::Bool } else { base.class },
                    ..base
                })
            }
            _ => None,
        }
    }

    /// The name that numpy gives it, byte order aside.
    pub fn name(self) -> &'static str {
        match (self.class, self.size) {
            (Class::Bool, _) => "bool",
            (Class::Signed, 1) => "int8",
            (Class::Signed, 2) => "int16",
            (Class::Signed, 4) => "int32",
            (Class::Signed, _) => "int64",
            (Class::Unsigned, 1) => "uint8",
            (Class::Unsigned, 2) => "uint16",
            (Class::Unsigned, 4) => "uint32",
            (Class::Unsigned, _) => "uint64",
            (Class::Float, 2) => "float16",
            (Class::Float, 4) => "float32",
            (Class::Float, _) => "float64",
        }
    }

    pub fn is_integer(self) -> bool {
        matches!(self.class, Class::Signed | Class::Unsigned)
    }

    /// Whether the bytes are those of a native `f32`.
    pub fn is_native_f32(self) -> bool {
        self.class == Class::Float
            && self.size == 4
            && self.big_endian == cfg!(target_endian = "big")
    }
}

/// What conversion to f32 lost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Loss {
    /// Integers that f32 cannot hold exactly.
    pub integers: usize,
    /// 64-bit floats that were rounded.
    pub rounded: usize,
    /// The first finite value beyond the range of f32.
    pub overflow: Option<f64>,
}

/// A stored scalar type.
trait Scalar: Copy {
    fn get(bytes: &[u8], big: bool) -> Self;
    fn to_f64(self) -> f64;
    fn to_f32(self, loss: &mut Loss) -> f32;
    /// Integers only.
    fn to_i64(self) -> Option<i64>;
}

macro_rules! scalar_int {
    ($($t:ty),*) => {$(
        impl Scalar for $t {
            fn get(bytes: &[u8], big: bool) -> Self {
                let mut raw = [0; size_of::<$t>()];
                raw.copy_from_slice(bytes);
                if big { Self::from_be_bytes(raw) } else { Self::from_le_bytes(raw) }
            }
            fn to_f64(self) -> f64 {
                self as f64
            }
            fn to_f32(self, loss: &mut Loss) -> f32 {
                let f = self as f32;
                if size_of::<$t>() > 2 && f as i128 != self as i128 {
                    loss.integers += 1;
                }
                f
            }
            fn to_i64(self) -> Option<i64> {
                i64::try_from(self).ok()
            }
        }
    )*};
}
scalar_int!(i8, u8, i16, u16, i32, u32, i64, u64);

impl Scalar for f32 {
    fn get(bytes: &[u8], big: bool) -> Self {
        Self::from_bits(u32::get(bytes, big))
    }
    fn to_f64(self) -> f64 {
        self as f64
    }
    fn to_f32(self, _: &mut Loss) -> f32 {
        self
    }
    fn to_i64(self) -> Option<i64> {
        None
    }
}

impl Scalar for f64 {
    fn get(bytes: &[u8], big: bool) -> Self {
        Self::from_bits(u64::get(bytes, big))
    }
    fn to_f64(self) -> f64 {
        self
    }
    fn to_f32(self, loss: &mut Loss) -> f32 {
        let f = self as f32;
        if f as f64 != self && !self.is_nan() {
            if f.is_infinite() {
                loss.overflow.get_or_insert(self);
            }
            loss.rounded += 1;
        }
        f
    }
    fn to_i64(self) -> Option<i64> {
        None
    }
}

/// Half precision.
#[derive(Clone, Copy)]
struct F16(f32);

impl Scalar for F16 {
    fn get(bytes: &[u8], big: bool) -> Self {
        let bits = u16::get(bytes, big);
        let (exponent, fraction) = ((bits >> 10) & 31, (bits & 1023) as f32);
        let size = match exponent {
            0 => fraction * 2f32.powi(-24),
            31 if fraction == 0.0 => f32::INFINITY,
            31 => f32::NAN,
            e => (1.0 + fraction / 1024.0) * 2f32.powi(e as i32 - 15),
        };
        Self(if bits >> 15 == 1 { -size } else { size })
    }
    fn to_f64(self) -> f64 {
        self.0 as f64
    }
    fn to_f32(self, _: &mut Loss) -> f32 {
        self.0
    }
    fn to_i64(self) -> Option<i64> {
        None
    }
}

/// Applies a conversion that is generic over the stored type.
macro_rules! each {
    ($kind:expr, $bytes:expr, |$v:ident| $convert:expr) => {{
        let (kind, bytes): (NumberType, &[u8]) = ($kind, $bytes);
        macro_rules! run {
            ($t:ty) => {
                bytes
                    .chunks_exact(kind.size as usize)
                    .map(|raw| {
                        let $v = <$t>::get(raw, kind.big_endian);
                        $convert
                    })
                    .collect()
            };
        }
        match (kind.class, kind.size) {
            (Class::Bool, _) => bytes
                .iter()
                .map(|&raw| {
                    let $v = (raw != 0) as u8;
                    $convert
                })
                .collect(),
            (Class::Signed, 1) => run!(i8),
            (Class::Signed, 2) => run!(i16),
            (Class::Signed, 4) => run!(i32),
            (Class::Signed, _) => run!(i64),
            (Class::Unsigned, 1) => run!(u8),
            (Class::Unsigned, 2) => run!(u16),
            (Class::Unsigned, 4) => run!(u32),
            (Class::Unsigned, _) => run!(u64),
            (Class::Float, 2) => run!(F16),
            (Class::Float, 4) => run!(f32),
            (Class::Float, _) => run!(f64),
        }
    }};
}

/// The numbers as f32, and what that lost.
pub(crate) fn to_f32(kind: NumberType, bytes: &[u8]) -> (Vec<f32>, Loss) {
    let mut loss = Loss::default();
    let values = each!(kind, bytes, |v| v.to_f32(&mut loss));
    (values, loss)
}

/// The numbers as f64 (integers above 2^53 are rounded).
pub(crate) fn to_f64(kind: NumberType, bytes: &[u8]) -> Vec<f64> {
    each!(kind, bytes, |v| v.to_f64())
}

/// The integers as i64; `Err` with the position of one that does not fit or is no integer.
pub(crate) fn to_i64(kind: NumberType, bytes: &[u8]) -> Result<Vec<i64>, usize> {
    let values: Vec<Option<i64>> = each!(kind, bytes, |v| v.to_i64());
    match values.iter().position(Option::is_none) {
        Some(at) => Err(at),
        None => Ok(values.into_iter().flatten().collect()),
    }
}

/// Integers of 0..`below` as u32; `Err` with the position of one that is outside.
pub(crate) fn to_u32(kind: NumberType, bytes: &[u8], below: u32) -> Result<Vec<u32>, usize> {
    let mut at = 0;
    let mut bad = None;
    let values = each!(kind, bytes, |v| {
        let value = v.to_i64().filter(|v| (0..below as i64).contains(v));
        if value.is_none() && bad.is_none() {
            bad = Some(at);
        }
        at += 1;
        // In range, so the cast loses nothing.
        value.unwrap_or(0) as u32
    });
    bad.map_or(Ok(values), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(class: Class, size: u8, big_endian: bool) -> NumberType {
        NumberType {
            class,
            size,
            big_endian,
        }
    }

    #[test]
    fn half_precision() {
        let bits: Vec<u8> = [
            0x3c00u16, 0xc000, 0x0001, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x8000,
        ]
        .iter()
        .flat_map(|b| b.to_be_bytes())
        .collect();
        let (v, _) = to_f32(kind(Class::Float, 2, true), &bits);
        assert_eq!(&v[..3], &[1.0, -2.0, 2f32.powi(-24)]);
        assert_eq!(&v[3..6], &[65504.0, f32::INFINITY, f32::NEG_INFINITY]);
        assert!(v[6].is_nan() && v[7] == 0.0 && v[7].is_sign_negative());
    }

    #[test]
    fn losses_are_counted() {
        let bytes: Vec<u8> = [16777216i64, 16777217, -16777217, i64::MAX]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let (v, loss) = to_f32(kind(Class::Signed, 8, false), &bytes);
        assert_eq!(v[0], 16777216.0);
        assert_eq!(loss.integers, 3, "i64::MAX rounds up to 2^63");
        let bytes: Vec<u8> = [0.5f64, 0.1, 1e300, f64::NAN, f64::INFINITY]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let (_, loss) = to_f32(kind(Class::Float, 8, false), &bytes);
        assert_eq!((loss.rounded, loss.overflow), (2, Some(1e300)));
    }

    #[test]
    fn integers_only_when_they_fit() {
        let big = u64::MAX.to_le_bytes();
        assert_eq!(to_i64(kind(Class::Unsigned, 8, false), &big), Err(0));
        assert_eq!(to_i64(kind(Class::Float, 4, false), &[0; 8]), Err(0));
        assert_eq!(
            to_u32(kind(Class::Signed, 1, false), &[0, 3, 2], 4),
            Ok(vec![0, 3, 2])
        );
        assert_eq!(
            to_u32(kind(Class::Signed, 1, false), &[0, 4, 255], 4),
            Err(1)
        );
        assert_eq!(to_u32(kind(Class::Signed, 1, false), &[0, 255], 4), Err(1));
        assert_eq!(
            to_i64(kind(Class::Signed, 2, true), &[0xff, 0xfe, 0, 3]),
            Ok(vec![-2, 3])
        );
    }
}
