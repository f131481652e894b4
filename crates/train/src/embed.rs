//! Reading a trained model out.

use burn::tensor::Device;
use fusion_core::{Draw, FusionModel};
use sc_io::Dense;

use crate::CellData;

/// The embedding of every cell, in the order of the data, computed in blocks of `batch_size`.
///
/// Returns cells x `n_latent`. Nothing is masked or dropped; memory is one block.
pub fn embed<M: FusionModel>(
    model: &M,
    data: &CellData,
    batch_size: usize,
    device: &Device,
) -> Dense {
    let model = model.valid();
    let device = device.clone().without_autodiff();
    let mut values = Vec::new();
    let mut n_latent = 0;
    let rows: Vec<usize> = (0..data.n_cells()).collect();
    for block in rows.chunks(batch_size.max(1)) {
        let z = model.embed(&data.batch(block, Draw::new(0), &device));
        n_latent = z.dims()[1];
        values.extend(z.into_data().iter::<f32>());
    }
    match Dense::new(data.n_cells(), n_latent, values) {
        Some(embedding) => embedding,
        None => panic!("the model's `embed` must return one row per cell"),
    }
}
