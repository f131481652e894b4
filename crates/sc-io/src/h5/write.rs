//! Writes `.h5ad` and `.h5mu`: whole and verified, or not at all.

use std::path::{Path, PathBuf};

use rust_hdf5::{HBool, Hdf5Error};

use super::atomic::{refusal, write};
use super::encode::{self, Notices};
use super::sink::Place;
use crate::error::{Error, Notice};
use crate::{Modality, MultiModal, Table};

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
    write(path, options, Some(mudata_block()), |root, notices| {
        multimodal(root, m, notices)
    })
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What stands in front of a MuData file.
pub(super) fn mudata_block() -> String {
    format!("MuData (format-version=0.1.0;creator=cellweave;creator-version={VERSION})")
}

/// Whether cells can be mapped between `obs` and every modality.
pub(super) fn check(m: &MultiModal) -> Result<(), String> {
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

/// Fills an `.h5mu`.
pub(super) fn multimodal(
    root: &Place<'_>,
    m: &MultiModal,
    notices: &mut Notices,
) -> Result<(), Hdf5Error> {
    root.attr_text("encoding-type", "MuData")?;
    root.attr_text("encoding-version", "0.1.0")?;
    root.attr_text("encoder", "cellweave")?;
    root.attr_text("encoder-version", VERSION)?;
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
