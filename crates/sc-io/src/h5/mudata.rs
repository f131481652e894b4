//! MuData: several modalities whose cells overlap.

use indexmap::IndexMap;

use super::anndata::{read_embeddings, read_modality};
use super::store::{AttrValue, Group, Node};
use super::table::read_table;
use super::uns::read_dict;
use crate::error::{Error, Fault};
use crate::{Modality, MultiModal, Table};

/// Reads a MuData file of axis 0 (the modalities share cells).
pub(super) fn read_multimodal(root: &Group<'_>) -> Result<MultiModal, Error> {
    check_axis(root)?;
    let Some(members) = root.group("mod")? else {
        return Err(root.fault(Fault::Missing, "'mod' is missing: this is no MuData file"));
    };
    let mut modalities = IndexMap::new();
    for name in modality_names(&members)? {
        let Some(Node::Group(g)) = members.get(&name)? else {
            let reason = format!("modality '{name}' is listed but missing");
            return Err(members.fault(Fault::Missing, reason));
        };
        let m = read_modality(&g)?;
        if let Some((cell, first, second)) = m.obs.first_duplicate() {
            let reason = format!(
                "duplicate cell name '{cell}' (rows {first} and {second}): pairing is ambiguous"
            );
            return Err(g.store.fault(&g.child_path("obs"), Fault::Value, reason));
        }
        modalities.insert(name, m);
    }
    if modalities.is_empty() {
        return Err(members.fault(Fault::Missing, "holds no modalities"));
    }
    let obs = match root.get("obs")? {
        Some(node) => read_table(&node, None)?,
        None => MultiModal::new(modalities.clone()).obs,
    };
    check_obsmap(root, &obs, &modalities)?;
    let obs = own_columns(obs, &modalities)?;
    let mut obsm = read_embeddings(root, "obsm", obs.len(), "obs")?;
    // mudata keeps a membership mask of each modality here.
    obsm.retain(|name, _| !modalities.contains_key(name));
    let uns = match root.get("uns")? {
        Some(Node::Group(uns)) => read_dict(&uns)?,
        _ => IndexMap::new(),
    };
    note_overlap(root, &modalities);
    note_left_out(root, &modalities)?;
    Ok(MultiModal {
        modalities,
        obs,
        obsm,
        uns,
    })
}

/// Refuses parts that do not share cells.
pub(super) fn check_axis(root: &Group<'_>) -> Result<(), Error> {
    let axis = root
        .attr("axis")
        .and_then(|a| a.integers())
        .and_then(|v| v.first().copied());
    match axis {
        None | Some(0) => Ok(()),
        Some(1) => Err(root.fault(
            Fault::Unsupported,
            "axis is 1: the parts share features instead of cells, which are separate data sets \
             here; write each part as its own .h5ad file",
        )),
        Some(-1) => Err(root.fault(
            Fault::Unsupported,
            "axis is -1: the parts share both cells and features; write the part you need as an \
             .h5ad file",
        )),
        Some(a) => Err(root.fault(Fault::Value, format!("axis is {a}, 0 is expected"))),
    }
}

