//! The TTT-Linear layer.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData, activation, module::linear};

use crate::kernel::ScanOptions;
use crate::{InnerState, LayerNorm, LayerNormConfig, ScanTensors, ttt_scan_with_state};

/// The forward pass keeps the inner state at every this many chunks; the backward pass runs the
/// chunks between forward again.
const GROUP: usize = 8;

/// Configuration of [`TttLinear`].
#[derive(Config, Debug)]
pub struct TttLinearConfig {
    /// Width of the tokens, a multiple of `n_heads`.
    pub d_model: usize,
    /// Number of heads, each with an inner model of its own on `d_model / n_heads` features.
    #[config(default = 2)]
    pub n_heads: usize,
    /// Tokens per inner mini-batch `b`: all inner gradients of a chunk are taken at the weights
    /// of its start.
    #[config(default = 16)]
    pub chunk: usize,
    /// Upper bound of the inner learning rate before the division by the head width.
    #[config(default = 1.0)]
    pub base_lr: f64,
    /// Rotary positions of queries and keys, by the place inside the chunk.
    #[config(default = true)]
    pub rope: bool,
    /// Base of the rotary angles.
    #[config(default = 10000.0)]
    pub rope_base: f64,
    /// `true`: a token reads the inner weights after itself and the tokens before it. `false`:
    /// all tokens of a chunk read the weights at its end.
    #[config(default = true)]
    pub causal: bool,
    /// Multiplies the output with `gelu(x W_g)` (tanh form) before the output projection.
    #[config(default = false)]
    pub gate: bool,
    /// Added to the variance in the inner and the outer normalisation.
    #[config(default = 1e-6)]
    pub eps: f64,
}

impl TttLinearConfig {
    /// Initialises the layer: projections, rate vectors and start weights from a normal
    /// distribution of deviation 0.02, biases and `τ` zero, scales one.
    ///
    /// # Panics
    ///
    /// When `d_model` is not a positive multiple of `n_heads`, the chunk is empty, the head width
    /// is odd with rotary positions, or `base_lr` is negative or `eps` not positive.
    pub fn init(&self, device: &Device) -> TttLinear {
        let (d, heads) = (self.d_model, self.n_heads);
        assert!(
            heads > 0 && d > 0 && d.is_multiple_of(heads),
            "TttLinearConfig: d_model ({d}) must be a positive multiple of n_heads ({heads})"
        );
        let f = d / heads;
        assert!(self.chunk > 0, "TttLinearConfig: chunk must be positive");
        assert!(
            !self.rope || f.is_multiple_of(2),
            "TttLinearConfig: rope needs an even head width, found {f}"
        );
        assert!(
            self.base_lr >= 0.0 && self.eps > 0.0,
            "TttLinearConfig: base_lr ({}) must not be negative, eps ({}) must be positive",
            self.base_lr,
            self.eps
        );
        let normal = Initializer::Normal {
            mean: 0.0,
            std: 0.02,
        };
        let project = || {
            LinearConfig::new(d, d)
                .with_bias(false)
                .with_initializer(normal.clone())
                .init(device)
        };
        TttLinear {
            wq: project(),
            wk: project(),
            wv: project(),
            wo: project(),
            wg: self.gate.then(project),
            rate_weight: normal.init([d, heads], device),
            rate_bias: Initializer::Zeros.init([heads], device),
            tau: Initializer::Zeros.init([self.chunk], device),
            w0: normal.init([heads, f, f], device),
            c0: Initializer::Zeros.init([heads, f], device),
            gamma: Initializer::Ones.init([heads, f], device),
            beta: Initializer::Zeros.init([heads, f], device),
            post_norm: LayerNormConfig::new(d).with_eps(self.eps).init(device),
            n_heads: heads,
            chunk: self.chunk,
            base_lr: self.base_lr,
            rope_base: self.rope.then_some(self.rope_base),
            causal: self.causal,
            eps: self.eps,
        }
    }
}

