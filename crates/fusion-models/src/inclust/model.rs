//! The network.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData, activation};
use fusion_core::{CellBatch, FusionModel, LossTerms, ModelGraph, Stage};
use mask_modules::{FeatureGroup, MaskPlan, PlanRows};

use super::{GroupConfig, InclustConfig, Shift};
use crate::blocks::linear::linear;
use crate::blocks::{
    CovariateEmbedding, DenseStack, DenseStackConfig, GroupEncoder, GroupHead, GroupInput,
    MixturePrior, Normalization, Predicted, library_of, normal_noise,
};

/// Name of the covariates in a batch, `[cells, n_covariates]`: several may be on.
pub const COVARIATES: &str = "covariates";
/// Name of the labels in a batch, `[cells, n_components]`: a one, or zeros where there is no label. May be left out.
pub const LABELS: &str = "labels";

/// How far a batch moves the running values of normalisations over it.
const MOMENTUM: f64 = 0.1;

/// Purposes that random choices of one pass are keyed by.
mod purpose {
    pub const LATENT: u64 = 0;
    pub const GROUPS: u64 = 1;
}

/// What the encoder says of rows, `[rows, n_latent]` and `[rows, n_components]`.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Mean of the latent vector.
    pub mean: Tensor<2>,
    /// Logarithm of its variance.
    pub log_var: Tensor<2>,
    /// The mean without the covariates' share.
    pub free: Tensor<2>,
    /// Probability of each component; rows sum to 1.
    pub components: Tensor<2>,
}

/// inClust+.
///
/// ```text
/// k ~ uniform,  z ~ N(mu_k + s e(c), I),  x_g | z ~ likelihood of group g around dec(z) or dec(z, c)         c covariates, e linear
/// q(z | x) = N(m, e^v) of the groups that are visible,  y = q(k | x) = softmax(W (m - s e(c)))
/// loss = sum over groups that are scored of weight_g nll_g
///      + kl sum_k y_k KL(N(m, e^v) | N(mu_k + s e(c), I)) + entropy sum_k y_k ln y_k - labels sum_k l_k ln y_k
/// ```
///
/// A cell goes through each row of the plan that its source has and weighs the same as any other. A group that a row does not score
/// is not decoded for it. `ln y` is `ln(y + 1e-7)`, `v` is kept in -15 to 15. The embedding is the mean without the covariates' share, of
/// everything that was measured.
///
/// Source: inClust+ (Wang et al. 2024), section 4 of its public code. We differ where the published program does not do what it says: the input
/// mask is applied, predictions decode the mean, and with other covariates in place of the cell's own; by default the share of the covariates is added to
/// what the encoder gives instead of taken out of it ([`Shift`]).
#[derive(Module, Debug)]
pub struct Inclust {
    encoder: GroupEncoder,
    mean: Linear,
    log_var: Linear,
    covariates: CovariateEmbedding,
    classifier: Linear,
    prior: MixturePrior,
    decoder: DenseStack,
    heads: Vec<GroupHead>,
    #[module(skip)]
    plan: MaskPlan,
    #[module(skip)]
    groups: Vec<GroupConfig>,
    #[module(skip)]
    config: InclustConfig,
}

impl Inclust {
    pub(super) fn new(
        config: &InclustConfig,
        plan: &MaskPlan,
        groups: &[GroupConfig],
        n_covariates: usize,
        n_components: usize,
        device: &Device,
    ) -> Self {
        let n_features = plan.groups().iter().map(|g| g.n_features).sum();
        let stack = |d_input: usize, widths: &[usize], dropout: f64| DenseStackConfig {
            d_input,
            widths: widths.to_vec(),
            normalization: config.normalization,
            momentum: MOMENTUM,
            activation: config.activation,
            dropout,
        };
        let n_latent = config.n_latent;
        let hidden = config.encoder[config.encoder.len() - 1];
        let to_latent = || LinearConfig::new(hidden, n_latent).init(device);
        // Told first, where they may change how the latent vector is read, and last, where they shift each feature.
        let told = if config.conditional_decoder {
            n_covariates
        } else {
            0
        };
        let width = config.decoder[config.decoder.len() - 1] + told;
        Self {
            encoder: GroupEncoder::new(
                &inputs(plan.groups(), groups),
                &stack(n_features, &config.encoder, config.dropout),
                config.input_dropout,
                config.apply_input_mask,
                device,
            ),
            mean: to_latent(),
            log_var: to_latent(),
            covariates: CovariateEmbedding::new(
                n_covariates,
                n_latent,
                config.covariate_bias,
                config.arithmetic,
                device,
            ),
            classifier: LinearConfig::new(n_latent, n_components).init(device),
            prior: MixturePrior::new(n_components, n_latent, config.prior_std, device),
            decoder: stack(n_latent + told, &config.decoder, 0.0).init(device),
            heads: plan
                .groups()
                .iter()
                .zip(groups)
                .map(|(g, c)| GroupHead::new(c.likelihood, width, g.n_features, device))
                .collect(),
            plan: plan.clone(),
            groups: groups.to_vec(),
            config: config.clone(),
        }
    }

