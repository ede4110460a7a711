//! Puts the surprises of several points together.
//!
//! Surprises are minus decimal logarithms of chances. For the one, two and three most surprised points: the chance that as
//! many points of so many are together as surprised (Fisher's product of chances, times the number of ways to choose them).
//! The least of the three chances counts. Points that always move together are no witnesses of each other: of a further
//! point's surprise only the part counts that those before it do not carry along. Knows nothing else.

/// Points put together at most.
const TOGETHER: usize = 3;

/// Evidence of the `surprises` of a device's points: minus the decimal logarithm of the chance of what was seen, and the
/// largest surprise of one point. `alike(i, j)`, 0..1, tells how much of the moves of point `i` comes with those of `j`.
pub fn evidence(surprises: &(impl Iterator<Item = f64> + Clone), alike: impl Fn(usize, usize) -> f64) -> (f64, f64) {
    let points = surprises.clone().count();
    let (mut best, mut sum, mut ways, mut largest) = (0.0_f64, 0.0_f64, 1.0_f64, 0.0);
    let mut chosen = [0; TOGETHER];
    for k in 0..TOGETHER.min(points) {
        let before = &chosen[..k];
        let (mut top, mut index) = (0.0, None);
        for (i, surprise) in surprises.clone().enumerate().filter(|(_, s)| *s > 0.0) {
            if surprise > top && !before.contains(&i) {
                let own =
                    before.iter().map(|j| 1.0 - alike(i, *j)).fold(surprise, |own, rest| own.min(surprise * rest));
                if own > top {
                    (top, index) = (own, Some(i));
                }
            }
        }
        let Some(index) = index else { break };
        chosen[k] = index;
        if k == 0 {
            largest = top;
        }
        sum += top;
        ways *= (points - k) as f64 / (k as f64 + 1.0);
        let nats = sum * std::f64::consts::LN_10;
        let product = match k {
            0 => 1.0,
            1 => 1.0 + nats,
            _ => 1.0 + nats + nats * nats / 2.0,
        };
        best = best.max(sum - product.log10() - ways.log10());
    }
    (best, largest)
}
