//! Plans that cannot work.

/// Why a plan is refused. Rows count from 1, as they are printed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// No group, or more than a set holds.
    #[error("a plan has 1 to 64 groups of features, not {0}")]
    GroupCount(usize),
    /// Two groups or two sources of one name.
    #[error("the name '{0}' stands twice in the plan")]
    NameTwice(String),
    /// A group of nothing.
    #[error("group '{0}' has no features: the data sets share none")]
    EmptyGroup(String),
    /// A row of a source that is not there.
    #[error("row {row} of the plan: there is no source number {place}")]
    NoSuchSource {
        /// The row.
        row: usize,
        /// The place that it names.
        place: usize,
    },
    /// A row without input.
    #[error("row {row} of the plan ('{cells}'): the encoder sees nothing")]
    NothingVisible {
        /// The row.
        row: usize,
        /// Its source.
        cells: String,
    },
    /// A row without a loss.
    #[error("row {row} of the plan ('{cells}'): nothing is scored")]
    NothingScored {
        /// The row.
        row: usize,
        /// Its source.
        cells: String,
    },
    /// A row that needs what is not there.
    #[error(
        "row {row} of the plan: '{group}' is to be {what}, but was never measured in '{cells}'"
    )]
    NotMeasured {
        /// The row.
        row: usize,
        /// Its source.
        cells: String,
        /// `shown` or `scored`.
        what: &'static str,
        /// The group.
        group: String,
    },
    /// Cells that no row trains with.
    #[error("no row of the plan trains with the cells of '{0}'")]
    Unused(String),
    /// A group that cannot be generated.
    #[error(
        "'{group}' cannot be generated for '{cells}': no row of the plan leads there from what was measured"
    )]
    Unreachable {
        /// The source.
        cells: String,
        /// The group.
        group: String,
    },
    /// A situation that a recipe is not made for.
    #[error("this plan needs {0}")]
    Situation(String),
}
