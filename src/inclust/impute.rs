//! Genes that were not measured: `cellweave impute`.

use std::path::PathBuf;

use sc_io::{Column, Dense, Matrix, MatrixWriter, Modality, Table, WriteOptions};
use sc_metrics::{partial_spearman, pearson, spearman};

use super::fit::{BLOCK, Fitted};
use super::generate::{batches, name_of};
use super::joined::Known;
use super::part::{Kind, Part};
use super::task::{Done, EMBEDDING, N_NEIGHBORS, Task, TaskOptions, add};
use super::{InclustSettings, Joined};
use crate::Error;
use crate::fuse::FuseObserver;
use crate::layout::{neighbour_graph, plane};
use crate::plot::{Colour, ScatterStyle, scatter};
use crate::report::{Block, MapColour, Section};

/// Which files.
#[derive(Clone, Debug)]
pub struct ImputeFiles {
    /// Cells with all genes.
    pub reference: PathBuf,
    /// Cells, or spots, with some of them.
    pub query: PathBuf,
    /// Genes that are hidden in the query, to be compared with their imputed values.
    pub hold_out: Vec<String>,
    /// Column of obs with batches within the files, if there are any.
    pub batch: Option<String>,
}

/// Held-out genes that the report draws.
const DRAWN: usize = 6;

/// Imputes for the query's cells the genes that the reference measured and the query did not.
///
/// Leaves `result.h5ad`: the query's cells x imputed genes. `X` are expected values on the reference's scale (`ln(1 + counts)` with the default
/// likelihood, counts with a likelihood of counts), `layers["sd"]` their standard deviations, `var["imputed"]`, `var["held_out"]`, and what the query's
/// file said of its cells; written by blocks of rows. Beside it `report.html`, `summary.json`, `pictures/`, `checkpoints/`.
///
/// # Errors
/// Files that cannot be read or share no gene; nothing to impute; settings; the disk.
pub fn impute(
    files: &ImputeFiles,
    options: &TaskOptions,
    settings: &InclustSettings,
    observer: &mut dyn FuseObserver,
) -> Result<Done, Error> {
    let inputs = [&files.reference, &files.query];
    let mut task = Task::new("impute", &inputs, options, settings, observer)?;
    task.observer.say(&format!(
        "reading {} and {}",
        files.reference.display(),
        files.query.display()
    ));
    let reference = Part::read("reference", &files.reference, settings)?;
    let mut query = Part::read("query", &files.query, settings)?;
    let totals: Vec<f64> = query
        .of(Kind::Rna)
        .map(|m| m.counts.row_sums())
        .unwrap_or_default();
    let (held_out, measured) = query.hide(Kind::Rna, &files.hold_out);
    let absent = files.hold_out.len() - held_out.len();
    if absent > 0 {
        let notice = format!("{absent} genes to hold out are not in the query");
        task.summary.notices.push(notice);
    }
    task.clock.lap("read");
    let parts = vec![reference, query];
    let known = Known {
        batches: batches(&parts, files.batch.as_deref())?,
        wanted: held_out.clone(),
        ..Known::default()
    };
    let joined = Joined::new(&parts, &known, settings)?;
    let missing: Vec<usize> = joined
        .of(Kind::Rna)
        .filter(|&g| !joined.plan.sources()[1].measured.has(g))
        .collect();
    if missing.is_empty() {
        return Err(Error::Input(
            "the query has every gene of the reference: there is nothing to impute; name genes with --hold-out to test".to_owned(),
        ));
    }
    let Some(fitted) = task.fit(&joined)? else {
        return task.finish(None, None);
    };
    let rows: Vec<usize> = joined.rows[1].clone().collect();
    let embedding = fitted.embed(&joined, &rows);
    let cells = parts[1].measured[0].modality.clone();
    task.score(&embedding, &[&cells]);
    let layout = plane(
        &neighbour_graph(&embedding, N_NEIGHBORS)?,
        &embedding,
        options.seed,
    )?;
    task.clock.lap("umap");
    let target = options.output.join("result.h5ad");
    task.observer.say(&format!("writing {}", target.display()));
    let mut rest = Modality {
        obs: cells.obs.clone(),
        obsm: cells.obsm.clone(),
        ..Modality::default()
    };
    rest.obsm.insert(EMBEDDING.to_owned(), embedding.into());
    rest.obsm.insert("X_umap".to_owned(), layout.clone().into());
    let genes: Vec<&String> = missing
        .iter()
        .flat_map(|&g| &joined.groups[g].features)
        .collect();
    rest.var = Table::new(genes.iter().map(|g| name_of(&parts[0], Kind::Rna, g)));
    add(
        &mut rest.var,
        "var",
        "imputed",
        Column::bools(vec![true; genes.len()]),
    )?;
    let is_held = |g: &&String| held_out.contains(g);
    let held: Vec<bool> = genes.iter().map(is_held).collect();
    add(&mut rest.var, "var", "held_out", Column::bools(held))?;
    let (key, record) = task.record()?;
    rest.uns.insert(key, record);
    let write = WriteOptions {
        forbid: vec![files.reference.clone(), files.query.clone()],
    };
    let mut writer = MatrixWriter::h5ad(&target, &write)?;
    writer.add_dense("X", genes.len())?;
    writer.add_dense("layers/sd", genes.len())?;
    let places: Vec<Option<usize>> = held_out
        .iter()
        .map(|h| genes.iter().position(|g| *g == h))
        .collect();
    let mut compared = Dense::zeros(rows.len(), held_out.len());
    for (block, rows) in rows.chunks(BLOCK).enumerate() {
        let [mean, sd] = blocks(&fitted, &joined, rows, &missing)?;
        for row in 0..rows.len() {
            let to = compared.row_mut(block * BLOCK + row);
            for (v, place) in to.iter_mut().zip(&places) {
                *v = place.map_or(f32::NAN, |p| mean.row(row)[p]);
            }
        }
        writer.push("X", &Matrix::Dense(mean))?;
        writer.push("layers/sd", &Matrix::Dense(sd))?;
    }
    let notices = writer.finish(&rest)?;
    task.summary
        .notices
        .extend(notices.iter().map(ToString::to_string));
    task.clock.lap("impute");
    if !held_out.is_empty() {
        compare(
            &mut task,
            &held_out,
            &compared,
            &measured.to_dense(),
            &totals,
        );
    }
    task.finish(Some(&fitted), Some(&layout))
}

