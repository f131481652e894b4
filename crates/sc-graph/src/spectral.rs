//! Eigenvectors of a graph.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::lanczos::largest;
use crate::{Graph, GraphError};

/// Residual of an eigenvector, relative to the largest eigenvalue.
const TOLERANCE: f64 = 1e-6;

/// Leading eigenvectors of `D^-1/2 (A + I) D^-1/2` of a graph.
///
/// Source: Ng, Jordan and Weiss, "On spectral clustering", NIPS 2001.
///
/// ```
/// use sc_graph::{Graph, Spectrum};
///
/// let two = Graph::from_edges(4, [(0, 1, 1.0), (2, 3, 1.0)])?;
/// let spectrum = Spectrum::leading(&two, 2, 0)?;
/// assert_eq!(spectrum.values(), [1.0, 1.0]);
/// assert_eq!(spectrum.rows(2), [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0]);
/// # Ok::<(), sc_graph::GraphError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    n_nodes: usize,
    values: Vec<f64>,
    /// One per value, over all nodes.
    vectors: Vec<Vec<f64>>,
}

impl Spectrum {
    /// The `count` largest eigenvalues with their eigenvectors.
    ///
    /// Every connected component is solved by itself, so that the eigenvalue 1, which a graph of several parts has as often, is
    /// found as often. Where there are more parts than `count`, the largest come first.
    ///
    /// # Errors
    /// `count` outside `1..=nodes`.
    pub fn leading(graph: &Graph, count: usize, seed: u64) -> Result<Self, GraphError> {
        let n_nodes = graph.n_nodes();
        if !(1..=n_nodes).contains(&count) {
            return Err(GraphError::ClusterCount { k: count, n_nodes });
        }
        let mut parts: Vec<Part> = Vec::new();
        for (node, c) in graph.components().into_iter().enumerate() {
            if c == parts.len() {
                parts.push(Part::default());
            }
            parts[c].nodes.push(node);
        }
        let mut place = vec![0; n_nodes];
        for part in &parts {
            let nodes = part.nodes.iter().enumerate();
            nodes.for_each(|(p, &node)| place[node] = p);
        }
        let root: Vec<f64> = (0..n_nodes)
            .map(|i| (graph.strength(i) + 1.0).sqrt())
            .collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for part in &mut parts {
            part.solve(graph, count, &root, &place, &mut rng);
        }
        let mut leading: Vec<(&Part, &Pair)> = parts
            .iter()
            .flat_map(|part| part.pairs.iter().map(move |pair| (part, pair)))
            .collect();
        // Sorting is stable: equal eigenvalues of equally large parts stay in the order of their first nodes.
        leading.sort_by(|(a, x), (b, y)| {
            let by_size = || b.nodes.len().cmp(&a.nodes.len());
            y.value.total_cmp(&x.value).then_with(by_size)
        });
        leading.truncate(count);
        let over_all = |(part, pair): &(&Part, &Pair)| {
            let mut vector = vec![0.0; n_nodes];
            let entries = part.nodes.iter().zip(&pair.vector);
            entries.for_each(|(&node, &v)| vector[node] = v);
            vector
        };
        Ok(Self {
            n_nodes,
            values: leading.iter().map(|(_, pair)| pair.value).collect(),
            vectors: leading.iter().map(over_all).collect(),
        })
    }

    /// The eigenvalues, falling from 1.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The nodes in the first `width` eigenvectors, every row scaled to length 1, `[nodes, width]` row by row: k-means on them gives
    /// spectral clusters. The row of a node that those vectors do not reach is 0.
    ///
    /// # Panics
    /// When there are fewer eigenvectors.
    pub fn rows(&self, width: usize) -> Vec<f32> {
        let vectors = &self.vectors[..width];
        let row = |node: usize| {
            let length = vectors
                .iter()
                .map(|v| v[node] * v[node])
                .sum::<f64>()
                .sqrt();
            let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
            vectors.iter().map(move |v| (v[node] * scale) as f32)
        };
        (0..self.n_nodes).flat_map(row).collect()
    }
}

/// A connected component.
#[derive(Default)]
struct Part {
    nodes: Vec<usize>,
    pairs: Vec<Pair>,
}

struct Pair {
    value: f64,
    vector: Vec<f64>,
}

impl Part {
    fn solve(
        &mut self,
        graph: &Graph,
        count: usize,
        root: &[f64],
        place: &[usize],
        rng: &mut ChaCha8Rng,
    ) {
        let nodes = &self.nodes;
        let apply = |x: &[f64]| -> Vec<f64> {
            let own = |(&i, &x_i): (&usize, &f64)| {
                let others = graph
                    .neighbours(i)
                    .map(|(j, weight)| weight * x[place[j]] / root[j]);
                (x_i / root[i] + others.sum::<f64>()) / root[i]
            };
            nodes.par_iter().zip(x).map(own).collect()
        };
        // The eigenvector of the eigenvalue 1 is known.
        let length = nodes.iter().map(|&i| root[i] * root[i]).sum::<f64>().sqrt();
        let first: Vec<f64> = nodes.iter().map(|&i| root[i] / length).collect();
        let more = (count - 1).min(nodes.len() - 1);
        let known = [first];
        let others = match more {
            0 => vec![],
            _ => largest(nodes.len(), more, &known, TOLERANCE, apply, rng),
        };
        let [first] = known;
        self.pairs.push(Pair {
            value: 1.0,
            vector: first,
        });
        self.pairs.extend(others.into_iter().map(|vector| Pair {
            value: apply(&vector).iter().zip(&vector).map(|(a, b)| a * b).sum(),
            vector,
        }));
    }
}
