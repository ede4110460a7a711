//! A point beside its peers: the same quantity on devices of the same kind, at the same time.
//!
//! Pure comparison of one instant; how long a difference must last is a rule's business. A pump that draws a third more
//! than its three sisters is worth a look long before any limit.
//!
//! Limits: at least three peers beside the point itself, at most 64 looked at.

/// Peers without whom "the others" means nothing.
const PEERS_MIN: usize = 3;
/// Peers looked at; more add nothing to a median.
pub const PEERS_MAX: usize = 64;
/// Median absolute deviation of a normal spread, in standard deviations.
const DEVIATION: f64 = 0.6745;
/// Peers that agree to the last digit still differ by meter error: the spread is at least this share of their level.
const SPREAD_MIN: f64 = 0.01;

/// Where a point stands among its peers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// What the others show in the middle.
    pub median: f64,
    /// Robust standard deviation of the others.
    pub spread: f64,
    /// Distance of the point from the median in spreads, with its sign; five and more is odd.
    pub deviations: f64,
    /// Peers compared with.
    pub peers: usize,
}

/// Compares `value` with `others`, of which those that are not finite are left out.
pub fn compare(value: f64, others: &[f64]) -> Option<Standing> {
    let mut known = [0.0; PEERS_MAX];
    let mut peers = 0;
    for other in others.iter().filter(|v| v.is_finite()).take(PEERS_MAX) {
        known[peers] = *other;
        peers += 1;
    }
    if peers < PEERS_MIN || !value.is_finite() {
        return None;
    }
    let known = &mut known[..peers];
    let middle = median(known);
    for value in known.iter_mut() {
        *value = (*value - middle).abs();
    }
    let spread = (median(known) / DEVIATION).max(middle.abs() * SPREAD_MIN).max(f64::MIN_POSITIVE);
    Some(Standing { median: middle, spread, deviations: (value - middle) / spread, peers })
}

/// Median of what is not empty; sorts it.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_odd_one_stands_out_and_the_others_do_not() {
        let others = [10.0, 10.4, 9.8, f64::NAN, 10.1];
        let odd = compare(14.0, &others).expect("four peers");
        assert!(odd.deviations > 5.0 && odd.peers == 4 && (odd.median - 10.05).abs() < 1e-9, "{odd:?}");
        assert!(compare(10.3, &others).expect("four peers").deviations.abs() < 2.0);
        assert!(compare(6.0, &others).expect("four peers").deviations < -5.0);
    }

    #[test]
    fn one_bad_peer_does_not_hide_another() {
        let odd = compare(14.0, &[10.0, 10.4, 9.8, 10.1, 500.0]).expect("five peers");
        assert!(odd.deviations > 5.0, "{odd:?}");
    }

    #[test]
    fn too_few_or_unknown_is_no_answer() {
        assert_eq!(compare(1.0, &[1.0, f64::NAN, 2.0]), None);
        assert_eq!(compare(f64::NAN, &[1.0, 1.0, 2.0]), None);
        assert!(compare(1.0, &[1.0; 80]).is_some_and(|s| s.peers == PEERS_MAX && s.deviations == 0.0));
        assert!(compare(1.0, &[0.0; 3]).is_some_and(|s| s.deviations.is_finite() || s.deviations > 1e9));
    }
}
