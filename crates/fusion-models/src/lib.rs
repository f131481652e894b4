//! Blocks and models that fuse the modalities of single cells.
