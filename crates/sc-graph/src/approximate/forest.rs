use super::lists::Lists;
use super::mix;

/// Leaves of a random projection tree, each with more members than the lists have room for.
pub(super) fn leaves(lists: &Lists<'_>, salt: u64) -> Vec<Vec<u32>> {
    split(lists, (0..lists.n_points() as u32).collect(), salt)
}

/// Halves `members` by their projection on the line through two of them. Equal projections go by
/// index, so that the halves are equal whatever the points.
fn split(lists: &Lists<'_>, members: Vec<u32>, salt: u64) -> Vec<Vec<u32>> {
    let len = members.len();
    if len <= 2 * (lists.capacity() + 1) {
        return vec![members];
    }
    let pick = |which: u64| lists.point(members[(mix(salt, which) % len as u64) as usize]);
    let line: Vec<f64> = pick(0)
        .iter()
        .zip(pick(1))
        .map(|(&a, &b)| f64::from(a) - f64::from(b))
        .collect();
    let mut order: Vec<(f64, u32)> = members
        .into_iter()
        .map(|i| {
            let along = lists.point(i).iter().zip(&line);
            (along.map(|(&x, &l)| f64::from(x) * l).sum(), i)
        })
        .collect();
    order.select_nth_unstable_by(len / 2, |x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
    let side = |half: &[(f64, u32)]| {
        let mut members: Vec<u32> = half.iter().map(|e| e.1).collect();
        // The order that the selection leaves is its own affair.
        members.sort_unstable();
        members
    };
    let (low, high) = (side(&order[..len / 2]), side(&order[len / 2..]));
    drop(order);
    let (mut leaves, rest) = rayon::join(
        || split(lists, low, mix(salt, 2)),
        || split(lists, high, mix(salt, 3)),
    );
    leaves.extend(rest);
    leaves
}
