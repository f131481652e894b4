//! Random, input and output masks for masked training of cell models.