/// Means and deviations of all imputed groups side by side.
fn blocks(
    fitted: &Fitted,
    joined: &Joined,
    rows: &[usize],
    groups: &[usize],
) -> Result<[Dense; 2], Error> {
    let found = groups
        .iter()
        .map(|&g| fitted.predict_block(joined, rows, g, Some(0)))
        .collect::<Result<Vec<_>, _>>()?;
    let side_by_side = |of: fn(&super::Predictions) -> &Dense| {
        let n_cols = found.iter().map(|p| of(p).n_cols()).sum();
        let values = (0..rows.len())
            .flat_map(|r| found.iter().flat_map(move |p| of(p).row(r).iter().copied()));
        Dense::new(rows.len(), n_cols, values.collect())
            .ok_or_else(|| Error::Input("imputed values of another shape".to_owned()))
    };
    Ok([side_by_side(|p| &p.mean)?, side_by_side(|p| &p.sd)?])
}

/// Predicted against measured values of genes that were held out.
fn compare(
    task: &mut Task<'_>,
    genes: &[String],
    predicted: &Dense,
    measured: &Dense,
    totals: &[f64],
) {
    let column = |x: &Dense, j: usize| -> Vec<f64> {
        (0..x.n_rows()).map(|r| f64::from(x.row(r)[j])).collect()
    };
    let mut scores: Vec<(usize, [f64; 3])> = (0..genes.len())
        .filter(|&j| predicted.row(0).get(j).is_some_and(|v| v.is_finite()))
        .map(|j| {
            let (p, m) = (column(predicted, j), column(measured, j));
            let logged: Vec<f64> = m.iter().map(|v| v.ln_1p()).collect();
            let of = [
                pearson(&p, &logged),
                spearman(&p, &m),
                partial_spearman(&p, &m, totals),
            ];
            (j, of)
        })
        .collect();
    for (place, name) in [
        "Pearson of ln(1 + counts)",
        "Spearman",
        "Spearman given the totals",
    ]
    .iter()
    .enumerate()
    {
        let mut values: Vec<f64> = scores.iter().map(|(_, s)| s[place]).collect();
        values.sort_by(f64::total_cmp);
        let n = values.len();
        let middle = match n {
            0 => f64::NAN,
            n => 0.5 * (values[(n - 1) / 2] + values[n / 2]),
        };
        let found = &mut task.summary.found;
        found.insert(format!("{name}, median of {n} held-out genes"), middle);
        found.insert(
            format!("{name}, mean"),
            values.iter().sum::<f64>() / n.max(1) as f64,
        );
    }
    scores.sort_by(|a, b| b.1[2].total_cmp(&a.1[2]));
    let mut blocks = vec![Block::Table(crate::report::Table {
        header: ["Gene", "Pearson", "Spearman", "Given the totals"]
            .map(str::to_owned)
            .to_vec(),
        rows: scores
            .iter()
            .map(|(j, [a, b, c])| {
                vec![
                    genes[*j].clone(),
                    format!("{a:.3}"),
                    format!("{b:.3}"),
                    format!("{c:.3}"),
                ]
            })
            .collect(),
    })];
    for (j, _) in scores.iter().take(DRAWN) {
        let p: Vec<f32> = (0..predicted.n_rows())
            .map(|r| predicted.row(r)[*j])
            .collect();
        let points: Vec<[f32; 2]> = (0..measured.n_rows())
            .map(|r| [measured.row(r)[*j].ln_1p(), p[r]])
            .collect();
        let totals: Vec<f32> = totals.iter().map(|&t| t.ln_1p() as f32).collect();
        let style = ScatterStyle {
            title: genes[*j].clone(),
            axes: ["measured, ln(1 + counts)".to_owned(), "imputed".to_owned()],
            ..ScatterStyle::default()
        };
        let colour = Colour::Values {
            values: &totals,
            name: "ln(1 + total)",
        };
        blocks.push(Block::Figure {
            svg: scatter(&points, colour, &style),
            caption: String::new(),
        });
        task.colours
            .push((format!("{} (imputed)", genes[*j]), MapColour::Values(p)));
    }
    task.sections.push(Section {
        title: "Held-out genes, predicted against measured".to_owned(),
        blocks,
    });
}
