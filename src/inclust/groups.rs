//! Groups of features: what the same files measured.

use std::collections::{BTreeMap, HashSet};

use fusion_models::blocks::{GroupInput, GroupLikelihood};
use fusion_models::inclust::GroupConfig;
use indexmap::IndexMap;
use sc_io::{Csr, Matrix};
use sc_prep::{HvgOptions, highly_variable};

use super::joined::{Group, Known};
use super::part::{Kind, Part};
use super::values::{by_maximum, logged, mean_deviation, scale, standardize};
use super::{InclustSettings, Scaling};
use crate::Error;

/// Suffix of the entry that the encoder is given of a group of counts.
pub(super) const INPUT: &str = " input";

/// Makes the groups of joined files, modality by modality.
pub(super) struct Builder<'a> {
    pub parts: &'a [Part],
    pub known: &'a Known,
    pub settings: &'a InclustSettings,
    pub groups: Vec<Group>,
    pub configs: Vec<GroupConfig>,
    /// Parts that measured each group.
    pub measured_by: Vec<Vec<usize>>,
    pub features: IndexMap<String, Matrix>,
}

impl Builder<'_> {
    /// The groups of a modality.
    pub fn add(&mut self, kind: Kind, notices: &mut Vec<String>) -> Result<(), Error> {
        let with: Vec<usize> = (0..self.parts.len())
            .filter(|&p| self.parts[p].of(kind).is_some())
            .collect();
        let Some(&first) = with.first() else {
            return Ok(());
        };
        // Features by the files that have them; in the order of the first of these files.
        let mut by_parts: BTreeMap<Vec<usize>, Vec<String>> = BTreeMap::new();
        let mut seen = HashSet::new();
        for &part in &with {
            let Some(m) = self.parts[part].of(kind) else {
                continue;
            };
            let mut named: Vec<(&String, usize)> = m.places.iter().map(|(n, &p)| (n, p)).collect();
            named.sort_by_key(|&(_, place)| place);
            for (name, _) in named {
                if seen.insert(name.clone()) {
                    let has = |&p: &usize| {
                        let other = self.parts[p].of(kind);
                        other.is_some_and(|m| m.places.contains_key(name))
                    };
                    let key: Vec<usize> = with.iter().copied().filter(has).collect();
                    by_parts.entry(key).or_default().push(name.clone());
                }
            }
        }
        let shared = by_parts.remove(&with);
        if shared.is_none() && with.len() > 1 {
            let names: Vec<&str> = with.iter().map(|&p| self.parts[p].name.as_str()).collect();
            let example = |p: usize| {
                let m = self.parts[p].of(kind);
                let names = m.map(|m| m.modality.var.index());
                names.and_then(|n| n.first()).cloned().unwrap_or_default()
            };
            return Err(Error::Input(format!(
                "{}: {} share no feature ('{}' here, '{}' there)",
                kind.name(),
                names.join(" and "),
                example(first),
                example(with[1])
            )));
        }
        let shared = shared.unwrap_or_default();
        let anchor = kind.name().to_owned();
        self.add_group(kind, anchor.clone(), &with, &shared, &shared, None, notices)?;
        for (parts, names) in by_parts.into_iter().filter(|_| self.settings.specific) {
            let of: Vec<&str> = parts.iter().map(|&p| self.parts[p].name.as_str()).collect();
            let name = format!("{anchor}:{}", of.join("+"));
            let anchored = (kind == Kind::Rna).then_some(&anchor);
            self.add_group(kind, name, &parts, &names, &shared, anchored, notices)?;
        }
        Ok(())
    }

    /// A group of the features of a modality of the only file that no group of `run` is made of; its RNA counts relate to those of `anchor`.
    pub fn add_new(
        &mut self,
        kind: Kind,
        run: &[Group],
        anchor: Option<&Group>,
        notices: &mut Vec<String>,
    ) -> Result<(), Error> {
        let Some(m) = self.parts[0].of(kind) else {
            return Ok(());
        };
        // Genes that the run had and did not use are not new.
        let had: HashSet<&String> = run
            .iter()
            .filter(|g| g.kind == kind)
            .flat_map(|g| g.features.iter().chain(&g.totals_over))
            .collect();
        let mut new: Vec<(&String, usize)> = m.places.iter().map(|(n, &p)| (n, p)).collect();
        new.retain(|(name, _)| !had.contains(name));
        new.sort_by_key(|&(_, place)| place);
        let new: Vec<String> = new.into_iter().map(|(name, _)| name.clone()).collect();
        let (name, totals_over) = match anchor {
            Some(anchor) => {
                let there = |name: &&String| m.places.contains_key(*name);
                let of = anchor.totals_over.iter().filter(there).cloned();
                (format!("{}:new", kind.name()), of.collect())
            }
            None => (kind.name().to_owned(), new.clone()),
        };
        let before = self.groups.len();
        let related = anchor.filter(|_| kind == Kind::Rna).map(|a| &a.name);
        if !new.is_empty() {
            self.add_group(kind, name, &[0], &new, &totals_over, related, notices)?;
        }
        if let Some(group) = self.groups.get(before) {
            let n = group.features.len();
            notices.push(format!(
                "{}: {n} features that the run has not seen are learned from the new cells",
                group.name
            ));
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn add_group(
        &mut self,
        kind: Kind,
        name: String,
        with: &[usize],
        all: &[String],
        shared: &[String],
        anchor: Option<&String>,
        notices: &mut Vec<String>,
    ) -> Result<(), Error> {
        let columns = |part: usize, names: &[String]| -> Csr {
            match self.parts[part].of(kind) {
                Some(m) if with.contains(&part) => {
                    let places: Vec<usize> = names.iter().map(|n| m.places[n]).collect();
                    m.counts.select_columns(&places)
                }
                _ => Csr::zeros(self.parts[part].n_cells(), names.len()),
            }
        };
        let stack = |names: &[String]| -> Csr {
            let mut all = Csr::zeros(0, names.len());
            for part in 0..self.parts.len() {
                let x = columns(part, names);
                for row in 0..x.n_rows() {
                    let (c, v) = x.row(row);
                    all.push_row(c.iter().copied().zip(v.iter().copied()));
                }
            }
            all
        };
        // Totals over what all files with this modality have, so that they mean the same everywhere.
        let totals: Vec<f64> = (0..self.parts.len())
            .flat_map(|part| match self.parts[part].of(kind) {
                Some(m) if with.contains(&part) => {
                    let places: Vec<usize> = shared.iter().map(|n| m.places[n]).collect();
                    m.counts.select_columns(&places).row_sums()
                }
                _ => vec![0.0; self.parts[part].n_cells()],
            })
            .collect();
        let mut counts = stack(all);
        let mut names = all.to_vec();
        if kind != Kind::Protein {
            let kept = self.select(kind, &counts, &names, &totals, &name, notices)?;
            if kept.is_empty() {
                return Ok(());
            }
            counts = counts.select_columns(&kept);
            names = kept.into_iter().map(|k| names[k].clone()).collect();
        }
        let rows: Vec<Vec<usize>> = {
            let mut start = 0;
            let of = self.parts.iter().map(|p| {
                let rows = (start..start + p.n_cells()).collect();
                start += p.n_cells();
                rows
            });
            of.collect()
        };
        let rows_with: Vec<&Vec<usize>> = with.iter().map(|&p| &rows[p]).collect();
        let mut units = vec![None; self.parts.len()];
        let mut factor = 1.0;
        let mut config = GroupConfig {
            input: GroupInput::AsIs,
            input_entry: None,
            likelihood: GroupLikelihood::Gaussian,
            weight: 1.0,
            anchor: None,
        };
        let values = match kind {
            Kind::Rna => {
                config.likelihood = self.settings.likelihoods.rna;
                let mut input = logged(&counts, &totals, self.settings.target_sum);
                let input = match self.settings.scaling {
                    Scaling::Together => {
                        let cells: usize = rows_with.iter().map(|r| r.len()).sum();
                        factor = 1.0 / mean_deviation(&input, cells).max(1e-6);
                        scale(&mut input, factor);
                        Matrix::Csr(input)
                    }
                    Scaling::PerDataset => {
                        let mut input = input.to_dense();
                        for &part in with {
                            units[part] = Some(standardize(&mut input, &rows[part]));
                        }
                        Matrix::Dense(input)
                    }
                    Scaling::ByMaximum => {
                        for &part in with {
                            units[part] = Some(by_maximum(&mut input, &rows[part]));
                        }
                        Matrix::Csr(input)
                    }
                };
                match config.likelihood.counts() {
                    false => input,
                    true => {
                        units = vec![None; self.parts.len()];
                        let entry = format!("{name}{INPUT}");
                        config.input_entry = Some(entry.clone());
                        config.anchor = anchor.cloned();
                        self.features.insert(entry, input);
                        Matrix::Csr(counts)
                    }
                }
            }
            Kind::Chromatin => {
                config.likelihood = self.settings.likelihoods.chromatin;
                let values = counts.values_mut().iter_mut();
                values.for_each(|v| *v = f32::from(*v > 0.0));
                Matrix::Csr(counts)
            }
            Kind::Protein => {
                config.likelihood = self.settings.likelihoods.protein;
                let mut x = counts.to_dense();
                x.values_mut().iter_mut().for_each(|v| *v = v.ln_1p());
                let cells: Vec<usize> = rows_with.iter().flat_map(|r| r.iter().copied()).collect();
                // The rows of files without protein are zeros before and after.
                let of = standardize(&mut x, &cells);
                if config.likelihood.counts() {
                    let entry = format!("{name}{INPUT}");
                    config.input_entry = Some(entry.clone());
                    self.features.insert(entry, Matrix::Dense(x));
                    Matrix::Csr(counts)
                } else {
                    with.iter().for_each(|&part| units[part] = Some(of.clone()));
                    Matrix::Dense(x)
                }
            }
        };
        self.features.insert(name.clone(), values);
        self.groups.push(Group {
            name,
            kind,
            features: names,
            units,
            factor,
            totals_over: shared.to_vec(),
        });
        self.configs.push(config);
        self.measured_by.push(with.to_vec());
        Ok(())
    }

    /// Features that enough cells have, and of RNA the most variable among them.
    fn select(
        &self,
        kind: Kind,
        counts: &Csr,
        names: &[String],
        totals: &[f64],
        group: &str,
        notices: &mut Vec<String>,
    ) -> Result<Vec<usize>, Error> {
        let mut cells_with = vec![0usize; counts.n_cols()];
        counts
            .indices()
            .iter()
            .for_each(|&g| cells_with[g as usize] += 1);
        let wanted = |g: usize| kind == Kind::Rna && self.known.wanted.contains(&names[g]);
        let frequent: Vec<usize> = (0..counts.n_cols())
            .filter(|&g| cells_with[g] >= self.settings.min_cells.max(1) || wanted(g))
            .collect();
        let most = self.settings.n_top_genes;
        if kind != Kind::Rna || most == 0 || frequent.len() <= most {
            return Ok(frequent);
        }
        let with: Vec<usize> = (0..totals.len()).filter(|&c| totals[c] > 0.0).collect();
        let values = logged(counts, totals, self.settings.target_sum)
            .select_columns(&frequent)
            .select_rows(&with);
        let variable = highly_variable(&values, &HvgOptions::seurat(most), None)?.indices;
        let mut kept: Vec<usize> = variable.into_iter().map(|g| frequent[g]).collect();
        kept.extend(frequent.iter().copied().filter(|&g| wanted(g)));
        kept.sort_unstable();
        kept.dedup();
        notices.push(format!(
            "{group}: {} of {} genes are used: the most variable ones (seurat)",
            kept.len(),
            counts.n_cols()
        ));
        Ok(kept)
    }
}