/// TTT-Linear: a linear-time sequence layer whose hidden state is a linear model that is trained
/// on the sequence while it is read. See the [crate documentation](crate) for the formulas.
#[derive(Module, Debug)]
pub struct TttLinear {
    /// Queries, `[d, d]`.
    pub wq: Linear,
    /// Keys, `[d, d]`.
    pub wk: Linear,
    /// Values, `[d, d]`.
    pub wv: Linear,
    /// Output, `[d, d]`.
    pub wo: Linear,
    /// Gate, `[d, d]`, if there is one.
    pub wg: Option<Linear>,
    /// Weights of the inner rates, `[d, heads]`, one column per head.
    pub rate_weight: Param<Tensor<2>>,
    /// Biases of the inner rates, `[heads]`.
    pub rate_bias: Param<Tensor<1>>,
    /// Corrections `τ` of the place rates `max(1/i + τ_i, 0)`, `[chunk]`.
    pub tau: Param<Tensor<1>>,
    /// Start weights of the inner model, `[heads, width, width]`.
    pub w0: Param<Tensor<3>>,
    /// Start biases of the inner model, `[heads, width]`.
    pub c0: Param<Tensor<2>>,
    /// Scale of the inner normalisation, `[heads, width]`.
    pub gamma: Param<Tensor<2>>,
    /// Shift of the inner normalisation, `[heads, width]`.
    pub beta: Param<Tensor<2>>,
    /// Normalisation of the joined heads.
    pub post_norm: LayerNorm,
    n_heads: usize,
    chunk: usize,
    base_lr: f64,
    rope_base: Option<f64>,
    causal: bool,
    eps: f64,
}

impl TttLinear {
    /// # Shapes
    ///
    /// - input: `[batch, length, d_model]`, already normalised by the caller; any length, the last
    ///   chunk may be short
    /// - output: `[batch, length, d_model]`
    ///
    /// The inner model starts from the learned `W0, c0` in every sequence of the batch.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.forward_with_state(x).0
    }

    /// As [`forward`](Self::forward), and the inner weights after the last token.
    pub fn forward_with_state(&self, x: Tensor<3>) -> (Tensor<3>, InnerState) {
        let [batch, length, d] = x.dims();
        let tokens = batch * length;
        // Two axes: one product for all sequences.
        let x = x.reshape([tokens, d]);
        let (heads, f) = (self.n_heads, d / self.n_heads);
        let weights = [&self.wq, &self.wk, &self.wv].map(|layer| layer.weight.val());
        let qkv = linear(x.clone(), Tensor::cat(weights.to_vec(), 1), None);
        let rates = linear(
            x.clone(),
            self.rate_weight.val(),
            Some(self.rate_bias.val()),
        );
        let eta = activation::sigmoid(rates) * (self.base_lr / f as f64);
        let tensors = ScanTensors {
            qkv: qkv.reshape([batch, length, 3 * d]),
            eta: eta.reshape([batch, length, heads]),
            t: self.place_rates(),
            w0: self.w0.val(),
            c0: self.c0.val(),
            gamma: self.gamma.val(),
            beta: self.beta.val(),
        };
        let (out, state) = ttt_scan_with_state(tensors, &self.options());
        let mut out = self.post_norm.forward(out.reshape([tokens, d]));
        if let Some(gate) = &self.wg {
            out = activation::gelu_approximate(gate.forward(x)) * out;
        }
        let out = self.wo.forward(out).reshape([batch, length, d]);
        (out, state)
    }

    /// Rates of the places in a chunk, `t_i = max(1/i + τ_i, 0)`.
    fn place_rates(&self) -> Tensor<1> {
        let tau = self.tau.val();
        let mean: Vec<f64> = (1..=self.chunk).map(|i| 1.0 / i as f64).collect();
        let mean = TensorData::new(mean, [self.chunk]);
        let mean = Tensor::from_data(mean, (&tau.device(), tau.dtype()));
        (tau + mean).clamp_min(0.0)
    }

    fn options(&self) -> ScanOptions {
        ScanOptions {
            heads: self.n_heads,
            chunk: self.chunk,
            causal: self.causal,
            rope: self.rope_base,
            eps: self.eps,
            group: GROUP,
        }
    }
}
