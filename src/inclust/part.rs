//! One file among those that a model is trained on.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use sc_io::{CountScan, Csr, Modality, MultiModal};
use serde::{Deserialize, Serialize};

use super::InclustSettings;
use crate::Error;

/// What the values of a modality are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// RNA counts.
    Rna,
    /// Counts of proteins.
    Protein,
    /// Counts of open chromatin; present or not is used.
    Chromatin,
}

impl Kind {
    /// By the names that files use.
    fn of(name: &str) -> Option<Self> {
        match name.to_lowercase().as_str() {
            "rna" | "gex" | "gene expression" => Some(Self::Rna),
            "adt" | "prot" | "protein" | "antibody capture" => Some(Self::Protein),
            "atac" | "peaks" | "chromatin" => Some(Self::Chromatin),
            _ => None,
        }
    }

    /// The name that a modality of this kind has in a joint data set.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rna => "rna",
            Self::Protein => "adt",
            Self::Chromatin => "atac",
        }
    }
}

/// One modality of a file, of the cells that all its modalities have.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What it is.
    pub kind: Kind,
    /// The modality as the file has it, of the kept cells.
    pub modality: Modality,
    /// Raw counts, `[cells, features]`.
    pub counts: Csr,
    /// Place of every feature, by its name in upper case; of features of one name the first.
    pub places: HashMap<String, usize>,
}

/// One file.
#[derive(Clone, Debug)]
pub struct Part {
    /// Name: of the file, or of its role.
    pub name: String,
    /// The modalities, RNA first.
    pub measured: Vec<Measured>,
    /// What the file says of all modalities' cells together.
    pub whole: MultiModal,
    /// What the user should know.
    pub notices: Vec<String>,
}

impl Part {
    /// Reads a file and keeps the cells that all its modalities have.
    ///
    /// # Errors
    /// A file that cannot be read, no modality of a known kind, values that are not counts, no cell in common.
    pub fn read(name: &str, path: &Path, settings: &InclustSettings) -> Result<Self, Error> {
        let loaded = sc_io::read(path)?;
        let mut notices: Vec<String> = loaded.notices.iter().map(ToString::to_string).collect();
        let mut part = Self::new(name, loaded.data, settings)
            .map_err(|e| Error::Input(format!("{}: {e}", path.display())))?;
        notices.append(&mut part.notices);
        part.notices = notices;
        Ok(part)
    }

    /// The same of data in memory.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn new(name: &str, whole: MultiModal, settings: &InclustSettings) -> Result<Self, Error> {
        let mut notices = vec![];
        let single = whole.modalities.len() == 1;
        let mut known: Vec<(Kind, &Modality)> = vec![];
        for (modality, m) in &whole.modalities {
            match Kind::of(modality).or(single.then_some(Kind::Rna)) {
                Some(kind) if known.iter().any(|(k, _)| *k == kind) => notices.push(format!(
                    "{name}: '{modality}' is left out, there is another modality of its kind"
                )),
                Some(kind) => known.push((kind, m)),
                None => notices.push(format!(
                    "{name}: '{modality}' is left out; known are rna, adt (prot, protein), atac (peaks)"
                )),
            }
        }
        known.sort_by_key(|(kind, _)| kind.name() != "rna");
        let Some((_, first)) = known.first() else {
            return Err(Error::Input("no modality of a known kind".to_owned()));
        };
        // Modalities are paired by the names of their cells.
        let paired = known.iter().filter(|_| known.len() > 1);
        for (kind, m) in paired {
            if let Some((cell, a, b)) = m.obs.first_duplicate() {
                let kind = kind.name();
                return Err(Error::Input(format!(
                    "{kind}: the cell name '{cell}' stands in rows {a} and {b}, so its other modalities cannot be told; make the names differ"
                )));
            }
        }
        let others: Vec<HashSet<&str>> = known[1..]
            .iter()
            .map(|(_, m)| m.obs.index().iter().map(String::as_str).collect())
            .collect();
        let cells: Vec<String> = first
            .obs
            .index()
            .iter()
            .filter(|cell| others.iter().all(|o| o.contains(cell.as_str())))
            .cloned()
            .collect();
        let mut measured = known
            .iter()
            .map(|(kind, m)| measure(*kind, m, &cells, settings))
            .collect::<Result<Vec<_>, _>>()?;
        // Cells without RNA (or whatever the first modality is) say nothing.
        let sums = measured[0].counts.row_sums();
        let kept: Vec<usize> = (0..sums.len()).filter(|&i| sums[i] > 0.0).collect();
        if kept.len() < sums.len() {
            notices.push(format!(
                "{name}: {} cells without counts are left out",
                sums.len() - kept.len()
            ));
            for m in &mut measured {
                m.modality = m.modality.select_obs(&kept);
                m.counts = m.counts.select_rows(&kept);
            }
        }
        if kept.is_empty() {
            return Err(Error::Input(
                "no cell that all modalities have counts of".to_owned(),
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            measured,
            whole,
            notices,
        })
    }

