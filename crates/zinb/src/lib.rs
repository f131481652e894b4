//! Count likelihoods for single-cell models.
