//! The cell types, their tree, and the proteins of the panel.

/// A protein of the panel and the gene that codes for it.
pub(super) struct Protein {
    pub name: &'static str,
    pub gene: &'static str,
    /// Where the gene lies in GRCh38.
    pub chromosome: &'static str,
    pub start: u64,
}

/// A cell type: where it hangs on the tree, how common it is, which proteins it carries.
pub(super) struct CellType {
    pub name: &'static str,
    /// Relative frequency.
    pub weight: f64,
    /// Nodes from the root; each adds its RNA programme. Types with the same path share their RNA.
    pub path: &'static [&'static str],
    /// Protein levels in 0..=1; what is not named is 0.
    pub proteins: &'static [(&'static str, f64)],
}

impl CellType {
    /// Level of a protein, 0 where the type does not carry it.
    pub fn level(&self, protein: &str) -> f64 {
        self.proteins
            .iter()
            .find(|p| p.0 == protein)
            .map_or(0.0, |p| p.1)
    }
}

const fn protein(
    name: &'static str,
    gene: &'static str,
    chromosome: &'static str,
    start: u64,
) -> Protein {
    Protein {
        name,
        gene,
        chromosome,
        start,
    }
}

/// The panel. The first four are the smallest panel that tells the first two types apart.
/// CD45RA and CD45RO are two forms of one gene's product, so no RNA count tells them apart.
pub(super) const PROTEINS: &[Protein] = &[
    protein("CD3", "CD3E", "11", 118_304_730),
    protein("CD4", "CD4", "12", 6_786_858),
    protein("CD45RA", "PTPRC", "1", 198_638_457),
    protein("CD45RO", "PTPRC", "1", 198_638_457),
    protein("CD14", "CD14", "5", 140_631_728),
    protein("CD19", "CD19", "16", 28_931_965),
    protein("CD8a", "CD8A", "2", 86_784_610),
    protein("CD56", "NCAM1", "11", 112_961_247),
    protein("CD16", "FCGR3A", "1", 161_541_759),
    protein("CD11c", "ITGAX", "16", 31_355_134),
    protein("CD20", "MS4A1", "11", 60_455_846),
    protein("HLA-DR", "HLA-DRA", "6", 32_439_878),
    protein("CD127", "IL7R", "5", 35_852_695),
    protein("CD27", "CD27", "12", 6_444_955),
    protein("CD123", "IL3RA", "X", 1_336_616),
    protein("CD38", "CD38", "4", 15_778_275),
    protein("CD34", "CD34", "1", 207_880_972),
    protein("CD41", "ITGA2B", "17", 44_372_180),
    protein("CD1c", "CD1C", "1", 158_289_923),
    protein("CD2", "CD2", "1", 116_754_430),
];

const CD4_T: &[&str] = &["lymphoid", "T", "CD4 T"];
const MONOCYTE_PROTEINS: &[(&str, f64)] = &[
    ("CD14", 1.0),
    ("CD11c", 1.0),
    ("HLA-DR", 0.6),
    ("CD45RO", 0.5),
    ("CD4", 0.15),
    ("CD38", 0.3),
];

