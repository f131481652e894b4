//! Writes `.h5ad` and `.h5mu`: whole and verified, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rust_hdf5::{HBool, Hdf5Error};

use super::encode::{self, Notices};
use super::sink::{Place, Record, Sink};
use super::verify;
use crate::error::{Error, Notice};
use crate::{Modality, MultiModal, Table};

/// The text block in front of a MuData file.
const USER_BLOCK: usize = 512;

/// How to write.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// Files that must not be replaced: the inputs. Links to them are recognised.
    pub forbid: Vec<PathBuf>,
}

/// Writes one modality as `.h5ad`, in the encodings that anndata 0.8 to 0.13 open.
///
/// The file is written under a temporary name beside the target, read back with another HDF5
/// library, compared array by array, and only then renamed: on any failure a file that was there
/// before is unchanged. Returns what could not be written as it was: `null` values are left out,
/// `/` in a name becomes `_`; text columns with missing values become categories.
///
/// # Errors
/// When the disk refuses, when parts of the modality do not fit together, and when the file read
/// back differs.
///
/// ```
/// use sc_io::{Csr, Matrix, Modality, Table, read_h5ad, write_h5ad};
/// let x = Matrix::Csr(Csr::new(1, 2, vec![0, 1], vec![1], vec![3.0]).unwrap());
/// let m = Modality::new(x, Table::new(["cell"]), Table::new(["g1", "g2"])).unwrap();
/// let path = std::env::temp_dir().join(format!("sc-io-doc-{}.h5ad", std::process::id()));
/// write_h5ad(&m, &path).unwrap();
/// assert_eq!(read_h5ad(&path).unwrap().data, m);
/// # std::fs::remove_file(path).unwrap();
/// ```
pub fn write_h5ad(m: &Modality, path: impl AsRef<Path>) -> Result<Vec<Notice>, Error> {
    write_h5ad_with(m, path, &WriteOptions::default())
}

/// [`write_h5ad`] with options.
pub fn write_h5ad_with(
    m: &Modality,
    path: impl AsRef<Path>,
    options: &WriteOptions,
) -> Result<Vec<Notice>, Error> {
    let path = path.as_ref();
    m.check().map_err(|e| refusal(path, e.to_string()))?;
    write(path, options, None, |root, notices| {
        encode::modality(root, "", m, notices)
    })
}

/// Writes several modalities as `.h5mu` (MuData 0.1.0, axis 0), as [`write_h5ad`] writes one.
///
/// # Errors
/// As [`write_h5ad`]; also when a cell of a modality is not in `obs`, or stands there twice.
pub fn write_h5mu(m: &MultiModal, path: impl AsRef<Path>) -> Result<Vec<Notice>, Error> {
    write_h5mu_with(m, path, &WriteOptions::default())
}

/// [`write_h5mu`] with options.
pub fn write_h5mu_with(
    m: &MultiModal,
    path: impl AsRef<Path>,
    options: &WriteOptions,
) -> Result<Vec<Notice>, Error> {
    let path = path.as_ref();
    check(m).map_err(|reason| refusal(path, reason))?;
    let version = env!("CARGO_PKG_VERSION");
    let block =
        format!("MuData (format-version=0.1.0;creator=cellweave;creator-version={version})");
    write(path, options, Some(&block), |root, notices| {
        multimodal(root, m, version, notices)
    })
}

fn refusal(file: &Path, reason: String) -> Error {
    Error::Write {
        file: file.to_owned(),
        reason,
    }
}

/// Whether cells can be mapped between `obs` and every modality.
fn check(m: &MultiModal) -> Result<(), String> {
    if m.modalities.is_empty() {
        return Err("there are no modalities".into());
    }
    let union = m.obs.positions();
    let unique = |what: &str, t: &Table| match t.first_duplicate() {
        Some((cell, a, b)) => Err(format!(
            "{what}: cell '{cell}' stands twice (rows {a} and {b})"
        )),
        None => Ok(()),
    };
    unique("obs", &m.obs)?;
    for (name, modality) in &m.modalities {
        if name.is_empty() || name.contains(['/', '\0']) || name == "." || name == ".." {
            return Err(format!("a modality cannot be named {name:?}"));
        }
        modality.check().map_err(|e| format!("{name}: {e}"))?;
        unique(name, &modality.obs)?;
        let missing = modality
            .obs
            .index()
            .iter()
            .find(|c| !union.contains_key(c.as_str()));
        if let Some(cell) = missing {
            return Err(format!("{name}: cell '{cell}' is not in obs"));
        }
    }
    for (name, e) in &m.obsm {
        if e.n_rows() != m.obs.len() {
            let found = e.n_rows();
            return Err(format!(
                "obsm/{name} has {found} rows, obs has {}",
                m.obs.len()
            ));
        }
    }
    Ok(())
}

