//! Which groups of features the encoder sees, and which are scored, for which cells.

mod error;
mod groups;
mod recipes;
mod rows;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use error::PlanError;
pub use groups::{FeatureGroup, GroupSet};
pub use rows::PlanRows;

/// Cells in which the same groups were measured: a data set, or one half of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Name, unique in a plan.
    pub name: String,
    /// The groups that were measured.
    pub measured: GroupSet,
}

/// One way in which the cells of a source go through a model in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Place of the source.
    pub source: usize,
    /// Groups that the encoder sees.
    pub visible: GroupSet,
    /// Groups that the loss is taken over.
    pub scored: GroupSet,
}

/// A plan of masks: rows of (source, groups that are visible, groups that are scored).
///
/// Masks belong to the rows of the plan, never to cells: a batch expands them where it is needed
/// ([`expand`](Self::expand)). A plan is checked when it is made, and prints itself as a table:
///
/// ```
/// use mask_modules::{FeatureGroup, GroupSet, MaskPlan, Source};
///
/// let groups = [("rna", 1000), ("adt", 224)]
///     .map(|(name, n_features)| FeatureGroup { name: name.to_owned(), n_features });
/// let sources = vec![
///     Source { name: "reference".to_owned(), measured: GroupSet::of([0, 1]) },
///     Source { name: "query".to_owned(), measured: GroupSet::of([0]) },
/// ];
/// let plan = MaskPlan::generation(groups.to_vec(), sources)?;
/// assert_eq!(
///     plan.to_string(),
///     "row  cells      sees  scored\n\
///      1    reference  rna   rna\n\
///      2    reference  rna   adt\n\
///      3    query      rna   rna\n"
/// );
/// // The query's protein can be generated:
/// assert_eq!(plan.route(1, 1).unwrap(), [0, 1]);
/// # Ok::<(), mask_modules::PlanError>(())
/// ```
///
/// Source: inClust+ (Wang et al., BMC Bioinformatics 2024), Figs. 2 and 4 and the public code's row blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskPlan {
    groups: Vec<FeatureGroup>,
    sources: Vec<Source>,
    passes: Vec<Pass>,
}

impl MaskPlan {
    /// A plan of these rows.
    ///
    /// # Errors
    /// The first fault, with the number of its row: nothing visible or nothing scored, a group that was never measured in the source,
    /// a source without a row, names that are not unique, a group without features, too many groups.
    pub fn new(
        groups: Vec<FeatureGroup>,
        sources: Vec<Source>,
        passes: Vec<Pass>,
    ) -> Result<Self, PlanError> {
        let plan = Self {
            groups,
            sources,
            passes,
        };
        plan.check()?;
        Ok(plan)
    }

    fn check(&self) -> Result<(), PlanError> {
        if self.groups.is_empty() || self.groups.len() > GroupSet::MOST {
            return Err(PlanError::GroupCount(self.groups.len()));
        }
        let names = |names: Vec<&String>| {
            let twice = (1..names.len()).find(|&i| names[..i].contains(&names[i]));
            twice.map_or(Ok(()), |i| Err(PlanError::NameTwice(names[i].clone())))
        };
        names(self.groups.iter().map(|g| &g.name).collect())?;
        names(self.sources.iter().map(|s| &s.name).collect())?;
        if let Some(group) = self.groups.iter().find(|g| g.n_features == 0) {
            return Err(PlanError::EmptyGroup(group.name.clone()));
        }
        for (place, pass) in self.passes.iter().enumerate() {
            let row = place + 1;
            let Some(source) = self.sources.get(pass.source) else {
                let place = pass.source;
                return Err(PlanError::NoSuchSource { row, place });
            };
            let cells = || source.name.clone();
            if pass.visible.is_empty() {
                return Err(PlanError::NothingVisible {
                    row,
                    cells: cells(),
                });
            }
            if pass.scored.is_empty() {
                return Err(PlanError::NothingScored {
                    row,
                    cells: cells(),
                });
            }
            for (what, set) in [("shown", pass.visible), ("scored", pass.scored)] {
                if let Some(group) = set.iter().find(|&g| !source.measured.has(g)) {
                    return Err(PlanError::NotMeasured {
                        row,
                        cells: cells(),
                        what,
                        group: self.group_name(group),
                    });
                }
            }
        }
        for (place, source) in self.sources.iter().enumerate() {
            if !self.passes.iter().any(|p| p.source == place) {
                return Err(PlanError::Unused(source.name.clone()));
            }
        }
        Ok(())
    }