/// The types. The first two differ in proteins alone, the next two in RNA alone.
pub(super) const CELL_TYPES: &[CellType] = &[
    CellType {
        name: "CD4 naive T",
        weight: 0.20,
        path: CD4_T,
        proteins: &[
            ("CD3", 1.0),
            ("CD4", 1.0),
            ("CD45RA", 1.0),
            ("CD127", 0.6),
            ("CD27", 1.0),
            ("CD2", 0.5),
        ],
    },
    CellType {
        name: "CD4 memory T",
        weight: 0.16,
        path: CD4_T,
        proteins: &[
            ("CD3", 1.0),
            ("CD4", 1.0),
            ("CD45RO", 1.0),
            ("CD127", 0.6),
            ("CD27", 1.0),
            ("CD2", 0.5),
        ],
    },
    CellType {
        name: "CD14 monocyte",
        weight: 0.16,
        path: &["myeloid", "monocyte"],
        proteins: MONOCYTE_PROTEINS,
    },
    CellType {
        name: "CD14 monocyte IFN",
        weight: 0.09,
        path: &["myeloid", "monocyte", "interferon"],
        proteins: MONOCYTE_PROTEINS,
    },
    CellType {
        name: "B",
        weight: 0.13,
        path: &["lymphoid", "B lineage", "B"],
        proteins: &[
            ("CD19", 1.0),
            ("CD20", 1.0),
            ("CD45RA", 1.0),
            ("HLA-DR", 1.0),
        ],
    },
    CellType {
        name: "NK",
        weight: 0.10,
        path: &["lymphoid", "NK"],
        proteins: &[
            ("CD56", 1.0),
            ("CD16", 1.0),
            ("CD45RA", 0.7),
            ("CD8a", 0.15),
            ("CD2", 0.4),
            ("CD38", 0.5),
        ],
    },
    CellType {
        name: "CD8 T",
        weight: 0.11,
        path: &["lymphoid", "T", "CD8 T"],
        proteins: &[
            ("CD3", 1.0),
            ("CD8a", 1.0),
            ("CD45RA", 0.6),
            ("CD27", 0.6),
            ("CD127", 0.3),
            ("CD2", 0.6),
        ],
    },
    CellType {
        name: "DC",
        weight: 0.05,
        path: &["myeloid", "DC"],
        proteins: &[
            ("CD11c", 1.0),
            ("HLA-DR", 1.0),
            ("CD1c", 1.0),
            ("CD45RO", 0.4),
            ("CD4", 0.15),
        ],
    },
    CellType {
        name: "pDC",
        weight: 0.03,
        path: &["myeloid", "pDC"],
        proteins: &[
            ("CD123", 1.0),
            ("HLA-DR", 0.8),
            ("CD45RA", 0.7),
            ("CD4", 0.3),
            ("CD38", 0.5),
        ],
    },
    CellType {
        name: "plasma",
        weight: 0.03,
        path: &["lymphoid", "B lineage", "plasma"],
        proteins: &[("CD38", 1.0), ("CD27", 1.0), ("CD19", 0.4)],
    },
    CellType {
        name: "HSPC",
        weight: 0.03,
        path: &["HSPC"],
        proteins: &[
            ("CD34", 1.0),
            ("HLA-DR", 0.5),
            ("CD45RA", 0.3),
            ("CD38", 0.3),
        ],
    },
    CellType {
        name: "megakaryocyte",
        weight: 0.02,
        path: &["myeloid", "megakaryocyte"],
        proteins: &[("CD41", 1.0)],
    },
];

/// The nodes of the whole tree, in order of first appearance.
pub(super) fn tree_nodes() -> Vec<&'static str> {
    let mut nodes = Vec::new();
    for node in CELL_TYPES.iter().flat_map(|t| t.path) {
        if !nodes.contains(node) {
            nodes.push(*node);
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_protein_is_in_the_panel() {
        for (protein, level) in CELL_TYPES.iter().flat_map(|t| t.proteins) {
            assert!(PROTEINS.iter().any(|p| p.name == *protein), "{protein}");
            assert!((0.0..=1.0).contains(level));
        }
    }

    #[test]
    fn pairs_differ_in_one_modality_only() {
        let (naive, memory) = (&CELL_TYPES[0], &CELL_TYPES[1]);
        assert_eq!(naive.path, memory.path);
        // No gene tells them apart either: the level of its strongest product is the same.
        for p in PROTEINS {
            let rna = |t: &CellType| {
                let products = PROTEINS.iter().filter(|o| o.gene == p.gene);
                products.map(|o| t.level(o.name)).fold(0.0, f64::max)
            };
            assert_eq!(rna(naive), rna(memory), "{}", p.gene);
        }
        assert_eq!(CELL_TYPES[2].proteins, CELL_TYPES[3].proteins);
        assert_ne!(CELL_TYPES[2].path, CELL_TYPES[3].path);
    }
}