fn multimodal(
    root: &Place<'_>,
    m: &MultiModal,
    version: &str,
    notices: &mut Notices,
) -> Result<(), Hdf5Error> {
    root.attr_text("encoding-type", "MuData")?;
    root.attr_text("encoding-version", "0.1.0")?;
    root.attr_text("encoder", "cellweave")?;
    root.attr_text("encoder-version", version)?;
    root.attr_integer("axis", 0)?;
    let names: Vec<&str> = m.modalities.keys().map(String::as_str).collect();
    let members = root.group("mod")?;
    members.attr_texts("mod-order", &names)?;
    for (name, modality) in &m.modalities {
        encode::modality(
            &members.group(name)?,
            &format!("mod/{name}"),
            modality,
            notices,
        )?;
    }
    encode::table(root, "obs", "", &m.obs, m.obs.index(), notices)?;
    let features = m
        .modalities
        .values()
        .flat_map(|m| m.var.index().iter().cloned());
    let var = Table::new(features);
    encode::table(root, "var", "", &var, var.index(), notices)?;
    maps(root, m, var.len(), notices)?;
    for empty in ["obsp", "varp"] {
        root.encoded(empty, "dict", "0.1.0")?;
    }
    encode::dict(root, "uns", "", &m.uns, notices)
}

/// `obsmap`, `varmap` (counted from 1, 0 is absent) and the masks that mudata keeps beside them.
fn maps(
    root: &Place<'_>,
    m: &MultiModal,
    n_vars: usize,
    notices: &mut Notices,
) -> Result<(), Hdf5Error> {
    let mut obsm = m.obsm.clone();
    obsm.retain(|name, _| !m.modalities.contains_key(name));
    let obsm = encode::embeddings(root, "obsm", "", &obsm, m.obs.index(), notices)?;
    let varm = root.encoded("varm", "dict", "0.1.0")?;
    let obsmap = root.encoded("obsmap", "dict", "0.1.0")?;
    let varmap = root.encoded("varmap", "dict", "0.1.0")?;
    let mut start = 0;
    for (name, modality) in &m.modalities {
        let rows = modality.obs.positions();
        let place = |cell: &String| rows.get(cell.as_str()).map_or(0, |&r| r as u32 + 1);
        let cells: Vec<u32> = m.obs.index().iter().map(place).collect();
        let end = start + modality.n_vars();
        let features: Vec<u32> = (0..n_vars)
            .map(|i| {
                if (start..end).contains(&i) {
                    (i - start) as u32 + 1
                } else {
                    0
                }
            })
            .collect();
        start = end;
        let mask = |map: &[u32]| map.iter().map(|&i| HBool::from(i > 0)).collect::<Vec<_>>();
        obsm.array(name, &mask(&cells), &[cells.len()])?;
        varm.array(name, &mask(&features), &[features.len()])?;
        obsmap.array(name, &cells, &[cells.len()])?;
        varmap.array(name, &features, &[features.len()])?;
    }
    Ok(())
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

/// Writes beside the target, verifies, and renames.
fn write(
    path: &Path,
    options: &WriteOptions,
    user_block: Option<&str>,
    fill: impl FnOnce(&Place<'_>, &mut Notices) -> Result<(), Hdf5Error>,
) -> Result<Vec<Notice>, Error> {
    let target = resolve(path)?;
    for input in &options.forbid {
        if is_same_file(&target, input) {
            return Err(refusal(
                path,
                format!("it is the input {}", input.display()),
            ));
        }
    }
    let mut temporary = Temporary {
        path: temporary_name(&target),
        kept: false,
    };
    let failed = |e: Hdf5Error| refusal(path, e.to_string());
    let mut notices = Notices::new();
    let sink = Sink::create(&temporary.path, user_block.map_or(0, |_| USER_BLOCK as u64));
    let sink = sink.map_err(failed)?;
    fill(&sink.root(), &mut notices).map_err(failed)?;
    let records = sink.close().map_err(failed)?;
    finish(&temporary.path, user_block, &records).map_err(|reason| refusal(path, reason))?;
    fs::rename(&temporary.path, &target).map_err(|e| Error::io(path, "rename to", e))?;
    temporary.kept = true;
    sync_folder(&target).map_err(|e| Error::io(path, "flush the folder of", e))?;
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
    File::open(folder(target))?.sync_all()
}

/// Other systems offer no way to flush a folder.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    let _: Option<File> = None;
    Ok(())
}
