use rand::RngCore;
use rand_chacha::ChaCha8Rng;

use super::UmapConfig;
use crate::Graph;

/// One direction of an edge with its sampling times, in epochs.
struct Spring {
    head: u32,
    tail: u32,
    every: f32,
    next: f32,
    next_negative: f32,
}

/// Largest step of one coordinate per sample, before the learning rate.
const CLIP: f32 = 4.0;

/// Moves `plane` (`n` x 2) by gradient descent: an edge of weight w attracts in every `w_max / w`-th
/// epoch, and each attraction brings `negative_sample_rate` repulsions from random nodes.
pub(super) fn optimise(
    plane: &mut [f32],
    graph: &Graph,
    a: f64,
    b: f64,
    config: &UmapConfig,
    rng: &mut ChaCha8Rng,
) {
    let n = graph.n_nodes();
    let n_epochs = config
        .n_epochs
        .unwrap_or(if n <= 10_000 { 500 } else { 200 });
    let mut springs = springs(graph, n_epochs);
    let (a, b) = (a as f32, b as f32);
    let repulsion = config.repulsion_strength as f32;
    let negatives = config.negative_sample_rate.max(1) as f32;
    for spring in &mut springs {
        spring.next_negative = spring.every / negatives;
    }
    for epoch in 0..n_epochs {
        let time = epoch as f32;
        let rate = config.learning_rate as f32 * (1.0 - time / n_epochs as f32);
        for spring in &mut springs {
            if spring.next > time {
                continue;
            }
            spring.next += spring.every;
            let (head, tail) = (2 * spring.head as usize, 2 * spring.tail as usize);
            let mut at = [plane[head], plane[head + 1]];
            let other = [plane[tail], plane[tail + 1]];
            let squared = squared(at, other);
            if squared > 0.0 {
                let power = squared.powf(b);
                let pull = -2.0 * a * b * (power / squared) / (a * power + 1.0);
                for axis in 0..2 {
                    let step = rate * (pull * (at[axis] - other[axis])).clamp(-CLIP, CLIP);
                    at[axis] += step;
                    plane[tail + axis] -= step;
                }
            }
            if config.negative_sample_rate > 0 {
                let every = spring.every / negatives;
                let count = ((time - spring.next_negative) / every).max(0.0) as usize;
                spring.next_negative += count as f32 * every;
                for _ in 0..count {
                    let drawn = 2 * draw(n, rng);
                    let other = [plane[drawn], plane[drawn + 1]];
                    let squared = self::squared(at, other);
                    if drawn == head || squared == 0.0 {
                        continue;
                    }
                    let push =
                        2.0 * repulsion * b / ((0.001 + squared) * (a * squared.powf(b) + 1.0));
                    for axis in 0..2 {
                        at[axis] += rate * (push * (at[axis] - other[axis])).clamp(-CLIP, CLIP);
                    }
                }
            }
            plane[head] = at[0];
            plane[head + 1] = at[1];
        }
    }
}

/// Both directions of every edge that is sampled at least once.
fn springs(graph: &Graph, n_epochs: usize) -> Vec<Spring> {
    let heaviest = graph.weights().iter().copied().fold(0f64, f64::max);
    let mut springs = Vec::with_capacity(graph.weights().len());
    for head in 0..graph.n_nodes() {
        for (tail, weight) in graph.neighbours(head) {
            let every = heaviest / weight;
            if every <= n_epochs as f64 {
                springs.push(Spring {
                    head: head as u32,
                    tail: tail as u32,
                    every: every as f32,
                    next: every as f32,
                    next_negative: 0.0,
                });
            }
        }
    }
    springs
}

fn squared(a: [f32; 2], b: [f32; 2]) -> f32 {
    let (x, y) = (a[0] - b[0], a[1] - b[1]);
    x * x + y * y
}

/// A node with equal probability, up to 2^-32 per node.
fn draw(n: usize, rng: &mut ChaCha8Rng) -> usize {
    ((u64::from(rng.next_u32()) * n as u64) >> 32) as usize
}
