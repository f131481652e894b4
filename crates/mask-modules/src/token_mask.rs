//! Random token masks.

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Why a mask cannot be drawn.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MaskError {
    /// The ratio is not in `0..1`.
    #[error("mask ratio must be at least 0 and below 1, it is {0}")]
    Ratio(f64),
    /// Fewer than two tokens cannot be split into hidden and visible ones.
    #[error("masking needs at least 2 tokens, there are {0}")]
    TooFewTokens(usize),
}

/// How many tokens of each cell are hidden.
///
/// `visible = floor(n_tokens (1 - ratio))`, at least 1; at least one token is hidden too, so that
/// there is always something to score. Source: the lineage of scFusionTTT (scMMAE) hides 15 %;
/// it hands the visible tokens to the encoder in random order, we keep them sorted, because an
/// order-sensitive layer would otherwise never see the order it is used with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskConfig {
    /// Share of hidden tokens.
    pub ratio: f64,
}

impl Default for MaskConfig {
    fn default() -> Self {
        Self { ratio: 0.15 }
    }
}

impl MaskConfig {
    /// Number of visible tokens of `n_tokens`.
    pub fn n_visible(&self, n_tokens: usize) -> Result<usize, MaskError> {
        if !(0.0..1.0).contains(&self.ratio) {
            return Err(MaskError::Ratio(self.ratio));
        }
        if n_tokens < 2 {
            return Err(MaskError::TooFewTokens(n_tokens));
        }
        let visible = (n_tokens as f64 * (1.0 - self.ratio) + 1e-9).floor() as usize;
        Ok(visible.clamp(1, n_tokens - 1))
    }

    /// Draws a mask: cell `i` uses `seeds[i]` alone, so it does not depend on the other cells.
    ///
    /// ```
    /// use mask_modules::MaskConfig;
    /// let mask = MaskConfig { ratio: 0.25 }.draw(8, &[1, 2]).unwrap();
    /// assert_eq!((mask.n_visible(), mask.n_hidden()), (6, 2));
    /// assert!(mask.visible(0).windows(2).all(|w| w[0] < w[1]));
    /// ```
    pub fn draw(&self, n_tokens: usize, seeds: &[u64]) -> Result<TokenMask, MaskError> {
        let n_visible = self.n_visible(n_tokens)?;
        let mut mask = TokenMask {
            n_cells: seeds.len(),
            n_tokens,
            n_visible,
            visible: Vec::with_capacity(seeds.len() * n_visible),
            hidden: Vec::with_capacity(seeds.len() * (n_tokens - n_visible)),
        };
        let mut is_hidden = vec![false; n_tokens];
        for &seed in seeds {
            is_hidden.fill(false);
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            for t in sample(&mut rng, n_tokens, n_tokens - n_visible) {
                is_hidden[t] = true;
            }
            for (t, &hide) in is_hidden.iter().enumerate() {
                if hide {
                    mask.hidden.push(t)
                } else {
                    mask.visible.push(t)
                }
            }
        }
        Ok(mask)
    }
}

/// Which tokens of each cell are visible; the same number in every cell.
///
/// Tokens are addressed in the flat layout `cell * n_tokens + token`, so that gathering and
/// scattering are single row selections of a `[cells * tokens, width]` tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenMask {
    n_cells: usize,
    n_tokens: usize,
    n_visible: usize,
    visible: Vec<usize>,
    hidden: Vec<usize>,
}

impl TokenMask {
    /// Visible tokens per cell.
    pub fn n_visible(&self) -> usize {
        self.n_visible
    }

    /// Hidden tokens per cell.
    pub fn n_hidden(&self) -> usize {
        self.n_tokens - self.n_visible
    }

    /// The visible tokens of a cell, increasing.
    pub fn visible(&self, cell: usize) -> &[usize] {
        &self.visible[cell * self.n_visible..][..self.n_visible]
    }

    /// The hidden tokens of a cell, increasing.
    pub fn hidden(&self, cell: usize) -> &[usize] {
        &self.hidden[cell * self.n_hidden()..][..self.n_hidden()]
    }

    /// The visible tokens, in order: `[cells, tokens, width] -> [cells, visible, width]`.
    pub fn keep_visible(&self, tokens: Tensor<3>) -> Tensor<3> {
        let width = self.check(&tokens);
        let index = self.flat(&self.visible, self.n_visible, &tokens.device());
        tokens
            .reshape([self.n_cells * self.n_tokens, width])
            .select(0, index)
            .reshape([self.n_cells, self.n_visible, width])
    }

    /// The hidden tokens, in order: `[cells, tokens, width] -> [cells, hidden, width]`.
    pub fn keep_hidden(&self, tokens: Tensor<3>) -> Tensor<3> {
        let width = self.check(&tokens);
        let index = self.flat(&self.hidden, self.n_hidden(), &tokens.device());
        tokens
            .reshape([self.n_cells * self.n_tokens, width])
            .select(0, index)
            .reshape([self.n_cells, self.n_hidden(), width])
    }

