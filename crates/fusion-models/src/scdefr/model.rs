//! The network.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation};
use fusion_core::{CellBatch, EpochStart, Features, FusionModel, LossTerms, ModelGraph, Stage};
use sparse_ops::{SparseLinear, SparseLinearConfig};
use zinb::tensor::{BatchLikelihood, Targets, Weights};

use super::centres::first_centres;
use super::{Branches, GraphLoss, ScDefrConfig};
use crate::blocks::dropout::dropout;
use crate::blocks::linear::linear;
use crate::blocks::{
    Activation, DenseLayer, DenseStack, DenseStackConfig, GraphFusion, Norm, Normalization,
    PairLoss, Pairs, SoftAssignment, TagConv, TagConvConfig, ZinbHead, cross_entropy, divergence,
    graph_loss, sharpen,
};

/// Name of the log-normalised expression in a batch, `[cells, genes]`.
pub const RNA: &str = "rna";
/// Name of the raw counts of the same genes, `[cells, genes]`.
pub const COUNTS: &str = "counts";
/// Name of the size factors, `[cells, 1]`.
pub const SIZE_FACTOR: &str = "size_factor";

/// Names of the stages.
pub(super) mod stage {
    pub const PRETRAIN: &str = "pretrain";
    pub const CLUSTER: &str = "cluster";
}

/// Purposes that random choices of one pass are keyed by.
mod purpose {
    pub const PAIRS: u64 = 0;
}

/// The vectors of the cells of a batch, `[cells, n_latent]` each.
#[derive(Clone, Debug)]
pub struct Embeddings {
    /// Of the expression encoder; not negative.
    pub expression: Tensor<2>,
    /// Of the graph encoder.
    pub graph: Tensor<2>,
    /// Of both, fused.
    pub fused: Tensor<2>,
}

/// scDEFR.
///
/// ```text
/// g_1 = TAG(x), l_1 = relu(norm(x W));  m_1 = (1 - sigma) g_1 + sigma l_1
/// g_2 = TAG(m_1), l_2 = relu(norm(m_1 W));  ...                             both of the last layer: graph, expression
/// fused = local and global fusion of both                                   see GraphFusion
/// counts ~ ZINB(size factor e^h, theta, pi) of a decoder of `fused`
/// edge(i, j) = sigmoid(graph_i graph_j)
/// ```
///
/// First stage: graph and counts. Second stage: soft clusters around centres, which start at the means of a clustering of
/// `fused`, and a target common to all three embeddings. Labels are nowhere.
///
/// A batch must hold `rna`, `counts`, `size_factor` and the graph. Counts stay sparse from the first layer to the likelihood.
#[derive(Module, Debug)]
pub struct ScDefr {
    convolutions: Vec<TagConv>,
    graph_norms: Vec<Norm>,
    first: SparseLinear,
    rest: Vec<Linear>,
    layers: Vec<DenseLayer>,
    dropout: Dropout,
    mixing: Option<Param<Tensor<1>>>,
    fusion: GraphFusion,
    decoder: DenseStack,
    head: ZinbHead,
    clusters: SoftAssignment,
    branch_clusters: Option<[SoftAssignment; 2]>,
    #[module(skip)]
    config: ScDefrConfig,
    #[module(skip)]
    n_genes: usize,
    #[module(skip)]
    stages: Vec<&'static str>,
}

