//! Graph blocks against PyTorch and torch_geometric: `golden/tagconv.json`.

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{assert_close, flat, matrix, shape, values};
use fusion_core::Draw;
use fusion_models::blocks::{
    PairLoss, Pairs, SoftAssignment, TagConvConfig, cross_entropy, divergence, graph_loss, sharpen,
};
use fusion_models::ops::{anchored_correlation, self_correlation};
use serde_json::Value;
use sparse_ops::CsrTensor;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/tagconv.json")).expect("golden file")
}

/// The weights of the scalar test loss, `cos(0.3 m + 0.1)`.
fn cosines<const D: usize>(like: &Tensor<D>) -> Tensor<D> {
    let n = like.shape().num_elements();
    let w: Vec<f32> = (1..=n)
        .map(|m| (0.3 * m as f64 + 0.1).cos() as f32)
        .collect();
    Tensor::from_data(TensorData::new(w, like.shape()), &like.device())
}

fn sparse(dense: &Value, device: &Device) -> CsrTensor {
    let [rows, cols] = shape(dense);
    let all = flat(dense);
    let (mut indptr, mut indices, mut kept) = (vec![0], vec![], vec![]);
    for row in all.chunks(cols) {
        for (j, &v) in row.iter().enumerate().filter(|(_, v)| **v != 0.0) {
            indices.push(j as u32);
            kept.push(v as f32);
        }
        indptr.push(kept.len());
    }
    let device = device.clone().without_autodiff();
    CsrTensor::from_slices([rows, cols], &indptr, &indices, &kept, &device).unwrap()
}

#[test]
fn tag_convolutions() {
    let device = Device::flex().autodiff();
    for case in golden()["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let n_hops = case["K"].as_u64().unwrap() as usize;
        let [_, d_input] = shape(&case["x"]);
        let [_, d_output] = shape(&case["y"]);
        let config = TagConvConfig {
            d_input,
            d_output,
            n_hops,
            bias: true,
        };
        let mut parameters = vec![flat(&case["w"][0]), flat(&case["bias"])];
        parameters.extend((1..=n_hops).map(|k| flat(&case["w"][k])));
        let layer = common::with_parameters(config.init(&device), parameters);
        let graph = sparse(&case["norm_adjacency"], &device);
        let x = matrix(&case["x"], &device).require_grad();
        let y = layer.forward_dense(x.clone(), &graph);
        assert_close(&values(&y), &flat(&case["y"]), 1e-5, &format!("{name}: y"));
        // The same sparse, which multiplies by the weights first.
        let features = fusion_core::Features::Sparse(sparse(&case["x"], &device));
        let again = layer.forward(&features, &graph);
        assert_close(
            &values(&again),
            &flat(&case["y"]),
            1e-5,
            &format!("{name}: sparse"),
        );
        let weights = cosines(&y);
        let gradients = (y * weights).sum().backward();
        let dx = x.grad(&gradients).unwrap();
        assert_close(
            &values(&dx),
            &flat(&case["grad_x"]),
            5e-5,
            &format!("{name}: dx"),
        );
        let mut expected = vec![flat(&case["grad_w"][0]), flat(&case["grad_bias"])];
        expected.extend((1..=n_hops).map(|k| flat(&case["grad_w"][k])));
        for (found, expected) in common::gradients(&layer, &gradients).iter().zip(&expected) {
            assert_close(found, expected, 5e-5, &format!("{name}: dw"));
        }
    }
}

#[test]
fn a_wider_output_is_the_same_convolution() {
    let device = Device::flex();
    let golden = golden();
    let case = &golden["cases"][0];
    let graph = sparse(&case["norm_adjacency"], &device);
    let x = matrix(&case["x"], &device);
    let config = TagConvConfig {
        d_input: 7,
        d_output: 9,
        n_hops: 2,
        bias: true,
    };
    let layer = config.init(&device);
    let features = fusion_core::Features::Sparse(sparse(&case["x"], &device));
    let (wide, narrow) = (
        layer.forward_dense(x, &graph),
        layer.forward(&features, &graph),
    );
    let expected: Vec<f64> = values(&narrow).iter().map(|&v| f64::from(v)).collect();
    assert_close(
        &values(&wide),
        &expected,
        1e-5,
        "before and behind the weights",
    );
}

