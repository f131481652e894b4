use thiserror::Error;

/// What can be wrong with points, graphs or settings that come from outside.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GraphError {
    /// The slice does not hold `n_points * n_dims` values.
    #[error(
        "points: expected {n_points} x {n_dims} = {} values, found {found}; pass the matrix row by row",
        n_points * n_dims
    )]
    Shape {
        /// Rows announced.
        n_points: usize,
        /// Columns announced.
        n_dims: usize,
        /// Values in the slice.
        found: usize,
    },
    /// A coordinate is NaN or infinite.
    #[error(
        "points: row {row}, column {col} is {value}; distances need finite values, remove or impute the point"
    )]
    NotFinite {
        /// Row of the value.
        row: usize,
        /// Column of the value.
        col: usize,
        /// The value.
        value: f32,
    },
    /// More neighbours wanted than there are points, or none.
    #[error(
        "neighbours: k = {k} with {n_points} points; k counts the point itself, so 1 <= k <= {n_points}"
    )]
    NeighbourCount {
        /// Neighbours wanted, the point itself included.
        k: usize,
        /// Points given.
        n_points: usize,
    },
    /// More clusters wanted than there are nodes, or none.
    #[error("clusters: k = {k} with {n_nodes} nodes; expected 1 <= k <= {n_nodes}")]
    ClusterCount {
        /// Clusters wanted.
        k: usize,
        /// Nodes of the graph.
        n_nodes: usize,
    },
    /// More points than a 32-bit index can name.
    #[error(
        "{n_points} points; neighbour indices are 32-bit, so at most {} are possible",
        u32::MAX
    )]
    TooManyPoints {
        /// Points given.
        n_points: usize,
    },
    /// An edge cannot be part of a weighted undirected graph without self loops.
    #[error("graph: edge ({i}, {j}) with weight {weight}: {problem}")]
    Edge {
        /// One end.
        i: usize,
        /// The other end.
        j: usize,
        /// Weight found.
        weight: f64,
        /// What is wrong and what was expected.
        problem: &'static str,
    },
    /// The parts of a CSR adjacency do not fit together.
    #[error("graph: {0}")]
    Adjacency(String),
    /// A setting is outside its range.
    #[error("{name} = {value}: expected {expected}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Value found.
        value: f64,
        /// Range expected.
        expected: &'static str,
    },
}
