//! Random sparse matrices, plain sums as references, comparison.
#![allow(dead_code)]

use burn::tensor::{DType, Device, Tensor, TensorData};
use proptest::prelude::*;
use sparse_ops::{CsrPattern, CsrTensor};

/// Element types and the tolerance of each.
pub const TYPES: [(DType, f64); 2] = [(DType::F64, 1e-12), (DType::F32, 1e-5)];

pub fn device() -> Device {
    Device::flex().autodiff()
}

/// `amp sin(0.7 m + 0.013 m² + 0.9 k)` with `m = 1 + index`.
pub fn wave(n: usize, k: f64, amp: f64) -> Vec<f64> {
    (1..=n)
        .map(|m| amp * (0.7 * m as f64 + 0.013 * (m * m) as f64 + 0.9 * k).sin())
        .collect()
}

pub fn tensor<const D: usize>(data: &[f64], dims: [usize; D], dtype: DType) -> Tensor<D> {
    Tensor::from_data(TensorData::new(data.to_vec(), dims), (&device(), dtype))
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    let data = tensor.into_data().convert::<f64>();
    data.try_to_vec::<f64>().expect("doubles")
}

/// Largest difference, relative to the largest wanted value or to one.
pub fn assert_close(what: &str, found: &[f64], wanted: &[f64], tolerance: f64) {
    assert_eq!(found.len(), wanted.len(), "{what}: length");
    let scale = wanted.iter().fold(1.0f64, |a, x| a.max(x.abs()));
    for (i, (x, y)) in found.iter().zip(wanted).enumerate() {
        let error = (x - y).abs() / scale;
        assert!(
            error <= tolerance,
            "{what}, element {i}: found {x}, expected {y}"
        );
    }
}

/// A sparse matrix as slices.
#[derive(Clone, Debug)]
pub struct Case {
    pub dims: [usize; 2],
    pub offsets: Vec<usize>,
    pub indices: Vec<u32>,
    pub values: Vec<f64>,
}

impl Case {
    pub fn new(dims: [usize; 2], rows: Vec<Vec<(u32, f64)>>) -> Self {
        let mut offsets = vec![0];
        for row in &rows {
            offsets.push(offsets[offsets.len() - 1] + row.len());
        }
        let (indices, values) = rows.into_iter().flatten().unzip();
        Self {
            dims,
            offsets,
            indices,
            values,
        }
    }

    /// A fixed matrix of counts with empty rows and columns, about `per_row` entries in the others.
    pub fn fixed([rows, cols]: [usize; 2], per_row: usize) -> Self {
        let row = |r: usize| {
            let n = if r % 7 == 3 { 0 } else { per_row + r % 5 };
            let entry = |k: usize| {
                let column = (r * 31 + k * 17 + k * k) % cols;
                let column = column - usize::from(column % 11 == 5);
                (column as u32, 0.5 + ((r + 3 * k) % 8) as f64)
            };
            (0..n).map(entry).collect()
        };
        Self::new([rows, cols], (0..rows).map(row).collect())
    }

    pub fn tensor(&self, dtype: DType) -> CsrTensor {
        CsrTensor::from_slices(
            self.dims,
            &self.offsets,
            &self.indices,
            &self.values,
            (&device(), dtype),
        )
        .expect("a valid matrix")
    }

    pub fn pattern(&self) -> CsrPattern {
        CsrPattern::new(self.dims, self.offsets.clone(), self.indices.clone())
            .expect("a valid matrix")
    }

    /// `(row, column, value)` of every entry.
    pub fn entries(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        (0..self.dims[0]).flat_map(move |row| {
            (self.offsets[row]..self.offsets[row + 1])
                .map(move |k| (row, self.indices[k] as usize, self.values[k]))
        })
    }

    pub fn dense(&self) -> Vec<f64> {
        let mut dense = vec![0.0; self.dims[0] * self.dims[1]];
        for (row, column, value) in self.entries() {
            dense[row * self.dims[1] + column] += value;
        }
        dense
    }
}

/// Any matrix: empty rows, empty columns, no entries, one row, columns unsorted and repeated.
pub fn cases() -> impl Strategy<Value = Case> {
    let size = (
        1usize..10,
        1usize..14,
        prop_oneof![Just(0usize), 1usize..20],
    );
    size.prop_flat_map(|(rows, cols, most)| {
        let entry = (0..cols as u32, -4.0f64..4.0);
        let row = prop_oneof![
            1 => Just(vec![]),
            4 => prop::collection::vec(entry, 0..=most),
        ];
        prop::collection::vec(row, rows).prop_map(move |r| Case::new([rows, cols], r))
    })
}
