//! Tensors of burn's Flex backend as slices, and random numbers of a thread: what kernels on the CPU stand on.
//!
//! A kernel is a function of slices; an operation of the backend takes and gives tensors. Between the two are a few rules that every kernel must keep: only a
//! contiguous tensor is a slice, a contiguous view may be a part of its buffer, and a buffer that others hold is not written to.
//!
//! ```
//! use burn::backend::flex::FlexTensor;
//! use burn::backend::{Flex, TensorMetadata};
//! use burn::tensor::{Device, Tensor};
//! use flex_slices::{FlexFloat, by_type, served, slice_mut};
//!
//! fn halved<T: FlexFloat + From<f32> + std::ops::MulAssign>(mut x: FlexTensor) -> FlexTensor {
//!     slice_mut::<T>(&mut x).iter_mut().for_each(|v| *v *= T::from(0.5));
//!     x
//! }
//!
//! let x = Tensor::<2>::from_data([[2.0, 4.0], [6.0, 8.0]], &Device::flex());
//! assert!(served(&x.device(), x.dtype()));
//! let column = x.clone().transpose().slice([1..2]);
//! let column = column.try_into_primitive::<Flex>().map_err(|_| "another backend")?;
//! let half = Tensor::<2>::from_primitive::<Flex>(by_type!(column.dtype(), halved(column)));
//! assert_eq!(half.to_data().try_to_vec::<f32>().unwrap(), [2.0, 4.0]);
//! assert_eq!(x.to_data().try_to_vec::<f32>().unwrap(), [2.0, 4.0, 6.0, 8.0]); // left alone
//! # Ok::<(), &str>(())
//! ```

mod stream;

pub use stream::{next_word, with_stream};

use burn::backend::{DispatchDevice, TensorMetadata, flex::FlexTensor};
use burn::tensor::{DType, Device, Element, Shape, TensorData};

/// Whether tensors of a device and an element type can be had as slices: Flex, tracked or not, `f32` or `f64`.
pub fn served(device: &Device, dtype: DType) -> bool {
    let device = device.clone().inner();
    matches!(device.as_dispatch(), DispatchDevice::Flex(_))
        && matches!(dtype, DType::F32 | DType::F64)
}

/// `f32` or `f64`.
pub trait FlexFloat: Element {
    /// The elements in order, if the tensor is contiguous and of this type.
    fn elements(x: &FlexTensor) -> Option<&[Self]>;
    /// All of the buffer, if nobody else holds it.
    fn buffer(x: &mut FlexTensor) -> Option<&mut [Self]>;
}

macro_rules! flex_float {
    ($type:ty) => {
        impl FlexFloat for $type {
            fn elements(x: &FlexTensor) -> Option<&[$type]> {
                x.as_slice()
            }
            fn buffer(x: &mut FlexTensor) -> Option<&mut [$type]> {
                x.try_storage_mut()
            }
        }
    };
}
flex_float!(f32);
flex_float!(f64);

/// Runs a generic function for an element type, `by_type!(x.dtype(), f(&x))`: `f::<f64>` for `F64`, else `f::<f32>`.
#[macro_export]
macro_rules! by_type {
    ($dtype:expr, $f:ident($($arg:expr),* $(,)?)) => {
        match $dtype {
            ::burn::tensor::DType::F64 => $f::<f64>($($arg),*),
            _ => $f::<f32>($($arg),*),
        }
    };
}

/// The tensor itself if it is contiguous, else a copy that is: [`slice()`] sees all of it.
pub fn dense(x: FlexTensor) -> FlexTensor {
    match x.is_contiguous() {
        true => x,
        false => x.to_contiguous(),
    }
}

/// The elements of a [`dense`] tensor.
///
/// # Panics
/// If the tensor is not contiguous, or of another type.
pub fn slice<T: FlexFloat>(x: &FlexTensor) -> &[T] {
    match T::elements(x) {
        Some(slice) => slice,
        None => panic!(
            "expected a contiguous tensor of {}",
            std::any::type_name::<T>()
        ),
    }
}

/// The elements of any tensor, to write. Views, and what somebody else holds, are copied first.
///
/// # Panics
/// If the tensor is of another type.
pub fn slice_mut<T: FlexFloat>(x: &mut FlexTensor) -> &mut [T] {
    let n = x.shape().num_elements();
    let whole = x.is_contiguous() && x.bytes().len() == n * size_of::<T>();
    if !whole {
        *x = match T::elements(x) {
            Some(part) => tensor(part.to_vec(), x.shape()),
            None => x.to_contiguous(),
        };
    }
    if T::buffer(x).is_none() {
        *x = tensor(slice::<T>(x).to_vec(), x.shape());
    }
    match T::buffer(x) {
        Some(elements) => elements,
        None => unreachable!("a new tensor has one owner"),
    }
}

/// A tensor of values in order.
pub fn tensor<T: FlexFloat>(values: Vec<T>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_rows() -> FlexTensor {
        tensor(vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [3, 2])
    }

    /// One row of three, a view of the same buffer.
    fn row(x: &FlexTensor, place: usize) -> FlexTensor {
        let layout = x.layout().clone().narrow(0, place, 1);
        x.clone().with_layout(layout)
    }

    #[test]
    fn what_is_whole_and_held_once_is_written_in_place() {
        let mut x = three_rows();
        let before = x.bytes().as_ptr();
        slice_mut::<f32>(&mut x)[0] = 9.0;
        assert_eq!(x.bytes().as_ptr(), before);
        assert_eq!(slice::<f32>(&x)[..2], [9.0, 2.0]);
    }

    #[test]
    fn what_others_hold_is_copied() {
        let x = three_rows();
        let mut y = x.clone();
        slice_mut::<f32>(&mut y)[5] = 0.0;
        assert_eq!(slice::<f32>(&x)[5], 6.0);
        assert_eq!(slice::<f32>(&y)[5], 0.0);
    }

    #[test]
    fn part_of_a_buffer_is_that_part_alone() {
        let x = three_rows();
        let mut middle = row(&x, 1);
        drop(x); // nobody else holds the buffer, which is longer than the tensor
        assert_eq!(slice::<f32>(&middle), [3.0, 4.0]);
        let elements = slice_mut::<f32>(&mut middle);
        assert_eq!(elements, [3.0, 4.0]);
        elements[0] = 7.0;
        assert_eq!(slice::<f32>(&middle), [7.0, 4.0]);
    }

    #[test]
    fn columns_are_copied_into_order() {
        let x = three_rows();
        let layout = x.layout().clone().transpose(0, 1);
        let mut turned = x.with_layout(layout);
        assert!(f32::elements(&turned).is_none());
        assert_eq!(
            slice::<f32>(&dense(turned.clone())),
            [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]
        );
        assert_eq!(slice_mut::<f32>(&mut turned)[..3], [1.0, 3.0, 5.0]);
        assert_eq!(turned.shape(), Shape::from([2, 3]));
    }

    #[test]
    #[should_panic(expected = "expected a contiguous tensor of f64")]
    fn another_type_is_refused() {
        slice::<f64>(&three_rows());
    }
}
