//! Normalisation, feature selection, PCA and genome order for single-cell counts.