#[test]
fn assignments() {
    let device = Device::flex().autodiff();
    for case in golden()["assignment"].as_array().unwrap() {
        let alpha = case["alpha"].as_f64().unwrap();
        let [k, width] = shape(&case["centres"]);
        let centres: Vec<f32> = flat(&case["centres"]).iter().map(|&v| v as f32).collect();
        let head = SoftAssignment::new(k, width, alpha, &device).with_centres(centres);
        let z = matrix(&case["z"], &device).require_grad();
        let q = head.assign(z.clone());
        assert_close(&values(&q), &flat(&case["q"]), 1e-5, "q");
        let sums: Vec<f32> = values(&q.clone().sum_dim(0));
        let head = head.with_frequencies(sums);
        let p = head.target(q.clone());
        assert_close(&values(&p), &flat(&case["p"]), 1e-5, "p");
        // A backward pass consumes what led to its loss.
        type Loss = fn(Tensor<2>, Tensor<2>) -> Tensor<1>;
        let losses: [(Loss, &str); 2] = [
            (divergence, "kl_batchmean_target_detached"),
            (cross_entropy, "bce_mean_target_detached"),
        ];
        for (loss, name) in losses {
            let loss = loss(p.clone(), head.assign(z.clone()));
            let value = f64::from(loss.clone().into_scalar::<f32>());
            let wanted = case[name]["value"].as_f64().unwrap();
            assert!(
                (value - wanted).abs() < 1e-5 * wanted.max(0.1),
                "{name}: {value}, expected {wanted}"
            );
            let dz = z.grad(&loss.backward()).unwrap();
            assert_close(&values(&dz), &flat(&case[name]["grad_z"]), 5e-5, name);
        }
        let q = head.assign(z.clone());
        let own = sharpen(q.clone(), q.clone().sum_dim(0).squeeze_dim(0));
        let dz = z.grad(&divergence(own, q).backward()).unwrap();
        let expected = &case["kl_batchmean_target_not_detached"]["grad_z"];
        assert_close(&values(&dz), &flat(expected), 5e-5, "not detached");
        let mut far = flat(&case["z"]);
        let offset = case["far"]["offset_first_coordinate"].as_f64().unwrap();
        far.iter_mut().step_by(width).for_each(|v| *v += offset);
        let far: Vec<f32> = far.iter().map(|&v| v as f32).collect();
        let far = Tensor::from_data(TensorData::new(far, [12, width]), &device);
        // Coordinates near 1e4 hold four decimals in f32.
        assert_close(
            &values(&head.assign(far)),
            &flat(&case["far"]["q"]),
            1e-3,
            "far",
        );
    }
}

#[test]
fn self_correlations() {
    let device = Device::flex().autodiff();
    for case in golden()["self_correlation"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        for form in ["tiles", "dense"] {
            let z = matrix(&case["z"], &device).require_grad();
            let y = match form {
                "tiles" => self_correlation(z.clone()),
                _ => anchored_correlation(z.clone(), z.clone()),
            };
            // Logits up to 443 lose 3e-5 in f32 before they are exponentiated.
            let tolerance = if name == "large_logits" { 1e-4 } else { 1e-5 };
            assert_close(
                &values(&y),
                &flat(&case["y"]),
                tolerance,
                &format!("{name}, {form}"),
            );
            let weights = cosines(&y);
            let dz = z.grad(&(y * weights).sum().backward()).unwrap();
            let expected = flat(&case["grad_z"]);
            assert_close(
                &values(&dz),
                &expected,
                5.0 * tolerance,
                &format!("{name}, {form}: dz"),
            );
        }
    }
}

/// More rows than a tile holds, several tiles, a last one that is not full.
#[test]
fn tiles_equal_the_dense_matrix() {
    let device = Device::flex().autodiff();
    for n in [1, 31, 32, 33, 203] {
        let v: Vec<f32> = (0..n * 5).map(|i| (i as f32 * 0.37).sin()).collect();
        let z = Tensor::<2>::from_data(TensorData::new(v, [n, 5]), &device).require_grad();
        let (tiles, dense) = (
            self_correlation(z.clone()),
            anchored_correlation(z.clone(), z.clone()),
        );
        let expected: Vec<f64> = values(&dense).iter().map(|&v| f64::from(v)).collect();
        assert_close(&values(&tiles), &expected, 1e-5, "y");
        let weights = cosines(&tiles);
        let gradient =
            |y: Tensor<2>| values(&z.grad(&(y * weights.clone()).sum().backward()).unwrap());
        let expected: Vec<f64> = gradient(dense).iter().map(|&v| f64::from(v)).collect();
        assert_close(&gradient(tiles), &expected, 1e-5, "dz");
    }
}

#[test]
fn inner_products() {
    let device = Device::flex().autodiff();
    let golden = golden();
    let case = &golden["inner_product_decoder"];
    let z = matrix(&case["z"], &device).require_grad();
    let pairs = Pairs::all(&sparse(&case["a"], &device));
    for (loss, value, gradient) in [
        (PairLoss::Squared, "mse_all_pairs", "grad_mse"),
        (PairLoss::CrossEntropy, "bce_all_pairs", "grad_bce"),
    ] {
        let found = graph_loss(z.clone(), &pairs, loss);
        let wanted = case[value].as_f64().unwrap();
        assert!(
            (f64::from(found.clone().into_scalar::<f32>()) - wanted).abs() < 1e-5,
            "{value}"
        );
        let dz = z.grad(&found.backward()).unwrap();
        assert_close(&values(&dz), &flat(&case[gradient]), 5e-5, gradient);
    }
}

#[test]
fn sampled_pairs_are_edges_and_non_edges() {
    let golden = golden();
    let a = &golden["inner_product_decoder"]["a"];
    let (dense, graph) = (flat(a), sparse(a, &Device::flex()));
    let pairs = Pairs::sampled(&graph, 5, 3, Draw::new(1));
    let mut totals = [0.0; 2];
    for at in 0..pairs.first.len() {
        let (i, j) = (pairs.first[at] as usize, pairs.second[at] as usize);
        assert!(i < 5 && i != j);
        assert_eq!(f64::from(pairs.target[at]), dense[i * 12 + j]);
        totals[pairs.target[at] as usize] += pairs.weight[at];
    }
    assert!((totals[0] - 0.5).abs() < 1e-6 && (totals[1] - 0.5).abs() < 1e-6);
    let edges = (0..5).map(|i| dense[i * 12..(i + 1) * 12].iter().sum::<f64>() - 1.0);
    let found = pairs.target.iter().filter(|&&t| t == 1.0).count();
    assert_eq!(found as f64, edges.sum::<f64>(), "every edge once");
    assert_eq!(pairs, Pairs::sampled(&graph, 5, 3, Draw::new(1)));
}
