//! A whole loss: a matrix of counts, two ways to make the mean, slopes back to what a decoder puts out.

use crate::values::{Worst, golden, numbers};
use zinb::special::{sigmoid, softplus};
use zinb::{Likelihood, Nb, Zinb};

const CELLS: usize = 6;
const GENES: usize = 8;
const ENTRIES: usize = CELLS * GENES;

fn compare(found: &[f64], wanted: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    let scale = wanted.iter().fold(0.0, |s: f64, v| s.max(v.abs()));
    let mut worst = Worst::default();
    found
        .iter()
        .zip(wanted)
        .enumerate()
        .for_each(|(i, (f, w))| worst.add(*f, *w, scale, i));
    worst.check(what, tolerance);
}

#[test]
fn size_factor_times_exp() {
    let m = &golden()["matrix"];
    let [counts, h, t, l, size_factor] =
        ["counts", "h", "t", "l", "size_factor"].map(|name| numbers(&m[name]));
    let mut ll = vec![];
    let (mut grad_h, mut grad_t, mut grad_l) = (vec![], vec![], vec![]);
    let (mut nb_loss, mut nb_grad_h, mut nb_grad_t) = (0.0, vec![], vec![]);
    for i in 0..ENTRIES {
        let (mu, theta) = (size_factor[i / GENES] * h[i].exp(), softplus(t[i]));
        let by_entry = |d_mu: f64, d_theta: f64| {
            (
                -d_mu * mu / ENTRIES as f64,
                -d_theta * sigmoid(t[i]) / ENTRIES as f64,
            )
        };
        let (value, d) = Zinb {
            mu,
            theta,
            logit: l[i],
        }
        .ll_grad(counts[i]);
        let (d_h, d_t) = by_entry(d.mu, d.theta);
        ll.push(value);
        grad_h.push(d_h);
        grad_t.push(d_t);
        grad_l.push(-d.logit / ENTRIES as f64);
        let (value, d) = Nb { mu, theta }.ll_grad(counts[i]);
        let (d_h, d_t) = by_entry(d.mu, d.theta);
        nb_loss -= value / ENTRIES as f64;
        nb_grad_h.push(d_h);
        nb_grad_t.push(d_t);
    }
    let block = &m["size_factor_exp"];
    let sum: f64 = ll.iter().sum();
    compare(&ll, &numbers(&block["ll"]), 1e-12, "ll");
    compare(
        &[-sum / ENTRIES as f64],
        &numbers(&block["loss_mean_entries"]),
        1e-12,
        "mean over entries",
    );
    compare(
        &[-sum / CELLS as f64],
        &numbers(&block["loss_sum_genes_mean_cells"]),
        1e-12,
        "mean over cells",
    );
    compare(&grad_h, &numbers(&block["grad_h"]), 1e-11, "grad h");
    compare(&grad_t, &numbers(&block["grad_t"]), 1e-11, "grad t");
    compare(&grad_l, &numbers(&block["grad_l"]), 1e-11, "grad l");
    let block = &m["size_factor_exp_nb"];
    compare(
        &[nb_loss],
        &numbers(&block["loss_mean_entries"]),
        1e-12,
        "nb loss",
    );
    compare(&nb_grad_h, &numbers(&block["grad_h"]), 1e-11, "nb grad h");
    compare(&nb_grad_t, &numbers(&block["grad_t"]), 1e-11, "nb grad t");
}

#[test]
fn library_times_softmax() {
    let m = &golden()["matrix"];
    let [counts, h, l, library, log_theta] =
        ["counts", "h", "l", "library", "log_theta_gene"].map(|name| numbers(&m[name]));
    let (mut loss, mut grad_h, mut grad_l, mut grad_theta) =
        (0.0, vec![], vec![], vec![0.0; GENES]);
    for (cell, &library) in library.iter().enumerate() {
        let row = cell * GENES..(cell + 1) * GENES;
        let total: f64 = h[row.clone()].iter().map(|v| v.exp()).sum();
        let share: Vec<f64> = h[row.clone()].iter().map(|v| v.exp() / total).collect();
        let mut d_share = vec![];
        for gene in 0..GENES {
            let i = cell * GENES + gene;
            let (mu, theta) = (library * share[gene], log_theta[gene].exp());
            let (value, d) = Zinb {
                mu,
                theta,
                logit: l[i],
            }
            .ll_grad(counts[i]);
            loss -= value / CELLS as f64;
            d_share.push(-d.mu * library / CELLS as f64);
            grad_l.push(-d.logit / CELLS as f64);
            grad_theta[gene] -= d.theta * theta / CELLS as f64;
        }
        let mean: f64 = d_share.iter().zip(&share).map(|(d, p)| d * p).sum();
        grad_h.extend(d_share.iter().zip(&share).map(|(d, p)| p * (d - mean)));
    }
    let block = &m["library_softmax"];
    compare(
        &[loss],
        &numbers(&block["loss_sum_genes_mean_cells"]),
        1e-12,
        "loss",
    );
    compare(&grad_h, &numbers(&block["grad_h"]), 1e-11, "grad h");
    compare(&grad_l, &numbers(&block["grad_l"]), 1e-11, "grad l");
    compare(
        &grad_theta,
        &numbers(&block["grad_log_theta_gene"]),
        1e-11,
        "grad log theta",
    );
}
