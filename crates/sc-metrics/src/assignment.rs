use crate::Contingency;

/// Scores from the best one-to-one matching of clusters to classes.
impl Contingency {
    /// Accuracy under the best one-to-one matching of clusters to classes ("ACC").
    ///
    /// The table may be rectangular; points of unmatched clusters count as wrong. O(s² l) for s labels on
    /// the smaller side and l on the larger; the dense table is built.
    pub fn accuracy(&self) -> f64 {
        let table = self.dense();
        let matched: u64 = self
            .matching()
            .into_iter()
            .map(|(class, cluster)| table[class][cluster])
            .sum();
        self.share(matched)
    }

    /// The best matching itself, as (class, cluster) ranks by increasing class.
    pub fn matching(&self) -> Vec<(usize, usize)> {
        let table = self.dense();
        let (rows, columns) = (self.n_classes(), self.n_clusters());
        if rows == 0 {
            return Vec::new();
        }
        let gain = |r: usize, c: usize| table[r][c] as i64;
        if rows <= columns {
            let assigned = assign(rows, columns, |r, c| -gain(r, c));
            assigned.into_iter().enumerate().collect()
        } else {
            let assigned = assign(columns, rows, |r, c| -gain(c, r));
            let mut pairs: Vec<(usize, usize)> = assigned
                .into_iter()
                .enumerate()
                .map(|(cluster, class)| (class, cluster))
                .collect();
            pairs.sort_unstable();
            pairs
        }
    }
}

/// Minimum-cost assignment of every row to a column of its own, `rows <= columns`.
///
/// Hungarian method with shortest augmenting paths: rows are added one by one, and the path of least
/// reduced cost from the new row to a free column is flipped. Integer costs, so the result is exact.
fn assign(rows: usize, columns: usize, cost: impl Fn(usize, usize) -> i64) -> Vec<usize> {
    // Column `columns` is a stand-in that holds the row being added.
    let mut row_potential = vec![0i64; rows];
    let mut column_potential = vec![0i64; columns + 1];
    let mut row_of: Vec<Option<usize>> = vec![None; columns + 1];
    for new_row in 0..rows {
        row_of[columns] = Some(new_row);
        let mut slack = vec![i64::MAX; columns];
        let mut came_from = vec![columns; columns];
        let mut visited = vec![false; columns + 1];
        let mut at = columns;
        while let Some(row) = row_of[at] {
            visited[at] = true;
            let (mut step, mut next) = (i64::MAX, columns);
            for c in (0..columns).filter(|&c| !visited[c]) {
                let reduced = cost(row, c) - row_potential[row] - column_potential[c];
                if reduced < slack[c] {
                    (slack[c], came_from[c]) = (reduced, at);
                }
                if slack[c] < step {
                    (step, next) = (slack[c], c);
                }
            }
            for c in 0..=columns {
                match row_of[c] {
                    Some(r) if visited[c] => {
                        row_potential[r] += step;
                        column_potential[c] -= step;
                    }
                    _ if c < columns => slack[c] -= step,
                    _ => {}
                }
            }
            at = next;
        }
        while at != columns {
            row_of[at] = row_of[came_from[at]];
            at = came_from[at];
        }
    }
    let mut column_of = vec![0; rows];
    for (c, row) in row_of[..columns].iter().enumerate() {
        if let Some(r) = row {
            column_of[*r] = c;
        }
    }
    column_of
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn best_by_trying(costs: &[Vec<i64>], row: usize, used: &mut Vec<bool>) -> i64 {
        if row == costs.len() {
            return 0;
        }
        (0..used.len())
            .filter_map(|c| {
                if used[c] {
                    return None;
                }
                used[c] = true;
                let total = costs[row][c] + best_by_trying(costs, row + 1, used);
                used[c] = false;
                Some(total)
            })
            .min()
            .unwrap()
    }

    proptest! {
        #[test]
        fn no_assignment_is_cheaper(
            costs in (1usize..5, 0usize..3).prop_flat_map(|(rows, more)| {
                prop::collection::vec(prop::collection::vec(-20i64..20, rows + more), rows)
            })
        ) {
            let columns = costs[0].len();
            let assigned = assign(costs.len(), columns, |r, c| costs[r][c]);
            let mut distinct = assigned.clone();
            distinct.sort_unstable();
            distinct.dedup();
            prop_assert_eq!(distinct.len(), costs.len());
            let total: i64 = assigned.iter().enumerate().map(|(r, &c)| costs[r][c]).sum();
            prop_assert_eq!(total, best_by_trying(&costs, 0, &mut vec![false; columns]));
        }
    }
}
