//! Principal components of groups of features.

use mask_modules::GroupSet;
use sc_io::{Dense, Matrix};
use sc_prep::{PcaOptions, pca, project};
use serde::{Deserialize, Serialize};

use super::Joined;
use crate::Error;

/// Principal components of what the encoder is given of some groups, 50 each and each group's of the same total variance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Components {
    groups: Vec<OfGroup>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct OfGroup {
    name: String,
    /// Of its features.
    mean: Vec<f64>,
    /// Loadings times the group's weight, `[features, components]`.
    axes: Vec<f32>,
}

impl Components {
    /// Those of all cells, and the cells in them, `[cells, components]`.
    ///
    /// # Errors
    /// Fewer than two cells.
    pub fn fit(joined: &Joined, groups: GroupSet) -> Result<(Self, Dense), Error> {
        let n = joined.data.n_cells();
        let of = |place: usize| {
            let name = &joined.groups[place].name;
            let values = values(joined, place);
            let values = values.ok_or_else(|| Error::Input(format!("no values of {name}")))?;
            let found = pca(values, &PcaOptions::default())?;
            let scores = found.scores.values().iter();
            let squares: f64 = scores.map(|&v| f64::from(v).powi(2)).sum();
            let weight = (n as f64 / squares.max(1e-12)).sqrt() as f32;
            Ok(OfGroup {
                name: name.clone(),
                mean: found.mean,
                axes: found.loadings.values().iter().map(|v| v * weight).collect(),
            })
        };
        let groups = groups.iter().map(of).collect::<Result<_, Error>>()?;
        let this = Self { groups };
        let cells = this.place(joined);
        let cells = cells.ok_or_else(|| Error::Input("a group has no values".to_owned()))?;
        Ok((this, cells))
    }

    /// Further cells in them; nothing where a group was not measured.
    pub fn place(&self, joined: &Joined) -> Option<Dense> {
        let of = |group: &OfGroup| {
            let mut groups = joined.groups.iter();
            let place = groups.position(|g| g.name == group.name)?;
            let values = values(joined, place)?;
            let width = group.axes.len() / group.mean.len().max(1);
            let axes = Dense::new(group.mean.len(), width, group.axes.clone())?;
            project(values, &group.mean, &axes).ok()
        };
        let each = self.groups.iter().map(of).collect::<Option<Vec<_>>>()?;
        let n = joined.data.n_cells();
        let rows = (0..n).flat_map(|row| each.iter().flat_map(move |x| x.row(row)));
        let width = each.iter().map(Dense::n_cols).sum();
        Dense::new(n, width, rows.copied().collect())
    }
}

/// What the encoder is given of a group.
fn values(joined: &Joined, place: usize) -> Option<&Matrix> {
    let entry = joined.configs[place].input_entry.as_ref();
    let name = entry.unwrap_or(&joined.groups[place].name);
    joined.data.features().get(name)
}
