//! Chromosome names and their order.

use std::cmp::Ordering;

/// The place of a chromosome in the order of a genome: numbers, then X, Y, the mitochondrion,
/// then everything else alphabetically. A prefix `chr` is ignored, letters of any case are equal.
///
/// ```
/// use sc_prep::Chromosome;
/// let mut names = ["chrM", "KI270711.1", "X", "chr10", "2"];
/// names.sort_by_key(|n| Chromosome::parse(n));
/// assert_eq!(names, ["2", "chr10", "X", "chrM", "KI270711.1"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chromosome {
    /// 1, 2, ...
    Number(u32),
    /// X.
    X,
    /// Y.
    Y,
    /// The mitochondrial genome: M, MT or mitochondrion.
    Mitochondrial,
    /// Anything else, in capitals.
    Other(String),
}

impl Chromosome {
    /// Understands a name as it stands in tables; never fails.
    pub fn parse(name: &str) -> Self {
        let upper = name.trim().to_uppercase();
        let bare = ["CHROMOSOME", "CHR"]
            .iter()
            .find_map(|p| upper.strip_prefix(p));
        let bare = bare.unwrap_or(&upper).trim_start_matches(['_', ' ']);
        match bare {
            "X" => Self::X,
            "Y" => Self::Y,
            "M" | "MT" | "MITO" | "MITOCHONDRION" | "MITOCHONDRIA" => Self::Mitochondrial,
            _ => bare
                .parse()
                .map_or_else(|_| Self::Other(bare.to_owned()), Self::Number),
        }
    }
}

/// Where a gene begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Its chromosome.
    pub chromosome: Chromosome,
    /// Its first base, as the source counts (from 0 or 1).
    pub start: u64,
}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> Ordering {
        self.chromosome
            .cmp(&other.chromosome)
            .then(self.start.cmp(&other.start))
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
