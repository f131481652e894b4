//! A fourth model, of public parts alone: `docs/fourth-model.md` walks through it.
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation::log_softmax};
use cellweave::fusion_core::{CellBatch, Encoder, FusionModel, LossTerms, ModelGraph, Stage};
use cellweave::fusion_models::blocks::*;
use cellweave::inclust::{InclustSettings, Joined, Known, Part};
use cellweave::mask_modules::{GroupSet, MaskPlan};
use cellweave::train::{self, NeighbourSampling, Run, Silent, StopAfter};
use cellweave::ttt_layer::{TttBlockConfig, TttLinearConfig};
use cellweave::{Error, evaluate};
const WIDTH: usize = 32;
const NAMES: [&str; 4] = ["rna", "adt", "rna input", "adt input"];
const SETTINGS: &str = "n_top_genes = 400\nplan = 'all_ways'\nlikelihoods={rna='zinb',protein='nb'}
[train]\nepochs = 12\nbatch_size = 64\nmicro_batch = 64\nlearning_rate = 3e-3";

#[derive(Module, Debug)]
struct Fourth {
    tokens: PatchEmbed,
    genes: TttStack,
    proteins: Linear,
    graph: TagConv,
    heads: Vec<GroupHead>,
    classifier: Linear,
    #[module(skip)]
    plan: MaskPlan,
}

impl Fourth {
    fn new(plan: &MaskPlan, n_classes: usize, device: &Device) -> Self {
        let (kinds, groups) = ([GroupLikelihood::Zinb, GroupLikelihood::Nb], plan.groups());
        let patches = Patches::new(groups[0].n_features, 20);
        let block = TttBlockConfig::new(TttLinearConfig::new(WIDTH));
        let head = |g: usize| GroupHead::new(kinds[g], WIDTH, groups[g].n_features, device);
        Self {
            tokens: PatchEmbed::new(patches, WIDTH, TokenWeights::PerFeature, device),
            genes: TttStackConfig::encoder(block, 1).init(device),
            proteins: LinearConfig::new(groups[1].n_features, WIDTH).init(device),
            graph: TagConvConfig::new(2 * WIDTH, WIDTH, 2).init(device),
            heads: vec![head(0), head(1)],
            classifier: LinearConfig::new(WIDTH, n_classes).init(device),
            plan: plan.clone(),
        }
    }
    /// The vectors of the batch's targets from the modalities that are visible.
    fn cells(&self, batch: &CellBatch, visible: GroupSet) -> Tensor<2> {
        let seen = |g, x: Tensor<2>| if visible.has(g) { x } else { x.zeros_like() };
        let patches = Patches::new(self.plan.groups()[0].n_features, 20);
        let genes = self.tokens.forward(patches.cut(batch.modality(NAMES[2])));
        let genes = self.genes.encode(genes).mean_dim(1);
        let proteins = self.proteins.forward(batch.modality(NAMES[3]));
        let (rna, adt) = (seen(0, genes.squeeze_dim(1)), seen(1, proteins));
        let both = Tensor::cat(vec![rna.clone(), adt.clone()], 1);
        let z = rna + adt + self.graph.forward_dense(both, batch.cell_graph());
        z.narrow(0, 0, batch.n_targets)
    }
}

impl FusionModel for Fourth {
    fn stages(&self) -> Vec<Stage> {
        vec![Stage::new("fourth", NAMES)]
    }
    fn losses(&self, batch: &CellBatch, _stage: &Stage) -> LossTerms {
        let cells: Vec<usize> = (0..batch.n_targets).collect();
        let share = 1.0 / (cells.len() * self.plan.passes().len()) as f64;
        let each = Tensor::full([cells.len()], share, &batch.device());
        let mut terms = LossTerms::new();
        for (row, pass) in self.plan.passes().iter().enumerate() {
            let z = self.cells(batch, pass.visible);
            for g in pass.scored.iter() {
                let x = batch.features_of(NAMES[g]).select_rows(&cells);
                let nll = self.heads[g].loss(z.clone(), &x, each.clone(), None, None);
                terms = terms.with(format!("{} of row {row}", NAMES[g]), 0.02, nll);
            }
            let labels = batch.features_of("labels").select_rows(&cells).to_dense();
            let wrong = -(log_softmax(self.classifier.forward(z), 1) * labels).sum() * share;
            terms = terms.with(format!("labels of row {row}"), 1.0, wrong);
        }
        terms
    }
    fn embed(&self, batch: &CellBatch) -> Tensor<2> {
        self.cells(batch, self.plan.sources()[0].measured)
    }
    fn describe(&self) -> ModelGraph {
        let (mut g, out) = (ModelGraph::default(), format!("[cells, {WIDTH}]"));
        let [rna, adt, wnn] = ["rna", "adt", "WNN graph"].map(|n| g.node(n, "[cells, ..]", 0, &[]));
        let tokens = g.block("tokens", "[cells, tokens, width]", &self.tokens, &[rna]);
        let genes = g.block("TTT", &out, &self.genes, &[tokens]);
        let proteins = g.block("proteins", &out, &self.proteins, &[adt]);
        let z = g.block("masked, TAG", &out, &self.graph, &[genes, proteins, wnn]);
        g.block("ZINB, NB", "[cells, features]", &self.heads, &[z]);
        g.block("classifier", "[cells, classes]", &self.classifier, &[z]);
        g
    }
}

fn main() -> Result<(), Error> {
    let file = std::env::args().nth(1);
    let file = file.unwrap_or("data-fixtures/citeseq_small.h5mu".into());
    let settings = InclustSettings::from_toml(SETTINGS, &[])?;
    let part = Part::read("cells", file.as_ref(), &settings)?;
    // Half of the labels are given, the others are for the scores.
    let known = Known::labels(&part, "cell_type", |cell| cell % 2 == 0)?;
    let rest = Known::labels(&part, "cell_type", |cell| cell % 2 == 1)?.labels;
    let joined = Joined::new(&[part], &known, &settings)?;
    let network = joined.wnn_network([NAMES[2], NAMES[3]], NeighbourSampling::new(2, 5))?;
    let data = joined.data.clone().with_network(network).unwrap();
    let device = Device::flex();
    let make = |d: &Device| Ok::<_, Error>(Fourth::new(&joined.plan, joined.classes.len(), d));
    let new = |seed| train::seeded_init(&device.clone().autodiff(), seed, make);
    print!("{}{}", joined.plan, new(0)?.describe().to_mermaid());
    let folder = std::env::temp_dir().join("cellweave-fourth-model");
    let run = Run::new(&settings.train, 0, &device, &folder);
    train::train(new(0)?, &data, &run, &mut StopAfter(9))?;
    train::train(new(0)?, &data, &run.resumed(), &mut Silent)?;
    let z = train::embed(&train::trained(new(1)?, &folder)?.0, &data, 128, &device);
    let scores = evaluate::score(&z, "cell_type", &rest.unwrap()[0], &Default::default())?;
    print!("{scores}");
    Ok(())
}
