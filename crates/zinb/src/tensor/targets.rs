//! What a likelihood is evaluated at.

use burn::tensor::Tensor;
use sparse_ops::CsrTensor;

/// The observations of a batch, `[cells, features]`. They are constants: no gradient reaches them.
#[derive(Clone, Debug)]
pub enum Targets {
    /// All of them.
    Dense(Tensor<2>),
    /// Those that are not zero. No column twice in a row.
    Sparse(CsrTensor),
}

impl Targets {
    /// `[cells, features]`
    pub fn dims(&self) -> [usize; 2] {
        match self {
            Self::Dense(x) => x.dims(),
            Self::Sparse(x) => x.dims(),
        }
    }

    /// The dense matrix, without autodiff.
    pub fn to_dense(&self) -> Tensor<2> {
        match self {
            Self::Dense(x) => x.clone().without_autodiff(),
            Self::Sparse(x) => x.to_dense(),
        }
    }
}

impl From<Tensor<2>> for Targets {
    fn from(x: Tensor<2>) -> Self {
        Self::Dense(x)
    }
}

impl From<CsrTensor> for Targets {
    fn from(x: CsrTensor) -> Self {
        Self::Sparse(x)
    }
}
