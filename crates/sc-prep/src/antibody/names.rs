//! Antibody names as panels write them.

/// Makers' and programs' marks at the end of a name.
const SUFFIXES: &[&str] = &[
    "totalseqa",
    "totalseqb",
    "totalseqc",
    "totalseqd",
    "totalseq",
    "totala",
    "totalb",
    "totalc",
    "antibody",
    "protein",
    "prot",
    "adt",
    "ab",
    "clone",
];
/// Marks at the beginning.
const PREFIXES: &[&str] = &[
    "anti human mouse",
    "anti mouse human",
    "anti human",
    "anti mouse",
    "anti",
    "adt",
    "prot",
    "ab",
    "humsrt",
    "humsrat",
    "hums",
    "hu",
    "ms",
    "human",
    "mouse",
    "totalseq",
    "cite",
];

/// The forms of a name that may be an antigen or a gene, as written first, cleaned most last.
///
/// `CD3_TotalSeqB` gives `CD3_TotalSeqB` and `CD3`; `CD223 (lag3)` also `CD223` and `lag3`;
/// `CD4-1` also `CD4`.
pub(super) fn forms(name: &str) -> Vec<String> {
    let mut forms: Vec<String> = Vec::new();
    let mut add = |form: &str| {
        let form = form.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
        if !form.is_empty() && !forms.contains(&form) {
            forms.push(form);
        }
    };
    let whole = name.trim();
    let bare = without_marks(whole);
    let mut roots = vec![whole.to_owned(), bare.clone()];
    for text in [whole, bare.as_str()] {
        if let Some((before, inside)) = text.split_once(['(', '[']) {
            let inside = inside.split([')', ']']).next().unwrap_or("");
            roots.extend([without_marks(before), without_marks(inside)]);
        }
    }
    // `Hu.CD4_RPA.T4`: antigen, then clone.
    roots.extend(bare.split_once('_').map(|(antigen, _)| antigen.to_owned()));
    // `CD123/IL-3R`, `CD110 MPL`: the number of the antigen, then another name.
    let first = bare.split([' ', '/', ',']).next().unwrap_or("");
    if first.starts_with("CD") && first[2..].starts_with(|c: char| c.is_ascii_digit()) {
        roots.push(first.to_owned());
    }
    roots.iter().for_each(|r| add(r));
    roots.iter().filter_map(|r| without_number(r)).for_each(add);
    forms
}

/// Without prefixes and suffixes of [`PREFIXES`] and [`SUFFIXES`], whatever separates them.
fn without_marks(name: &str) -> String {
    let mut text = name.trim();
    loop {
        let before = text;
        for mark in SUFFIXES {
            if let Some(rest) = ends_with_mark(text, mark) {
                text = rest;
            }
        }
        for mark in PREFIXES {
            if let Some(rest) = starts_with_mark(text, mark) {
                text = rest;
            }
        }
        if text == before {
            return text.to_owned();
        }
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, '_' | '-' | '.' | ' ' | ':' | '/')
}

fn ends_with_mark<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(mark.len())?;
    let (rest, end) = (text.get(..at)?, text.get(at..)?);
    let kept = rest.trim_end_matches(is_separator);
    (end.eq_ignore_ascii_case(mark) && kept.len() < rest.len() && !kept.is_empty()).then_some(kept)
}

fn starts_with_mark<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let (start, rest) = (text.get(..mark.len())?, text.get(mark.len()..)?);
    let same = start
        .chars()
        .zip(mark.chars())
        .all(|(a, b)| a.eq_ignore_ascii_case(&b) || (b == ' ' && (is_separator(a))));
    let kept = rest.trim_start_matches(is_separator);
    (same && kept.len() < rest.len() && !kept.is_empty()).then_some(kept)
}

/// Without a last `.1` or `-1` that tells repeated names or clones apart.
fn without_number(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(|c: char| c.is_ascii_digit())?;
    let stem = stem.strip_suffix(['.', '-', '_'])?;
    (!stem.is_empty()).then_some(stem)
}

