//! What can go wrong between a file and a result.

use std::path::PathBuf;

/// What can go wrong between a file and a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] sc_io::Error),
    /// A report or picture cannot be written, a settings file cannot be read.
    #[error("{}: {source}", .path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Settings that cannot work.
    #[error("settings: {0}")]
    Settings(String),
    /// Data that cannot be used for what was asked.
    #[error("{0}")]
    Input(String),
    /// A column that does not exist.
    #[error("{place}: {source}")]
    Column {
        /// Where it was looked for.
        place: String,
        /// What was looked for and what there is.
        source: sc_io::TableError,
    },
    /// Preparation failed.
    #[error(transparent)]
    Prep(#[from] sc_prep::PrepError),
    /// Neighbours, clusters or the layout failed.
    #[error(transparent)]
    Graph(#[from] sc_graph::GraphError),
    /// A score failed.
    #[error(transparent)]
    Metrics(#[from] sc_metrics::MetricError),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] train::TrainError),
    /// The device does not exist in this build.
    #[error(transparent)]
    Device(#[from] train::DeviceError),
    /// Settings of the simulator that cannot work.
    #[error(transparent)]
    Simulate(#[from] crate::simulate::SimulateError),
    /// A picture could not be drawn.
    #[error("picture: {0}")]
    Picture(String),
}

impl Error {
    /// The exit code of the command: 3 for a run whose losses are no longer finite, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Train(train::TrainError::NotFinite { .. }) => 3,
            _ => 1,
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
