//! Sampling, the training loop, checkpoints and devices of cellweave.
