//! Test-time-training layers for burn, with a fused forward and backward on the CPU.
//!
//! A TTT layer reads a sequence in linear time. Its hidden state is a small model that is trained
//! while the sequence is read: every token is one training example (from its key, predict its
//! value), and every token's output is what the model, trained so far, says to its query. Take it
//! where attention is too expensive for the length of the sequence. It is causal, so order matters:
//! the output at the first position knows nothing but the first token. Pool over the sequence
//! instead of reading a class token at its front.
//!
//! ```
//! use burn::tensor::{Device, Distribution, Tensor};
//! use ttt_layer::{TttBlockConfig, TttLinearConfig};
//!
//! let device = Device::flex();
//! let block = TttBlockConfig::new(TttLinearConfig::new(32)).init(&device);
//! let tokens = Tensor::<3>::random([4, 50, 32], Distribution::Normal(0.0, 1.0), &device);
//! let out = block.forward(tokens);
//! assert_eq!(out.dims(), [4, 50, 32]);
//! ```
//!
//! # What is here
//!
//! | | |
//! |---|---|
//! | [`TttLinear`] | projections, inner rates, scan, norm, optional gate, output projection |
//! | [`TttBlock`] | the layer and a [`SwiGlu`], each after an [`RmsNorm`], with dropout and residual |
//! | [`ttt_scan`] | the recurrence alone, one differentiable operation |
//! | [`rms_norm`], [`layer_norm`], [`silu_mul`], [`dropout_add`] | fused operations of general use |
//! | [`mod@reference`] | all of these in tensor operations |
//! | [`kernel`] | the CPU kernels on slices, `f32` and `f64`, without burn |
//!
//! # Formula
//!
//! `Q, K, V = x Wq, x Wk, x Wv` are cut into heads of width `f`; `Q` and `K` are rotated by their
//! place in the chunk (RoPE on neighbouring pairs). Rates `η_j = base sigmoid(x_j w_h + β_h) / f` and
//! `t_i = max(1/i + τ_i, 0)`. For each head and chunk of `b` tokens, from the weights `W, c` at its
//! start (the learned `W0, c0` in the first chunk of every sequence), with `LN` of learned scale `γ` and
//! shift `β`:
//!
//! ```text
//! Z = K W + c
//! G = ∂/∂Z ½ ‖LN(Z) - (V - K)‖²
//! E_ij = t_i η_j for j <= i, else 0;  e = last row of E
//! O = Q + LN(Q W + c - [E ∘ (Q Kᵀ + 1)] G)
//! W <- W - (e ∘ K)ᵀ G;   c <- c - Σ_j e_j G_j
//! ```
//!
//! Then the heads are joined: `y = LayerNorm(O) Wo`, or `y = (gelu(x Wg) ∘ LayerNorm(O)) Wo` with the
//! gate. A last chunk of `r < b` tokens uses `t_1..t_r`. With `causal = false` every token of a chunk
//! reads the weights at its end, with `e_j = η_j / r`; `t` is not used.
//!
//! Initialisation: matrices, `w_h` and `W0` from a normal distribution of deviation 0.02; `c0`, `β_h`,
//! `τ` and shifts 0; scales 1.
//!
//! # Memory
//!
//! The scan is one operation for burn's autodiff. It keeps its inputs and the inner state at every
//! 8th chunk; the backward pass runs the chunks between forward again. Beyond the inputs that is
//! `4 (f + 1) f / (8 b)` bytes per token and head in `f32`: 33 at `f = 32`, 130 at `f = 64`, both with
//! `b = 16`. A forward pass without autodiff keeps only the end state. Dropout takes no memory, its mask
//! is computed again.
//!
//! # Numerics
//!
//! - Values and gradients agree with float64 references to 1e-12 and 1e-11 of the largest entry
//!   when the kernels run in `f64`, and to 1e-5 and 5e-5 in `f32`.
//! - The second-order terms (the inner gradient depends on the weights) are all there.
//! - Variances get `eps = 1e-6` inside the root. `t` is clamped at zero and passes no gradient there.
//! - In `f32`, `silu` uses a polynomial `e^x` with a relative error below 2e-7.
//! - The bytes of results do not depend on the number of threads. They may differ in the last
//!   bits between instruction sets.
//! - Dropout follows `device.seed(..)`. The Flex generator is one per process, behind a lock: draws
//!   from another thread between the seed and the step change the mask. Within
//!   `flex_slices::with_stream` it follows that stream, which is the thread's own.
//!
//! # Backends
//!
//! The fused operations serve `f32` and `f64` tensors on Flex; every other device runs the tensor
//! operations of [`mod@reference`], differentiated by burn.
//!
//! # Differs from
//!
//! Sun et al., "Learning to (Learn at Test Time): RNNs with Expressive Hidden States" (2024), and its
//! code ttt-lm-pytorch (`ttt.py`, `TTTLinear`), of which this is the Transformer-backbone variant:
//! - no convolutions and no shared query/key projection; the gate is an option;
//! - RoPE angles and `1/i` are computed in double precision (there: `f32` tables);
//! - the short last chunk is a chunk of its own (there a remainder pass with the same meaning);
//! - non-causal chunks, as in ttt-video-dit, but without its normalisation of `Q` and `K`.

mod block;
pub mod kernel;
mod layer;
mod norm;
mod ops;
pub mod reference;

pub use block::{SwiGlu, SwiGluConfig, TttBlock, TttBlockConfig};
pub use kernel::ScanOptions;
pub use layer::{TttLinear, TttLinearConfig};
pub use norm::{LayerNorm, LayerNormConfig, RmsNorm, RmsNormConfig};
pub use ops::{
    InnerState, ScanTensors, dropout, dropout_add, layer_norm, rms_norm, silu_mul, ttt_scan,
    ttt_scan_with_state,
};
