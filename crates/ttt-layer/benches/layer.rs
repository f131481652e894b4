//! Forward, and forward and backward, of the layer and the block in `f32` on Flex.
//!
//! `RAYON_NUM_THREADS=1 cargo bench -p ttt-layer`

use std::hint::black_box;
use std::time::Duration;

use burn::tensor::{Device, Distribution, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};
use ttt_layer::{TttBlockConfig, TttLinearConfig};

fn bench(
    c: &mut Criterion,
    name: &str,
    dims: [usize; 3],
    forward: impl Fn(&Device) -> Box<dyn Fn(Tensor<3>) -> Tensor<3>>,
) {
    let mut group = c.benchmark_group(name);
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(3));
    let plain = Device::flex();
    plain.seed(1);
    let x = || Tensor::<3>::random(dims, Distribution::Normal(0.0, 1.0), &plain);
    let (run, input) = (forward(&plain), x());
    group.bench_function("forward", |b| {
        b.iter(|| black_box(run(input.clone()).into_data()));
    });
    let device = plain.clone().autodiff();
    let (run, input) = (forward(&device), Tensor::from_inner(x()));
    group.bench_function("forward_backward", |b| {
        b.iter(|| {
            let x = input.clone().require_grad();
            let grads = run(x.clone()).sum().backward();
            black_box(x.grad(&grads).map(Tensor::into_data))
        });
    });
    group.finish();
}

fn layers(c: &mut Criterion) {
    for length in [512, 2048] {
        let name = format!("ttt_linear/8x{length}x128/4_heads/chunk_16");
        bench(c, &name, [8, length, 128], |device| {
            let layer = TttLinearConfig::new(128).with_n_heads(4).init(device);
            Box::new(move |x| layer.forward(x))
        });
    }
    bench(
        c,
        "ttt_block/32x400x128/2_heads/hidden_352",
        [32, 400, 128],
        |device| {
            let block = TttBlockConfig::new(TttLinearConfig::new(128)).init(device);
            Box::new(move |x| block.forward(x))
        },
    );
}

criterion_group!(benches, layers);
criterion_main!(benches);