    /// The settings that the model was made with.
    pub fn config(&self) -> &InclustConfig {
        &self.config
    }

    /// The plan that the model was made for.
    pub fn plan(&self) -> &MaskPlan {
        &self.plan
    }

    /// The model for cells of a batch that it was not trained with, by a plan for them of its groups and of `new` ones behind these: what it has learned stays as
    /// it is, but for the biases of the encoder's first layer and of the heads, which become the new batch's own. New groups have weights of their own: none
    /// in the encoder to begin with, and a new head.
    ///
    /// The biases are what a column of weights for the batch would be in the layers that are told it (architectural surgery: Lotfollahi et al., Nat. Biotechnol. 2022).
    ///
    /// # Panics
    /// If the plan does not begin with the groups of the model or goes on with other ones than the new.
    pub fn for_new_batch(self, plan: &MaskPlan, new: &[GroupConfig]) -> Self {
        let n_known = self.plan.groups().len();
        assert_eq!(
            plan.groups().get(..n_known),
            Some(self.plan.groups()),
            "the groups of the model"
        );
        let added = &plan.groups()[n_known..];
        assert_eq!(added.len(), new.len(), "new groups of the plan");
        let this = self.no_grad();
        let (width, device) = (this.heads[0].width(), this.mean.weight.val().device());
        let own = this.heads.into_iter().map(GroupHead::with_free_bias);
        let further = added
            .iter()
            .zip(new)
            .map(|(g, c)| GroupHead::new(c.likelihood, width, g.n_features, &device));
        Self {
            encoder: this
                .encoder
                .with_free_bias()
                .with_groups(&inputs(added, new)),
            heads: own.chain(further).collect(),
            plan: plan.clone(),
            groups: [&this.groups, new].concat(),
            ..this
        }
    }

    /// What the encoder says of rows of a batch.
    pub fn encode(&self, batch: &CellBatch, rows: &PlanRows) -> Encoded {
        let hidden = self.encoder.forward(batch, rows);
        let mean = linear(&self.mean, hidden.clone());
        let log_var = linear(&self.log_var, hidden).clamp(-15.0, 15.0);
        let own = rows.of_cells(batch.modality(COVARIATES));
        let share = self.covariates.share(own);
        let (mean, free) = match self.config.shift {
            Shift::Added => (mean.clone() + share, mean),
            Shift::Removed => (mean.clone(), mean - share),
        };
        let components = activation::softmax(linear(&self.classifier, free.clone()), 1);
        Encoded {
            mean,
            log_var,
            free,
            components,
        }
    }

    /// What the encoder says of every cell, from everything that was measured.
    pub fn encode_cells(&self, batch: &CellBatch) -> Encoded {
        self.encode(batch, &self.plan.measured(&batch.sources))
    }

    /// Latent vectors with the covariates `own` replaced by `other`, `[rows, n_covariates]` each.
    pub fn swap_covariates(&self, z: Tensor<2>, own: Tensor<2>, other: Tensor<2>) -> Tensor<2> {
        self.covariates.swap(z, own, other)
    }

    /// A group as latent vectors `[rows, n_latent]` have it, of cells with covariates `[rows, n_covariates]`; counts for libraries `[rows]` of the group
    /// or its anchor.
    ///
    /// # Panics
    /// If there is no such group.
    pub fn decode(
        &self,
        z: Tensor<2>,
        covariates: Tensor<2>,
        group: usize,
        library: Option<Tensor<1>>,
    ) -> Predicted {
        let hidden = self.hidden(z, covariates);
        let anchor = self
            .anchor(group)
            .map(|a| self.heads[a].raw(hidden.clone()));
        self.heads[group].predict(hidden, library, anchor)
    }

