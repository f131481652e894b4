//! Test-time-training layers for burn, with a fused forward and backward on the CPU.

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
    InnerState, ScanTensors, dropout_add, layer_norm, rms_norm, silu_mul, ttt_scan,
    ttt_scan_with_state,
};
