use crate::Contingency;

/// Mean of the two entropies by which mutual information is divided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Average {
    /// `(H(T) + H(P)) / 2`, the default of scikit-learn.
    #[default]
    Arithmetic,
    /// `sqrt(H(T) H(P))`
    Geometric,
    /// `max(H(T), H(P))`
    Max,
    /// `min(H(T), H(P))`
    Min,
}

impl Average {
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Average::Arithmetic => (a + b) / 2.0,
            Average::Geometric => (a * b).sqrt(),
            Average::Max => a.max(b),
            Average::Min => a.min(b),
        }
    }
}

/// Scores from information theory; natural logarithms.
impl Contingency {
    /// Entropy of the classes, `-sum p ln p`.
    pub fn class_entropy(&self) -> f64 {
        entropy(&self.classes, self.n)
    }

    /// Entropy of the clusters.
    pub fn cluster_entropy(&self) -> f64 {
        entropy(&self.clusters, self.n)
    }

    /// Mutual information in nats, `sum_tp (n_tp / n) ln(n n_tp / (n_t n_p))`, not below 0.
    pub fn mutual_information(&self) -> f64 {
        let n = self.n as f64;
        let sum: f64 = self
            .cells
            .iter()
            .map(|&(class, cluster, count)| {
                let expected = self.classes[class] as f64 * self.clusters[cluster] as f64 / n;
                count as f64 / n * (count as f64 / expected).ln()
            })
            .sum();
        sum.max(0.0)
    }

    fn trivial(&self) -> bool {
        self.n_classes() == self.n_clusters() && self.n_classes() <= 1
    }

    /// Normalised mutual information, `MI / mean(H(T), H(P))`.
    ///
    /// 1 when both sides have one cluster (or there are no points), 0 when only one of them has.
    pub fn nmi(&self, average: Average) -> f64 {
        if self.trivial() {
            return 1.0;
        }
        if self.n_classes() == 1 || self.n_clusters() == 1 {
            return 0.0;
        }
        self.mutual_information() / average.of(self.class_entropy(), self.cluster_entropy())
    }

    /// Adjusted mutual information, `(MI - E) / (mean(H(T), H(P)) - E)`, where E is the mean of MI over
    /// random labellings with the same cluster sizes.
    ///
    /// 1 for equal partitions, also when both have one cluster or only single points; 0 when one side
    /// alone has one cluster. Source: Vinh, Epps, Bailey, JMLR 11 (2010).
    pub fn ami(&self, average: Average) -> f64 {
        if self.trivial() {
            return 1.0;
        }
        if self.n_classes() == 1 || self.n_clusters() == 1 {
            return 0.0;
        }
        let (n, classes, clusters) = (self.n_points(), self.n_classes(), self.n_clusters());
        if classes == n || clusters == n {
            // Every labelling with these sizes has the same MI: no better than chance, unless equal.
            return if classes == clusters { 1.0 } else { 0.0 };
        }
        let expected = self.expected_mutual_information();
        let normaliser = average.of(self.class_entropy(), self.cluster_entropy());
        (self.mutual_information() - expected) / (normaliser - expected)
    }

    /// Mean mutual information over all labellings with these cluster sizes (hypergeometric model).
    fn expected_mutual_information(&self) -> f64 {
        let n = self.n as usize;
        let ln_factorial = ln_factorials(n);
        let (rows, columns) = (sizes(&self.classes), sizes(&self.clusters));
        let mut total = 0.0;
        for &(a, a_times) in &rows {
            for &(b, b_times) in &columns {
                let fixed =
                    ln_factorial[a] + ln_factorial[b] + ln_factorial[n - a] + ln_factorial[n - b]
                        - ln_factorial[n];
                let mut sum = 0.0;
                for both in (a + b).saturating_sub(n).max(1)..=a.min(b) {
                    let ln_probability = fixed
                        - ln_factorial[both]
                        - ln_factorial[a - both]
                        - ln_factorial[b - both]
                        - ln_factorial[n + both - a - b];
                    let (x, expected) = (both as f64, a as f64 * b as f64 / n as f64);
                    sum += x / n as f64 * (x / expected).ln() * ln_probability.exp();
                }
                total += sum * a_times * b_times;
            }
        }
        total
    }

    /// Homogeneity, `MI / H(T)`: every cluster holds one class. 1 when there is one class.
    pub fn homogeneity(&self) -> f64 {
        ratio(self.mutual_information(), self.class_entropy())
    }

    /// Completeness, `MI / H(P)`: every class is in one cluster. 1 when there is one cluster.
    pub fn completeness(&self) -> f64 {
        ratio(self.mutual_information(), self.cluster_entropy())
    }

    /// V measure: harmonic mean of homogeneity and completeness; 0 when both are 0.
    pub fn v_measure(&self) -> f64 {
        let (h, c) = (self.homogeneity(), self.completeness());
        if h + c == 0.0 {
            0.0
        } else {
            2.0 * h * c / (h + c)
        }
    }
}

fn ratio(information: f64, entropy: f64) -> f64 {
    if entropy == 0.0 {
        1.0
    } else {
        information / entropy
    }
}

fn entropy(counts: &[u64], n: u64) -> f64 {
    if counts.len() <= 1 {
        return 0.0;
    }
    let n = n as f64;
    counts
        .iter()
        .map(|&c| c as f64 / n)
        .map(|p| -p * p.ln())
        .sum()
}

/// Distinct sizes with how often each occurs.
fn sizes(counts: &[u64]) -> Vec<(usize, f64)> {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    sorted
        .chunk_by(|a, b| a == b)
        .map(|same| (same[0] as usize, same.len() as f64))
        .collect()
}

/// `ln i!` for `0..=n`, summed with compensation: differences of large entries keep their digits.
fn ln_factorials(n: usize) -> Vec<f64> {
    let mut table = vec![0.0; n + 1];
    let (mut sum, mut lost) = (0.0f64, 0.0f64);
    for (i, entry) in table.iter_mut().enumerate().skip(1) {
        let term = (i as f64).ln() - lost;
        let next = sum + term;
        lost = (next - sum) - term;
        sum = next;
        *entry = sum;
    }
    table
}