    /// Number of cells.
    pub fn n_cells(&self) -> usize {
        self.measured[0].counts.n_rows()
    }

    /// Names of the cells.
    pub fn cells(&self) -> &[String] {
        self.measured[0].modality.obs.index()
    }

    /// Some of the cells, and of what was measured the given kinds, as a part of its own.
    pub fn select(&self, name: &str, rows: &[usize], kinds: &[Kind]) -> Self {
        let measured = self.measured.iter().filter(|m| kinds.contains(&m.kind));
        let measured = measured.map(|m| Measured {
            modality: m.modality.select_obs(rows),
            counts: m.counts.select_rows(rows),
            ..m.clone()
        });
        Self {
            name: name.to_owned(),
            measured: measured.collect(),
            whole: self.whole.clone(),
            notices: vec![],
        }
    }

    /// The kinds of modalities that are there.
    pub fn kinds(&self) -> Vec<Kind> {
        self.measured.iter().map(|m| m.kind).collect()
    }

    /// The file's modalities, of the cells that are kept, all in one order.
    pub fn kept(&self) -> MultiModal {
        let modalities = self.measured.iter();
        let named = modalities.map(|m| (m.kind.name().to_owned(), m.modality.clone()));
        MultiModal::new(named.collect())
    }

    /// The modality of a kind.
    pub fn of(&self, kind: Kind) -> Option<&Measured> {
        self.measured.iter().find(|m| m.kind == kind)
    }

    /// Takes features away, as if they had not been measured. Returns their counts, `[cells, features]`, for those that are there.
    pub fn hide(&mut self, kind: Kind, names: &[String]) -> (Vec<String>, Csr) {
        let n = self.n_cells();
        let Some(m) = self.measured.iter_mut().find(|m| m.kind == kind) else {
            return (vec![], Csr::zeros(n, 0));
        };
        let mut found = vec![];
        for name in names {
            let key = name.to_uppercase();
            if let Some(place) = m.places.remove(&key) {
                found.push((key, place));
            }
        }
        let places: Vec<usize> = found.iter().map(|(_, p)| *p).collect();
        let hidden = m.counts.select_columns(&places);
        let kept: Vec<bool> = {
            let mut kept = vec![true; m.counts.n_cols()];
            places.iter().for_each(|&p| kept[p] = false);
            kept
        };
        // Nothing of them may reach library sizes.
        let (counts, n_cols) = (&m.counts, m.counts.n_cols());
        let mut without = Csr::zeros(0, n_cols);
        for row in 0..n {
            let (columns, values) = counts.row(row);
            let entries = columns.iter().copied().zip(values.iter().copied());
            without.push_row(entries.filter(|&(c, _)| kept[c as usize]));
        }
        m.counts = without;
        (found.into_iter().map(|(name, _)| name).collect(), hidden)
    }
}

fn measure(
    kind: Kind,
    m: &Modality,
    cells: &[String],
    settings: &InclustSettings,
) -> Result<Measured, Error> {
    let (place, matrix) = match settings.layer.as_str() {
        "" => ("X".to_owned(), m.x.as_ref()),
        layer => (format!("layers/{layer}"), m.layers.get(layer)),
    };
    let name = kind.name();
    let Some(matrix) = matrix else {
        return Err(Error::Input(format!("{name}: {place} does not exist")));
    };
    let scan = CountScan::of(matrix);
    let finite = scan.nans == 0 && scan.infinities == 0 && scan.negatives == 0;
    if !(scan.is_counts() || finite && settings.allow_non_integer) {
        return Err(Error::Input(format!(
            "{name}: {place} does not hold counts: {}. Name the layer with raw counts with `layer`",
            scan.to_string().trim_end_matches('.')
        )));
    }
    let rows: Vec<usize> = match m.obs.index() == cells {
        true => (0..cells.len()).collect(),
        false => {
            let positions = m.obs.positions();
            cells.iter().map(|c| positions[c.as_str()]).collect()
        }
    };
    let mut places = HashMap::new();
    for (place, feature) in m.var.index().iter().enumerate() {
        places.entry(feature.to_uppercase()).or_insert(place);
    }
    Ok(Measured {
        kind,
        modality: m.select_obs(&rows),
        counts: matrix.to_csr().select_rows(&rows),
        places,
    })
}