/// A name in capitals without punctuation, Greek letters as Latin ones; a separator between two
/// digits stays as a dot, so that `CD3-1` is not `CD31`.
pub(super) fn key(name: &str) -> String {
    let mut key = String::new();
    let mut gap = false;
    for c in name.chars() {
        let c = match c {
            'α' => 'A',
            'β' => 'B',
            'γ' => 'G',
            'δ' => 'D',
            'ε' => 'E',
            'κ' => 'K',
            'λ' => 'L',
            c => c.to_ascii_uppercase(),
        };
        if !c.is_ascii_alphanumeric() {
            gap = true;
            continue;
        }
        if gap && c.is_ascii_digit() && key.ends_with(|p: char| p.is_ascii_digit()) {
            key.push('.');
        }
        key.push(c);
        gap = false;
    }
    key
}

/// Whether a name is that of an isotype control: it says so, or it is an IgG subclass.
pub(super) fn is_control(name: &str) -> bool {
    let key = key(name);
    if ["ISOTYPE", "ISOCONTROL", "ISOCTRL"]
        .iter()
        .any(|w| key.contains(w))
    {
        return true;
    }
    let key = key.trim_end_matches("CONTROL").trim_end_matches("CTRL");
    let key = ["KAPPA", "LAMBDA", "K", "L"]
        .iter()
        .find_map(|s| key.strip_suffix(s))
        .unwrap_or(key);
    let species = [
        "ARMENIANHAMSTER",
        "SYRIANHAMSTER",
        "HAMSTER",
        "RAT",
        "MOUSE",
        "HUMAN",
        "GOAT",
    ];
    let bare = species.iter().find_map(|s| key.strip_prefix(s));
    match bare.unwrap_or(key).strip_prefix("IGG") {
        // `IgG` alone is an antigen, `Rat IgG` a control.
        Some(class) => {
            let class = class.trim_start_matches(|c: char| matches!(c, '1'..='4'));
            let numbered = key.contains(|c: char| c.is_ascii_digit());
            matches!(class, "" | "A" | "B" | "C") && (numbered || bare.is_some())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned() {
        for (name, form) in [
            ("CD3_TotalSeqB", "CD3"),
            ("CD19-TotalSeqC", "CD19"),
            ("CD4.1", "CD4"),
            ("CD25_prot", "CD25"),
            ("ADT_CD14", "CD14"),
            ("anti-human CD8a", "CD8a"),
            ("anti-human/mouse CD44", "CD44"),
            ("Hu.CD4_RPA.T4", "CD4"),
            ("CD223 (lag3)", "CD223"),
            ("IL7Ralpha (CD127)", "CD127"),
            ("CD45RA_TotalA", "CD45RA"),
            ("CD123/IL-3R", "CD123"),
        ] {
            assert!(
                forms(name).iter().any(|f| f == form),
                "{name}: {:?}",
                forms(name)
            );
        }
        assert_eq!(forms("PD-1")[0], "PD-1");
        assert!(forms("").is_empty() && forms("--").is_empty());
    }

    #[test]
    fn keys_keep_numbers_apart() {
        assert_eq!(key("HLA-A,B,C"), "HLAABC");
        assert_eq!(key("CD3-1"), "CD3.1");
        assert_eq!(key("TCR Vα7.2"), "TCRVA7.2");
        assert_eq!(key("PD-1"), "PD1");
    }

    #[test]
    fn controls_are_recognised() {
        for name in [
            "IgG1",
            "IgG2a",
            "IgG1.K.Isotype.Control",
            "mouse_IgG2b",
            "Rat-IgG1",
            "IgG1_control",
            "Isotype_HTK888",
            "Mouse IgG1, κ isotype Ctrl",
            "Armenian Hamster IgG",
            "Rat IgG2c, kappa",
            "IgG2a_control_TotalSeqB",
            "IgG1_TotalSeqC",
        ] {
            let any = forms(name).iter().any(|f| is_control(f));
            assert!(any, "{name}");
        }
        for name in [
            "IgD",
            "IgM",
            "IgG Fc",
            "IgG",
            "CD16",
            "Ig light chain κ",
            "IGHG1",
        ] {
            assert!(!is_control(name), "{name}");
        }
    }
}