impl ScDefr {
    pub(super) fn new(
        config: &ScDefrConfig,
        n_genes: usize,
        n_clusters: usize,
        n_cells: usize,
        device: &Device,
    ) -> Self {
        let widths = &config.widths;
        let inputs: Vec<usize> = [&[n_genes], &widths[..widths.len() - 1]].concat();
        let n_latent = widths[widths.len() - 1];
        let convolution = |(&d_input, &d_output): (&usize, &usize)| {
            let (n_hops, bias) = (config.n_hops, !config.normalize_graph);
            TagConvConfig {
                d_input,
                d_output,
                n_hops,
                bias,
            }
            .init(device)
        };
        let norm = |&w: &usize| Norm::new(Normalization::Batch, w, config.momentum, device);
        let mut backwards: Vec<usize> = widths[..widths.len() - 1].iter().rev().copied().collect();
        if config.wide_decoder {
            backwards.push(n_genes);
        }
        let last = backwards[backwards.len() - 1];
        Self {
            convolutions: inputs.iter().zip(widths).map(convolution).collect(),
            graph_norms: match config.normalize_graph {
                true => widths.iter().filter_map(norm).collect(),
                false => vec![],
            },
            // Taking the mean over the batch away takes any bias away.
            first: SparseLinearConfig::new(n_genes, widths[0])
                .with_bias(false)
                .init(device),
            rest: widths
                .windows(2)
                .map(|w| LinearConfig::new(w[0], w[1]).with_bias(false).init(device))
                .collect(),
            layers: widths
                .iter()
                .map(|w| DenseLayer::new(norm(w), Activation::Relu, config.dropout))
                .collect(),
            dropout: DropoutConfig::new(config.dropout).init(),
            mixing: config.learn_sigma.then(|| {
                let logit = (config.sigma / (1.0 - config.sigma)).ln();
                Param::from_tensor(Tensor::full([widths.len() - 1], logit, device))
            }),
            fusion: GraphFusion::new(
                n_latent,
                config.gates_per_cell.then_some(n_cells),
                config.global,
                device,
            ),
            decoder: DenseStackConfig {
                d_input: n_latent,
                widths: backwards,
                normalization: Normalization::Batch,
                momentum: config.momentum,
                activation: Activation::Relu,
                dropout: config.dropout,
            }
            .init(device),
            head: ZinbHead::new(config.heads, last, n_genes, device),
            clusters: SoftAssignment::new(n_clusters, n_latent, 1.0, device),
            branch_clusters: config
                .own_centres
                .then(|| [(); 2].map(|()| SoftAssignment::new(n_clusters, n_latent, 1.0, device))),
            config: config.clone(),
            n_genes,
            stages: vec![stage::PRETRAIN, stage::CLUSTER],
        }
    }

    /// The same model with the first stage alone: what the number of clusters can be read off.
    pub fn for_pretraining(self) -> Self {
        let stages = vec![stage::PRETRAIN];
        Self { stages, ..self }
    }

    /// A trained model with that many clusters instead, and the second stage alone, which places them.
    ///
    /// # Panics
    /// Without any cluster.
    pub fn for_clustering(self, n_clusters: usize) -> Self {
        assert!(n_clusters > 0, "no clusters");
        let device = self.clusters.device();
        let n_latent = self.config.widths[self.layers.len() - 1];
        let clusters = || SoftAssignment::new(n_clusters, n_latent, 1.0, &device);
        Self {
            clusters: clusters(),
            branch_clusters: self.branch_clusters.map(|_| [clusters(), clusters()]),
            stages: vec![stage::CLUSTER],
            ..self
        }
    }

    /// The settings that the model was made with.
    pub fn config(&self) -> &ScDefrConfig {
        &self.config
    }

    /// Number of clusters.
    pub fn n_clusters(&self) -> usize {
        self.clusters.n_clusters()
    }

    /// The vectors of all cells of the batch, neighbours included.
    pub fn embeddings(&self, batch: &CellBatch) -> Embeddings {
        let operator = batch.cell_graph();
        let mut x = batch.features_of(RNA).clone();
        let n_layers = self.layers.len();
        for place in 0..n_layers {
            let expression = self.expression_layer(place, &x);
            let graph = match self.config.branches {
                Branches::Expression => expression.clone(),
                _ => self.graph_layer(place, &x, batch),
            };
            if place + 1 == n_layers {
                let fused = match self.config.branches {
                    Branches::Both => self.fusion.forward(
                        expression.clone(),
                        graph.clone(),
                        operator,
                        &batch.rows,
                    ),
                    Branches::Expression => expression.clone(),
                    Branches::Graph => graph.clone(),
                };
                return Embeddings {
                    expression,
                    graph,
                    fused,
                };
            }
            x = Features::Dense(match self.config.branches {
                Branches::Both => self.mix(place, graph, expression),
                Branches::Expression => expression,
                Branches::Graph => graph,
            });
        }
        unreachable!("the settings ask for two layers at least")
    }

    fn expression_layer(&self, place: usize, x: &Features) -> Tensor<2> {
        let linear = match (place, x) {
            (0, Features::Sparse(x)) => self.first.forward(x),
            (0, Features::Dense(x)) => self.first.forward_dense(x.clone()),
            (_, x) => linear(&self.rest[place - 1], x.to_dense()),
        };
        self.layers[place].forward(linear)
    }

    fn graph_layer(&self, place: usize, x: &Features, batch: &CellBatch) -> Tensor<2> {
        let convolved = self.convolutions[place].forward(x, batch.cell_graph());
        let normal = match self.graph_norms.get(place) {
            Some(norm) => norm.forward(convolved),
            None => convolved,
        };
        dropout(&self.dropout, normal)
    }

