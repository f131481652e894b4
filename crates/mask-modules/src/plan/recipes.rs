//! Plans for the usual situations.

use super::{FeatureGroup, GroupSet, MaskPlan, Pass, PlanError, Source};

fn situation(holds: bool, needs: &str) -> Result<(), PlanError> {
    match holds {
        true => Ok(()),
        false => Err(PlanError::Situation(needs.to_owned())),
    }
}

/// Groups that every source measured.
fn shared(sources: &[Source]) -> GroupSet {
    let measured = sources.iter().map(|s| s.measured);
    measured
        .reduce(GroupSet::intersection)
        .unwrap_or(GroupSet::default())
}

impl MaskPlan {
    /// Imputation between data sets: every source sees what all share and is scored by all that it measured.
    ///
    /// One source measured more than the others (scRNA-seq beside a spatial panel: inClust+, Fig. 2), or each has specific features of its
    /// own.
    ///
    /// # Errors
    /// Sources that share no group; see [`new`](Self::new).
    pub fn imputation(groups: Vec<FeatureGroup>, sources: Vec<Source>) -> Result<Self, PlanError> {
        let common = shared(&sources);
        situation(
            !common.is_empty(),
            "features that all data sets share; there is none",
        )?;
        let pass = |(source, s): (usize, &Source)| Pass {
            source,
            visible: common,
            scored: s.measured,
        };
        let passes = sources.iter().enumerate().map(pass).collect();
        Self::new(groups, sources, passes)
    }

    /// Integration of cells with paired modalities, in one data set or several: every ordered pair of measured groups, each from itself
    /// first.
    ///
    /// The published layout: four rows per data set of two modalities.
    ///
    /// # Errors
    /// A source with less than two groups; see [`new`](Self::new).
    pub fn paired(groups: Vec<FeatureGroup>, sources: Vec<Source>) -> Result<Self, PlanError> {
        situation(
            sources.iter().all(|s| s.measured.len() >= 2),
            "two modalities at least in every data set",
        )?;
        Self::all_ways(groups, sources, false)
    }

    /// Mosaic integration: data sets of several modalities each, linked by those that they share. Every group from itself, and every specific
    /// one from every shared one.
    ///
    /// A group counts as shared if another source measured it too. The published layout for three modalities over two data sets: A and
    /// P, P and T give A->A, P->P, P->A and P->P, T->T, P->T.
    ///
    /// # Errors
    /// A source that shares no group with any other; see [`new`](Self::new).
    pub fn mosaic(groups: Vec<FeatureGroup>, sources: Vec<Source>) -> Result<Self, PlanError> {
        let mut passes = vec![];
        for (source, s) in sources.iter().enumerate() {
            let others = sources.iter().enumerate().filter(|&(o, _)| o != source);
            let elsewhere = others.fold(GroupSet::default(), |all, (_, o)| all.union(o.measured));
            let links = s.measured.intersection(elsewhere);
            situation(
                !links.is_empty(),
                &format!("a group that '{}' shares with another data set", s.name),
            )?;
            let pass = |a: usize, b: usize| Pass {
                source,
                visible: GroupSet::of([a]),
                scored: GroupSet::of([b]),
            };
            passes.extend(s.measured.iter().map(|g| pass(g, g)));
            for link in links.iter() {
                let specific = s.measured.iter().filter(|&g| !links.has(g));
                passes.extend(specific.map(|g| pass(link, g)));
            }
        }
        Self::new(groups, sources, passes)
    }

    /// Generation of missing modalities: sources that lack some groups see what all share; those that have more are scored
    /// by each group in a row of its own.
    ///
    /// # Errors
    /// Sources that share no group; see [`new`](Self::new).
    pub fn generation(groups: Vec<FeatureGroup>, sources: Vec<Source>) -> Result<Self, PlanError> {
        let common = shared(&sources);
        situation(
            !common.is_empty(),
            "a modality that all data sets share; there is none",
        )?;
        let rows = |(source, s): (usize, &Source)| {
            let specific = s.measured.iter().filter(|&g| !common.has(g));
            let scored = std::iter::once(common).chain(specific.map(|g| GroupSet::of([g])));
            let pass = move |scored| Pass {
                source,
                visible: common,
                scored,
            };
            scored.map(pass).collect::<Vec<_>>()
        };
        let passes = sources.iter().enumerate().flat_map(rows).collect();
        Self::new(groups, sources, passes)
    }

    /// Everything that was measured from every part of it: each ordered pair of groups and, if `jointly`, all groups from all. The plan for
    /// data sets with any modalities each, chains through a shared one included.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn all_ways(
        groups: Vec<FeatureGroup>,
        sources: Vec<Source>,
        jointly: bool,
    ) -> Result<Self, PlanError> {
        let mut passes = vec![];
        for (source, s) in sources.iter().enumerate() {
            let mut add = |visible, scored| {
                passes.push(Pass {
                    source,
                    visible,
                    scored,
                });
            };
            for a in s.measured.iter() {
                let from = GroupSet::of([a]);
                add(from, from);
                for b in s.measured.iter().filter(|&b| b != a) {
                    add(from, GroupSet::of([b]));
                }
            }
            if jointly && s.measured.len() > 1 {
                add(s.measured, s.measured);
            }
        }
        Self::new(groups, sources, passes)
    }

    /// As few rows as reach everything: each group that several sources share (or the only groups of a source) sees all that the source
    /// measured, and all that it measured is seen together. What this costs an epoch is a row per link and source.
    ///
    /// The default of the commands: with RNA and protein beside RNA alone the reference has RNA -> both, both -> both, the query RNA -> RNA.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn from_shared(groups: Vec<FeatureGroup>, sources: Vec<Source>) -> Result<Self, PlanError> {
        let mut passes = vec![];
        for (source, s) in sources.iter().enumerate() {
            let mut seen: Vec<GroupSet> = vec![];
            for (other, o) in sources.iter().enumerate() {
                let link = s.measured.intersection(o.measured);
                if other != source && !link.is_empty() && !seen.contains(&link) {
                    seen.push(link);
                }
            }
            if !seen.contains(&s.measured) {
                seen.push(s.measured);
            }
            passes.extend(seen.into_iter().map(|visible| Pass {
                source,
                visible,
                scored: s.measured,
            }));
        }
        Self::new(groups, sources, passes)
    }
}
