use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::mix;
use crate::Knn;
use crate::points::squared_distance;

/// Points of which every fresh one meets all others; known ones have met each other before.
pub(super) struct Group {
    pub(super) fresh: Vec<u32>,
    pub(super) known: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Entry {
    /// Squared distance.
    distance: f64,
    index: u32,
    /// Has not met the other neighbours yet.
    fresh: bool,
}

/// The nearest so far of every point, ordered by (distance, index).
///
/// That order is total, so that a list is the nearest of what was offered, whatever the order of offers:
/// threads may offer as they come.
pub(super) struct Lists<'a> {
    points: &'a [f32],
    n_dims: usize,
    capacity: usize,
    rows: Vec<Mutex<Vec<Entry>>>,
    /// Squared distance beyond which an offer is in vain, as bits, which have the order of the numbers. It only falls, so that an old one lets
    /// too much through and never too little.
    reach: Vec<AtomicU64>,
}

impl<'a> Lists<'a> {
    pub(super) fn new(points: &'a [f32], n_dims: usize, n_points: usize, capacity: usize) -> Self {
        Lists {
            points,
            n_dims,
            capacity,
            rows: (0..n_points).map(|_| Mutex::default()).collect(),
            reach: (0..n_points)
                .map(|_| AtomicU64::new(f64::INFINITY.to_bits()))
                .collect(),
        }
    }

    pub(super) fn n_points(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn point(&self, i: u32) -> &'a [f32] {
        &self.points[i as usize * self.n_dims..][..self.n_dims]
    }

    /// Lets the points of every group meet.
    pub(super) fn join(&self, groups: impl ParallelIterator<Item = Group>) {
        groups.for_each(|Group { fresh, known }| {
            for (at, &a) in fresh.iter().enumerate() {
                for &b in fresh[at + 1..].iter().chain(&known).filter(|&&b| b != a) {
                    let distance = squared_distance(self.point(a), self.point(b));
                    self.offer(a, b, distance);
                    self.offer(b, a, distance);
                }
            }
        });
    }

    fn offer(&self, to: u32, index: u32, distance: f64) {
        let reach = &self.reach[to as usize];
        if distance.to_bits() > reach.load(Ordering::Relaxed) {
            return;
        }
        let row = &self.rows[to as usize];
        let mut row = row.lock().unwrap_or_else(PoisonError::into_inner);
        let place =
            row.binary_search_by(|e| e.distance.total_cmp(&distance).then(e.index.cmp(&index)));
        if let Err(place) = place
            && place < self.capacity
        {
            row.truncate(self.capacity - 1);
            let fresh = true;
            row.insert(
                place,
                Entry {
                    distance,
                    index,
                    fresh,
                },
            );
            if let Some(last) = row.get(self.capacity - 1) {
                reach.store(last.distance.to_bits(), Ordering::Relaxed);
            }
        }
    }

    /// One round: for every point, up to `sample` fresh and known neighbours and as many points that
    /// list it meet.
    pub(super) fn meet(&mut self, sample: usize, salt: u64) {
        let rows = self.rows.par_iter_mut().enumerate();
        let (fresh, known): (Vec<_>, Vec<_>) = rows
            .map(|(i, row)| {
                let row = inside(row);
                let (salt, of) = (mix(salt, i as u64), |fresh: bool, row: &[Entry]| {
                    let those = row.iter().filter(|e| e.fresh == fresh);
                    those.map(|e| e.index).collect::<Vec<u32>>()
                });
                let fresh = sampled(of(true, row), sample, salt);
                let known = sampled(of(false, row), sample, salt);
                for entry in row.iter_mut().filter(|e| fresh.contains(&e.index)) {
                    entry.fresh = false;
                }
                (fresh, known)
            })
            .unzip();
        let (fresh_back, known_back) = rayon::join(|| reversed(&fresh), || reversed(&known));
        let groups = (0..self.n_points()).into_par_iter().map(|i| {
            let salt = mix(salt, i as u64);
            let both = |there: &[u32], back: &[u32]| {
                let mut all = sampled(back.to_vec(), sample, salt);
                all.extend(there);
                all.sort_unstable();
                all.dedup();
                all
            };
            Group {
                fresh: both(&fresh[i], &fresh_back[i]),
                known: both(&known[i], &known_back[i]),
            }
        });
        self.join(groups);
    }

    /// Neighbours that have not met the others of their list yet.
    pub(super) fn n_fresh(&mut self) -> usize {
        let rows = self.rows.par_iter_mut();
        rows.map(|row| inside(row).iter().filter(|e| e.fresh).count())
            .sum()
    }

    /// The `k - 1` nearest of every list behind the point itself.
    pub(super) fn nearest(self, k: usize) -> Knn {
        let rows: Vec<Vec<Entry>> = self
            .rows
            .into_iter()
            .map(|row| row.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect();
        let mut indices = Vec::with_capacity(rows.len() * k);
        let mut distances = Vec::with_capacity(rows.len() * k);
        for (i, row) in rows.iter().enumerate() {
            indices.push(i as u32);
            distances.push(0.0);
            indices.extend(row[..k - 1].iter().map(|e| e.index));
            distances.extend(row[..k - 1].iter().map(|e| e.distance.sqrt() as f32));
        }
        Knn {
            k,
            indices,
            distances,
        }
    }
}

fn inside(row: &mut Mutex<Vec<Entry>>) -> &mut Vec<Entry> {
    row.get_mut().unwrap_or_else(PoisonError::into_inner)
}

/// At most `size` members of `list`, those with the smallest random numbers.
fn sampled(mut list: Vec<u32>, size: usize, salt: u64) -> Vec<u32> {
    if list.len() > size {
        list.select_nth_unstable_by_key(size, |&j| (mix(salt, u64::from(j)), j));
        list.truncate(size);
    }
    list
}

/// For every point, the points that list it.
fn reversed(lists: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let mut back = vec![Vec::new(); lists.len()];
    for (i, list) in lists.iter().enumerate() {
        list.iter().for_each(|&j| back[j as usize].push(i as u32));
    }
    back
}
