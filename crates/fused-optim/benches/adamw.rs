//! Between `backward` and the next forward pass: these operations beside burn's, in one process, on
//! the 1.57 million parameters of an autoencoder 2000-256-64-256-2 x 2000, `f32`, Flex.
//!
//! `RAYON_NUM_THREADS=1 cargo bench -p fused-optim` and `RAYON_NUM_THREADS=2 ..`. PyTorch on the same work:
//! `python benches/adamw_torch.py 1` and `.. 2`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamWConfig, GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Distribution, Tensor};
use criterion::{
    BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use fused_optim::{FusedAdamW, add_gradients, clip_global_norm};

#[derive(Module, Debug)]
struct Model {
    layers: Vec<Linear>,
}

fn model(device: &Device) -> Model {
    let dims = [(2000, 256), (256, 64), (64, 256), (256, 2000), (256, 2000)];
    let layers = dims.map(|(from, to)| LinearConfig::new(from, to).init(device));
    Model {
        layers: layers.into(),
    }
}

/// Fresh random gradients that nobody else holds.
fn gradients(model: &Model) -> GradientsParams {
    struct Draw(GradientsParams);
    impl ModuleVisitor for Draw {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let normal = Distribution::Normal(0.0, 1e-2);
            let g = Tensor::<D>::random(param.val().shape(), normal, &Device::flex());
            self.0.register(param.id, g);
        }
    }
    let mut draw = Draw(GradientsParams::new());
    model.visit(&mut draw);
    draw.0
}

/// The same gradients in buffers of their own.
fn copy(model: &Model, gradients: &GradientsParams) -> GradientsParams {
    struct Copy<'a>(&'a GradientsParams, GradientsParams);
    impl ModuleVisitor for Copy<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(g) = self.0.get::<D>(param.id) {
                let g = Tensor::from_data(g.into_data(), &Device::flex());
                self.1.register::<D>(param.id, g);
            }
        }
    }
    let mut copy = Copy(gradients, GradientsParams::new());
    model.visit(&mut copy);
    copy.1
}

/// Times `run` on fresh copies of the gradients; neither the copying nor dropping is timed.
fn timed<T>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    model: &Model,
    mut run: impl FnMut([GradientsParams; 2]) -> T,
) {
    let template = gradients(model);
    group.bench_function(name, |b| {
        b.iter_custom(|n| {
            let mut time = Duration::ZERO;
            for _ in 0..n {
                let input = [copy(model, &template), copy(model, &template)];
                let start = Instant::now();
                let output = black_box(run(input));
                time += start.elapsed();
                drop(output);
            }
            time
        });
    });
}

fn clip_in_operations(model: &Model, mut grads: GradientsParams, max_norm: f64) -> GradientsParams {
    struct Squares<'a>(&'a GradientsParams, f64);
    impl ModuleVisitor for Squares<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(g) = self.0.get::<D>(param.id) {
                self.1 += f64::from(g.powf_scalar(2.0).sum().into_scalar::<f32>());
            }
        }
    }
    struct Scale<'a>(&'a mut GradientsParams, f64);
    impl ModuleVisitor for Scale<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(g) = self.0.remove::<D>(param.id) {
                self.0.register(param.id, g.mul_scalar(self.1));
            }
        }
    }
    let mut squares = Squares(&grads, 0.0);
    model.visit(&mut squares);
    let norm = squares.1.sqrt();
    if norm > max_norm {
        model.visit(&mut Scale(&mut grads, max_norm / norm));
    }
    grads
}

fn steps(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    start: &Model,
    mut optimizer: ModuleOptimizer,
    keep_clone: bool,
) {
    // A forked copy, so that the parameters have no other holder.
    let mut model = Some(start.clone().fork(&Device::flex().autodiff()));
    timed(group, name, start, |[gradients, _]| {
        let handed_over = match keep_clone {
            true => model.clone(),
            false => model.take(),
        };
        model = handed_over.map(|m| optimizer.step(1e-3, m, gradients));
    });
}

fn bench(c: &mut Criterion) {
    let threads = rayon::current_num_threads();
    let model = &model(&Device::flex().autodiff()).materialize();
    let ours = || FusedAdamW::new().init();
    let theirs = || {
        AdamWConfig::new()
            .with_epsilon(1e-8)
            .with_weight_decay(1e-2)
            .init()
    };

    let mut group = c.benchmark_group(format!("{threads}_threads"));
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(4));
    steps(&mut group, "adamw/burn", model, theirs(), false);
    steps(&mut group, "adamw/fused", model, ours(), false);
    steps(
        &mut group,
        "adamw_beside_a_clone/burn",
        model,
        theirs(),
        true,
    );
    steps(
        &mut group,
        "adamw_beside_a_clone/fused",
        model,
        ours(),
        true,
    );
    timed(&mut group, "clip/operations", model, |[g, _]| {
        clip_in_operations(model, g, 1.0)
    });
    timed(&mut group, "clip/fused", model, |[g, _]| {
        clip_global_norm(model, g, 1.0)
    });
    timed(&mut group, "add/burn", model, |[a, b]| {
        let mut sum = GradientsAccumulator::new();
        sum.accumulate(model, a);
        sum.accumulate(model, b);
        sum.grads()
    });
    timed(&mut group, "add/fused", model, |[a, b]| {
        add_gradients(model, a, b)
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
