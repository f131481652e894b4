//! Genes on chromosomes.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::cell_types::PROTEINS;

/// Human chromosomes: name, protein-coding genes, length in bases (GRCh38).
pub(super) const CHROMOSOMES: &[(&str, u32, u64)] = &[
    ("1", 2013, 248_956_422),
    ("2", 1223, 242_193_529),
    ("3", 1043, 198_295_559),
    ("4", 742, 190_214_555),
    ("5", 865, 181_538_259),
    ("6", 1013, 170_805_979),
    ("7", 898, 159_345_973),
    ("8", 684, 145_138_636),
    ("9", 750, 138_394_717),
    ("10", 715, 133_797_422),
    ("11", 1291, 135_086_622),
    ("12", 1000, 133_275_309),
    ("13", 314, 114_364_328),
    ("14", 596, 107_043_718),
    ("15", 578, 101_991_189),
    ("16", 818, 90_338_345),
    ("17", 1148, 83_257_441),
    ("18", 260, 80_373_285),
    ("19", 1394, 58_617_616),
    ("20", 530, 64_444_167),
    ("21", 215, 46_709_983),
    ("22", 430, 50_818_468),
    ("X", 840, 156_040_895),
];

/// A gene at its place.
pub(super) struct Gene {
    pub name: String,
    /// Index into [`CHROMOSOMES`].
    pub chromosome: usize,
    pub start: u64,
    /// Whether it codes for a protein of the panel.
    pub coding: bool,
}

/// `n` genes, sorted by chromosome and position: the genes of the whole panel, whatever its
/// measured part, and invented ones, shared out in proportion to the genes of each chromosome.
pub(super) fn place_genes(n: usize, rng: &mut ChaCha8Rng) -> Vec<Gene> {
    let mut genes: Vec<Gene> = Vec::with_capacity(n);
    for p in PROTEINS {
        if genes.iter().all(|g| g.name != p.gene) {
            let chromosome = CHROMOSOMES
                .iter()
                .position(|c| c.0 == p.chromosome)
                .expect("a known chromosome");
            genes.push(Gene {
                name: p.gene.into(),
                chromosome,
                start: p.start,
                coding: true,
            });
        }
    }
    let weights: Vec<f64> = CHROMOSOMES.iter().map(|c| c.1 as f64).collect();
    for (chromosome, count) in share_out(n - genes.len(), &weights).into_iter().enumerate() {
        for _ in 0..count {
            let start = rng.random_range(1..=CHROMOSOMES[chromosome].2);
            genes.push(Gene {
                name: String::new(),
                chromosome,
                start,
                coding: false,
            });
        }
    }
    genes.sort_by_key(|g| (g.chromosome, g.start, g.coding));
    let digits = n.to_string().len().max(4);
    let mut number = 0;
    for g in genes.iter_mut().filter(|g| !g.coding) {
        number += 1;
        g.name = format!("SIMG{number:0digits$}");
    }
    genes
}

/// Whole shares of `n` in proportion to the weights (largest remainders; the first wins a tie).
pub(super) fn share_out(n: usize, weights: &[f64]) -> Vec<usize> {
    let total: f64 = weights.iter().sum();
    let exact: Vec<f64> = weights.iter().map(|w| n as f64 * w / total).collect();
    let mut shares: Vec<usize> = exact.iter().map(|e| e.floor() as usize).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&a, &b| {
        exact[b]
            .fract()
            .total_cmp(&exact[a].fract())
            .then(a.cmp(&b))
    });
    let left = n.saturating_sub(shares.iter().sum());
    for &i in order.iter().cycle().take(left) {
        shares[i] += 1;
    }
    shares
}

/// A stationary Ornstein-Uhlenbeck path over the genes of each chromosome: mean 0, variance 1,
/// correlation `exp(-d / span)` between genes that stand `d` apart, 0 between chromosomes.
pub(super) fn activity(genes: &[Gene], span: f64, rng: &mut ChaCha8Rng, out: &mut Vec<f64>) {
    let keep = (-1.0 / span).exp();
    let fresh = (1.0 - keep * keep).sqrt();
    out.clear();
    for (i, g) in genes.iter().enumerate() {
        let noise = super::random::normal(rng);
        let follows = i > 0 && genes[i - 1].chromosome == g.chromosome;
        out.push(if follows {
            keep * out[i - 1] + fresh * noise
        } else {
            noise
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::random::stream;

    #[test]
    fn shares_add_up() {
        assert_eq!(share_out(10, &[1.0, 1.0, 1.0]), [4, 3, 3]);
        assert_eq!(share_out(7, &[0.5, 0.25, 0.25]).iter().sum::<usize>(), 7);
        assert_eq!(share_out(0, &[2.0]), [0]);
    }

    #[test]
    fn genes_are_sorted_and_named_once() {
        let genes = place_genes(600, &mut stream(3, 0));
        assert_eq!(genes.len(), 600);
        assert!(
            genes
                .windows(2)
                .all(|w| (w[0].chromosome, w[0].start) <= (w[1].chromosome, w[1].start))
        );
        let names: std::collections::HashSet<_> = genes.iter().map(|g| &g.name).collect();
        assert_eq!(names.len(), 600);
        let on = |c: &str| {
            genes
                .iter()
                .filter(|g| CHROMOSOMES[g.chromosome].0 == c)
                .count()
        };
        assert!(on("1") > 5 * on("21"), "{} and {}", on("1"), on("21"));
    }

    #[test]
    fn activity_decays_along_the_chromosome() {
        let genes = place_genes(2000, &mut stream(3, 0));
        let (mut rng, mut path) = (stream(4, 0), Vec::new());
        let mut sums = [0.0; 3];
        let mut n = 0;
        for _ in 0..300 {
            activity(&genes, 8.0, &mut rng, &mut path);
            // The first 170 genes lie on chromosome 1.
            for i in 0..150 {
                sums[0] += path[i] * path[i];
                sums[1] += path[i] * path[i + 1];
                sums[2] += path[i] * path[i + 8];
                n += 1;
            }
        }
        let c = sums.map(|s| s / n as f64);
        assert!((c[0] - 1.0).abs() < 0.05, "{c:?}");
        assert!((c[1] - (-0.125f64).exp()).abs() < 0.05, "{c:?}");
        assert!((c[2] - (-1.0f64).exp()).abs() < 0.05, "{c:?}");
    }
}
