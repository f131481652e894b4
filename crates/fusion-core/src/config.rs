//! Refusing bad settings.

/// Settings that cannot work: every violation, not only the first.
///
/// ```
/// use fusion_core::ConfigError;
/// let mut wrong = ConfigError::default();
/// wrong.require(64 % 3 == 0, "d_model = 64 is not a multiple of n_heads = 3");
/// assert!(wrong.into_result().is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct ConfigError(Vec<String>);

impl ConfigError {
    /// Notes a violation unless `holds`.
    pub fn require(&mut self, holds: bool, violation: impl Into<String>) {
        if !holds {
            self.0.push(violation.into());
        }
    }

    /// Adds the violations of a part.
    pub fn include(&mut self, part: &str, result: Result<(), ConfigError>) {
        if let Err(e) = result {
            self.0
                .extend(e.0.into_iter().map(|v| format!("{part}: {v}")));
        }
    }

    /// The violations as sentences.
    pub fn violations(&self) -> &[String] {
        &self.0
    }

    /// `Ok` if nothing was noted.
    pub fn into_result(self) -> Result<(), ConfigError> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}
