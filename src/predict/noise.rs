//! Noise for tests: the same for the same place, without a random number crate.

/// Even noise, -1..1.
#[allow(clippy::cast_precision_loss)] // 53 bits fit.
pub(crate) fn even(seed: u64, i: u64) -> f64 {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ i.wrapping_mul(0xD1B5_4A32_D192_ED03);
    x ^= x >> 31;
    x = x.wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^= x >> 29;
    x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^= x >> 32;
    (x >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// Nearly normal noise of mean 0 and spread 1: a sum of twelve even ones. `i` is not negative.
pub(crate) fn normal(i: i64) -> f64 {
    let mut x = u64::try_from(i).expect("not negative").wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
    let mut sum = 0.0;
    for _ in 0..12 {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        sum += (x >> 11) as f64 / (1_u64 << 53) as f64;
    }
    sum - 6.0
}
