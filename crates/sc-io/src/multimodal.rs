//! Several modalities of overlapping cells.

use indexmap::IndexMap;

use crate::{Embedding, Modality, Table, Uns};

/// Cells that two modalities share, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairedCells {
    /// Row of each shared cell in the first modality, increasing.
    pub first: Vec<usize>,
    /// Row of the same cells in the second modality.
    pub second: Vec<usize>,
    /// Cells that only the first modality has.
    pub only_first: usize,
    /// Cells that only the second modality has.
    pub only_second: usize,
}

/// Several modalities: the mudata object (axis 0: modalities share cells).
///
/// Each modality keeps its own cells in its own order; `obs` names the union.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MultiModal {
    /// The modalities by name, in file order.
    pub modalities: IndexMap<String, Modality>,
    /// The union of the cells, with columns that belong to no single modality.
    pub obs: Table,
    /// Arrays per cell of `obs`.
    pub obsm: IndexMap<String, Embedding>,
    /// Anything else.
    pub uns: IndexMap<String, Uns>,
}

impl MultiModal {
    /// Modalities with the union of their cells (first appearance gives the order).
    pub fn new(modalities: IndexMap<String, Modality>) -> Self {
        let mut seen = std::collections::HashSet::new();
        let mut names = Vec::new();
        for m in modalities.values() {
            names.extend(
                m.obs
                    .index()
                    .iter()
                    .filter(|n| seen.insert(n.as_str()))
                    .cloned(),
            );
        }
        Self {
            obs: Table::new(names),
            modalities,
            ..Self::default()
        }
    }

    /// The cells that two modalities share, matched by name; `None` if either does not exist.
    pub fn paired(&self, first: &str, second: &str) -> Option<PairedCells> {
        let (a, b) = (self.modalities.get(first)?, self.modalities.get(second)?);
        let rows = b.obs.positions();
        let mut pairs = PairedCells {
            first: vec![],
            second: vec![],
            only_first: 0,
            only_second: 0,
        };
        for (i, name) in a.obs.index().iter().enumerate() {
            if let Some(&j) = rows.get(name.as_str()) {
                pairs.first.push(i);
                pairs.second.push(j);
            }
        }
        pairs.only_first = a.n_obs() - pairs.first.len();
        pairs.only_second = b.n_obs() - pairs.second.len();
        Some(pairs)
    }
}