    /// Puts visible tokens back in place and `filler` (`[width]`) everywhere else:
    /// `[cells, visible, width] -> [cells, tokens, width]`.
    pub fn restore(&self, visible: Tensor<3>, filler: Tensor<1>) -> Tensor<3> {
        let [n_cells, n_visible, width] = visible.dims();
        assert_eq!(
            (n_cells, n_visible),
            (self.n_cells, self.n_visible),
            "visible tokens"
        );
        let n_rows = n_cells * n_visible;
        // The filler is one more row; hidden places point to it.
        let mut source = vec![n_rows as i64; n_cells * self.n_tokens];
        for (row, &token) in self.visible.iter().enumerate() {
            source[row / n_visible * self.n_tokens + token] = row as i64;
        }
        let n = source.len();
        let source = Tensor::<1, Int>::from_data(TensorData::new(source, [n]), &visible.device());
        let rows = Tensor::cat(
            vec![visible.reshape([n_rows, width]), filler.reshape([1, width])],
            0,
        );
        rows.select(0, source)
            .reshape([n_cells, self.n_tokens, width])
    }

    fn check(&self, tokens: &Tensor<3>) -> usize {
        let [n_cells, n_tokens, width] = tokens.dims();
        assert_eq!(
            (n_cells, n_tokens),
            (self.n_cells, self.n_tokens),
            "cells and tokens"
        );
        width
    }

    fn flat(&self, tokens: &[usize], per_cell: usize, device: &Device) -> Tensor<1, Int> {
        let rows: Vec<i64> = tokens
            .iter()
            .enumerate()
            .map(|(i, &t)| (i / per_cell * self.n_tokens + t) as i64)
            .collect();
        let n = rows.len();
        Tensor::from_data(TensorData::new(rows, [n]), device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbered(n_cells: usize, n_tokens: usize) -> Tensor<3> {
        let v: Vec<f32> = (0..n_cells * n_tokens).map(|i| i as f32 + 1.0).collect();
        Tensor::from_data(TensorData::new(v, [n_cells, n_tokens, 1]), &Device::flex())
    }

    fn values(t: Tensor<3>) -> Vec<f32> {
        t.into_data().iter::<f32>().collect()
    }

    #[test]
    fn lineage_counts() {
        // scMMAE: 340 of 400, 11 of 14, 24 of 29, 9 of 11 tokens stay visible.
        for (n, visible) in [(400, 340), (14, 11), (29, 24), (11, 9)] {
            assert_eq!(MaskConfig::default().n_visible(n), Ok(visible));
        }
    }

    #[test]
    fn refuses_what_cannot_be_masked() {
        assert_eq!(
            MaskConfig { ratio: 1.0 }.n_visible(9),
            Err(MaskError::Ratio(1.0))
        );
        assert!(MaskConfig { ratio: f64::NAN }.n_visible(9).is_err());
        assert_eq!(
            MaskConfig::default().n_visible(1),
            Err(MaskError::TooFewTokens(1))
        );
    }

    #[test]
    fn gradient_reaches_visible_tokens_and_filler_only() {
        let device = Device::flex().autodiff();
        let mask = MaskConfig { ratio: 0.5 }.draw(4, &[3, 4, 5]).unwrap();
        let tokens = Tensor::<3>::ones([3, 4, 2], &device).require_grad();
        let filler = Tensor::<1>::zeros([2], &device).require_grad();
        let back = mask.restore(mask.keep_visible(tokens.clone()), filler.clone());
        let grads = back.sum().backward();
        let of_tokens: Vec<f32> = tokens.grad(&grads).unwrap().into_data().iter().collect();
        for cell in 0..3 {
            for t in 0..4 {
                let expected = f32::from(mask.visible(cell).contains(&t));
                assert_eq!(of_tokens[(cell * 4 + t) * 2], expected);
            }
        }
        let of_filler: Vec<f32> = filler.grad(&grads).unwrap().into_data().iter().collect();
        assert_eq!(of_filler, [6.0, 6.0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn split_and_restore(n_tokens in 2usize..40, ratio in 0.0..0.99f64, seeds in prop::collection::vec(any::<u64>(), 1..6)) {
            let mask = MaskConfig { ratio }.draw(n_tokens, &seeds).unwrap();
            let n = seeds.len();
            for cell in 0..n {
                let mut all: Vec<usize> = mask.visible(cell).to_vec();
                prop_assert!(all.windows(2).all(|w| w[0] < w[1]));
                all.extend(mask.hidden(cell));
                all.sort_unstable();
                prop_assert_eq!(all, (0..n_tokens).collect::<Vec<_>>());
            }
            // Each cell by itself gets the same mask.
            let alone = MaskConfig { ratio }.draw(n_tokens, &seeds[n - 1..]).unwrap();
            prop_assert_eq!(alone.visible(0), mask.visible(n - 1));
            let tokens = numbered(n, n_tokens);
            let back = values(mask.restore(
                mask.keep_visible(tokens.clone()),
                Tensor::zeros([1], &Device::flex()),
            ));
            let hidden = values(mask.keep_hidden(tokens.clone()));
            let all = values(tokens);
            for cell in 0..n {
                for t in 0..n_tokens {
                    let at = cell * n_tokens + t;
                    let expected = if mask.visible(cell).contains(&t) { all[at] } else { 0.0 };
                    prop_assert_eq!(back[at], expected);
                }
                for (i, &t) in mask.hidden(cell).iter().enumerate() {
                    prop_assert_eq!(hidden[cell * mask.n_hidden() + i], all[cell * n_tokens + t]);
                }
            }
        }
    }
}
