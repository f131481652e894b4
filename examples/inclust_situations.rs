//! The four data situations of inClust+ on simulated cells: what is measured where, the plan of masks that follows, and how well what was left out is
//! predicted.
//!
//! ```sh
//! cargo run --release --example inclust_situations
//! ```

use burn::tensor::Device;
use cellweave::evaluate::mixing;
use cellweave::inclust::{FitOptions, InclustSettings, Joined, Known, Part, fit};
use cellweave::sc_io::{Column, Csr, Dense, Matrix, Modality, MultiModal, Table};
use cellweave::sc_metrics::pearson;
use cellweave::simulate::{SimulateConfig, simulate};
use cellweave::{Error, train::Silent};

type Named<'a> = (&'a str, Modality);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = SimulateConfig {
        n_cells: 1200,
        n_genes: 600,
        ..SimulateConfig::default()
    };
    let all = simulate(&config)?;
    let (rna, adt) = (&all.modalities["rna"], &all.modalities["adt"]);
    let half =
        |first: bool| -> Vec<usize> { (0..1200).filter(|i| (i % 2 == 0) == first).collect() };
    let of = |m: &Modality, first: bool| m.select_obs(&half(first));
    let genes: Vec<usize> = (0..rna.n_vars()).collect();
    let (panel, hidden) = genes.split_at(genes.len() / 2);
    let default = InclustSettings::default();

    // 1. One data set has all genes, the other a panel of them, as in space.
    let spatial = of(rna, false);
    situation(
        "imputation",
        &[
            &[("rna", of(rna, true))],
            &[("rna", spatial.select_var(panel))],
        ],
        &InclustSettings::imputation(),
        Some((1, "rna:data set 1", spatial.select_var(hidden))),
    )?;
    // 2. Two data sets with both modalities and a batch effect: every gene of the second is captured differently.
    let mut other = of(rna, false);
    captured_otherwise(&mut other)?;
    situation(
        "paired data with a batch effect",
        &[
            &[("rna", of(rna, true)), ("adt", of(adt, true))],
            &[("rna", other), ("adt", of(adt, false))],
        ],
        &InclustSettings::integration(),
        None,
    )?;
    // 3. A mosaic: RNA and protein here, protein and chromatin there; the chain goes through the protein.
    let open = chromatin(&of(rna, false).select_var(hidden))?;
    situation(
        "mosaic of three modalities",
        &[
            &[
                ("rna", of(rna, true).select_var(panel)),
                ("adt", of(adt, true)),
            ],
            &[("adt", of(adt, false)), ("atac", open)],
        ],
        &default,
        Some((0, "atac", chromatin(&of(rna, true).select_var(hidden))?)),
    )?;
    // 4. A modality that the query lacks.
    situation(
        "generation of a modality",
        &[
            &[("rna", of(rna, true)), ("adt", of(adt, true))],
            &[("rna", of(rna, false))],
        ],
        &default,
        Some((1, "adt", of(adt, false))),
    )?;
    Ok(())
}

