//! Named, weighted losses.

use burn::tensor::Tensor;
use indexmap::IndexMap;

/// One term of a loss.
#[derive(Clone, Debug)]
pub struct LossTerm {
    /// Its weight in the total.
    pub weight: f64,
    /// Its unweighted value, a mean over the batch, `[1]`.
    pub value: Tensor<1>,
}

/// The terms of a loss in a fixed order, each logged under its name.
///
/// `total = sum_i weight_i value_i`.
#[derive(Clone, Debug, Default)]
pub struct LossTerms {
    terms: IndexMap<String, LossTerm>,
}

impl LossTerms {
    /// No terms.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a term.
    ///
    /// # Panics
    /// If there is a term of that name.
    pub fn with(mut self, name: impl Into<String>, weight: f64, value: Tensor<1>) -> Self {
        let name = name.into();
        let old = self.terms.insert(name.clone(), LossTerm { weight, value });
        assert!(old.is_none(), "the loss has two terms named '{name}'");
        self
    }

    /// The terms by name.
    pub fn terms(&self) -> &IndexMap<String, LossTerm> {
        &self.terms
    }

    /// The weighted sum, `[1]`.
    ///
    /// # Panics
    /// If there are no terms.
    pub fn total(&self) -> Tensor<1> {
        let mut terms = self
            .terms
            .values()
            .map(|t| t.value.clone().mul_scalar(t.weight));
        match terms.next() {
            Some(first) => terms.fold(first, |sum, t| sum + t),
            None => panic!("a loss needs at least one term"),
        }
    }

    /// The unweighted values as numbers, in order. Waits for the device.
    pub fn values(&self) -> IndexMap<String, f64> {
        self.terms
            .iter()
            .map(|(name, t)| {
                (
                    name.clone(),
                    f64::from(t.value.clone().into_scalar::<f32>()),
                )
            })
            .collect()
    }
}
