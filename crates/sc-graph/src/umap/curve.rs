/// Fits `1 / (1 + a x^(2b))` to the target of UMAP: 1 up to `min_dist`, then
/// `exp(-(x - min_dist) / spread)`; least squares on 300 points in `[0, 3 spread]`.
///
/// Levenberg-Marquardt from a = b = 1 in the logarithms, so that both stay positive.
pub(super) fn fit(min_dist: f64, spread: f64) -> (f64, f64) {
    let sample: Vec<(f64, f64)> = (0..300)
        .map(|i| 3.0 * spread * f64::from(i) / 299.0)
        .map(|x| {
            let y = if x < min_dist {
                1.0
            } else {
                (-(x - min_dist) / spread).exp()
            };
            (x, y)
        })
        .filter(|&(x, _)| x > 0.0) // the curve is 1 at 0 for every a and b
        .collect();
    let cost = |p: [f64; 2]| -> f64 {
        let [a, b] = p.map(f64::exp);
        sample
            .iter()
            .map(|&(x, y)| (y - 1.0 / (1.0 + a * x.powf(2.0 * b))).powi(2))
            .sum()
    };
    let mut p = [0.0, 0.0];
    let mut best = cost(p);
    let mut damping = 1e-3;
    for _ in 0..200 {
        // Normal equations J'J step = J'r of the residuals r = y - f.
        let [a, b] = p.map(f64::exp);
        let (mut jj, mut jr) = ([[0.0; 2]; 2], [0.0; 2]);
        for &(x, y) in &sample {
            let power = a * x.powf(2.0 * b);
            let f = 1.0 / (1.0 + power);
            let slope = -f * f * power;
            let j = [slope, slope * 2.0 * b * x.ln()];
            for r in 0..2 {
                jr[r] += j[r] * (y - f);
                for c in 0..2 {
                    jj[r][c] += j[r] * j[c];
                }
            }
        }
        let (d0, d1) = (jj[0][0] * (1.0 + damping), jj[1][1] * (1.0 + damping));
        let determinant = d0 * d1 - jj[0][1] * jj[1][0];
        let step = [
            (d1 * jr[0] - jj[0][1] * jr[1]) / determinant,
            (d0 * jr[1] - jj[1][0] * jr[0]) / determinant,
        ];
        let tried = [p[0] + step[0], p[1] + step[1]];
        let found = cost(tried);
        if found < best {
            let gain = best - found;
            (p, best) = (tried, found);
            damping /= 10.0;
            if gain < 1e-16 * best {
                break;
            }
        } else {
            damping *= 10.0;
            if damping > 1e12 {
                break;
            }
        }
    }
    (p[0].exp(), p[1].exp())
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn agrees_with_umap_learn() {
        // find_ab_params of umap-learn 0.5.12
        for (min_dist, a, b) in [
            (0.1, 1.576943460405378, 0.8950608781227859),
            (0.5, 0.5830300205483709, 1.334166992455648),
        ] {
            let found = fit(min_dist, 1.0);
            assert!(
                (found.0 - a).abs() < 1e-6 && (found.1 - b).abs() < 1e-6,
                "{found:?}"
            );
        }
    }
}