/// Trains on the data sets, and compares a group of features that one of them lacks with what it would have been, or says how well batches are mixed.
fn situation(
    title: &str,
    sets: &[&[Named<'_>]],
    settings: &InclustSettings,
    left_out: Option<(usize, &str, Modality)>,
) -> Result<(), Error> {
    let settings = settings.with_toml("n_models = 2", &[])?;
    let mut parts = vec![];
    for (place, modalities) in sets.iter().enumerate() {
        let named = modalities.iter().map(|(n, m)| ((*n).to_owned(), m.clone()));
        let name = format!("data set {}", place + 1);
        parts.push(Part::new(
            &name,
            MultiModal::new(named.collect()),
            &settings,
        )?);
    }
    let batches = parts
        .iter()
        .map(|p| vec![p.name.clone(); p.n_cells()])
        .collect();
    let known = Known {
        batches,
        ..Known::default()
    };
    let joined = Joined::new(&parts, &known, &settings)?;
    println!("{title}\n{}", joined.plan);
    let device = Device::flex();
    let options = FitOptions {
        seed: 0,
        device: &device,
        checkpoints: None,
        resume: false,
    };
    let fitted = fit(&joined, &settings, &options, &mut Silent)?;
    let Some((part, group, truth)) = left_out else {
        let rows: Vec<usize> = (0..joined.data.n_cells()).collect();
        let types =
            parts
                .iter()
                .flat_map(|p| match p.measured[0].modality.obs.column("cell_type") {
                    Ok(column) => column.labels(),
                    Err(_) => vec![None; p.n_cells()],
                });
        let (types, batches) = (types.collect::<Vec<_>>(), known.batches.concat());
        let found = mixing(&fitted.embed(&joined, &rows), None, &batches, &types, 0)?;
        println!("{found}");
        return Ok(());
    };
    let place = joined.groups.iter().position(|g| g.name == group);
    let place = place.ok_or_else(|| Error::Input(format!("no group '{group}'")))?;
    let rows: Vec<usize> = joined.rows[part].clone().collect();
    let found = fitted.predict(&joined, &rows, place, Some(1 - part))?.mean;
    let truth_of = truth
        .x
        .as_ref()
        .map(Matrix::to_dense)
        .unwrap_or_else(|| Dense::zeros(0, 0));
    let names: Vec<String> = truth.var.index().iter().map(|n| n.to_uppercase()).collect();
    let column = |x: &Dense, j: usize, log: bool| -> Vec<f64> {
        let value = |r: usize| f64::from(x.row(r)[j]);
        (0..x.n_rows())
            .map(|r| if log { value(r).ln_1p() } else { value(r) })
            .collect()
    };
    let mut correlations = vec![];
    for (j, name) in joined.groups[place].features.iter().enumerate() {
        if let Some(at) = names.iter().position(|n| n == name) {
            let r = pearson(&column(&truth_of, at, true), &column(&found, j, false));
            correlations.extend(r.is_finite().then_some(r));
        }
    }
    let mean = correlations.iter().sum::<f64>() / correlations.len().max(1) as f64;
    println!(
        "{} features of '{group}' were left out; mean correlation {mean:.3}\n",
        correlations.len()
    );
    Ok(())
}

/// Every third count of every second gene is kept.
fn captured_otherwise(m: &mut Modality) -> Result<(), Error> {
    let mut counts =
        m.x.as_ref()
            .map(Matrix::to_dense)
            .unwrap_or_else(|| Dense::zeros(0, 0));
    for row in 0..counts.n_rows() {
        let every_second = counts.row_mut(row).iter_mut().step_by(2);
        every_second.for_each(|v| *v = (*v / 3.0).round());
    }
    m.x = Some(Matrix::Csr(Csr::from_dense(&counts)));
    Ok(())
}

/// Counts of genes as peaks that are open or not.
fn chromatin(genes: &Modality) -> Result<Modality, Error> {
    let mut open = genes
        .x
        .as_ref()
        .map(Matrix::to_dense)
        .unwrap_or_else(|| Dense::zeros(0, 0));
    open.values_mut()
        .iter_mut()
        .for_each(|v| *v = f32::from(*v > 0.0));
    let peaks = genes.var.index().iter().map(|g| format!("peak:{g}"));
    let obs = Table::new(genes.obs.index().iter().cloned());
    let m = Modality::new(Matrix::Csr(Csr::from_dense(&open)), obs, Table::new(peaks));
    let mut m = m.map_err(|e| Error::Input(e.to_string()))?;
    if let Ok(types) = genes.obs.column("cell_type") {
        let types: &Column = types;
        m.obs
            .insert("cell_type", types.clone())
            .map_err(|e| Error::Input(e.to_string()))?;
    }
    Ok(m)
}
