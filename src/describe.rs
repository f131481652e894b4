//! `cellweave describe`: the blocks of a model as a table or a picture.

use std::fmt::Write;

use burn::tensor::Device;
use fusion_core::{FusionModel, ModelGraph};
use fusion_models::blocks::{GroupInput, GroupLikelihood, ValueLink};
use fusion_models::inclust::GroupConfig;
use fusion_models::{InclustConfig, ScDefrConfig, ScFusionTttConfig, ZinbAutoencoderConfig};
use mask_modules::{FeatureGroup, GroupSet, MaskPlan, Source};

use crate::Error;

/// A model that this package ships.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shipped {
    /// scFusionTTT.
    ScFusionTtt,
    /// scDEFR.
    ScDefr,
    /// inClust+, for a reference with RNA and protein and a query with RNA.
    Inclust,
    /// The count autoencoder.
    ZinbAutoencoder,
}

/// What a model is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Genes.
    pub genes: usize,
    /// Proteins.
    pub proteins: usize,
    /// Clusters, or components of a prior.
    pub clusters: usize,
    /// Cells, which count for gates per cell alone.
    pub cells: usize,
    /// The published sizes instead of the defaults.
    pub paper: bool,
}

/// The blocks of a shipped model of that size.
///
/// ```
/// use cellweave::describe::{Shipped, Sizes, describe};
/// let sizes = Sizes { genes: 100, proteins: 5, clusters: 3, cells: 50, paper: true };
/// let graph = describe(Shipped::Inclust, &sizes)?;
/// assert!(graph.nodes.iter().any(|n| n.name == "input mask"));
/// # Ok::<(), cellweave::Error>(())
/// ```
///
/// # Errors
/// Sizes that the model cannot have.
pub fn describe(model: Shipped, sizes: &Sizes) -> Result<ModelGraph, Error> {
    let device = Device::flex();
    let wrong = |e: fusion_core::ConfigError| Error::Settings(e.to_string());
    let Sizes {
        genes,
        proteins,
        clusters,
        cells,
        paper,
    } = *sizes;
    Ok(match (model, paper) {
        (Shipped::ScFusionTtt, paper) => {
            let config = if paper {
                ScFusionTttConfig::paper()
            } else {
                ScFusionTttConfig::small()
            };
            config
                .init(genes, proteins, &device)
                .map_err(wrong)?
                .describe()
        }
        (Shipped::ScDefr, paper) => {
            let config = if paper {
                ScDefrConfig::paper()
            } else {
                ScDefrConfig::small()
            };
            config
                .init(genes, clusters, cells, &device)
                .map_err(wrong)?
                .describe()
        }
        (Shipped::ZinbAutoencoder, _) => {
            let config = ZinbAutoencoderConfig::default();
            config.init(genes, &device).map_err(wrong)?.describe()
        }
        (Shipped::Inclust, paper) => {
            let group = |name: &str, n_features| FeatureGroup {
                name: name.to_owned(),
                n_features,
            };
            let source = |name: &str, measured: &[usize]| Source {
                name: name.to_owned(),
                measured: GroupSet::of(measured.iter().copied()),
            };
            let plan = MaskPlan::from_shared(
                vec![group("rna", genes), group("adt", proteins)],
                vec![source("reference", &[0, 1]), source("query", &[0])],
            )
            .map_err(|e| Error::Settings(e.to_string()))?;
            let config = |likelihood| GroupConfig {
                input: GroupInput::AsIs,
                input_entry: None,
                likelihood,
                weight: 1.0,
                anchor: None,
            };
            let (model, groups) = match paper {
                true => (
                    InclustConfig::paper(),
                    vec![InclustConfig::published_group(ValueLink::Relu); 2],
                ),
                false => (
                    InclustConfig::default(),
                    vec![
                        config(GroupLikelihood::Nb),
                        config(GroupLikelihood::Gaussian),
                    ],
                ),
            };
            let model = model.init(&plan, &groups, 2, clusters, &device);
            model.map_err(wrong)?.describe()
        }
    })
}

/// The blocks as a table: name, output, learned numbers, and what each is fed by.
pub fn table(graph: &ModelGraph) -> String {
    let mut rows = vec![["block", "output", "parameters", "fed by"].map(str::to_owned)];
    for (place, node) in graph.nodes.iter().enumerate() {
        let from = graph.edges.iter().filter(|(_, to)| *to == place);
        let from: Vec<&str> = from.map(|(f, _)| graph.nodes[*f].name.as_str()).collect();
        let [name, output] = [&node.name, &node.output].map(Clone::clone);
        rows.push([name, output, node.n_params.to_string(), from.join(", ")]);
    }
    let width = |column: usize| {
        rows.iter()
            .map(|r| r[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let [a, b, c] = [0, 1, 2].map(width);
    let mut out = String::new();
    for [name, output, n, from] in &rows {
        let line = format!("{name:a$}  {output:b$}  {n:>c$}  {from}");
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let _ = writeln!(out, "{} learned numbers", graph.n_params());
    out
}
