//! The stage-1 network.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData};
use fusion_core::{
    CellBatch, Draw, Encoder, Fusion, FusionModel, Hidden, LossTerms, ModelGraph, Stage,
};
use mask_modules::{MaskConfig, TokenMask};

use super::{ReadOut, ScFusionTttConfig};
use crate::blocks::{AnyFusion, PatchEmbed, Patches, TokenDecoder, TttStack};

/// Names of the modalities that a batch must hold.
const RNA: &str = "rna";
const PROTEIN: &str = "adt";

/// One modality: tokens, encoder, decoder.
#[derive(Module, Debug)]
struct Branch {
    embed: PatchEmbed,
    encoder: TttStack,
    decoder: TokenDecoder,
    /// Features from the cell's vector alone.
    cell_head: Option<Linear>,
    #[module(skip)]
    patches: Patches,
    #[module(skip)]
    mask: MaskConfig,
}

impl Branch {
    fn new(config: &ScFusionTttConfig, patches: Patches, device: &Device) -> Self {
        Self {
            embed: PatchEmbed::new(patches, config.d_model, config.token_weights, device),
            encoder: config.encoder().init(device),
            decoder: config.decoder().init(patches, device),
            cell_head: (config.cell_loss > 0.0)
                .then(|| LinearConfig::new(config.n_latent(), patches.n_features).init(device)),
            patches,
            mask: config.mask(),
        }
    }

    /// The mask of each cell, a function of the draw and the cell's row alone.
    fn draw_mask(&self, rows: &[usize], draw: Draw) -> TokenMask {
        let seeds: Vec<u64> = rows
            .iter()
            .map(|&r| draw.for_use(r as u64).seed())
            .collect();
        match self.mask.draw(self.patches.n_tokens(), &seeds) {
            Ok(mask) => mask,
            // `ScFusionTttConfig::init` refuses settings that cannot be masked.
            Err(e) => panic!("mask settings were not validated: {e}"),
        }
    }

    /// The losses of both reconstructions of the hidden features: from the visible tokens, and from
    /// the cell's vector alone if the settings ask for it.
    fn losses(
        &self,
        target: Tensor<3>,
        fused: Hidden,
        cell: Tensor<2>,
        mask: &TokenMask,
    ) -> (Tensor<1>, Option<Tensor<1>>) {
        let decoded = self.decoder.reconstruct(fused, cell.clone(), mask);
        let from_tokens = self.loss(target.clone(), decoded, mask);
        let from_cell = self
            .cell_head
            .as_ref()
            .map(|head| self.loss(target, self.patches.cut(head.forward(cell)), mask));
        (from_tokens, from_cell)
    }

    /// Mean squared error over the hidden features of each cell, then over cells, `[1]`.
    fn loss(&self, target: Tensor<3>, decoded: Tensor<3>, mask: &TokenMask) -> Tensor<1> {
        let n_cells = target.dims()[0];
        let device = target.device();
        let error = (decoded - target) * self.patches.is_feature(&device);
        let squared = mask.keep_hidden(error).powf_scalar(2.0);
        let weights: Vec<f32> = (0..n_cells)
            .map(|cell| {
                let hidden = mask.hidden(cell).iter();
                let n: usize = hidden.map(|&t| self.patches.n_features_of(t)).sum();
                1.0 / (n * n_cells) as f32
            })
            .collect();
        let weights = Tensor::<3>::from_data(TensorData::new(weights, [n_cells, 1, 1]), &device);
        (squared * weights).sum()
    }
}

/// scFusionTTT, stage 1: two encoders, two fusions, two decoders.
///
/// For each modality, tokens of neighbouring features (genes in genome order, proteins in the
/// order of their genes) are embedded, a random share is hidden, the visible ones are encoded by TTT
/// blocks, informed by the other modality, and a decoder reconstructs the hidden ones:
///
/// `F_RNA = E_RNA + lambda FusionTTT_1([E_ADT ; E_RNA])`, and the mirror image for the proteins;
/// `loss = rna_weight MSE_RNA + protein_weight MSE_ADT`, over hidden features only. With `cell_loss`
/// the hidden features are reconstructed a second time, linearly from the cell's vector alone.
///
/// The embedding of a cell, `[n_latent]`, is by default the mean of the two means over tokens of the fused states,
/// nothing hidden: `z = (mean F_RNA + mean F_ADT) / 2`.
///
/// Source: arXiv 2410.13257, section 2.2 as reviewed. Differs from the lineage (scMMAE): visible tokens
/// keep their order; no dense map mixes the features before they are cut; no class token (the first
/// token of a causal layer sees nothing); the loss averages hidden features only.
#[derive(Module, Debug)]
pub struct ScFusionTtt {
    rna: Branch,
    protein: Branch,
    fuse_rna: AnyFusion,
    fuse_protein: AnyFusion,
    #[module(skip)]
    config: ScFusionTttConfig,
}

/// Purposes that random choices of one pass are keyed by.
mod purpose {
    pub const MASK_RNA: u64 = 0;
    pub const MASK_PROTEIN: u64 = 1;
}

impl ScFusionTtt {
    pub(super) fn new(
        config: &ScFusionTttConfig,
        genes: Patches,
        proteins: Patches,
        device: &Device,
    ) -> Self {
        let fusion = || AnyFusion::new(config.fusion, &config.block(), config.lambda, device);
        Self {
            rna: Branch::new(config, genes, device),
            protein: Branch::new(config, proteins, device),
            fuse_rna: fusion(),
            fuse_protein: fusion(),
            config: config.clone(),
        }
    }

