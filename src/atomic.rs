//! Small files, written so that a failure leaves the old one.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// Stores what a run must remember as JSON.
pub(crate) fn save(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let bytes = serde_json::to_vec(value).map_err(|e| Error::Input(e.to_string()))?;
    write(path, &bytes)
}

/// Stores what people read too as JSON with indentation.
pub(crate) fn save_readable(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let bytes = serde_json::to_vec_pretty(value).map_err(|e| Error::Input(e.to_string()))?;
    write(path, &bytes)
}

/// Reads what was stored.
pub(crate) fn load<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let says = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let bytes = fs::read(path).map_err(|e| {
        Error::Input(says(&e) + "; is this the folder of a finished run of this version?")
    })?;
    serde_json::from_slice(&bytes).map_err(|e| Error::Input(says(&e)))
}

/// Writes beside the target, flushes to the disk, renames.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let name = path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let temporary = path.with_file_name(format!(".{name}.tmp{}", std::process::id()));
    let written = File::create(&temporary)
        .and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Best effort: the first error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(Error::io(path))
}
