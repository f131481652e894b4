//! One column of a [`Table`](crate::Table).

/// A categorical column: codes into a list of categories.
#[derive(Clone, Debug, PartialEq)]
pub struct Categorical {
    /// One per row; `-1` is missing.
    pub codes: Vec<i32>,
    /// The categories, distinct and not missing: text, numbers or booleans.
    pub categories: Box<Column>,
    /// Whether the categories have an order.
    pub ordered: bool,
}

impl Categorical {
    /// A text categorical from one value per row; categories are sorted.
    ///
    /// ```
    /// use sc_io::Categorical;
    /// let c = Categorical::from_labels(["T", "B", "T"]);
    /// assert_eq!(c.codes, [1, 0, 1]);
    /// ```
    pub fn from_labels<S: AsRef<str>>(labels: impl IntoIterator<Item = S>) -> Self {
        let labels: Vec<String> = labels.into_iter().map(|s| s.as_ref().to_owned()).collect();
        let mut names = labels.clone();
        names.sort_unstable();
        names.dedup();
        let codes = labels
            .iter()
            .map(|l| names.binary_search(l).map_or(-1, |i| i as i32))
            .collect();
        Self::from_codes(codes, names)
    }

    /// A text categorical from codes and category names, unordered.
    pub fn from_codes(codes: Vec<i32>, categories: Vec<String>) -> Self {
        let categories = Box::new(Column::Text(categories.into_iter().map(Some).collect()));
        Self {
            codes,
            categories,
            ordered: false,
        }
    }
}

/// The values of one column, one per row.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Floating point; a missing value is NaN.
    Float(Vec<f64>),
    /// Integers; `missing` marks rows without a value (nullable integers).
    Int {
        /// The values; unspecified where missing.
        values: Vec<i64>,
        /// `true` where missing; `None` for a plain integer column.
        missing: Option<Vec<bool>>,
    },
    /// Booleans; `missing` as for integers.
    Bool {
        /// The values; unspecified where missing.
        values: Vec<bool>,
        /// `true` where missing.
        missing: Option<Vec<bool>>,
    },
    /// Text; `None` is missing.
    Text(Vec<Option<String>>),
    /// Categories.
    Categorical(Categorical),
}

impl Column {
    /// Plain integers.
    pub fn ints(values: Vec<i64>) -> Self {
        Self::Int {
            values,
            missing: None,
        }
    }

    /// Plain booleans.
    pub fn bools(values: Vec<bool>) -> Self {
        Self::Bool {
            values,
            missing: None,
        }
    }

