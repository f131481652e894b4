use std::cell::RefCell;

use rayon::prelude::*;

use crate::Graph;

/// The symmetric normalised operator `S = D^-1/2 (A + c I) D^-1/2` of a graph, as CSR.
///
/// `A` is the weighted adjacency, `c` the weight of the self loops, `D` the row sums of `A + c I`. A node
/// of degree zero (isolated, `c = 0`) has an empty row. Every value is computed in f64, rounded once;
/// columns increase, and `S` is symmetric to the last bit. Its eigenvalues lie in [-1, 1].
/// Source: Kipf, Welling, "Semi-Supervised Classification with Graph Convolutional Networks", ICLR 2017.
///
/// ```
/// use sc_graph::{Graph, Operator};
///
/// let path = Graph::from_edges(3, [(0, 1, 1.0), (1, 2, 1.0)])?;
/// let operator = Operator::new(&path, 0.0);
/// let half = 0.5f32.sqrt();
/// assert_eq!(operator.row(1), (&[0, 2][..], &[half, half][..]));
/// assert_eq!(operator.apply(&[0.0, 1.0, 0.0], 1), [half, 0.0, half]);
/// # Ok::<(), sc_graph::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Operator {
    indptr: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl Operator {
    /// The operator of `graph` with self loops of weight `self_loop`; 1 is the usual choice, 0 leaves
    /// them out.
    ///
    /// # Panics
    /// If `self_loop` is negative or not finite.
    pub fn new(graph: &Graph, self_loop: f64) -> Operator {
        assert!(
            self_loop.is_finite() && self_loop >= 0.0,
            "self_loop = {self_loop}: expected a finite weight that is not negative"
        );
        let n_nodes = graph.n_nodes();
        let root: Vec<f64> = (0..n_nodes)
            .map(|i| (graph.strength(i) + self_loop).sqrt())
            .collect();
        let entries = graph.indices().len() + n_nodes;
        let mut operator = Operator {
            indptr: Vec::with_capacity(n_nodes + 1),
            indices: Vec::with_capacity(entries),
            values: Vec::with_capacity(entries),
        };
        operator.indptr.push(0);
        for i in 0..n_nodes {
            let (below, above): (Vec<_>, Vec<_>) = graph.neighbours(i).partition(|&(j, _)| j < i);
            let own = (self_loop > 0.0).then_some((i, self_loop));
            for (j, weight) in below.into_iter().chain(own).chain(above) {
                operator.indices.push(j as u32);
                operator.values.push((weight / (root[i] * root[j])) as f32);
            }
            operator.indptr.push(operator.indices.len());
        }
        operator
    }

    /// The operator with nodes behind the others that see some of them and are seen by none, each with a self loop of weight 1: row `i` of
    /// a follower of `k` distinct nodes holds `1 / sqrt((k + 1) d_j)` for each node `j` and `1 / (k + 1)` for itself. What the others
    /// have stays as it was. `d_j` is read off the self loop of `j`, which must be there, with weight 1.
    ///
    /// # Panics
    /// If a node is not there or has no self loop.
    pub fn with_followers(&self, followers: &[Vec<u32>]) -> Self {
        let n_nodes = self.n_nodes();
        let inverse_degree: Vec<f32> = (0..n_nodes)
            .map(|i| {
                let (columns, values) = self.row(i);
                match columns.binary_search(&(i as u32)) {
                    Ok(place) => values[place],
                    Err(_) => panic!("node {i} has no self loop"),
                }
            })
            .collect();
        let mut all = self.clone();
        for (at, nodes) in followers.iter().enumerate() {
            let mut nodes = nodes.clone();
            nodes.sort_unstable();
            let own = 1.0 / (nodes.len() + 1) as f64;
            for j in nodes {
                all.indices.push(j);
                let value = (own * f64::from(inverse_degree[j as usize])).sqrt();
                all.values.push(value as f32);
            }
            all.indices.push((n_nodes + at) as u32);
            all.values.push(own as f32);
            all.indptr.push(all.indices.len());
        }
        all
    }

    /// Number of nodes.
    pub fn n_nodes(&self) -> usize {
        self.indptr.len() - 1
    }

    /// Row offsets, `n_nodes + 1`.
    pub fn indptr(&self) -> &[usize] {
        &self.indptr
    }

    /// Columns of all rows, increasing within a row.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// Values that belong to [`Operator::indices`].
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Columns and values of row `i`.
    ///
    /// # Panics
    /// If `i >= n_nodes`.
    pub fn row(&self, i: usize) -> (&[u32], &[f32]) {
        let range = self.indptr[i]..self.indptr[i + 1];
        (&self.indices[range.clone()], &self.values[range])
    }

    /// `S x` for a row-major `n_nodes` x `width` matrix; the same bytes for any number of threads.
    ///
    /// # Panics
    /// If `x` does not hold `n_nodes * width` values.
    pub fn apply(&self, x: &[f32], width: usize) -> Vec<f32> {
        assert_eq!(x.len(), self.n_nodes() * width, "x: n_nodes x width values");
        let mut out = vec![0f32; x.len()];
        // A width of zero has no chunks to visit.
        out.par_chunks_mut(width.max(1))
            .enumerate()
            .for_each(|(i, out)| {
                let (columns, values) = self.row(i);
                for (&j, &value) in columns.iter().zip(values) {
                    let x = &x[j as usize * width..][..width];
                    out.iter_mut().zip(x).for_each(|(o, &x)| *o += value * x);
                }
            });
        out
    }

    /// The rows and columns of distinct `nodes`, in that order, as (`indptr`, `indices`, `values`).
    ///
    /// Node `nodes[p]` becomes row and column `p`; values are those of the whole operator, so that rows
    /// lose what leads outside. Time: the entries of those rows.
    ///
    /// # Panics
    /// If a node is given twice or is `>= n_nodes`.
    pub fn induced(&self, nodes: &[usize]) -> (Vec<usize>, Vec<u32>, Vec<f32>) {
        let mut place = PLACE.take();
        if place.len() < self.n_nodes() {
            place.resize(self.n_nodes(), OUTSIDE);
        }
        for (p, &node) in nodes.iter().enumerate() {
            assert!(node < self.n_nodes(), "node {node} of {}", self.n_nodes());
            assert_eq!(place[node], OUTSIDE, "node {node} is given twice");
            place[node] = p as u32;
        }
        let mut indptr = vec![0];
        let (mut indices, mut values) = (Vec::new(), Vec::new());
        let mut row: Vec<(u32, f32)> = Vec::new();
        for &node in nodes {
            let (columns, weights) = self.row(node);
            let inside = columns.iter().map(|&j| place[j as usize]).zip(weights);
            row.clear();
            row.extend(inside.filter(|e| e.0 != OUTSIDE).map(|(p, &v)| (p, v)));
            row.sort_unstable_by_key(|e| e.0);
            indices.extend(row.iter().map(|e| e.0));
            values.extend(row.iter().map(|e| e.1));
            indptr.push(indices.len());
        }
        nodes.iter().for_each(|&node| place[node] = OUTSIDE);
        PLACE.set(place);
        (indptr, indices, values)
    }
}

const OUTSIDE: u32 = u32::MAX;

thread_local! {
    /// Place of every node among the induced ones, all `OUTSIDE` between calls: kept, because batch
    /// after batch would otherwise clear a vector as long as the graph.
    static PLACE: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}
