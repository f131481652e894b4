use crate::GraphError;

/// A weighted undirected graph without self loops, as a CSR adjacency that stores both directions.
///
/// Neighbours of node `i` are `indices[indptr[i]..indptr[i + 1]]`, increasing; `weights` runs in
/// parallel and is symmetric to the last bit. Weights are positive.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    indptr: Vec<usize>,
    indices: Vec<u32>,
    weights: Vec<f64>,
}

impl Graph {
    /// Builds a graph from undirected edges, each given once; the weights of parallel edges add up and
    /// edges of weight zero are left out.
    ///
    /// # Errors
    /// A node beyond `n_nodes`, a self loop, a weight that is negative or not finite.
    ///
    /// ```
    /// let graph = sc_graph::Graph::from_edges(3, [(0, 1, 1.0), (1, 2, 0.5)])?;
    /// assert_eq!(graph.neighbours(1).collect::<Vec<_>>(), [(0, 1.0), (2, 0.5)]);
    /// # Ok::<(), sc_graph::GraphError>(())
    /// ```
    pub fn from_edges(
        n_nodes: usize,
        edges: impl IntoIterator<Item = (usize, usize, f64)>,
    ) -> Result<Graph, GraphError> {
        if n_nodes > u32::MAX as usize {
            return Err(GraphError::TooManyPoints { n_points: n_nodes });
        }
        let mut directed: Vec<(u32, u32, f64)> = Vec::new();
        for (i, j, weight) in edges {
            let problem = if i >= n_nodes || j >= n_nodes {
                "both ends must be below the number of nodes"
            } else if i == j {
                "self loops are not part of a cell graph, leave them out"
            } else if !(weight.is_finite() && weight >= 0.0) {
                "weights must be finite and not negative"
            } else {
                if weight > 0.0 {
                    directed.push((i as u32, j as u32, weight));
                    directed.push((j as u32, i as u32, weight));
                }
                continue;
            };
            return Err(GraphError::Edge {
                i,
                j,
                weight,
                problem,
            });
        }
        // A stable sort keeps parallel edges in the given order in both directions, so that their
        // sums are the same to the last bit.
        directed.sort_by_key(|&(i, j, _)| (i, j));
        directed.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            if same {
                kept.2 += next.2;
            }
            same
        });
        let mut indptr = vec![0usize; n_nodes + 1];
        for &(i, ..) in &directed {
            indptr[i as usize + 1] += 1;
        }
        for i in 0..n_nodes {
            indptr[i + 1] += indptr[i];
        }
        Ok(Graph {
            indptr,
            indices: directed.iter().map(|e| e.1).collect(),
            weights: directed.iter().map(|e| e.2).collect(),
        })
    }

    /// Takes over a CSR adjacency such as `obsp["connectivities"]`.
    ///
    /// # Errors
    /// Parts of the wrong length, an `indptr` that decreases, and the errors of
    /// [`Graph::from_edges`]; an adjacency that is not symmetric.
    pub fn from_csr(
        indptr: Vec<usize>,
        indices: Vec<u32>,
        weights: Vec<f64>,
    ) -> Result<Graph, GraphError> {
        let bad = |message: String| Err(GraphError::Adjacency(message));
        let Some(n_nodes) = indptr.len().checked_sub(1) else {
            return bad("indptr is empty; expected n_nodes + 1 offsets".into());
        };
        if indptr[0] != 0 || indptr[n_nodes] != indices.len() || indices.len() != weights.len() {
            return bad(format!(
                "indptr runs from {} to {} with {} indices and {} weights; expected 0 to the number of both",
                indptr[0],
                indptr[n_nodes],
                indices.len(),
                weights.len()
            ));
        }
        if let Some(i) = (0..n_nodes).find(|&i| indptr[i] > indptr[i + 1]) {
            return bad(format!(
                "indptr decreases from {} to {} at node {i}; offsets must not decrease",
                indptr[i],
                indptr[i + 1]
            ));
        }
        let (offsets, columns) = (&indptr, &indices);
        let entries = (0..n_nodes).flat_map(|i| {
            (offsets[i]..offsets[i + 1]).map(move |at| (i, columns[at] as usize, at))
        });
        let graph = Graph::from_edges(
            n_nodes,
            entries
                .clone()
                .filter(|&(i, j, _)| i <= j || j >= n_nodes)
                .map(|(i, j, at)| (i, j, weights[at])),
        )?;
        let mut below = 0usize;
        for (i, j, at) in entries.filter(|&(i, j, at)| i > j && weights[at] != 0.0) {
            if graph.weight(i, j) != weights[at] {
                return bad(format!(
                    "entry ({i}, {j}) is {}, entry ({j}, {i}) is {}; an undirected graph needs both equal",
                    weights[at],
                    graph.weight(i, j)
                ));
            }
            below += 1;
        }
        if below != graph.n_edges() {
            return bad(format!(
                "{} entries above the diagonal, {below} below; an undirected graph needs both equal",
                graph.n_edges()
            ));
        }
        Ok(graph)
    }

    /// Number of nodes.
    pub fn n_nodes(&self) -> usize {
        self.indptr.len() - 1
    }

    /// Number of undirected edges.
    pub fn n_edges(&self) -> usize {
        self.indices.len() / 2
    }

    /// Row offsets, `n_nodes + 1`.
    pub fn indptr(&self) -> &[usize] {
        &self.indptr
    }

    /// Neighbours of all nodes, both directions.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// Weights that belong to [`Graph::indices`].
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Neighbours of `node` with weights, by increasing index.
    ///
    /// # Panics
    /// If `node >= n_nodes`.
    pub fn neighbours(&self, node: usize) -> impl ExactSizeIterator<Item = (usize, f64)> + '_ {
        let range = self.indptr[node]..self.indptr[node + 1];
        self.indices[range.clone()]
            .iter()
            .zip(&self.weights[range])
            .map(|(&j, &w)| (j as usize, w))
    }

    /// Weight of the edge between two nodes, zero where there is none.
    ///
    /// # Panics
    /// If `i >= n_nodes`.
    pub fn weight(&self, i: usize, j: usize) -> f64 {
        let range = self.indptr[i]..self.indptr[i + 1];
        let row = &self.indices[range.clone()];
        row.binary_search_by(|&c| (c as usize).cmp(&j))
            .map_or(0.0, |at| self.weights[range.start + at])
    }

    /// Every edge once, as (i, j, weight) with i < j, by increasing (i, j).
    pub fn edges(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        (0..self.n_nodes()).flat_map(move |i| {
            self.neighbours(i)
                .filter(move |&(j, _)| i < j)
                .map(move |(j, w)| (i, j, w))
        })
    }

    /// Sum of the weights at `node`.
    ///
    /// # Panics
    /// If `node >= n_nodes`.
    pub fn strength(&self, node: usize) -> f64 {
        self.neighbours(node).map(|(_, w)| w).sum()
    }

    /// Connected component of every node, numbered by first member.
    pub fn components(&self) -> Vec<usize> {
        const UNSEEN: usize = usize::MAX;
        let mut component = vec![UNSEEN; self.n_nodes()];
        let mut stack = Vec::new();
        let mut next = 0;
        for start in 0..self.n_nodes() {
            if component[start] != UNSEEN {
                continue;
            }
            component[start] = next;
            stack.push(start);
            while let Some(i) = stack.pop() {
                for (j, _) in self.neighbours(i) {
                    if component[j] == UNSEEN {
                        component[j] = next;
                        stack.push(j);
                    }
                }
            }
            next += 1;
        }
        component
    }
}
