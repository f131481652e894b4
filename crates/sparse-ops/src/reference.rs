//! The operations in tensor operations: the fallback of other backends, and what the kernels are
//! tested against. burn differentiates them.

use burn::tensor::{Bool, IndexingUpdateOp, Int, Tensor, TensorData};

use crate::CsrTensor;

/// Row and column of every entry on the device of the values, `[nnz]` each.
#[derive(Clone, Debug)]
pub(crate) struct Coordinates {
    rows: Tensor<1, Int>,
    cols: Tensor<1, Int>,
}

impl Coordinates {
    pub(crate) fn new(x: &CsrTensor) -> Self {
        let (pattern, device) = (x.pattern(), x.device());
        let upload = |index: Vec<i64>| {
            let data = TensorData::new(index, [pattern.nnz()]);
            Tensor::<1, Int>::from_data(data, &device)
        };
        let ranges = pattern.offsets().windows(2).enumerate();
        let rows = ranges.flat_map(|(row, range)| {
            let entries = range[1] - range[0];
            std::iter::repeat_n(row as i64, entries)
        });
        Self {
            rows: upload(rows.collect()),
            cols: upload(pattern.indices().iter().map(|&c| c.into()).collect()),
        }
    }
}

/// [`sparse_linear`](crate::sparse_linear) by selecting, scaling and adding up rows of the weight. Takes
/// `nnz * out` numbers of memory, twice with gradients.
///
/// # Panics
///
/// When the shapes do not fit.
pub fn sparse_linear(x: &CsrTensor, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let [rows, cols] = x.dims();
    let [_, out] = weight.dims();
    let zeros = Tensor::zeros([rows, out], (&weight.device(), weight.dtype()));
    let product = if rows * cols * out == 0 {
        zeros
    } else if x.nnz() == 0 {
        // Backends need not know tensors without elements. The gradient of the weight is zero.
        let all = Tensor::<2, Bool>::full([1, out], true, &weight.device());
        let zero = weight.narrow(0, 0, 1).mask_fill(all, 0.0);
        zero.expand([rows, out])
    } else {
        let at = x.coordinates();
        let terms = weight.select(0, at.cols.clone()) * x.values().unsqueeze_dim::<2>(1);
        zeros.select_assign(0, at.rows.clone(), terms, IndexingUpdateOp::Add)
    };
    match bias {
        Some(bias) => product + bias.unsqueeze_dim::<2>(0),
        None => product,
    }
}

/// Sum of the stored values of each row, `[rows]`.
pub fn row_sums(x: &CsrTensor) -> Tensor<1> {
    let [rows, _] = x.dims();
    let zeros = Tensor::zeros([rows], (&x.device(), x.dtype()));
    if x.nnz() == 0 {
        return zeros;
    }
    let at = x.coordinates().rows.clone();
    zeros.select_assign(0, at, x.values(), IndexingUpdateOp::Add)
}

/// Stored values times the number of their row, `[nnz]`; `scale` is `[rows]`.
pub fn scale_rows(x: &CsrTensor, scale: Tensor<1>) -> Tensor<1> {
    if x.nnz() == 0 {
        return x.values();
    }
    x.values() * scale.select(0, x.coordinates().rows.clone())
}

/// The dense matrix `[rows, cols]`. Its size must fit the integer type of the device.
pub fn to_dense(x: &CsrTensor) -> Tensor<2> {
    let [rows, cols] = x.dims();
    let zeros = (&x.device(), x.dtype());
    if x.nnz() == 0 {
        return Tensor::zeros([rows, cols], zeros);
    }
    let at = x.coordinates();
    let place = at.rows.clone() * cols as i64 + at.cols.clone();
    Tensor::<1>::zeros([rows * cols], zeros)
        .select_assign(0, place, x.values(), IndexingUpdateOp::Add)
        .reshape([rows, cols])
}
