//! Values computed by scikit-learn; `tests/golden/metrics.json`.

use sc_metrics::{
    Average, ClusteringScores, Contingency, Neighbours, batch_silhouette, bras, calinski_harabasz,
    clisi, davies_bouldin, graph_connectivity, ilisi, isolated_labels, kbet, lisi,
    principal_component_regression, silhouette, silhouette_samples,
};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/metrics.json")).expect("golden file")
}

fn flat(array: &Value) -> Vec<f64> {
    fn collect(v: &Value, into: &mut Vec<f64>) {
        match v {
            Value::Array(items) => items.iter().for_each(|i| collect(i, into)),
            other => into.push(other.as_f64().expect("number")),
        }
    }
    let mut out = Vec::new();
    collect(&array["data"], &mut out);
    out
}

fn assert_near(found: f64, wanted: &Value, what: &str) {
    match wanted.as_f64() {
        Some(w) => assert!(
            (found - w).abs() <= 1e-10 * w.abs().max(1.0),
            "{what}: {found}, wanted {w}"
        ),
        None => assert!(
            wanted == "nan" && found.is_nan(),
            "{what}: {found}, wanted {wanted}"
        ),
    }
}

#[test]
fn label_pairs() {
    let golden = golden();
    let pairs = golden["label_pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 13);
    for pair in pairs {
        let name = pair["name"].as_str().unwrap();
        let labels =
            |key: &str| -> Vec<i64> { flat(&pair[key]).iter().map(|&v| v as i64).collect() };
        let table = Contingency::new(&labels("truth"), &labels("prediction"));
        let s = ClusteringScores::of(&table);
        let counts: Vec<f64> = table.dense().concat().iter().map(|&c| c as f64).collect();
        let scores = if pair["scores"].is_object() {
            &pair["scores"]
        } else {
            pair
        };
        assert_eq!(counts, flat(&scores["contingency"]), "{name}");
        let checks = [
            ("ari", s.ari),
            ("rand", s.rand_index),
            ("mi", s.mutual_information),
            ("nmi_arithmetic", s.nmi),
            ("nmi_geometric", table.nmi(Average::Geometric)),
            ("nmi_max", table.nmi(Average::Max)),
            ("nmi_min", table.nmi(Average::Min)),
            ("ami_arithmetic", s.ami),
            ("fmi", s.fmi),
            ("homogeneity", s.homogeneity),
            ("completeness", s.completeness),
            ("v_measure", s.v_measure),
            ("purity", s.purity),
            ("inverse_purity", s.inverse_purity),
            ("hungarian_accuracy", s.accuracy),
            ("pair_f", s.pair_f),
            ("pair_jaccard", s.pair_jaccard),
        ];
        for (key, found) in checks {
            assert_near(found, &scores[key], &format!("{name} {key}"));
        }
    }
}

#[test]
fn point_clouds() {
    let golden = golden();
    let clouds = golden["point_clouds"].as_object().unwrap();
    assert_eq!(clouds.len(), 2);
    for (name, cloud) in clouds {
        let shape = cloud["points"]["shape"].as_array().unwrap();
        let (n, d) = (
            shape[0].as_u64().unwrap() as usize,
            shape[1].as_u64().unwrap() as usize,
        );
        let exact = flat(&cloud["points"]);
        let x: Vec<f32> = exact.iter().map(|&v| v as f32).collect();
        assert!(
            x.iter().zip(&exact).all(|(a, b)| f64::from(*a) == *b),
            "exact in f32"
        );
        let labels: Vec<i64> = flat(&cloud["labels"]).iter().map(|&v| v as i64).collect();
        assert_near(
            silhouette(&x, n, d, &labels).unwrap(),
            &cloud["silhouette"],
            name,
        );
        let samples = silhouette_samples(&x, n, d, &labels).unwrap();
        let wanted = cloud["silhouette_samples"]["data"].as_array().unwrap();
        assert_eq!(samples.len(), wanted.len());
        for (s, w) in samples.into_iter().zip(wanted) {
            assert_near(s, w, &format!("{name} sample"));
        }
        assert_near(
            calinski_harabasz(&x, n, d, &labels).unwrap(),
            &cloud["calinski_harabasz"],
            name,
        );
        assert_near(
            davies_bouldin(&x, n, d, &labels).unwrap(),
            &cloud["davies_bouldin"],
            name,
        );
    }
}

#[test]
fn integration() {
    let golden = golden();
    let g = &golden["integration"];
    let labels = |key: &str| -> Vec<i64> { flat(&g[key]).iter().map(|&v| v as i64).collect() };
    let (batch, label) = (labels("batch"), labels("label"));
    let points = |key: &str| -> Vec<f32> { flat(&g[key]).iter().map(|&v| v as f32).collect() };
    let (post, pre) = (points("post"), points("pre"));
    let (indices, distances) = exact_neighbours(&post, 300, 8, 90);
    let near = Neighbours::new(90, &indices, &distances).unwrap();
    for k in [15, 30, 90] {
        let wanted = &g["results"][format!("k{k}")];
        // Distances are of f32.
        let close = |found: f64, key: &str| {
            let w = wanted[key].as_f64().unwrap();
            assert!(
                (found - w).abs() < 1e-5,
                "k = {k}, {key}: {found}, wanted {w}"
            );
        };
        close(ilisi(&near, k, &batch).unwrap(), "ilisi_scaled");
        close(clisi(&near, k, &label).unwrap(), "clisi_scaled");
        close(kbet(&near, k, &batch).unwrap(), "kbet_acceptance");
        close(
            graph_connectivity(&near, k, &label).unwrap(),
            "graph_connectivity_undirected",
        );
        for (labels, key) in [
            (&batch, "ilisi_first_10_cells"),
            (&label, "clisi_first_10_cells"),
        ] {
            for (found, wanted) in lisi(&near, k, labels)
                .unwrap()
                .iter()
                .zip(flat(&wanted[key]))
            {
                assert!(
                    (found - wanted).abs() < 1e-4,
                    "k = {k}, {key}: {found}, wanted {wanted}"
                );
            }
        }
    }
    let wanted = &g["results"]["embedding"];
    let checks = [
        (batch_silhouette(&post, 300, 8, &label, &batch), "asw_batch"),
        (
            bras(&post, 300, 8, &label, &batch),
            "bras_cosine_mean_other",
        ),
        (
            isolated_labels(&post, 300, 8, &label, &batch),
            "isolated_labels_asw",
        ),
        (
            silhouette(&post, 300, 8, &label),
            "asw_label_unscaled_sklearn",
        ),
        (
            principal_component_regression(&pre, 300, 12, &batch),
            "pcr_pre_categorical",
        ),
        (
            principal_component_regression(&post, 300, 8, &batch),
            "pcr_post_categorical",
        ),
    ];
    for (found, key) in checks {
        assert_near(found.unwrap(), &wanted[key], key);
    }
}

/// Lists with the point itself first.
fn exact_neighbours(points: &[f32], n: usize, d: usize, k: usize) -> (Vec<u32>, Vec<f32>) {
    let row = |i: usize| &points[i * d..(i + 1) * d];
    let distance = |i: usize, j: usize| -> f64 {
        let pairs = row(i).iter().zip(row(j));
        pairs
            .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let mut lists = (vec![], vec![]);
    for i in 0..n {
        let mut all: Vec<(f64, usize)> = (0..n).map(|j| (distance(i, j), j)).collect();
        all[i].0 = -1.0;
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        lists.0.extend(all[..k].iter().map(|a| a.1 as u32));
        lists.1.extend(all[..k].iter().map(|a| a.0.max(0.0) as f32));
    }
    lists
}
