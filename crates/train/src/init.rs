//! Reproducible initial weights.

use std::sync::Mutex;

use burn::module::Module;
use burn::tensor::Device;

/// Makes a model whose initial weights depend on the seed alone.
///
/// burn draws initial weights from one generator per backend, and draws them late. Here the
/// generator is seeded, the model is made and all its weights are drawn before anybody else who
/// comes through this function can draw.
///
/// # Errors
/// Those of `make`.
pub fn seeded_init<M: Module, E>(
    device: &Device,
    seed: u64,
    make: impl FnOnce(&Device) -> Result<M, E>,
) -> Result<M, E> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    device.seed(seed);
    make(device).map(Module::materialize)
}
