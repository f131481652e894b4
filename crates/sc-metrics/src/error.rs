use thiserror::Error;

/// What can be wrong with points, labels or settings that come from outside.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MetricError {
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
    /// The labels do not name every point.
    #[error("labels: expected one per point, {n_points}, found {found}")]
    LabelCount {
        /// Points given.
        n_points: usize,
        /// Labels given.
        found: usize,
    },
    /// An internal index needs at least two clusters and one cluster with two points.
    #[error(
        "labels: {n_clusters} clusters of {n_points} points; this index is defined for 2 to n_points - 1 clusters"
    )]
    ClusterCount {
        /// Distinct labels.
        n_clusters: usize,
        /// Points given.
        n_points: usize,
    },
    /// k-means cannot find that many clusters.
    #[error("k-means: k = {k} with {n_points} points; expected 1 <= k <= {n_points}")]
    TooManyClusters {
        /// Clusters wanted.
        k: usize,
        /// Points given.
        n_points: usize,
    },
    /// A label is not below the number of clusters.
    #[error("k-means: label {label} with k = {k}; labels count from 0")]
    Label {
        /// The label.
        label: usize,
        /// Clusters.
        k: usize,
    },
    /// A count must be at least one.
    #[error("k-means: {name} = 0; expected at least 1")]
    Zero {
        /// Name of the setting.
        name: &'static str,
    },
    /// Lists of neighbours must be whole rows of indices of points.
    #[error(
        "neighbours: expected {n_points} rows of the same length with a distance for each index, each index below {n_points}"
    )]
    Neighbours {
        /// Points given.
        n_points: usize,
    },
    /// Batches can be compared where there are two at least.
    #[error("batches: {n_batches}; two at least are needed")]
    BatchCount {
        /// Distinct batches.
        n_batches: usize,
    },
}
