//! Whole and verified, or not at all: a file is written beside its target and renamed.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rust_hdf5::Hdf5Error;

use super::encode::Notices;
use super::sink::{Place, Record, Sink};
use super::verify;
use super::write::WriteOptions;
use crate::error::{Error, Notice};

/// The text block in front of a MuData file.
const USER_BLOCK: usize = 512;

pub(super) fn refusal(file: &Path, reason: String) -> Error {
    Error::Write {
        file: file.to_owned(),
        reason,
    }
}

/// A file that is removed unless it is kept.
struct Temporary {
    path: PathBuf,
    kept: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing more can be done if even this fails.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A file on its way: written beside its target, and gone again unless it is finished.
pub(super) struct Draft {
    // Closed before the file is removed.
    sink: Sink,
    temporary: Temporary,
    target: PathBuf,
    path: PathBuf,
    user_block: Option<String>,
}

impl Draft {
    /// Starts a file for the target `path`.
    pub fn begin(
        path: &Path,
        options: &WriteOptions,
        user_block: Option<String>,
    ) -> Result<Self, Error> {
        let target = resolve(path)?;
        for input in &options.forbid {
            if is_same_file(&target, input) {
                return Err(refusal(
                    path,
                    format!("it is the input {}", input.display()),
                ));
            }
        }
        let temporary = Temporary {
            path: temporary_name(&target),
            kept: false,
        };
        let free = user_block.as_ref().map_or(0, |_| USER_BLOCK as u64);
        let sink = Sink::create(&temporary.path, free).map_err(|e| refusal(path, e.to_string()))?;
        Ok(Self {
            sink,
            temporary,
            target,
            path: path.to_owned(),
            user_block,
        })
    }

    pub fn sink(&self) -> &Sink {
        &self.sink
    }

    pub fn refusal(&self, reason: impl ToString) -> Error {
        refusal(&self.path, reason.to_string())
    }

    /// Verifies and renames.
    pub fn finish(self) -> Result<(), Error> {
        let Self {
            sink,
            mut temporary,
            target,
            path,
            user_block,
        } = self;
        let records = sink.close().map_err(|e| refusal(&path, e.to_string()))?;
        finish(&temporary.path, user_block.as_deref(), &records)
            .map_err(|reason| refusal(&path, reason))?;
        fs::rename(&temporary.path, &target).map_err(|e| Error::io(&path, "rename to", e))?;
        temporary.kept = true;
        sync_folder(&target).map_err(|e| Error::io(&path, "flush the folder of", e))
    }
}

/// Writes beside the target, verifies, and renames.
pub(super) fn write(
    path: &Path,
    options: &WriteOptions,
    user_block: Option<String>,
    fill: impl FnOnce(&Place<'_>, &mut Notices) -> Result<(), Hdf5Error>,
) -> Result<Vec<Notice>, Error> {
    let draft = Draft::begin(path, options, user_block)?;
    let mut notices = Notices::new();
    fill(&draft.sink().root(), &mut notices).map_err(|e| draft.refusal(e))?;
    draft.finish()?;
    Ok(notices)
}

/// Fills the user block, brings everything to the disk, and reads it back.
fn finish(temporary: &Path, user_block: Option<&str>, records: &[Record]) -> Result<(), String> {
    let flush = || {
        let mut file = OpenOptions::new().write(true).open(temporary)?;
        if let Some(text) = user_block {
            let mut block = [0; USER_BLOCK];
            let n = text.len().min(USER_BLOCK);
            block[..n].copy_from_slice(&text.as_bytes()[..n]);
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&block)?;
        }
        file.sync_all()
    };
    flush().map_err(|e: std::io::Error| e.to_string())?;
    verify::compare(temporary, records)
}

/// The file that a path names: links are followed, so that a link stays one.
fn resolve(path: &Path) -> Result<PathBuf, Error> {
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Err(refusal(path, "it is a directory".into())),
        Ok(_) => fs::canonicalize(path).map_err(|e| Error::io(path, "resolve", e)),
        Err(_) if path.file_name().is_none() => Err(refusal(path, "it names no file".into())),
        Err(_) => {
            let folder = folder(path);
            let folder =
                fs::canonicalize(folder).map_err(|e| Error::io(folder, "find the folder", e))?;
            Ok(folder.join(path.file_name().unwrap_or_default()))
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn is_same_file(target: &Path, input: &Path) -> bool {
    let Ok(input) = fs::canonicalize(input) else {
        return false;
    };
    if input == target {
        return true;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        // Hard links have different names.
        let id = |p: &Path| fs::metadata(p).map(|m| (m.dev(), m.ino())).ok();
        let (a, b) = (id(target), id(&input));
        a.is_some() && a == b
    }
    #[cfg(not(unix))]
    false
}

/// A name beside the target that no other write uses.
fn temporary_name(target: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    name.push(format!(".{}-{count}.tmp", std::process::id()));
    target.with_file_name(name)
}

#[cfg(unix)]
fn sync_folder(target: &Path) -> std::io::Result<()> {
    fs::File::open(folder(target))?.sync_all()
}

/// Other systems offer no way to flush a folder.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}
