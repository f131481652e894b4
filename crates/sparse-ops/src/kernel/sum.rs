//! One weighted sum of rows in vector registers.

use std::ops::Range;

use pulp::Simd;

use super::Real;

/// How the columns are cut into registers: `full` registers from column `head` on and, where that
/// leaves columns over, one at each of the two edges, which overlap the others. What is computed
/// twice comes out the same twice.
///
/// `head` makes the addresses multiples of the register size. Large vectors of glibc start 16 bytes
/// behind a page, where every other load of 32 bytes touches two cache lines: that took 1.4 times as
/// long at 256 columns.
pub struct Plan {
    head: usize,
    full: usize,
    edges: Option<[usize; 2]>,
}

impl Plan {
    /// `None` when a row does not fill a register.
    pub fn new<T>(dense: &[T], width: usize, lanes: usize) -> Option<Self> {
        let last = width.checked_sub(lanes)?;
        let mut head = 0;
        // Else each row starts at another place inside of a register.
        if width.is_multiple_of(lanes) {
            head = dense.as_ptr().align_offset(lanes * size_of::<T>());
        }
        // An element type that is not aligned to its size has no such place.
        if head >= lanes {
            head = 0;
        }
        let full = (width - head) / lanes;
        let rest = width - full * lanes;
        Some(Self {
            head,
            full,
            edges: (rest > 0).then_some([0, last]),
        })
    }
}

/// One sum: `start + Σ values[k] dense[index[k], :]`.
pub struct Sum<'a, T> {
    /// Row of `dense` in each term.
    pub index: &'a [u32],
    /// Weight of each term.
    pub values: &'a [T],
    /// `[rows, width]`
    pub dense: &'a [T],
    /// Columns.
    pub width: usize,
    /// `[width]`, or zero.
    pub start: Option<&'a [T]>,
}

impl<T: Real> Sum<'_, T> {
    /// The sum in the registers that start within some columns behind the head, a multiple of a register, up to eight in one pass over the
    /// terms; the edges in the first.
    #[inline(always)]
    pub fn columns<S: Simd>(&self, simd: S, plan: &Plan, columns: &Range<usize>, out: &mut [T]) {
        let lanes = T::lanes::<S>();
        let first = columns.start / lanes;
        let mut at = plan.head + first * lanes;
        let mut left = columns
            .end
            .div_ceil(lanes)
            .min(plan.full)
            .saturating_sub(first);
        let mut edges = plan.edges.filter(|_| first == 0);
        while left > 0 || edges.is_some() {
            let registers = left.min(8);
            match registers {
                0 => self.pass::<S, 0>(simd, at, edges, out),
                1 => self.pass::<S, 1>(simd, at, edges, out),
                2 => self.pass::<S, 2>(simd, at, edges, out),
                3 => self.pass::<S, 3>(simd, at, edges, out),
                4 => self.pass::<S, 4>(simd, at, edges, out),
                5 => self.pass::<S, 5>(simd, at, edges, out),
                6 => self.pass::<S, 6>(simd, at, edges, out),
                7 => self.pass::<S, 7>(simd, at, edges, out),
                _ => self.pass::<S, 8>(simd, at, edges, out),
            }
            at += registers * T::lanes::<S>();
            left -= registers;
            edges = None;
        }
    }

    #[inline(always)]
    fn pass<S: Simd, const V: usize>(
        &self,
        simd: S,
        at: usize,
        edges: Option<[usize; 2]>,
        out: &mut [T],
    ) {
        match edges {
            Some(edges) => self.tile::<S, V, 2>(simd, at, edges, out),
            None => self.tile::<S, V, 0>(simd, at, [], out),
        }
    }

    /// `V` registers of columns from `at` on and one at each edge, which stay in registers over all
    /// terms.
    #[inline(always)]
    fn tile<S: Simd, const V: usize, const E: usize>(
        &self,
        simd: S,
        at: usize,
        edges: [usize; E],
        out: &mut [T],
    ) {
        let lanes = T::lanes::<S>();
        let columns = V * lanes;
        let mut body = [T::splat(simd, T::ZERO); V];
        let mut edge = [T::splat(simd, T::ZERO); E];
        if let Some(start) = self.start {
            body.copy_from_slice(T::vectors::<S>(&start[at..][..columns]));
            for e in 0..E {
                edge[e] = T::vectors::<S>(&start[edges[e]..][..lanes])[0];
            }
        }
        for (&row, &weight) in self.index.iter().zip(self.values) {
            let row = &self.dense[row as usize * self.width..][..self.width];
            let weight = T::splat(simd, weight);
            let columns = T::vectors::<S>(&row[at..][..columns]);
            for v in 0..V {
                body[v] = T::mul_add(simd, weight, columns[v], body[v]);
            }
            for e in 0..E {
                let column = T::vectors::<S>(&row[edges[e]..][..lanes])[0];
                edge[e] = T::mul_add(simd, weight, column, edge[e]);
            }
        }
        T::vectors_mut::<S>(&mut out[at..][..columns]).copy_from_slice(&body);
        for e in 0..E {
            T::vectors_mut::<S>(&mut out[edges[e]..][..lanes])[0] = edge[e];
        }
    }

    /// A sum of fewer columns than a register holds.
    #[inline(always)]
    pub fn narrow<S: Simd>(&self, simd: S, out: &mut [T]) {
        let mut sum = T::splat(simd, T::ZERO);
        if let Some(start) = self.start {
            sum = T::load_part(simd, start);
        }
        for (&row, &weight) in self.index.iter().zip(self.values) {
            let row = &self.dense[row as usize * self.width..][..self.width];
            let weight = T::splat(simd, weight);
            sum = T::mul_add(simd, weight, T::load_part(simd, row), sum);
        }
        T::store_part(simd, out, sum);
    }
}
