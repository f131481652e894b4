//! Labels as codes.

use std::cmp::Ordering;

/// One label per cell, as codes into names; `None` is missing.
///
/// ```
/// use cellweave::plot::Categories;
/// let labels = ["10", "9", "10"].map(|l| Some(l.to_string()));
/// let c = Categories::from_labels(&labels);
/// assert_eq!(c.names, ["9", "10"]);
/// assert_eq!(c.codes, [Some(1), Some(0), Some(1)]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Categories {
    /// The distinct labels, in the order of the legend.
    pub names: Vec<String>,
    /// One per cell.
    pub codes: Vec<Option<usize>>,
}

impl Categories {
    /// Sorts the distinct labels so that numbers inside them count as numbers.
    pub fn from_labels(labels: &[Option<String>]) -> Self {
        let mut names: Vec<String> = labels.iter().flatten().cloned().collect();
        names.sort_by(|a, b| natural_order(a, b));
        names.dedup();
        let place: std::collections::HashMap<&str, usize> = names
            .iter()
            .enumerate()
            .map(|(i, n)| (n.as_str(), i))
            .collect();
        let codes = labels
            .iter()
            .map(|l| l.as_deref().map(|l| place[l]))
            .collect();
        Self { names, codes }
    }

    /// Number of cells of each category.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.names.len()];
        self.codes.iter().flatten().for_each(|&c| sizes[c] += 1);
        sizes
    }

    /// Number of cells without a label.
    pub fn missing(&self) -> usize {
        self.codes.iter().filter(|c| c.is_none()).count()
    }
}

/// Text order in which runs of digits compare as numbers; equal only for equal text.
fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a, b);
    while let (Some(c), Some(d)) = (x.chars().next(), y.chars().next()) {
        if c.is_ascii_digit() && d.is_ascii_digit() {
            let (m, n) = (leading_digits(x), leading_digits(y));
            let (p, q) = (m.trim_start_matches('0'), n.trim_start_matches('0'));
            let order = p.len().cmp(&q.len()).then(p.cmp(q));
            if order != Ordering::Equal {
                return order;
            }
            (x, y) = (&x[m.len()..], &y[n.len()..]);
        } else {
            if c != d {
                return c.cmp(&d);
            }
            (x, y) = (&x[c.len_utf8()..], &y[d.len_utf8()..]);
        }
    }
    x.len().cmp(&y.len()).then_with(|| a.cmp(b))
}

fn leading_digits(s: &str) -> &str {
    &s[..s.find(|c: char| !c.is_ascii_digit()).unwrap_or(s.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_count_as_numbers() {
        let mut names = ["T 10", "T 9", "B", "T 09", "10", "2"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ["2", "10", "B", "T 09", "T 9", "T 10"]);
    }

    proptest! {
        #[test]
        fn every_label_keeps_its_name(labels in prop::collection::vec(
            prop::option::of("[ab0-9é]{0,4}"), 0..40)) {
            let c = Categories::from_labels(&labels);
            for (label, code) in labels.iter().zip(&c.codes) {
                prop_assert_eq!(label.as_deref(), code.map(|code| c.names[code].as_str()));
            }
            prop_assert_eq!(c.sizes().iter().sum::<usize>() + c.missing(), labels.len());
        }
    }
}
