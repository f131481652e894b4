//! What a run was started with, kept in its folder so that it can be resumed.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use train::DeviceChoice;

use super::FuseConfig;
use crate::{Error, atomic};

/// What a run was started with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The input; `None` for the embedded data.
    pub file: Option<PathBuf>,
    /// Seed.
    pub seed: u64,
    /// Device.
    pub device: DeviceChoice,
    /// Columns that are scored.
    pub labels: Vec<String>,
    /// Settings.
    pub config: FuseConfig,
}

const NAME: &str = "run.json";
/// A record is a few kilobytes.
const MAX_BYTES: u64 = 1 << 20;

impl RunRecord {
    /// Reads the record of a folder.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(NAME);
        let size = fs::metadata(&path).map_err(Error::io(&path))?.len();
        if size > MAX_BYTES {
            return Err(Error::Input(format!(
                "{}: too large to be a run record",
                path.display()
            )));
        }
        let bytes = fs::read(&path).map_err(Error::io(&path))?;
        serde_json::from_slice(&bytes).map_err(|e| Error::Input(format!("{}: {e}", path.display())))
    }

    /// Writes the record into a folder.
    pub fn save(&self, folder: &Path) -> Result<(), Error> {
        atomic::save_readable(&folder.join(NAME), self)
    }
}
