//! Test-time-training layers for burn, with a fused forward and backward on the CPU.
