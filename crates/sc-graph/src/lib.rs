//! Nearest neighbours, fuzzy graphs, Leiden and UMAP for single cells.
