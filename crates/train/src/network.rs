//! Cells whose neighbours matter.

use std::collections::HashSet;

use fusion_core::Draw;
use sc_graph::Operator;

/// How many neighbours a batch brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighbourSampling {
    /// Steps along edges from the cells of the batch.
    pub hops: usize,
    /// New neighbours at most that a cell brings per step, drawn at random.
    pub fanout: usize,
}

impl NeighbourSampling {
    /// That many steps, with at most that many new neighbours per cell.
    pub fn new(hops: usize, fanout: usize) -> Self {
        Self { hops, fanout }
    }
}

/// The normalised graph of a data set, from which each batch gets the part among its cells.
///
/// A batch of all cells gets the whole graph. A smaller one is grown along edges, with at most `fanout` neighbours per cell
/// and step; its graph keeps the values of the whole one, so that what is left out is missing from the averages and
/// nothing is counted twice. Source: neighbour sampling of GraphSAGE (Hamilton, Ying and Leskovec, NeurIPS 2017).
///
/// ```
/// use fusion_core::Draw;
/// use sc_graph::{Graph, Operator};
/// use train::{CellNetwork, NeighbourSampling};
///
/// let path = Graph::from_edges(4, [(0, 1, 1.0), (1, 2, 1.0), (2, 3, 1.0)])?;
/// let sampling = NeighbourSampling { hops: 1, fanout: 9 };
/// let network = CellNetwork::new(Operator::new(&path, 1.0), sampling);
/// let mut cells = network.with_neighbours(&[1], Draw::new(0));
/// assert_eq!(cells[0], 1); // its neighbours follow it
/// cells.sort();
/// assert_eq!(cells, [0, 1, 2]);
/// # Ok::<(), sc_graph::GraphError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CellNetwork {
    operator: Operator,
    sampling: NeighbourSampling,
}

impl CellNetwork {
    /// A graph, and how batches are cut out of it.
    pub fn new(operator: Operator, sampling: NeighbourSampling) -> Self {
        Self { operator, sampling }
    }

    /// Cells of the graph.
    pub fn n_cells(&self) -> usize {
        self.operator.n_nodes()
    }

    /// The given cells, then the neighbours that they bring along: a function of the draw and of each cell.
    pub fn with_neighbours(&self, cells: &[usize], draw: Draw) -> Vec<usize> {
        let mut all = cells.to_vec();
        if cells.len() == self.n_cells() {
            return all;
        }
        let mut known: HashSet<usize> = cells.iter().copied().collect();
        let mut first = 0;
        for hop in 0..self.sampling.hops {
            let frontier = first..all.len();
            first = all.len();
            for place in frontier {
                let cell = all[place];
                let (columns, _) = self.operator.row(cell);
                let mut new: Vec<usize> = columns
                    .iter()
                    .map(|&c| c as usize)
                    .filter(|c| !known.contains(c))
                    .collect();
                let draw = draw.for_use(hop as u64).for_use(cell as u64);
                // The first places of a shuffle.
                for i in 0..self.sampling.fanout.min(new.len()) {
                    let left = (new.len() - i) as u64;
                    new.swap(i, i + (draw.for_use(i as u64).seed() % left) as usize);
                    known.insert(new[i]);
                    all.push(new[i]);
                }
            }
        }
        all
    }

    /// The graph among some cells, as CSR: `indptr`, `indices`, `values`.
    pub(crate) fn among(&self, cells: &[usize]) -> (Vec<usize>, Vec<u32>, Vec<f32>) {
        let o = &self.operator;
        if cells.len() == self.n_cells() && cells.is_sorted() {
            return (
                o.indptr().to_vec(),
                o.indices().to_vec(),
                o.values().to_vec(),
            );
        }
        o.induced(cells)
    }

    /// Feeds everything that makes this graph to a checksum.
    pub(crate) fn digest(&self, add: &mut impl FnMut(usize)) {
        add(self.sampling.hops);
        add(self.sampling.fanout);
        let o = &self.operator;
        o.indptr().iter().for_each(|&i| add(i));
        o.indices().iter().for_each(|&i| add(i as usize));
        o.values().iter().for_each(|v| add(v.to_bits() as usize));
    }
}
