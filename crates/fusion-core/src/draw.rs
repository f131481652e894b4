//! Randomness as a pure function of its purpose.

use serde::{Deserialize, Serialize};

/// A key from which every random choice of one pass is derived: order, masks, dropout.
///
/// A pass gets a `Draw` and gives each use its own child by [`for_use`](Draw::for_use), so the same
/// (seed, epoch, step) always makes the same choices, whatever ran before: resumed equals
/// uninterrupted. Dropout draws from a stream of the thread (`ttt_layer`) or from the device's
/// generator (burn); the training loop seeds both from the pass's `Draw` before each pass.
///
/// ```
/// use fusion_core::Draw;
/// let step = Draw::new(7).for_use(3).for_use(12); // seed 7, epoch 3, step 12
/// assert_eq!(step, Draw::new(7).for_use(3).for_use(12));
/// assert_ne!(step, Draw::new(7).for_use(12).for_use(3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Draw(u64);

impl Draw {
    /// The root key of a seed.
    pub fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// An independent key for one use (an epoch, a step, a cell, a layer).
    pub fn for_use(self, which: u64) -> Self {
        Self(mix(self.0 ^ mix(which.wrapping_add(0x9E37_79B9_7F4A_7C15))))
    }

    /// The key as a seed for a generator.
    pub fn seed(self) -> u64 {
        self.0
    }
}

/// The finaliser of splitmix64 (Steele, Lea and Flood 2014): a bijection that mixes all bits.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