/// The modalities in the order that `mod-order` gives, others after them.
fn modality_names(members: &Group<'_>) -> Result<Vec<String>, Error> {
    let order = match members.attr("mod-order") {
        Some(a) => a.texts().ok_or_else(|| {
            members.fault(
                Fault::WrongType,
                "attribute 'mod-order' is not a list of names",
            )
        })?,
        None => vec![],
    };
    let mut names = order;
    for name in members.names()? {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Where `obsmap` exists it must say what the names say: entry `i` is 1 + the row of cell `i` in
/// the modality, or 0 where the modality lacks it.
fn check_obsmap(
    root: &Group<'_>,
    obs: &Table,
    modalities: &IndexMap<String, Modality>,
) -> Result<(), Error> {
    let obsmap = root.group("obsmap")?;
    for (name, m) in modalities {
        let map = match &obsmap {
            Some(g) => g.get(name)?,
            None => None,
        };
        let rows = m.obs.positions();
        let Some(Node::Dataset(d)) = map else {
            let union = obs.positions();
            if let Some(cell) = m
                .obs
                .index()
                .iter()
                .find(|c| !union.contains_key(c.as_str()))
            {
                let reason = format!("cell '{cell}' of modality '{name}' is not in obs");
                return Err(root
                    .store
                    .fault(&root.child_path("obs"), Fault::Value, reason));
            }
            continue;
        };
        d.expect_len(obs.len(), "rows of obs")?;
        let mut mapped = 0;
        for (i, (at, cell)) in d.read_i64()?.into_iter().zip(obs.index()).enumerate() {
            let by_name = rows.get(cell.as_str()).map_or(0, |&r| r as i64 + 1);
            if at < 0 || at > m.n_obs() as i64 {
                let reason = format!("entry {i} is {at}, but the modality has {} rows", m.n_obs());
                return Err(d.fault(Fault::Value, reason));
            }
            if at != by_name {
                let reason = format!(
                    "disagrees with the names: entry {i} (cell '{cell}') is {at}, the cell is at \
                     {by_name} (counted from 1, 0 is absent)"
                );
                return Err(d.fault(Fault::Value, reason));
            }
            mapped += (at > 0) as usize;
        }
        if mapped != m.n_obs() {
            let reason = format!(
                "{} of {} cells of the modality are not in obs",
                m.n_obs() - mapped,
                m.n_obs()
            );
            return Err(d.fault(Fault::Value, reason));
        }
    }
    Ok(())
}

/// Leaves out the copies `rna:n_counts` that mudata makes of the columns of a modality.
fn own_columns(obs: Table, modalities: &IndexMap<String, Modality>) -> Result<Table, Error> {
    let mut own = Table::new(obs.index().iter().cloned());
    own.index_name = obs.index_name.clone();
    for (name, column) in obs.columns() {
        let is_copy = name.split_once(':').is_some_and(|(modality, column)| {
            modalities
                .get(modality)
                .is_some_and(|m| m.obs.columns().contains_key(column))
        });
        // The length is that of the same table, so this cannot fail.
        if !is_copy && own.insert(name, column.clone()).is_err() {
            break;
        }
    }
    Ok(own)
}

/// Names what belongs to the whole and has no place in [`MultiModal`].
fn note_left_out(root: &Group<'_>, modalities: &IndexMap<String, Modality>) -> Result<(), Error> {
    for slot in ["obsp", "varm", "varp"] {
        if let Some(Node::Group(g)) = root.get(slot)? {
            for name in g.names()?.iter().filter(|n| !modalities.contains_key(*n)) {
                root.store
                    .notice(&g.child_path(name), "left out: it belongs to no modality");
            }
        }
    }
    if let Some(node @ Node::Group(_)) = root.get("var")? {
        let columns = node
            .attr("column-order")
            .and_then(|a| a.texts())
            .unwrap_or_default();
        let is_copy = |name: &str| {
            let own = name.split_once(':').map_or(name, |(_, column)| column);
            modalities
                .values()
                .any(|m| m.var.columns().contains_key(own))
        };
        for name in columns.iter().filter(|n| !is_copy(n)) {
            root.store.notice(
                &format!("var/{name}"),
                "left out: it belongs to no modality",
            );
        }
    }
    Ok(())
}

/// Says how many cells have every modality when not all do.
fn note_overlap(root: &Group<'_>, modalities: &IndexMap<String, Modality>) {
    let mut count: std::collections::HashMap<&str, usize> = Default::default();
    for m in modalities.values() {
        for cell in m.obs.index() {
            *count.entry(cell).or_default() += 1;
        }
    }
    let shared = count.values().filter(|&&c| c == modalities.len()).count();
    if shared < count.len() {
        let message = format!(
            "{shared} of {} cells have all {} modalities{}",
            count.len(),
            modalities.len(),
            if shared == 0 {
                ": the modalities share no cell"
            } else {
                ""
            }
        );
        root.store.notice("obs", message);
    }
}
