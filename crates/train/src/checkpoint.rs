//! Checkpoints that survive a crash.
//!
//! One folder per generation. It is written under a temporary name, every file is flushed to the
//! disk, a manifest with sizes and checksums comes last, then the folder is renamed. A crash leaves
//! either the old generations or the new one, never half of one. Two generations are kept.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::History;

/// Version of the layout; raised when it changes.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const PROGRESS: &str = "progress.json";
const MODEL: &str = "model.bpk";
const OPTIMIZER: &str = "optimizer.bpk";
const BEST: &str = "best.bpk";
/// Largest text file that is read back.
const MAX_TEXT: u64 = 256 << 20;

/// Why a checkpoint cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The disk refused.
    #[error("checkpoint {}: {source}", .path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The run is not at its end.
    #[error("{}: the run was interrupted; finish it with --resume", .0.display())]
    Unfinished(PathBuf),
    /// The folder holds no complete checkpoint.
    #[error("{}: no complete checkpoint; start without --resume", .0.display())]
    None(PathBuf),
    /// A file that does not hold what it should.
    #[error("checkpoint {}: {reason}", .path.display())]
    Corrupt {
        /// File.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A checkpoint of another run.
    #[error("checkpoint {}: {reason}; resume with the settings and data of that run, or start without --resume", .path.display())]
    OtherRun {
        /// Folder.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
}

/// Where a run stands: everything that is not a tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Layout version.
    pub format: u32,
    /// What the run was started with (settings, features, data); must be equal to resume.
    pub context: serde_json::Value,
    /// Seed of the run.
    pub seed: u64,
    /// Place of the current stage.
    pub stage: usize,
    /// Epoch of the stage, from 0.
    pub epoch: usize,
    /// Steps done in the epoch.
    pub step: usize,
    /// Sum of each loss over the cells of the epoch so far.
    pub sums: IndexMap<String, f64>,
    /// Weight of each loss.
    #[serde(default)]
    pub weights: IndexMap<String, f64>,
    /// Cells of the epoch so far.
    pub cells: usize,
    /// Epochs so far.
    pub history: History,
    /// Lowest validation loss so far.
    pub best_loss: Option<f64>,
    /// Epochs since then.
    pub since_best: usize,
    /// Whether all stages are done.
    pub finished: bool,
}

impl Progress {
    /// The beginning of a run.
    pub fn start(context: serde_json::Value, seed: u64) -> Self {
        Self {
            format: FORMAT,
            context,
            seed,
            stage: 0,
            epoch: 0,
            step: 0,
            sums: IndexMap::new(),
            weights: IndexMap::new(),
            cells: 0,
            history: History::default(),
            best_loss: None,
            since_best: 0,
            finished: false,
        }
    }
}

/// A complete state of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Where the run stands.
    pub progress: Progress,
    /// Current weights, as a burnpack.
    pub model: Vec<u8>,
    /// Optimiser state, as a burnpack.
    pub optimizer: Vec<u8>,
    /// Best weights so far, as a burnpack.
    pub best: Option<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    format: u32,
    files: IndexMap<String, Entry>,
}

#[derive(Serialize, Deserialize, PartialEq)]
struct Entry {
    bytes: u64,
    crc32: u32,
}

/// The checkpoints of a run, in one folder.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    root: PathBuf,
}

impl Checkpoints {
    /// Checkpoints under `root`, which is made when the first one is saved.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Saves a new generation and removes all but the last two.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        fs::create_dir_all(&self.root).map_err(at(&self.root))?;
        let generations = self.generations()?;
        let number = generations.last().map_or(0, |g| g + 1);
        let temporary = self.root.join(format!("gen-{number:06}.tmp"));
        if temporary.exists() {
            fs::remove_dir_all(&temporary).map_err(at(&temporary))?;
        }
        let written = write_generation(&temporary, checkpoint);
        if written.is_err() {
            // Best effort: the first error is the one to report.
            let _ = fs::remove_dir_all(&temporary);
        }
        written?;
        let path = self.path(number);
        fs::rename(&temporary, &path).map_err(at(&path))?;
        sync_folder(&self.root)?;
        for old in generations.iter().rev().skip(1) {
            let path = self.path(*old);
            fs::remove_dir_all(&path).map_err(at(&path))?;
        }
        Ok(())
    }

    /// The newest complete generation; damaged ones are passed over.
    pub fn latest(&self) -> Result<Checkpoint, CheckpointError> {
        let mut damage = None;
        for number in self.generations()?.into_iter().rev() {
            match read_generation(&self.path(number)) {
                Ok(checkpoint) => return Ok(checkpoint),
                Err(e) => damage = damage.or(Some(e)),
            }
        }
        Err(damage.unwrap_or_else(|| CheckpointError::None(self.root.clone())))
    }

    /// Removes all generations, and nothing else that is in the folder.
    pub fn clear(&self) -> Result<(), CheckpointError> {
        for number in self.generations()? {
            let path = self.path(number);
            fs::remove_dir_all(&path).map_err(at(&path))?;
        }
        Ok(())
    }

    fn path(&self, number: u64) -> PathBuf {
        self.root.join(format!("gen-{number:06}"))
    }

    /// Numbers of the renamed generations, increasing.
    fn generations(&self) -> Result<Vec<u64>, CheckpointError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            Err(e) => return Err(at(&self.root)(e)),
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry.map_err(at(&self.root))?.file_name();
            numbers.extend(
                name.to_str()
                    .and_then(|n| n.strip_prefix("gen-")?.parse::<u64>().ok()),
            );
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

