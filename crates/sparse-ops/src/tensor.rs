//! A sparse matrix on a device.

use std::sync::{Arc, OnceLock};

use burn::tensor::{DType, Device, Element, Int, Tensor, TensorCreationOptions, TensorData};

#[cfg(feature = "gpu")]
use crate::ops::cube::DeviceLists;
use crate::ops::values;
use crate::reference::{self, Coordinates};
use crate::{CsrPattern, SparseError};

/// A sparse matrix `[rows, cols]`: values on a device, their places on the host.
///
/// The structure is shared: clones, changes of the values and copies on other devices hold the same
/// [`CsrPattern`], whose transpose is made once. The values are a constant for autodiff. On Flex the
/// kernels read the structure where it is; other backends get it as two index tensors when an
/// operation needs them first.
///
/// ```
/// use burn::tensor::Device;
/// use sparse_ops::CsrTensor;
///
/// // Counts of three cells and four genes, 12 numbers of which 4 are stored.
/// let counts = [3.0f32, 1.0, 5.0, 5.0];
/// let x = CsrTensor::from_slices([3, 4], &[0, 2, 2, 4], &[0, 3, 1, 2], &counts, &Device::flex())?;
/// assert_eq!(x.row_sums().to_data().try_to_vec::<f32>()?, [4.0, 0.0, 10.0]);
/// let y = x.log_normalize(1e4); // as sparse as before
/// assert_eq!(y.nnz(), 4);
/// let first = y.to_dense().to_data().try_to_vec::<f32>()?[0];
/// assert!((first - 7500.0f32.ln_1p()).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct CsrTensor {
    pattern: Arc<CsrPattern>,
    values: Tensor<1>,
    coordinates: Arc<OnceLock<Coordinates>>,
    #[cfg(feature = "gpu")]
    lists: Arc<DeviceLists>,
}

impl CsrTensor {
    /// Joins a structure and its values `[nnz]`, whose place in an autodiff graph is dropped.
    ///
    /// # Errors
    ///
    /// When there is not one value per entry.
    pub fn new(pattern: Arc<CsrPattern>, values: Tensor<1>) -> Result<Self, SparseError> {
        let ([found], entries) = (values.dims(), pattern.nnz());
        if found != entries {
            return Err(SparseError::ValueCount { entries, found });
        }
        Ok(Self {
            pattern,
            values: values.inner(),
            coordinates: Arc::default(),
            #[cfg(feature = "gpu")]
            lists: Arc::default(),
        })
    }

    /// Copies a CSR matrix of `dims = [rows, cols]`: `indptr` `[rows + 1]`, `indices` and `values`
    /// `[nnz]`. `options` is a device, or a device and an element type.
    ///
    /// The columns of a row may come in any order; entries in the same place add up.
    ///
    /// # Errors
    ///
    /// When the slices do not describe a matrix of that shape; see [`SparseError`].
    pub fn from_slices<E: Element>(
        dims: [usize; 2],
        indptr: &[usize],
        indices: &[u32],
        values: &[E],
        options: impl Into<TensorCreationOptions>,
    ) -> Result<Self, SparseError> {
        let pattern = CsrPattern::new(dims, indptr.to_vec(), indices.to_vec())?;
        let (entries, found) = (pattern.nnz(), values.len());
        if found != entries {
            return Err(SparseError::ValueCount { entries, found });
        }
        let values = TensorData::new(values.to_vec(), [found]);
        Self::new(Arc::new(pattern), Tensor::from_data(values, options))
    }

    /// `[rows, cols]`.
    pub fn dims(&self) -> [usize; 2] {
        [self.pattern.rows(), self.pattern.cols()]
    }

    /// Number of stored entries.
    pub fn nnz(&self) -> usize {
        self.pattern.nnz()
    }

    /// Where the values are, without autodiff.
    pub fn device(&self) -> Device {
        self.values.device()
    }

    /// Element type of the values.
    pub fn dtype(&self) -> DType {
        self.values.dtype()
    }

    /// The structure.
    pub fn pattern(&self) -> &Arc<CsrPattern> {
        &self.pattern
    }

    /// The stored values by rows, `[nnz]`.
    pub fn values(&self) -> Tensor<1> {
        self.values.clone()
    }

