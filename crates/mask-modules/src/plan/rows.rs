//! A plan applied to the cells of a batch.

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{GroupSet, MaskPlan};

/// The training rows of a batch: every cell once for each row of the plan that its source has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRows {
    cells: Vec<usize>,
    visible: Vec<GroupSet>,
    scored: Vec<GroupSet>,
    passes: Vec<usize>,
    n_passes_of_cell: Vec<usize>,
    n_groups: usize,
}

impl MaskPlan {
    /// The rows of cells that belong to these sources.
    ///
    /// # Panics
    /// If a source does not exist.
    pub fn expand(&self, sources: &[u32]) -> PlanRows {
        let of: Vec<Vec<usize>> = (0..self.sources.len())
            .map(|s| {
                (0..self.passes.len())
                    .filter(|&p| self.passes[p].source == s)
                    .collect()
            })
            .collect();
        // Row after row of the plan, so that the cells of a data set stay in order.
        let mut order: Vec<(usize, usize)> = (0..self.passes.len())
            .flat_map(|pass| {
                let source = self.passes[pass].source;
                let cells = (0..sources.len()).filter(move |&c| sources[c] as usize == source);
                cells.map(move |cell| (cell, pass))
            })
            .collect();
        // With one row each, the cells of a batch are its rows, and nothing of them is moved.
        if of.iter().all(|passes| passes.len() == 1) {
            order.sort_unstable();
        }
        let passes = || order.iter().map(|&(_, pass)| &self.passes[pass]);
        PlanRows {
            cells: order.iter().map(|&(cell, _)| cell).collect(),
            visible: passes().map(|pass| pass.visible).collect(),
            scored: passes().map(|pass| pass.scored).collect(),
            passes: order.iter().map(|&(_, pass)| pass).collect(),
            n_passes_of_cell: sources.iter().map(|&s| of[s as usize].len()).collect(),
            n_groups: self.groups.len(),
        }
    }

    /// Every cell once, with everything that its source measured visible and nothing scored: for inference.
    ///
    /// # Panics
    /// If a source does not exist.
    pub fn measured(&self, sources: &[u32]) -> PlanRows {
        let visible = |&s: &u32| self.sources[s as usize].measured;
        self.showing(sources.iter().map(visible).collect())
    }

    /// Every cell once, with the given groups visible and nothing scored.
    pub fn showing(&self, visible: Vec<GroupSet>) -> PlanRows {
        let n = visible.len();
        PlanRows {
            cells: (0..n).collect(),
            visible,
            scored: vec![GroupSet::default(); n],
            passes: vec![0; n],
            n_passes_of_cell: vec![1; n],
            n_groups: self.groups.len(),
        }
    }
}

impl PlanRows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The cell of each row, as a place in the batch.
    pub fn cells(&self) -> &[usize] {
        &self.cells
    }

    /// The groups that each row sees.
    pub fn visible(&self) -> &[GroupSet] {
        &self.visible
    }

    /// The groups that each row is scored by.
    pub fn scored(&self) -> &[GroupSet] {
        &self.scored
    }

    /// The row of the plan that each row comes from.
    pub fn passes(&self) -> &[usize] {
        &self.passes
    }

    /// Whether the rows are the cells, once each and in order.
    pub fn are_cells(&self) -> bool {
        self.cells.len() == self.n_passes_of_cell.len()
            && self.cells.iter().enumerate().all(|(i, &c)| i == c)
    }

    /// Hides each visible group with the given probability, but never all of a row: a row that would lose all keeps one at
    /// random. `seed` is that of a row, from its cell and its place in the plan.
    pub fn hide_groups(&mut self, probability: f64, seed: impl Fn(usize, usize) -> u64) {
        if probability <= 0.0 {
            return;
        }
        for row in 0..self.len() {
            let seen = self.visible[row];
            if seen.len() < 2 {
                continue;
            }
            let mut rng = ChaCha8Rng::seed_from_u64(seed(self.cells[row], self.passes[row]));
            let spared = rng.random_range(0..seen.len());
            let kept: Vec<bool> = seen
                .iter()
                .map(|_| rng.random::<f64>() >= probability)
                .collect();
            let none = kept.iter().all(|k| !k);
            let kept = seen
                .iter()
                .enumerate()
                .filter(|&(i, _)| kept[i] || (none && i == spared));
            self.visible[row] = GroupSet::of(kept.map(|(_, g)| g));
        }
    }

    /// Whether each group is visible in any row.
    pub fn is_seen(&self, group: usize) -> bool {
        self.visible.iter().any(|v| v.has(group))
    }

    /// 1 where the group is visible, `[rows, 1]`; nothing if it is everywhere.
    pub fn visibility(&self, group: usize, device: &Device) -> Option<Tensor<2>> {
        if self.visible.iter().all(|v| v.has(group)) {
            return None;
        }
        let mask: Vec<f32> = self
            .visible
            .iter()
            .map(|v| f32::from(v.has(group)))
            .collect();
        let shape = [mask.len(), 1];
        Some(Tensor::from_data(TensorData::new(mask, shape), device))
    }

    /// The rows that score a group.
    pub fn scoring(&self, group: usize) -> Vec<usize> {
        (0..self.len())
            .filter(|&r| self.scored[r].has(group))
            .collect()
    }

    /// The weight of every row, so that every cell weighs the same and all weigh 1 together.
    pub fn weights(&self) -> Vec<f32> {
        let n_cells = self.n_passes_of_cell.len().max(1) as f32;
        self.cells
            .iter()
            .map(|&c| 1.0 / (n_cells * self.n_passes_of_cell[c] as f32))
            .collect()
    }

    /// Rows of a tensor of cells, `[cells, width] -> [rows, width]`.
    pub fn of_cells(&self, x: Tensor<2>) -> Tensor<2> {
        match self.are_cells() {
            true => x,
            false => {
                let places = index(&self.cells, &x.device());
                x.select(0, places)
            }
        }
    }
}

/// Places as a tensor.
fn index(places: &[usize], device: &Device) -> Tensor<1, Int> {
    let places: Vec<i64> = places.iter().map(|&p| p as i64).collect();
    let n = places.len();
    Tensor::from_data(TensorData::new(places, [n]), device)
}