    /// What the heads are given.
    fn hidden(&self, z: Tensor<2>, covariates: Tensor<2>) -> Tensor<2> {
        if !self.config.conditional_decoder {
            return self.decoder.forward(z);
        }
        let hidden = self
            .decoder
            .forward(Tensor::cat(vec![z, covariates.clone()], 1));
        Tensor::cat(vec![hidden, covariates], 1)
    }

    /// The library that a group's counts are relative to, `[cells]`; nothing if it has none or the batch lacks it.
    pub fn library(&self, batch: &CellBatch, group: usize) -> Option<Tensor<1>> {
        if !self.groups[group].likelihood.counts() {
            return None;
        }
        let of = self.anchor(group).unwrap_or(group);
        batch.find(&self.plan.groups()[of].name).map(library_of)
    }

    fn anchor(&self, group: usize) -> Option<usize> {
        let name = self.groups[group].anchor.as_ref()?;
        self.plan.group(name)
    }

    /// Weight of the divergence when that share of the training lies behind.
    fn kl_weight(&self, progress: f64) -> f64 {
        let (weight, warmup) = (self.config.weights.kl, self.config.kl_warmup);
        match progress < warmup {
            true => weight * progress / warmup,
            false => weight,
        }
    }

    fn reconstruction(
        &self,
        z: Tensor<2>,
        batch: &CellBatch,
        rows: &PlanRows,
        mut terms: LossTerms,
    ) -> LossTerms {
        let hidden = self.hidden(z, rows.of_cells(batch.modality(COVARIATES)));
        let device = hidden.device();
        let weights = rows.weights();
        for (group, head) in self.heads.iter().enumerate() {
            let scoring = rows.scoring(group);
            let name = &self.plan.groups()[group].name;
            if scoring.is_empty() {
                // The term is there in every batch, so that its history has no holes.
                terms = terms.with(name, self.groups[group].weight, Tensor::zeros([1], &device));
                continue;
            }
            let cells: Vec<usize> = scoring.iter().map(|&r| rows.cells()[r]).collect();
            let own = match scoring.len() == rows.len() {
                true => hidden.clone(),
                false => {
                    let places: Vec<i64> = scoring.iter().map(|&r| r as i64).collect();
                    let places = TensorData::new(places, [scoring.len()]);
                    hidden.clone().select(0, Tensor::from_data(places, &device))
                }
            };
            let of: Vec<f32> = scoring.iter().map(|&r| weights[r]).collect();
            let of = Tensor::from_data(TensorData::new(of, [scoring.len()]), &device);
            let anchor = self.anchor(group);
            let library = anchor.map(|a| {
                let features = batch.features_of(&self.plan.groups()[a].name);
                library_of(&features.select_rows(&cells)).to_device(&device)
            });
            let anchor = anchor.map(|a| self.heads[a].raw(own.clone()));
            let targets = batch.features_of(name).select_rows(&cells);
            let loss = head.loss(own, &targets, of, library, anchor);
            terms = terms.with(name, self.groups[group].weight, loss);
        }
        terms
    }

    /// The losses of rows, with the noise of the latent vectors `[rows, n_latent]` given.
    pub fn losses_of(&self, batch: &CellBatch, rows: &PlanRows, noise: Tensor<2>) -> LossTerms {
        let e = self.encode(batch, rows);
        let std = (e.log_var.clone() * 0.5).exp();
        let z = e.mean.clone() + std.clone() * noise;
        let terms = self.reconstruction(z, batch, rows, LossTerms::new());
        let weights = rows.weights();
        let n = weights.len();
        let weights = Tensor::<1>::from_data(TensorData::new(weights, [n]), &e.mean.device());
        let mean = |per_row: Tensor<2>| {
            let per_row: Tensor<1> = per_row.sum_dim(1).squeeze_dim(1);
            (per_row * weights.clone()).sum()
        };
        let w = self.config.weights;
        let divergences = self.prior.divergences(e.free, std, e.log_var);
        let kl = mean(e.components.clone() * divergences);
        let log = (e.components.clone() + 1e-7).log();
        let mut terms = terms.with("kl", self.kl_weight(batch.progress), kl);
        if w.entropy > 0.0 {
            terms = terms.with("entropy", w.entropy, mean(e.components * log.clone()));
        }
        match batch.find(LABELS) {
            Some(labels) if w.labels > 0.0 => {
                let labels = rows.of_cells(labels.to_dense());
                terms.with("labels", w.labels, -mean(labels * log))
            }
            _ => terms,
        }
    }
}