    /// These rows, in this order; a row may come again.
    ///
    /// # Panics
    ///
    /// When there is no such row.
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        let [n, cols] = self.dims();
        if rows.iter().copied().eq(0..n) {
            return self.clone();
        }
        let (old, columns) = (self.pattern.offsets(), self.pattern.indices());
        let mut offsets = Vec::with_capacity(rows.len() + 1);
        offsets.push(0);
        let nnz = |&row: &usize| {
            assert!(row < n, "select_rows: row {row} of {n}");
            old[row + 1] - old[row]
        };
        let nnz = rows.iter().map(nnz).sum();
        let (mut indices, mut entries) = (Vec::with_capacity(nnz), Vec::with_capacity(nnz));
        for &row in rows {
            let range = old[row]..old[row + 1];
            indices.extend_from_slice(&columns[range.clone()]);
            entries.extend(range.map(|e| e as i64));
            offsets.push(indices.len());
        }
        let entries = TensorData::new(entries, [indices.len()]);
        let entries = Tensor::<1, Int>::from_data(entries, &self.device());
        let values = match indices.is_empty() {
            true => self.values().narrow(0, 0, 0),
            false => self.values().select(0, entries),
        };
        match CsrPattern::new([rows.len(), cols], offsets, indices)
            .map(|p| Self::new(Arc::new(p), values))
        {
            Ok(Ok(part)) => part,
            _ => unreachable!("rows of a valid matrix are valid"),
        }
    }

    /// The first `n` rows.
    ///
    /// # Panics
    ///
    /// When there are fewer.
    pub fn first_rows(&self, n: usize) -> Self {
        let [rows, cols] = self.dims();
        assert!(n <= rows, "first_rows: {n} of {rows} rows");
        let offsets = self.pattern.offsets()[..=n].to_vec();
        let nnz = offsets[n];
        let indices = self.pattern.indices()[..nnz].to_vec();
        let values = self.values().narrow(0, 0, nnz);
        match CsrPattern::new([n, cols], offsets, indices).map(|p| Self::new(Arc::new(p), values)) {
            Ok(Ok(part)) => part,
            _ => unreachable!("a part of a valid matrix is valid"),
        }
    }

    /// A copy on another device, with or without autodiff: the values are a constant there too.
    pub fn to_device(&self, device: &Device) -> Self {
        let device = device.clone().inner();
        if device == self.device() {
            return self.clone();
        }
        Self {
            pattern: self.pattern.clone(),
            values: self.values().to_device(&device),
            coordinates: Arc::default(),
            #[cfg(feature = "gpu")]
            lists: Arc::default(),
        }
    }

    /// The dense matrix `[rows, cols]`; entries in the same place add up.
    ///
    /// # Panics
    ///
    /// When a tensor of that size does not fit. Outside of Flex the number of its elements must
    /// fit the integer type of the device.
    pub fn to_dense(&self) -> Tensor<2> {
        values::to_dense(&self.pattern, &self.values).unwrap_or_else(|| reference::to_dense(self))
    }

    /// Sum of each row, `[rows]`. On Flex the sums run in double precision.
    pub fn row_sums(&self) -> Tensor<1> {
        values::row_sums(&self.pattern, &self.values).unwrap_or_else(|| reference::row_sums(self))
    }

    /// Applies a function to the stored values `[nnz]`, by rows. Zeros that are not stored stay zero,
    /// whatever it says of zero; where two entries share a place it sees them one by one.
    ///
    /// # Panics
    ///
    /// When it changes the number of values.
    pub fn map_values(&self, f: impl FnOnce(Tensor<1>) -> Tensor<1>) -> Self {
        let values = f(self.values()).inner();
        let ([found], nnz) = (values.dims(), self.nnz());
        assert_eq!(found, nnz, "map_values: {nnz} values became {found}");
        Self {
            values,
            ..self.clone()
        }
    }

    /// Row `r` times `scale[r]`; `scale` is `[rows]`.
    ///
    /// # Panics
    ///
    /// When `scale` has another length, element type or device.
    pub fn scale_rows(&self, scale: Tensor<1>) -> Self {
        let scale = scale.inner();
        let [rows, _] = self.dims();
        assert_eq!(scale.dims(), [rows], "scale_rows: one number per row");
        assert_eq!(scale.dtype(), self.dtype(), "scale_rows: element types");
        let scaled = values::scale_rows(&self.pattern, &self.values, &scale);
        self.map_values(|_| scaled.unwrap_or_else(|| reference::scale_rows(self, scale)))
    }

    /// `ln(1 + x)` of every stored value. Where entries share a place this is not the logarithm of
    /// their sum.
    pub fn log1p(&self) -> Self {
        self.map_values(|x| values::log1p(&x).unwrap_or_else(|| x.log1p()))
    }

    /// Log-normalised counts without a dense matrix: `ln(1 + x target / row sum)`. Rows that sum up to zero
    /// keep their values under the logarithm, as in scanpy's `normalize_total`.
    pub fn log_normalize(&self, target: f64) -> Self {
        let sums = self.row_sums();
        let empty = sums.clone().equal_elem(0.0);
        let scale = (sums.recip() * target).mask_fill(empty, 1.0);
        self.scale_rows(scale).log1p()
    }

    /// Row and column of the entries on the device of the values, uploaded by the first call.
    pub(crate) fn coordinates(&self) -> &Coordinates {
        self.coordinates.get_or_init(|| Coordinates::new(self))
    }

    /// The structure on the device of the values.
    #[cfg(feature = "gpu")]
    pub(crate) fn device_lists(&self) -> &DeviceLists {
        &self.lists
    }
}
