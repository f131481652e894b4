//! Gene tables from files, lookups, orders of proteins.

use std::io::Write;
use std::path::{Path, PathBuf};

use sc_io::{Column, Table};
use sc_prep::*;

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sc-prep-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn write_gz(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        let file = std::fs::File::create(&path).unwrap();
        let mut gz = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        gz.write_all(text.as_bytes()).unwrap();
        gz.finish().unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn symbols(table: &GenomeTable) -> Vec<&str> {
    table.genes().iter().map(|g| g.symbol.as_str()).collect()
}

const GTF: &str = "#!genome-build GRCh38\n\
    12\thavana\tgene\t6786858\t6820810\t.\t+\t.\tgene_id \"ENSG00000010610.10\"; gene_name \"CD4\";\n\
    12\thavana\texon\t6786858\t6786900\t.\t+\t.\tgene_id \"ENSG00000010610.10\"; gene_name \"CD4\";\n\
    5\thavana\tgene\t140631728\t140633701\t.\t-\t.\tgene_id \"ENSG00000170458\"; gene_name \"CD14\";\n\
    MT\thavana\tgene\t3307\t4262\t.\t+\t.\tgene_id \"ENSG00000198888\"; gene_name \"MT-ND1\";\n";

#[test]
fn every_format_gives_the_same_genes() {
    let f = Folder::new("formats");
    let gff = "##gff-version 3\n\
        chr12\tx\tgene\t6786858\t6820810\t.\t+\t.\tID=gene:ENSG00000010610;Name=CD4\n\
        chr12\tx\tmRNA\t6786858\t6820810\t.\t+\t.\tID=transcript:T1;Parent=gene:ENSG00000010610\n\
        chr5\tx\tgene\t140631728\t140633701\t.\t-\t.\tID=gene:ENSG00000170458;Name=CD14\n\
        chrM\tx\tgene\t3307\t4262\t.\t+\t.\tID=gene:ENSG00000198888;Name=MT-ND1\n";
    let exons_only = GTF.replace("havana\tgene", "havana\texon");
    let csv = "\u{feff}\"Gene stable ID\",\"Gene name\",\"Chromosome/scaffold name\",\"Gene start (bp)\"\r\n\
        ENSG00000010610.2,CD4,12,6786858\r\n\
        ENSG00000170458,\"CD14\",5,140631728\r\n\
        ENSG00000000000,LOST,NA,NA\r\n\
        ENSG00000198888,MT-ND1,MT,3307.0\r\n";
    let tsv = "# made by hand\n#chrom\tstart\tsymbol\tgene_id\n12\t6786858\tCD4\tENSG00000010610\n\
        5\t140631728\tCD14\tENSG00000170458\nM\t3307\tMT-ND1\tENSG00000198888\n";
    for path in [
        f.write("a.gtf", GTF),
        f.write_gz("a.gtf.gz", GTF),
        f.write("a.gff3", gff),
        f.write("exons.gtf", &exons_only),
        f.write("a.csv", csv),
        f.write_gz("plain_name", tsv),
    ] {
        let table = GenomeTable::load(&path).unwrap();
        assert_eq!(
            symbols(&table),
            ["CD14", "CD4", "MT-ND1"],
            "{}",
            path.display()
        );
        let cd4 = table.by_id("ENSG00000010610.99").unwrap();
        assert_eq!(
            (cd4.symbol.as_str(), cd4.start),
            ("CD4", 6_786_858),
            "{}",
            path.display()
        );
        // A cache gives back the same genes.
        let cache = f.0.join("deep/er/cache.tsv");
        table.save(&cache).unwrap();
        assert_eq!(GenomeTable::load(&cache).unwrap().genes(), table.genes());
    }
}

#[test]
fn bad_files_name_the_place_and_the_cure() {
    let f = Folder::new("bad");
    let says = |path: &Path, parts: &[&str]| {
        let message = GenomeTable::load(path).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "'{message}' lacks '{part}'");
        }
    };
    says(&f.0.join("absent.tsv"), &["absent.tsv"]);
    says(&f.write("empty.tsv", ""), &["empty.tsv", "no gene"]);
    says(
        &f.write("header.tsv", "symbol\tchromosome\tstart\n"),
        &["header.tsv", "no gene"],
    );
    says(
        &f.write("cols.tsv", "symbol\tstart\nA\t1\n"),
        &["chromosome", "symbol, start"],
    );
    says(
        &f.write("names.tsv", "chr\tstart\n1\t1\n"),
        &["the gene", "ensembl_id"],
    );
    says(
        &f.write("num.csv", "gene,chr,start\nA,1,12\nB,1,x7\n"),
        &["line 3", "x7", "whole number"],
    );
    says(&f.write("broken.gz", "\u{1f}"), &["broken.gz"]);
    let mut cut = std::fs::read(f.write_gz("cut.gz", &GTF.repeat(200))).unwrap();
    cut.truncate(cut.len() / 2);
    let path = f.0.join("cut.gz");
    std::fs::write(&path, cut).unwrap();
    says(&path, &["cut.gz"]);
    assert!(
        Genome::open(None, Some(&f.0.join("no_cache.tsv")))
            .unwrap()
            .tables()
            .is_empty()
    );
    assert!(Genome::open(Some(&f.0.join("no_table.tsv")), None).is_err());
}

