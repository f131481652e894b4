//! The structure of a sparse matrix on a device.

use std::sync::OnceLock;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::CsrPattern;

/// Compressed lists: list `i` is `index[offsets[i] .. offsets[i + 1]]`.
#[derive(Clone, Debug)]
pub(crate) struct Lists {
    pub offsets: Tensor<1, Int>,
    pub index: Tensor<1, Int>,
}

/// The entries by rows (their columns) and by columns (their rows, and their places by rows), each uploaded when an
/// operation needs it first.
#[derive(Debug, Default)]
pub(crate) struct DeviceLists {
    rows: OnceLock<Lists>,
    columns: OnceLock<(Lists, Tensor<1, Int>)>,
}

impl DeviceLists {
    pub(super) fn rows(&self, pattern: &CsrPattern, device: &Device) -> &Lists {
        self.rows.get_or_init(|| Lists {
            offsets: upload(pattern.offsets(), device),
            index: upload(pattern.indices(), device),
        })
    }

    pub(super) fn columns(
        &self,
        pattern: &CsrPattern,
        device: &Device,
    ) -> &(Lists, Tensor<1, Int>) {
        self.columns.get_or_init(|| {
            let columns = pattern.transposed();
            let lists = Lists {
                offsets: upload(&columns.offsets, device),
                index: upload(&columns.rows, device),
            };
            (lists, upload(&columns.entries, device))
        })
    }
}

/// As the kernels read them, in 32 bits.
fn upload<I: Copy + TryInto<i32>>(list: &[I], device: &Device) -> Tensor<1, Int> {
    let index: Vec<i32> = list
        .iter()
        .map(|&i| i.try_into().unwrap_or(i32::MAX))
        .collect();
    let length = index.len();
    Tensor::from_data(TensorData::new(index, [length]), (device, DType::I32))
}