    fn group_name(&self, group: usize) -> String {
        match self.groups.get(group) {
            Some(group) => group.name.clone(),
            None => format!("number {group}"),
        }
    }

    /// The groups of features.
    pub fn groups(&self) -> &[FeatureGroup] {
        &self.groups
    }

    /// The sources of cells.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The rows.
    pub fn passes(&self) -> &[Pass] {
        &self.passes
    }

    /// Place of the group of that name.
    pub fn group(&self, name: &str) -> Option<usize> {
        self.groups.iter().position(|g| g.name == name)
    }

    /// The shortest chain of groups from one that the source measured to `group`, each step trained by some row that sees the one
    /// and scores the other: how the group can be generated for cells of the source. `[group]` alone if it was measured.
    ///
    /// # Errors
    /// No chain: the plan trains nothing that leads there.
    pub fn route(&self, source: usize, group: usize) -> Result<Vec<usize>, PlanError> {
        let Some(from) = self.sources.get(source) else {
            return Err(PlanError::NoSuchSource {
                row: 0,
                place: source,
            });
        };
        if from.measured.has(group) {
            return Ok(vec![group]);
        }
        // Breadth first; a set of groups that is seen together shares the latent variable, whichever of them is there later.
        let mut chains: Vec<Vec<usize>> = from.measured.iter().map(|g| vec![g]).collect();
        let mut known = from.measured;
        let mut place = 0;
        while place < chains.len() {
            let chain = chains[place].clone();
            place += 1;
            let last = chain[chain.len() - 1];
            for pass in self.passes.iter().filter(|p| p.visible.has(last)) {
                let before = known;
                for next in pass.scored.iter().filter(|&g| !before.has(g)) {
                    let longer = [chain.as_slice(), &[next]].concat();
                    if next == group {
                        return Ok(longer);
                    }
                    known = known.union(GroupSet::of([next]));
                    chains.push(longer);
                }
            }
        }
        Err(PlanError::Unreachable {
            cells: from.name.clone(),
            group: self.group_name(group),
        })
    }

    /// Entries that the encoder sees, and that are scored, in one epoch over sources of that many cells.
    ///
    /// # Panics
    /// Unless there is a number for every source.
    pub fn entries(&self, n_cells: &[usize]) -> (usize, usize) {
        assert_eq!(n_cells.len(), self.sources.len(), "cells of every source");
        let of = |set: GroupSet| set.iter().map(|g| self.groups[g].n_features).sum::<usize>();
        self.passes.iter().fold((0, 0), |(seen, scored), p| {
            let n = n_cells[p.source];
            (seen + n * of(p.visible), scored + n * of(p.scored))
        })
    }
}

/// The rows as a table.
impl fmt::Display for MaskPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |set: GroupSet| {
            let names: Vec<_> = set.iter().map(|g| self.groups[g].name.as_str()).collect();
            names.join(" + ")
        };
        let mut table = vec![["row", "cells", "sees", "scored"].map(str::to_owned)];
        table.extend(self.passes.iter().enumerate().map(|(i, p)| {
            let row = (i + 1).to_string();
            let source = self.sources[p.source].name.clone();
            [row, source, names(p.visible), names(p.scored)]
        }));
        let width = |column: usize| table.iter().map(|r| r[column].chars().count()).max();
        let widths = [0, 1, 2].map(|column| width(column).unwrap_or(0));
        for [row, source, visible, scored] in &table {
            let [a, b, c] = widths;
            writeln!(f, "{row:a$}  {source:b$}  {visible:c$}  {scored}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
