//! Golden arrays, and parameters by their order.
#![allow(dead_code)]

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use serde_json::Value;

pub fn flat(array: &Value) -> Vec<f64> {
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

pub fn shape(array: &Value) -> [usize; 2] {
    let s = array["shape"].as_array().expect("shape");
    [0, 1].map(|i| s[i].as_u64().expect("size") as usize)
}

pub fn matrix(array: &Value, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = flat(array).iter().map(|&v| v as f32).collect();
    Tensor::from_data(TensorData::new(values, shape(array)), device)
}

pub fn values<const D: usize>(x: &Tensor<D>) -> Vec<f32> {
    x.to_data().iter::<f32>().collect()
}

/// Within `tolerance` of the largest expected value.
pub fn assert_close(found: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1e-6, |m: f64, v| m.max(v.abs()));
    for (at, (f, e)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*f) - e).abs();
        assert!(
            error <= tolerance * scale,
            "{what}: [{at}] {f}, expected {e}"
        );
    }
}

/// The module with these parameters, in the order that burn visits them.
pub fn with_parameters<M: Module>(module: M, parameters: Vec<Vec<f64>>) -> M {
    struct Set(std::vec::IntoIter<Vec<f64>>);
    impl ModuleMapper for Set {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let values: Vec<f32> = self
                .0
                .next()
                .expect("a parameter")
                .iter()
                .map(|&v| v as f32)
                .collect();
            param.map(|old| {
                Tensor::from_data(TensorData::new(values, old.shape()), &old.device())
                    .set_require_grad(old.is_require_grad())
            })
        }
    }
    let mut set = Set(parameters.into_iter());
    let module = module.map(&mut set);
    assert_eq!(set.0.len(), 0, "parameters are left");
    module
}

/// Gradients in the order that burn visits the parameters; empty where there is none.
pub fn gradients<M: Module>(module: &M, gradients: &Gradients) -> Vec<Vec<f32>> {
    struct Get<'a>(&'a Gradients, Vec<Vec<f32>>);
    impl ModuleVisitor for Get<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = param.val().grad(self.0);
            self.1.push(gradient.map_or(vec![], |g| values(&g)));
        }
    }
    let mut get = Get(gradients, vec![]);
    module.visit(&mut get);
    get.1
}