    /// `(1 - sigma) graph + sigma expression`
    fn mix(&self, place: usize, graph: Tensor<2>, expression: Tensor<2>) -> Tensor<2> {
        match &self.mixing {
            None => {
                graph.mul_scalar(1.0 - self.config.sigma) + expression.mul_scalar(self.config.sigma)
            }
            Some(logits) => {
                let sigma = activation::sigmoid(logits.val().narrow(0, place, 1));
                graph.clone() + (expression - graph) * sigma.unsqueeze::<2>()
            }
        }
    }

    /// Soft clusters of embedded cells, `[cells, n_latent]` -> `[cells, n_clusters]`: rows sum to 1.
    pub fn assign(&self, embedding: Tensor<2>) -> Tensor<2> {
        self.clusters.assign(self.place(embedding))
    }

    /// Where distances are taken.
    fn place(&self, z: Tensor<2>) -> Tensor<2> {
        if !self.config.by_direction {
            return z;
        }
        let n_latent = z.dims()[1] as f64;
        // The root of zero has no slope.
        let length = z.clone().square().sum_dim(1).add_scalar(1e-12).sqrt();
        z / length * n_latent.sqrt()
    }

    fn graph_term(&self, graph: &Tensor<2>, batch: &CellBatch) -> Tensor<1> {
        let (operator, n) = (batch.cell_graph(), batch.n_targets);
        let (pairs, loss) = match self.config.graph_loss {
            GraphLoss::AllPairs => (Pairs::all(operator), PairLoss::Squared),
            GraphLoss::Published => (Pairs::published(operator, n), PairLoss::Squared),
            GraphLoss::Sampled => {
                let draw = batch.draw.for_use(purpose::PAIRS);
                let pairs = Pairs::sampled(operator, n, self.config.negatives, draw);
                (pairs, PairLoss::CrossEntropy)
            }
        };
        graph_loss(graph.clone(), &pairs, loss)
    }

    fn zinb_term(&self, fused: Tensor<2>, batch: &CellBatch) -> Tensor<1> {
        let n = batch.n_targets;
        let size_factors: Tensor<1> = batch.modality(SIZE_FACTOR).narrow(0, 0, n).squeeze_dim(1);
        let (values, scale) = match self.config.faults.logged_targets {
            true => (batch.features_of(RNA), size_factors.ones_like()),
            false => (batch.features_of(COUNTS), size_factors),
        };
        let targets = match values {
            Features::Sparse(x) if n == batch.len() => Targets::Sparse(x.clone()),
            Features::Sparse(x) => Targets::Sparse(x.first_rows(n)),
            Features::Dense(x) => Targets::Dense(x.clone().narrow(0, 0, n)),
        };
        // The layers before normalise over all cells of the batch.
        let hidden = self.decoder.forward(fused).narrow(0, 0, n);
        let output = self.head.forward(hidden, scale);
        let weights = Weights::mean_over_entries(&targets, &output.h);
        output.into_nll(&targets, &weights).loss
    }

    fn cluster_terms(&self, z: &Embeddings, n: usize, terms: LossTerms) -> LossTerms {
        let w = self.config.weights;
        let of = |clusters: &SoftAssignment, z: &Tensor<2>| {
            clusters.assign(self.place(z.clone().narrow(0, 0, n)))
        };
        let [on_graph, on_expression] = match &self.branch_clusters {
            Some([graph, expression]) => [graph, expression],
            None => [&self.clusters; 2],
        };
        let q = of(&self.clusters, &z.fused);
        let (q_graph, q_expression) = (of(on_graph, &z.graph), of(on_expression, &z.expression));
        let own = |q: &Tensor<2>| sharpen(q.clone(), q.clone().sum_dim(0).squeeze_dim(0));
        let [p, p_graph, p_expression] = match self.config.faults.own_targets {
            true => [own(&q), own(&q_graph), own(&q_expression)],
            false => {
                let p = self.clusters.target(q.clone());
                [p.clone(), p.clone(), p]
            }
        };
        terms
            .with("clustering", w.clustering, divergence(p, q))
            .with("gnn", w.gnn, cross_entropy(p_graph, q_graph))
            .with("dnn", w.dnn, cross_entropy(p_expression, q_expression))
    }
}

impl FusionModel for ScDefr {
    fn stages(&self) -> Vec<Stage> {
        let named = |name: &&str| Stage {
            name: (*name).to_owned(),
            modalities: [RNA, COUNTS, SIZE_FACTOR].map(str::to_owned).to_vec(),
        };
        self.stages.iter().map(named).collect()
    }