    /// The settings that the model was made with.
    pub fn config(&self) -> &ScFusionTttConfig {
        &self.config
    }

    /// Encodes both modalities and lets each inform the other.
    fn fuse(&self, rna: Hidden, protein: Hidden) -> (Hidden, Hidden) {
        let rna = self.rna.encoder.encode(rna);
        let protein = self.protein.encoder.encode(protein);
        let fused_rna = self.fuse_rna.fuse(rna.clone(), protein.clone());
        (fused_rna, self.fuse_protein.fuse(protein, rna))
    }

    /// `[cells, tokens, d_model]` twice -> `[cells, n_latent]`.
    fn read_out(&self, rna: Hidden, protein: Hidden) -> Tensor<2> {
        let mean = |h: Hidden| h.mean_dim(1).squeeze_dim::<2>(1);
        match self.config.read_out {
            ReadOut::Mean => (mean(rna) + mean(protein)).mul_scalar(0.5),
            ReadOut::Concat => Tensor::cat(vec![mean(rna), mean(protein)], 1),
        }
    }
}

impl FusionModel for ScFusionTtt {
    fn stages(&self) -> Vec<Stage> {
        let modalities = vec![RNA.to_owned(), PROTEIN.to_owned()];
        vec![Stage {
            name: "masked_autoencoder".to_owned(),
            modalities,
        }]
    }

    fn losses(&self, batch: &CellBatch, _stage: &Stage) -> LossTerms {
        let draw = batch.draw;
        let x_rna = self.rna.patches.cut(batch.modality(RNA));
        let x_protein = self.protein.patches.cut(batch.modality(PROTEIN));
        let mask_rna = self
            .rna
            .draw_mask(&batch.rows, draw.for_use(purpose::MASK_RNA));
        let mask_protein = self
            .protein
            .draw_mask(&batch.rows, draw.for_use(purpose::MASK_PROTEIN));
        let (rna, protein) = self.fuse(
            mask_rna.keep_visible(self.rna.embed.forward(x_rna.clone())),
            mask_protein.keep_visible(self.protein.embed.forward(x_protein.clone())),
        );
        let cell = self.read_out(rna.clone(), protein.clone());
        let c = &self.config;
        let rna = self.rna.losses(x_rna, rna, cell.clone(), &mask_rna);
        let protein = self.protein.losses(x_protein, protein, cell, &mask_protein);
        let mut terms = LossTerms::new();
        for (name, weight, (from_tokens, from_cell)) in [
            ("rna", c.rna_weight, rna),
            ("protein", c.protein_weight, protein),
        ] {
            terms = terms.with(format!("{name}_mse"), weight, from_tokens);
            if let Some(loss) = from_cell {
                terms = terms.with(format!("{name}_cell_mse"), weight * c.cell_loss, loss);
            }
        }
        terms
    }

    fn independent_parts(&self) -> bool {
        true
    }

    fn embed(&self, batch: &CellBatch) -> Tensor<2> {
        let rna = self
            .rna
            .embed
            .forward(self.rna.patches.cut(batch.modality(RNA)));
        let protein = self
            .protein
            .embed
            .forward(self.protein.patches.cut(batch.modality(PROTEIN)));
        let (rna, protein) = self.fuse(rna, protein);
        self.read_out(rna, protein)
    }

    fn describe(&self) -> ModelGraph {
        let d = self.config.d_model;
        let mut g = ModelGraph::default();
        let mut encoded = Vec::new();
        for (name, branch) in [("rna", &self.rna), ("protein", &self.protein)] {
            let p = branch.patches;
            let shown = MaskConfig::n_visible(&branch.mask, p.n_tokens()).unwrap_or(p.n_tokens());
            let x = g.node(name, format!("[cells, {}]", p.n_features), 0, &[]);
            let t = g.block(
                format!("{name} tokens"),
                format!("[cells, {}, {d}]", p.n_tokens()),
                &branch.embed,
                &[x],
            );
            let v = g.node(
                format!("{name} visible"),
                format!("[cells, {shown}, {d}]"),
                0,
                &[t],
            );
            let e = g.block(
                format!("{name} encoder"),
                format!("[cells, {shown}, {d}]"),
                &branch.encoder,
                &[v],
            );
            encoded.push((e, shown));
        }
        let [(rna, n_rna), (protein, n_protein)] = [encoded[0], encoded[1]];
        let shape = |n: usize| format!("[cells, {n}, {d}]");
        let f_rna = g.block("rna fused", shape(n_rna), &self.fuse_rna, &[rna, protein]);
        let f_protein = g.block(
            "protein fused",
            shape(n_protein),
            &self.fuse_protein,
            &[protein, rna],
        );
        let cell = g.node(
            "cell vector",
            format!("[cells, {}]", self.config.n_latent()),
            0,
            &[f_rna, f_protein],
        );
        for (name, branch, fused) in [
            ("rna", &self.rna, f_rna),
            ("protein", &self.protein, f_protein),
        ] {
            let inputs = if self.config.cell_context {
                vec![fused, cell]
            } else {
                vec![fused]
            };
            let out = format!("[cells, {}]", branch.patches.n_features);
            g.block(
                format!("{name} decoder"),
                out.clone(),
                &branch.decoder,
                &inputs,
            );
            if let Some(head) = &branch.cell_head {
                g.block(format!("{name} cell head"), out, head, &[cell]);
            }
        }
        g
    }
}