    /// Plain text.
    pub fn text<S: Into<String>>(values: impl IntoIterator<Item = S>) -> Self {
        Self::Text(values.into_iter().map(|s| Some(s.into())).collect())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Float(v) => v.len(),
            Self::Int { values, .. } => values.len(),
            Self::Bool { values, .. } => values.len(),
            Self::Text(v) => v.len(),
            Self::Categorical(c) => c.codes.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row as text, `None` where missing. Floats that are whole print without
    /// a fraction, so that `1.0` and `1` are the same label.
    pub fn label(&self, row: usize) -> Option<String> {
        let is_missing = |m: &Option<Vec<bool>>| m.as_ref().is_some_and(|m| m[row]);
        match self {
            Self::Float(v) => (!v[row].is_nan()).then(|| v[row].to_string()),
            Self::Int { values, missing } => {
                (!is_missing(missing)).then(|| values[row].to_string())
            }
            Self::Bool { values, missing } => {
                (!is_missing(missing)).then(|| values[row].to_string())
            }
            Self::Text(v) => v[row].clone(),
            Self::Categorical(c) => usize::try_from(c.codes[row])
                .ok()
                .and_then(|code| c.categories.label(code)),
        }
    }

    /// All values as text.
    pub fn labels(&self) -> Vec<Option<String>> {
        (0..self.len()).map(|r| self.label(r)).collect()
    }

    /// The value of a row as a number; `None` for text or where missing.
    pub fn number(&self, row: usize) -> Option<f64> {
        match self {
            Self::Float(v) => Some(v[row]).filter(|x| !x.is_nan()),
            Self::Int { values, missing } => {
                (!missing.as_ref().is_some_and(|m| m[row])).then(|| values[row] as f64)
            }
            Self::Bool { .. } | Self::Text(_) => None,
            Self::Categorical(c) => usize::try_from(c.codes[row])
                .ok()
                .and_then(|code| c.categories.number(code)),
        }
    }

    /// Columns one after the other, each with its number of rows; all are missing where there is no column.
    ///
    /// Integers stay integers and booleans booleans, with a mask where something is missing; integers beside floating point become that. Text stays text.
    /// Categories and their order stay where they are the same everywhere; else they, and whatever does not agree, become text categories, sorted and without an order.
    ///
    /// ```
    /// use sc_io::Column;
    /// let (ages, types) = (Column::ints(vec![3, 4]), Column::text(["T", "B"]));
    /// let both = Column::concat(&[(2, Some(&ages)), (1, None)]);
    /// assert_eq!((both.number(1), both.number(2), both.len()), (Some(4.0), None, 3));
    /// assert_eq!(Column::concat(&[(1, None), (2, Some(&types))]).labels()[1].as_deref(), Some("T"));
    /// ```
    pub fn concat<'a>(parts: &[(usize, Option<&'a Self>)]) -> Self {
        let there = || parts.iter().filter_map(|part| part.1);
        let rows = |&(n, column): &(usize, Option<&'a Self>)| {
            (0..n).map(move |row| column.map(|c| (c, row)))
        };
        let rows: Vec<Option<(&Self, usize)>> = parts.iter().flat_map(rows).collect();
        let labels = || rows.iter().map(|at| at.and_then(|(c, row)| c.label(row)));
        let mask = || {
            let missing: Vec<bool> = labels().map(|l| l.is_none()).collect();
            missing.contains(&true).then_some(missing)
        };
        if there().all(|c| matches!(c, Self::Int { .. })) {
            let value = |at: &Option<(&Self, usize)>| match at {
                Some((Self::Int { values, .. }, row)) => values[*row],
                _ => 0,
            };
            return Self::Int {
                values: rows.iter().map(value).collect(),
                missing: mask(),
            };
        }
        if there().all(|c| matches!(c, Self::Float(_) | Self::Int { .. })) {
            let numbers = rows.iter().map(|at| at.and_then(|(c, row)| c.number(row)));
            return Self::Float(numbers.map(|x| x.unwrap_or(f64::NAN)).collect());
        }
        if there().all(|c| matches!(c, Self::Bool { .. })) {
            let value = |at: &Option<(&Self, usize)>| match at {
                Some((Self::Bool { values, .. }, row)) => values[*row],
                _ => false,
            };
            return Self::Bool {
                values: rows.iter().map(value).collect(),
                missing: mask(),
            };
        }
        if there().all(|c| matches!(c, Self::Text(_))) {
            return Self::Text(labels().collect());
        }
        if let Some(Self::Categorical(first)) = there().next()
            && there().all(|c| matches!(c, Self::Categorical(c) if c.categories == first.categories && c.ordered == first.ordered))
        {
            let code = |at: &Option<(&Self, usize)>| match at {
                Some((Self::Categorical(c), row)) => c.codes[*row],
                _ => -1,
            };
            return Self::Categorical(Categorical {
                codes: rows.iter().map(code).collect(),
                ..first.clone()
            });
        }
        let mut names: Vec<String> = labels().flatten().collect();
        names.sort_unstable();
        names.dedup();
        let code = |label: Option<String>| {
            let at = label.and_then(|l| names.binary_search(&l).ok());
            at.map_or(-1, |i| i as i32)
        };
        let codes = labels().map(code).collect();
        Self::Categorical(Categorical::from_codes(codes, names))
    }

    /// The given rows, in the given order.
    pub fn select(&self, rows: &[usize]) -> Self {
        fn pick<T: Clone>(v: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&r| v[r].clone()).collect()
        }
        match self {
            Self::Float(v) => Self::Float(pick(v, rows)),
            Self::Int { values, missing } => Self::Int {
                values: pick(values, rows),
                missing: missing.as_ref().map(|m| pick(m, rows)),
            },
            Self::Bool { values, missing } => Self::Bool {
                values: pick(values, rows),
                missing: missing.as_ref().map(|m| pick(m, rows)),
            },
            Self::Text(v) => Self::Text(pick(v, rows)),
            Self::Categorical(c) => Self::Categorical(Categorical {
                codes: pick(&c.codes, rows),
                ..c.clone()
            }),
        }
    }
}