    /// The centres start where a clustering of all training cells puts them; the weights of the clusters are counted anew
    /// every `refresh_every` epochs.
    fn begin_epoch(self, start: &EpochStart<'_>) -> Self {
        if start.stage.name != stage::CLUSTER
            || !start.epoch.is_multiple_of(self.config.refresh_every)
        {
            return self;
        }
        let model = self.valid();
        let mut fused: Vec<f32> = vec![];
        let mut z: [Vec<f32>; 3] = Default::default();
        (start.each_batch)(&mut |batch| {
            let e = model.embeddings(batch);
            let own = e.fused.clone().narrow(0, 0, batch.n_targets);
            fused.extend(own.into_data().iter::<f32>());
            for (all, part) in z.iter_mut().zip([e.fused, e.graph, e.expression]) {
                let part = model.place(part.narrow(0, 0, batch.n_targets));
                all.extend(part.into_data().iter::<f32>());
            }
        });
        let mut this = self;
        let (k, n_latent) = (this.n_clusters(), this.config.widths[this.layers.len() - 1]);
        if start.epoch == 0 {
            let [c, g, e] = first_centres(&fused, &z, n_latent, k, this.config.initial, start.draw);
            this.clusters = this.clusters.with_centres(c);
            this.branch_clusters = this
                .branch_clusters
                .map(|[graph, expression]| [graph.with_centres(g), expression.with_centres(e)]);
        }
        let clusters = this.clusters.valid();
        let n = z[0].len() / n_latent;
        let data = burn::tensor::TensorData::new(std::mem::take(&mut z[0]), [n, n_latent]);
        let q = clusters.assign(Tensor::from_data(data, &clusters.device()));
        let sums: Vec<f32> = q.sum_dim(0).into_data().iter::<f32>().collect();
        this.clusters = this.clusters.with_frequencies(sums);
        this
    }

    fn losses(&self, batch: &CellBatch, stage: &Stage) -> LossTerms {
        let z = self.embeddings(batch);
        let w = self.config.weights;
        let (graph, zinb) = match stage.name == stage::PRETRAIN {
            true => (w.pretrain_graph, w.pretrain_zinb),
            false => (w.graph, w.zinb),
        };
        let mut terms = LossTerms::new();
        if self.config.branches != Branches::Expression {
            terms = terms.with("graph", graph, self.graph_term(&z.graph, batch));
        }
        terms = terms.with("zinb", zinb, self.zinb_term(z.fused.clone(), batch));
        match stage.name == stage::PRETRAIN {
            true => terms,
            false => self.cluster_terms(&z, batch.n_targets, terms),
        }
    }

    fn embed(&self, batch: &CellBatch) -> Tensor<2> {
        self.embeddings(batch).fused.narrow(0, 0, batch.n_targets)
    }

    fn describe(&self) -> ModelGraph {
        let c = &self.config;
        let shape = |w: usize| format!("[cells, {w}]");
        let mut g = ModelGraph::default();
        let rna = g.node(RNA, shape(self.n_genes), 0, &[]);
        let graph = g.node("cell graph", "[cells, cells]", 0, &[]);
        let mut x = rna;
        let mut last = [rna, rna];
        for (place, &w) in c.widths.iter().enumerate() {
            let n = place + 1;
            let mut convolved = g.block(
                format!("TAG {n}"),
                shape(w),
                &self.convolutions[place],
                &[x, graph],
            );
            if let Some(norm) = self.graph_norms.get(place) {
                convolved = g.block(format!("graph norm {n}"), shape(w), norm, &[convolved]);
            }
            let linear = match place {
                0 => g.block("linear 1", shape(w), &self.first, &[x]),
                _ => g.block(format!("linear {n}"), shape(w), &self.rest[place - 1], &[x]),
            };
            let dense = g.block(
                format!("layer {n}"),
                shape(w),
                &self.layers[place],
                &[linear],
            );
            last = [convolved, dense];
            if n < c.widths.len() {
                let learned = usize::from(self.mixing.is_some());
                x = g.node(format!("mixture {n}"), shape(w), learned, &last);
            }
        }
        let n_latent = c.widths[c.widths.len() - 1];
        let [from_graph, from_expression] = last;
        let fused = g.block(
            "local and global fusion",
            shape(n_latent),
            &self.fusion,
            &[from_graph, from_expression, graph],
        );
        let hidden = match c.wide_decoder {
            true => self.n_genes,
            false => c.widths[0],
        };
        let decoded = g.block("decoder", shape(hidden), &self.decoder, &[fused]);
        g.block("ZINB", shape(self.n_genes), &self.head, &[decoded]);
        g.node("edges", "[pairs]", 0, &[from_graph]);
        let k = shape(self.n_clusters());
        g.block("soft clusters", k.clone(), &self.clusters, &[fused]);
        if let Some([graph, expression]) = &self.branch_clusters {
            g.block("graph clusters", k.clone(), graph, &[from_graph]);
            g.block("expression clusters", k, expression, &[from_expression]);
        }
        g
    }
}