fn write_generation(folder: &Path, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
    fs::create_dir(folder).map_err(at(folder))?;
    let progress = to_json(&folder.join(PROGRESS), &checkpoint.progress)?;
    let mut files: Vec<(&str, &[u8])> = vec![
        (PROGRESS, &progress),
        (MODEL, &checkpoint.model),
        (OPTIMIZER, &checkpoint.optimizer),
    ];
    if let Some(best) = &checkpoint.best {
        files.push((BEST, best));
    }
    let mut manifest = Manifest {
        format: FORMAT,
        files: IndexMap::new(),
    };
    for (name, bytes) in files {
        write_synced(&folder.join(name), bytes)?;
        manifest.files.insert(name.to_owned(), entry(bytes));
    }
    let path = folder.join(MANIFEST);
    write_synced(&path, &to_json(&path, &manifest)?)?;
    sync_folder(folder)
}

fn read_generation(folder: &Path) -> Result<Checkpoint, CheckpointError> {
    let manifest: Manifest = from_json(&folder.join(MANIFEST))?;
    if manifest.format != FORMAT {
        let reason = format!("layout {}, this version reads {FORMAT}", manifest.format);
        return Err(CheckpointError::Corrupt {
            path: folder.join(MANIFEST),
            reason,
        });
    }
    let read = |name: &str| -> Result<Option<Vec<u8>>, CheckpointError> {
        let Some(expected) = manifest.files.get(name) else {
            return Ok(None);
        };
        let path = folder.join(name);
        let size = fs::metadata(&path).map_err(at(&path))?.len();
        if size != expected.bytes {
            let reason = format!("{size} bytes, the manifest says {}", expected.bytes);
            return Err(CheckpointError::Corrupt { path, reason });
        }
        let bytes = fs::read(&path).map_err(at(&path))?;
        if entry(&bytes) != *expected {
            let reason = "checksum differs from the manifest".to_owned();
            return Err(CheckpointError::Corrupt { path, reason });
        }
        Ok(Some(bytes))
    };
    let need = |name: &str| {
        read(name)?.ok_or_else(|| CheckpointError::Corrupt {
            path: folder.join(name),
            reason: "missing from the manifest".to_owned(),
        })
    };
    let progress = need(PROGRESS)?;
    let progress = serde_json::from_slice(&progress).map_err(|e| CheckpointError::Corrupt {
        path: folder.join(PROGRESS),
        reason: e.to_string(),
    })?;
    Ok(Checkpoint {
        progress,
        model: need(MODEL)?,
        optimizer: need(OPTIMIZER)?,
        best: read(BEST)?,
    })
}

fn entry(bytes: &[u8]) -> Entry {
    Entry {
        bytes: bytes.len() as u64,
        crc32: crc32fast::hash(bytes),
    }
}

fn to_json<T: Serialize>(path: &Path, value: &T) -> Result<Vec<u8>, CheckpointError> {
    serde_json::to_vec_pretty(value).map_err(|e| CheckpointError::Corrupt {
        path: path.to_owned(),
        reason: e.to_string(),
    })
}

fn from_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, CheckpointError> {
    let corrupt = |reason: String| CheckpointError::Corrupt {
        path: path.to_owned(),
        reason,
    };
    if fs::metadata(path).map_err(at(path))?.len() > MAX_TEXT {
        return Err(corrupt("too large".to_owned()));
    }
    let bytes = fs::read(path).map_err(at(path))?;
    serde_json::from_slice(&bytes).map_err(|e| corrupt(e.to_string()))
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let write = || -> io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(at(path))
}

/// Makes a rename durable. Folders cannot be opened as files everywhere, so this is for Unix.
fn sync_folder(folder: &Path) -> Result<(), CheckpointError> {
    if cfg!(unix) {
        File::open(folder)
            .and_then(|f| f.sync_all())
            .map_err(at(folder))?;
    }
    Ok(())
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> CheckpointError {
    let path = path.to_owned();
    move |source| CheckpointError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(step: usize) -> Checkpoint {
        let mut progress = Progress::start(serde_json::json!({"lr": 0.1}), 7);
        progress.step = step;
        progress.sums.insert("mse".into(), 0.1 + 0.2);
        Checkpoint {
            progress,
            model: vec![1, 2, 3],
            optimizer: vec![],
            best: Some(vec![9]),
        }
    }

    #[test]
    fn newest_comes_back_and_two_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(dir.path().join("c"));
        assert!(matches!(
            checkpoints.latest(),
            Err(CheckpointError::None(_))
        ));
        for step in 0..4 {
            checkpoints.save(&some(step)).unwrap();
        }
        assert_eq!(checkpoints.latest().unwrap(), some(3));
        assert_eq!(checkpoints.generations().unwrap(), [2, 3]);
    }

    #[test]
    fn damage_falls_back_to_the_generation_before() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(dir.path());
        checkpoints.save(&some(0)).unwrap();
        checkpoints.save(&some(1)).unwrap();
        fs::write(checkpoints.path(1).join(MODEL), [1, 2, 4]).unwrap();
        assert_eq!(checkpoints.latest().unwrap(), some(0));
        fs::remove_file(checkpoints.path(0).join(MANIFEST)).unwrap();
        assert!(checkpoints.latest().is_err());
    }

    #[test]
    fn clearing_leaves_what_is_not_ours() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(dir.path());
        checkpoints.save(&some(0)).unwrap();
        fs::write(dir.path().join("mine.txt"), "keep").unwrap();
        checkpoints.clear().unwrap();
        assert!(matches!(
            checkpoints.latest(),
            Err(CheckpointError::None(_))
        ));
        assert!(dir.path().join("mine.txt").exists());
    }

    #[test]
    fn a_left_over_temporary_is_harmless() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(dir.path());
        fs::create_dir(dir.path().join("gen-000000.tmp")).unwrap();
        checkpoints.save(&some(5)).unwrap();
        assert_eq!(checkpoints.latest().unwrap(), some(5));
    }
}
