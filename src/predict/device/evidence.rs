//! Puts the surprises of several points together.
//!
//! Surprises are minus decimal logarithms of chances. For the one, two and three most surprised points: the chance that as
//! many points of so many are together as surprised (Fisher's product of chances, times the number of ways to choose them).
//! The least of the three chances counts. Knows nothing else.

/// Evidence of the `surprises` of a device's points: minus the decimal logarithm of the chance of what was seen, and the
/// largest surprise of one point.
pub fn evidence(surprises: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut top = [0.0_f64; 3];
    let mut points = 0.0_f64;
    for s in surprises {
        points += 1.0;
        if s > top[0] {
            top = [s, top[0], top[1]];
        } else if s > top[1] {
            top = [top[0], s, top[1]];
        } else if s > top[2] {
            top[2] = s;
        }
    }
    let (mut best, mut sum, mut ways) = (0.0_f64, 0.0_f64, 1.0_f64);
    for (i, s) in top.iter().enumerate() {
        let left = points - i as f64;
        if left < 1.0 {
            break;
        }
        sum += s;
        ways *= left / (i as f64 + 1.0);
        let nats = sum * std::f64::consts::LN_10;
        let product = match i {
            0 => 1.0,
            1 => 1.0 + nats,
            _ => 1.0 + nats + nats * nats / 2.0,
        };
        best = best.max(sum - product.log10() - ways.log10());
    }
    (best, top[0])
}
