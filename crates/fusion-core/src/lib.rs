//! The traits that every block and model of cellweave implements.