fn genome(f: &Folder) -> Genome {
    Genome::open(Some(&f.write("a.gtf", GTF)), None).unwrap()
}

#[test]
fn features_are_found_by_symbol_id_and_case() {
    let f = Folder::new("match");
    let mut var = Table::new(["mt-nd1", "x", "ENSG00000170458.3", "nothing"]);
    let ids = [None, Some("ENSG00000010610.7".to_owned()), None, None];
    var.insert("gene_ids", Column::Text(ids.to_vec())).unwrap();
    let order = genome_order(&var, &genome(&f));
    assert_eq!(order.order, [2, 1, 0, 3]);
    assert_eq!(order.unplaced, ["nothing"]);
    assert_eq!((order.placed, order.source.len()), (3, 1));
    assert!(
        order.notices.iter().any(|n| n.contains("1 of 4 features")),
        "{:?}",
        order.notices
    );
    assert_eq!(order.of(&[0, 1, 3]), [1, 0, 3]);
}

#[test]
fn var_comes_before_tables_and_mixing_is_told() {
    let f = Folder::new("mixed");
    let mut var = Table::new(["CD4", "CD14", "MT-ND1"]);
    let interval = [
        Some("chr1:5-9".to_owned()),
        Some("chr9:1-2".to_owned()),
        Some("NA".to_owned()),
    ];
    var.insert("interval", Column::Text(interval.to_vec()))
        .unwrap();
    let order = genome_order(&var, &genome(&f));
    assert_eq!(order.order, [0, 1, 2]);
    assert_eq!(order.source[0], (PositionSource::Var, 2));
    assert_eq!(order.source[1].1, 1);
    assert!(
        order.notices.iter().any(|n| n.contains("same assembly")),
        "{:?}",
        order.notices
    );

    let plain = Table::new(["b", "a"]);
    let order = genome_order(&plain, &Genome::default());
    assert_eq!((order.order, order.source.len()), (vec![0, 1], 0));
    assert!(order.notices[0].contains("file order"));
    let unused = genome_order(&plain, &genome(&f));
    assert!(
        unused
            .notices
            .iter()
            .any(|n| n.contains("gave no position")),
        "{:?}",
        unused.notices
    );
}

#[test]
fn ties_keep_symbol_then_file_order() {
    let mut var = Table::new(["B", "A", "A"]);
    var.insert("chrom", Column::text(["1", "1", "chr1"]))
        .unwrap();
    var.insert("start", Column::Float(vec![7.0, 7.0, 7.0]))
        .unwrap();
    assert_eq!(genome_order(&var, &Genome::default()).order, [1, 2, 0]);
}

#[test]
fn proteins_follow_their_genes() {
    let f = Folder::new("proteins");
    let panel = Table::new([
        "IgG1_TotalSeqB",
        "CD4_TotalSeqB",
        "weird",
        "CD14_TotalSeqB",
        "CD4-2",
        "mine",
    ]);
    let found = protein_order(&panel, None, &genome(&f), None);
    assert_eq!(found.order.order, [3, 1, 4, 0, 2, 5]);
    assert_eq!(found.order.unplaced, ["IgG1_TotalSeqB", "weird", "mine"]);
    assert_eq!(found.genes[0], AntibodyGene::Control);
    assert_eq!(found.genes[1], AntibodyGene::Symbol("CD4".into()));
    assert!(
        found
            .order
            .notices
            .iter()
            .any(|n| n.contains("weird, mine"))
    );

    // The user's table wins, and positions of the RNA modality win over the table of genes.
    let path = f.write(
        "adt.csv",
        "Protein,Gene symbol\nmine,CD14|X\nweird,\nCD4,CD14\n",
    );
    let own = AntibodyTable::load(&path).unwrap();
    let mut rna = Table::new(["CD14"]);
    rna.insert("chrom", Column::text(["X"])).unwrap();
    rna.insert("start", Column::ints(vec![3])).unwrap();
    let found = protein_order(&panel, Some(&rna), &genome(&f), Some(&own));
    assert_eq!(found.genes[1], AntibodyGene::Table("CD14".into()));
    assert_eq!(found.genes[5], AntibodyGene::Table("CD14".into()));
    assert_eq!(found.order.source, [(PositionSource::RnaVar, 4)]);
    assert_eq!(found.order.order, [1, 3, 4, 5, 0, 2]);

    let bad = f.write("bad.csv", "Protein,colour\nCD4,red\n");
    let message = AntibodyTable::load(&bad).unwrap_err().to_string();
    assert!(
        message.contains("Protein, colour") && message.contains("gene"),
        "{message}"
    );
}
