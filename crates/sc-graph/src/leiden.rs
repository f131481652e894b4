use std::collections::VecDeque;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::{Graph, GraphError, modularity};

/// Passes without improvement after which the partition counts as converged.
const PATIENCE: usize = 2;

/// Leiden clusters of a weighted graph.
///
/// Maximises [`modularity`] with the given resolution, i.e. the quality of leidenalg's
/// `RBConfigurationVertexPartition` (scanpy's objective), by passes of local moves, refinement and
/// aggregation from the partition so far, until two passes in a row bring nothing. Clusters are
/// connected. They are numbered by decreasing size, ties by first member. The result depends on the
/// graph, the resolution and the seed alone.
/// Source: Traag, Waltman, van Eck, "From Louvain to Leiden", Scientific Reports 9, 5233 (2019); the
/// refinement merges to the best community instead of drawing one, as leidenalg does.
///
/// # Errors
/// A resolution that is negative or not finite.
///
/// ```
/// let edges = [(0, 1, 1.0), (1, 2, 1.0), (0, 2, 1.0), (3, 4, 1.0), (2, 3, 0.1)];
/// let graph = sc_graph::Graph::from_edges(5, edges)?;
/// assert_eq!(sc_graph::leiden(&graph, 1.0, 0)?, [0, 0, 0, 1, 1]);
/// # Ok::<(), sc_graph::GraphError>(())
/// ```
pub fn leiden(graph: &Graph, resolution: f64, seed: u64) -> Result<Vec<usize>, GraphError> {
    if !(resolution.is_finite() && resolution >= 0.0) {
        return Err(GraphError::Setting {
            name: "resolution",
            value: resolution,
            expected: "a finite number that is not negative",
        });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let ground = Level::ground(graph);
    let mut best: Vec<usize> = (0..graph.n_nodes()).collect();
    let mut best_quality = modularity(graph, &best, resolution);
    let mut current = best.clone();
    let mut idle = 0;
    while idle < PATIENCE {
        current = pass(&ground, current, resolution, &mut rng);
        let quality = modularity(graph, &current, resolution);
        if quality > best_quality + 1e-12 {
            best_quality = quality;
            best.clone_from(&current);
            idle = 0;
        } else {
            idle += 1;
        }
    }
    Ok(by_decreasing_size(&best))
}

/// One pass from a given partition: moves, refinement and aggregation until nothing can be merged.
fn pass(ground: &Level, start: Vec<usize>, resolution: f64, rng: &mut ChaCha8Rng) -> Vec<usize> {
    // Node of the current level that holds each node of the ground level.
    let mut holder: Vec<usize> = (0..ground.n_nodes()).collect();
    let mut owned: Option<Level> = None;
    let mut community = start;
    loop {
        let level = owned.as_ref().unwrap_or(ground);
        move_nodes(level, &mut community, resolution, rng);
        let (refined, n_refined) = refine(level, &community, resolution, rng);
        if n_refined == level.n_nodes() {
            return holder.iter().map(|&h| community[h]).collect();
        }
        let mut above = vec![0; n_refined];
        for (node, &r) in refined.iter().enumerate() {
            above[r] = community[node];
        }
        for h in &mut holder {
            *h = refined[*h];
        }
        owned = Some(level.aggregate(&refined, n_refined));
        community = renumber(&above).0;
    }
}

/// A graph of one level: nodes stand for groups of ground nodes. Edges inside a group drop out, since
/// they do not change with a move; they live on in `strength`.
struct Level {
    indptr: Vec<usize>,
    edges: Vec<(u32, f64)>,
    /// Sum of the weights at the ground nodes of a node.
    strength: Vec<f64>,
    /// 2m, the same at every level.
    total: f64,
}

impl Level {
    fn ground(graph: &Graph) -> Level {
        let strength: Vec<f64> = (0..graph.n_nodes()).map(|i| graph.strength(i)).collect();
        Level {
            indptr: graph.indptr().to_vec(),
            edges: (graph.indices().iter().copied())
                .zip(graph.weights().iter().copied())
                .collect(),
            total: strength.iter().sum(),
            strength,
        }
    }

    fn n_nodes(&self) -> usize {
        self.strength.len()
    }

    fn edges(&self, node: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.indptr[node]..self.indptr[node + 1];
        self.edges[range].iter().map(|&(j, w)| (j as usize, w))
    }

    /// Makes one node of every group.
    fn aggregate(&self, group: &[usize], n_groups: usize) -> Level {
        let mut members = vec![Vec::new(); n_groups];
        for (node, &g) in group.iter().enumerate() {
            members[g].push(node);
        }
        let mut weight_to = Tally::new(n_groups);
        let (mut indptr, mut edges, mut strength) = (vec![0], Vec::new(), Vec::new());
        for (g, members) in members.iter().enumerate() {
            for (j, w) in members.iter().flat_map(|&node| self.edges(node)) {
                if group[j] != g {
                    weight_to.add(group[j], w);
                }
            }
            edges.extend(
                weight_to
                    .touched
                    .iter()
                    .map(|&h| (h as u32, weight_to.sum[h])),
            );
            weight_to.clear();
            indptr.push(edges.len());
            strength.push(members.iter().map(|&node| self.strength[node]).sum());
        }
        Level {
            indptr,
            edges,
            strength,
            total: self.total,
        }
    }
}

/// Sums per group that are cleared in the time it took to fill them.
struct Tally {
    sum: Vec<f64>,
    touched: Vec<usize>,
}

impl Tally {
    fn new(n_groups: usize) -> Tally {
        Tally {
            sum: vec![0.0; n_groups],
            touched: Vec::new(),
        }
    }

    fn add(&mut self, group: usize, weight: f64) {
        // Weights are positive, so a zero means: not seen yet.
        if self.sum[group] == 0.0 {
            self.touched.push(group);
        }
        self.sum[group] += weight;
    }

    fn clear(&mut self) {
        for g in self.touched.drain(..) {
            self.sum[g] = 0.0;
        }
    }
}

/// Moves nodes to the neighbouring (or an empty) community with the largest gain until none gains.
fn move_nodes(level: &Level, community: &mut [usize], resolution: f64, rng: &mut ChaCha8Rng) {
    let n = level.n_nodes();
    let mut strength = vec![0f64; n];
    let mut size = vec![0usize; n];
    for (node, &c) in community.iter().enumerate() {
        strength[c] += level.strength[node];
        size[c] += 1;
    }
    let mut empty: Vec<usize> = (0..n).filter(|&c| size[c] == 0).collect();
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(rng);
    let mut queue = VecDeque::from(order);
    let mut queued = vec![true; n];
    let mut weight_to = Tally::new(n);
    // Gains below the rounding of their terms would let a node move for ever.
    let least_gain = 1e-14 * level.total;
    while let Some(node) = queue.pop_front() {
        queued[node] = false;
        let from = community[node];
        let own = level.strength[node];
        for (j, w) in level.edges(node) {
            weight_to.add(community[j], w);
        }
        let value = |c: usize, present: f64| {
            weight_to.sum[c] - resolution * own * (strength[c] - present) / level.total
        };
        let (mut to, mut best) = (from, value(from, own) + least_gain);
        for &c in &weight_to.touched {
            if c != from && value(c, 0.0) > best {
                (to, best) = (c, value(c, 0.0));
            }
        }
        if best < 0.0
            && size[from] > 1
            && let Some(&c) = empty.last()
        {
            to = c;
        }
        weight_to.clear();
        if to == from {
            continue;
        }
        if size[to] == 0 {
            empty.pop();
        }
        strength[from] -= own;
        size[from] -= 1;
        if size[from] == 0 {
            strength[from] = 0.0;
            empty.push(from);
        }
        strength[to] += own;
        size[to] += 1;
        community[node] = to;
        for (j, _) in level.edges(node) {
            if community[j] != to && !queued[j] {
                queued[j] = true;
                queue.push_back(j);
            }
        }
    }
}

/// Splits every community into well-connected parts: single nodes join the part of their community
/// that gains most. Returns the part of each node and the number of parts.
fn refine(
    level: &Level,
    community: &[usize],
    resolution: f64,
    rng: &mut ChaCha8Rng,
) -> (Vec<usize>, usize) {
    let n = level.n_nodes();
    let mut community_strength = vec![0f64; n];
    for (node, &c) in community.iter().enumerate() {
        community_strength[c] += level.strength[node];
    }
    let mut part: Vec<usize> = (0..n).collect();
    let mut size = vec![1usize; n];
    let mut strength = level.strength.clone();
    // Weight between a part and the rest of its community.
    let mut outward: Vec<f64> = (0..n)
        .map(|i| {
            let inside = level
                .edges(i)
                .filter(|&(j, _)| community[j] == community[i]);
            inside.map(|(_, w)| w).sum()
        })
        .collect();
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(rng);
    let mut weight_to = Tally::new(n);
    for node in order {
        let own = level.strength[node];
        let whole = community_strength[community[node]];
        let well_connected = |outward: f64, strength: f64| {
            outward >= resolution * strength * (whole - strength) / level.total
        };
        if size[part[node]] != 1 || !well_connected(outward[part[node]], own) {
            continue;
        }
        for (j, w) in level.edges(node) {
            if community[j] == community[node] {
                weight_to.add(part[j], w);
            }
        }
        let (mut to, mut best) = (part[node], 0.0);
        for &p in &weight_to.touched {
            let gain = weight_to.sum[p] - resolution * own * strength[p] / level.total;
            if gain > best && well_connected(outward[p], strength[p]) {
                (to, best) = (p, gain);
            }
        }
        let shared = weight_to.sum[to];
        weight_to.clear();
        let from = part[node];
        if to != from {
            outward[to] += outward[from] - 2.0 * shared;
            strength[to] += own;
            size[to] += 1;
            size[from] = 0;
            part[node] = to;
        }
    }
    renumber(&part)
}

/// Numbers groups 0, 1, ... by first member; also returns how many there are.
fn renumber(group: &[usize]) -> (Vec<usize>, usize) {
    let mut new = vec![usize::MAX; group.iter().max().map_or(0, |m| m + 1)];
    let mut next = 0;
    let renumbered = group
        .iter()
        .map(|&g| {
            if new[g] == usize::MAX {
                new[g] = next;
                next += 1;
            }
            new[g]
        })
        .collect();
    (renumbered, next)
}

/// Numbers groups by decreasing size, ties by first member.
fn by_decreasing_size(group: &[usize]) -> Vec<usize> {
    let (first, n_groups) = renumber(group);
    let mut size = vec![0usize; n_groups];
    for &g in &first {
        size[g] += 1;
    }
    let mut order: Vec<usize> = (0..n_groups).collect();
    order.sort_by_key(|&g| std::cmp::Reverse(size[g]));
    let mut rank = vec![0; n_groups];
    for (r, g) in order.into_iter().enumerate() {
        rank[g] = r;
    }
    first.into_iter().map(|g| rank[g]).collect()
}
