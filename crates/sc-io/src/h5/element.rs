//! The names of matrices inside a file: `X`, `layers/counts`, `mod/rna/X`.

/// Which matrix of a modality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot<'a> {
    X,
    Layer(&'a str),
    Raw,
}

/// A matrix of an `.h5ad`, or of one modality of an `.h5mu`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub modality: Option<&'a str>,
    pub slot: Slot<'a>,
}

/// The names that are understood, for messages.
pub(super) const FORMS: &str =
    "'X', 'layers/NAME' or 'raw/X', with 'mod/MODALITY/' in front in an .h5mu";

impl<'a> Element<'a> {
    /// `None` for what names no matrix.
    pub fn parse(path: &'a str) -> Option<Self> {
        let (modality, rest) = match path.strip_prefix("mod/") {
            None => (None, path),
            Some(rest) => {
                let (name, rest) = rest.split_once('/')?;
                (Some(name).filter(|n| !n.is_empty()), rest)
            }
        };
        if path.starts_with("mod/") && modality.is_none() {
            return None;
        }
        let slot = match rest {
            "X" => Slot::X,
            "raw/X" => Slot::Raw,
            _ => {
                let name = rest.strip_prefix("layers/")?;
                let is_name = !matches!(name, "" | "." | "..") && !name.contains(['/', '\0']);
                Slot::Layer(is_name.then_some(name)?)
            }
        };
        Some(Self { modality, slot })
    }
}

#[cfg(test)]
mod tests {
    use super::{Element, Slot};

    #[test]
    fn names_of_matrices() {
        let found = |path| Element::parse(path).map(|e| (e.modality, e.slot));
        assert_eq!(found("X"), Some((None, Slot::X)));
        assert_eq!(found("layers/a b"), Some((None, Slot::Layer("a b"))));
        assert_eq!(found("mod/rna/raw/X"), Some((Some("rna"), Slot::Raw)));
        let wrong = [
            "",
            "x",
            "/X",
            "obsm/X_pca",
            "layers/",
            "layers/..",
            "layers/a/b",
            "raw",
            "mod/X",
            "mod//X",
            "mod/rna",
            "mod/rna/obs",
        ];
        for path in wrong {
            assert_eq!(found(path), None, "{path}");
        }
    }
}
