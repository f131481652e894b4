//! Gene positions that a user gave once, for files that have none.

use std::path::{Path, PathBuf};

use sc_prep::GenomeTable;

use crate::Error;

/// Where the positions are kept: `CELLWEAVE_GENOME`, else `cellweave/genome.tsv` in the user's data
/// folder. `None` where the system names no such folder.
pub fn path() -> Option<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    set("CELLWEAVE_GENOME").or_else(|| {
        let data = set("XDG_DATA_HOME")
            .or_else(|| set("HOME").map(|home| home.join(".local/share")))
            .or_else(|| set("APPDATA"))?;
        Some(data.join("cellweave").join("genome.tsv"))
    })
}

/// The cache, if there is one.
pub fn existing() -> Option<PathBuf> {
    path().filter(|p| p.is_file())
}

/// Reads a table or annotation and keeps its positions; returns where, and how many.
pub fn add(file: &Path) -> Result<(PathBuf, usize), Error> {
    let table = GenomeTable::load(file)?;
    let path = path().ok_or_else(|| {
        Error::Input("no folder for user data is known; set CELLWEAVE_GENOME to a file".to_owned())
    })?;
    table.save(&path)?;
    Ok((path, table.genes().len()))
}
