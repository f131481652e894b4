//! Normal noise that belongs to a cell.

use burn::tensor::{Device, Tensor, TensorData};
use fusion_core::Draw;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

/// Independent draws from N(0, 1), `[cells, width]`: a function of the draw and the cell's row, so that a cell gets the same
/// noise however a batch is cut, on every device. By a ziggurat from a ChaCha stream of each cell.
pub fn normal_noise(rows: &[usize], width: usize, draw: Draw, device: &Device) -> Tensor<2> {
    let mut values = vec![0.0f32; rows.len() * width];
    let of_rows = values.par_chunks_mut(width.max(1)).zip(rows);
    of_rows.for_each(|(values, &row)| {
        let mut stream = ChaCha8Rng::seed_from_u64(draw.for_use(row as u64).seed());
        values.fill_with(|| StandardNormal.sample(&mut stream));
    });
    Tensor::from_data(TensorData::new(values, [rows.len(), width]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_independence_of_the_batch() {
        let device = Device::flex();
        let rows: Vec<usize> = (0..2000).collect();
        let values = |rows: &[usize], seed: u64| -> Vec<f64> {
            let noise = normal_noise(rows, 10, Draw::new(seed), &device);
            noise.into_data().iter::<f64>().collect()
        };
        let all = values(&rows, 1);
        let n = all.len() as f64;
        let moment = |k: i32| all.iter().map(|x| x.powi(k)).sum::<f64>() / n;
        // Five standard errors of the moments 1 to 4 of 20,000 draws.
        for (k, expected, deviation) in
            [(1, 0.0, 1.0), (2, 1.0, 1.42), (3, 0.0, 3.88), (4, 3.0, 9.8)]
        {
            assert!(
                (moment(k) - expected).abs() < 5.0 * deviation / n.sqrt(),
                "moment {k}"
            );
        }
        let lag: f64 = all.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / n;
        assert!(lag.abs() < 5.0 / n.sqrt());
        assert_eq!(values(&rows[7..9], 1), all[70..90]);
        assert_ne!(values(&rows, 2), all);
    }
}