/// What the encoder is given of groups: entry of the batch, features, what is done to them.
fn inputs(groups: &[FeatureGroup], configs: &[GroupConfig]) -> Vec<(String, usize, GroupInput)> {
    let of = |(g, c): (&FeatureGroup, &GroupConfig)| {
        let entry = c.input_entry.as_ref().unwrap_or(&g.name);
        (entry.clone(), g.n_features, c.input)
    };
    groups.iter().zip(configs).map(of).collect()
}

impl FusionModel for Inclust {
    fn stages(&self) -> Vec<Stage> {
        let groups = self.plan.groups().iter().map(|g| g.name.clone());
        let inputs = self.groups.iter().filter_map(|g| g.input_entry.clone());
        let all = groups.chain(inputs).chain([COVARIATES.to_owned()]);
        vec![Stage {
            name: "inclust".to_owned(),
            modalities: all.collect(),
        }]
    }

    fn losses(&self, batch: &CellBatch, _stage: &Stage) -> LossTerms {
        let mut rows = self.plan.expand(&batch.sources);
        let n_passes = self.plan.passes().len();
        let key = |cell: usize, pass: usize| batch.rows[cell] * n_passes + pass;
        let draw = batch.draw.for_use(purpose::GROUPS);
        rows.hide_groups(self.config.group_dropout, |cell, pass| {
            draw.for_use(key(cell, pass) as u64).seed()
        });
        let keys: Vec<usize> = rows
            .cells()
            .iter()
            .zip(rows.passes())
            .map(|(&cell, &pass)| key(cell, pass))
            .collect();
        let draw = batch.draw.for_use(purpose::LATENT);
        let noise = normal_noise(&keys, self.config.n_latent, draw, &batch.device());
        self.losses_of(batch, &rows, noise)
    }

    fn independent_parts(&self) -> bool {
        self.config.normalization != Normalization::Batch
    }

    fn embed(&self, batch: &CellBatch) -> Tensor<2> {
        self.encode_cells(batch).free
    }

    fn describe(&self) -> ModelGraph {
        let c = &self.config;
        let shape = |w: usize| format!("[rows, {w}]");
        let mut g = ModelGraph::default();
        let groups = self.plan.groups();
        let inputs: Vec<usize> = groups
            .iter()
            .map(|group| g.node(&group.name, shape(group.n_features), 0, &[]))
            .collect();
        let covariates = g.node(COVARIATES, "[rows, covariates]", 0, &[]);
        let masked = g.node("input mask", "[rows, features]", 0, &inputs);
        let hidden = shape(c.encoder[c.encoder.len() - 1]);
        let encoded = g.block("encoder", hidden, &self.encoder, &[masked]);
        let latent = shape(c.n_latent);
        let mean = g.block("latent mean", &latent, &self.mean, &[encoded]);
        let log_var = g.block("latent log variance", &latent, &self.log_var, &[encoded]);
        let z = g.node("latent", &latent, 0, &[mean, log_var]);
        let shift = g.block("covariate shift", &latent, &self.covariates, &[covariates]);
        let free = g.node("without covariates", &latent, 0, &[mean, shift]);
        let components = shape(self.prior.n_components());
        let classes = g.block("classifier", components, &self.classifier, &[free]);
        g.block("prior", &latent, &self.prior, &[classes, shift]);
        let width = shape(c.decoder[c.decoder.len() - 1]);
        let told = match c.conditional_decoder {
            true => vec![z, covariates],
            false => vec![z],
        };
        let decoded = g.block("decoder", width, &self.decoder, &told);
        let heads: Vec<usize> = groups
            .iter()
            .zip(&self.heads)
            .map(|(group, head)| {
                let name = format!("{} head", group.name);
                g.block(name, shape(group.n_features), head, &[decoded])
            })
            .collect();
        g.node("output mask", "[rows, features]", 0, &heads);
        g
    }
}
