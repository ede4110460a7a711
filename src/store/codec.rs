//! Numbers to bytes and back: varints, whole-number columns, decimal scales. Pure.
//!
//! Knows nothing of readings or files. Every reader here returns `None` for bytes it cannot make sense of and never
//! allocates more than the caller's stated count; callers check a CRC first, so that happens only after a bug.
//!
//! A column of whole numbers is written in whichever of three forms is short for it: runs (for what hardly changes), plain
//! zigzag varints (for a few numbers), or `pco` (for the rest). A column's form is its first byte.

use pco::{ChunkConfig, DeltaSpec, ModeSpec};

/// Values are stored as they are (eight bytes, or `pco` on `f64`).
pub(crate) const SCALE_RAW: u8 = 255;
/// Scale codes from here on mean `mantissa * 10^-k`; below, `mantissa / 10^k`.
const SCALE_TIMES: u8 = 16;
/// Most decimal places looked for.
const PLACES_MAX: u8 = 9;
/// Below this many numbers `pco`'s header costs more than it saves.
const PCO_MIN: usize = 24;

const FORM_RUNS: u8 = 0;
const FORM_VARINTS: u8 = 1;
const FORM_PCO: u8 = 2;

const POWERS: [f64; 10] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const FRACTIONS: [f64; 10] = [1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9];

/// Signed to unsigned, small magnitudes to small numbers.
pub(crate) fn zigzag(v: i64) -> u64 {
    (v.cast_unsigned() << 1) ^ (v >> 63).cast_unsigned()
}

/// Inverse of [`zigzag`].
pub(crate) fn unzigzag(v: u64) -> i64 {
    (v >> 1).cast_signed() ^ -((v & 1).cast_signed())
}

/// Appends `v` in groups of seven bits.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push((v & 0x7f) as u8 | 0x80);
        v >>= 7;
    }
    out.push((v & 0x7f) as u8);
}

/// Takes bytes from the front.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Take<'a>(pub(crate) &'a [u8]);

impl<'a> Take<'a> {
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut v = 0u64;
        for shift in (0..64).step_by(7) {
            let b = self.byte()?;
            v |= u64::from(b & 0x7f) << shift;
            if b < 0x80 {
                return Some(v);
            }
        }
        None
    }

    pub(crate) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok()
    }

    pub(crate) fn float(&mut self) -> Option<f64> {
        Some(f64::from_le_bytes(self.bytes(8)?.try_into().ok()?))
    }
}

fn config(level: usize) -> ChunkConfig {
    ChunkConfig::default()
        .with_compression_level(level)
        .with_mode_spec(ModeSpec::Classic)
        .with_delta_spec(DeltaSpec::NoOp)
}

/// Appends a column of whole numbers; the reader must know how many.
pub(crate) fn put_ints(out: &mut Vec<u8>, values: &[i64], level: usize) {
    if values.is_empty() {
        return;
    }
    let runs = 1 + values.windows(2).filter(|w| w[0] != w[1]).count();
    if runs * 8 <= values.len() || runs == 1 {
        out.push(FORM_RUNS);
        for run in values.chunk_by(|a, b| a == b) {
            put_varint(out, zigzag(run[0]));
            put_varint(out, run.len() as u64);
        }
    } else if values.len() < PCO_MIN {
        put_varints(out, values);
    } else {
        match pco::standalone::simple_compress(values, &config(level)) {
            Ok(packed) => {
                out.push(FORM_PCO);
                put_varint(out, packed.len() as u64);
                out.extend_from_slice(&packed);
            }
            Err(_) => put_varints(out, values),
        }
    }
}

fn put_varints(out: &mut Vec<u8>, values: &[i64]) {
    out.push(FORM_VARINTS);
    for v in values {
        put_varint(out, zigzag(*v));
    }
}

/// Reads `n` numbers of [`put_ints`] into `into`, which is cleared first.
pub(crate) fn take_ints(from: &mut Take<'_>, n: usize, into: &mut Vec<i64>) -> Option<()> {
    into.clear();
    if n == 0 {
        return Some(());
    }
    match from.byte()? {
        FORM_RUNS => {
            while into.len() < n {
                let v = unzigzag(from.varint()?);
                let run = from.count()?;
                if run == 0 || run > n - into.len() {
                    return None;
                }
                into.resize(into.len() + run, v);
            }
        }
        FORM_VARINTS => {
            for _ in 0..n {
                into.push(unzigzag(from.varint()?));
            }
        }
        FORM_PCO => {
            let len = from.count()?;
            let packed = from.bytes(len)?;
            into.resize(n, 0);
            let done = pco::standalone::simple_decompress_into(packed, into).ok()?;
            if done.n_processed != n {
                return None;
            }
        }
        _ => return None,
    }
    Some(())
}

/// Appends a column of floats; the reader must know how many.
pub(crate) fn put_floats(out: &mut Vec<u8>, values: &[f64], level: usize) {
    if values.is_empty() {
        return;
    }
    let packed = (values.len() >= PCO_MIN)
        .then(|| pco::standalone::simple_compress(values, &ChunkConfig::default().with_compression_level(level)).ok())
        .flatten();
    if let Some(packed) = packed {
        out.push(FORM_PCO);
        put_varint(out, packed.len() as u64);
        out.extend_from_slice(&packed);
    } else {
        out.push(FORM_VARINTS);
        for v in values {
            out.extend_from_slice(&v.to_le_bytes());
        }
    }
}

/// Reads `n` numbers of [`put_floats`].
pub(crate) fn take_floats(from: &mut Take<'_>, n: usize, into: &mut Vec<f64>) -> Option<()> {
    into.clear();
    if n == 0 {
        return Some(());
    }
    match from.byte()? {
        FORM_VARINTS => {
            for _ in 0..n {
                into.push(from.float()?);
            }
            Some(())
        }
        FORM_PCO => {
            let len = from.count()?;
            let packed = from.bytes(len)?;
            into.resize(n, 0.0);
            let done = pco::standalone::simple_decompress_into(packed, into).ok()?;
            (done.n_processed == n).then_some(())
        }
        _ => None,
    }
}

/// The whole number that stands for `v` under a scale code, if `v` comes back from it bit for bit.
pub(crate) fn mantissa(v: f64, scale: u8) -> Option<i64> {
    let places = scale & (SCALE_TIMES - 1);
    let x = v * POWERS.get(usize::from(places))?;
    #[expect(clippy::cast_possible_truncation, reason = "the comparison below catches what does not fit")]
    let m = (x + f64::copysign(0.5, x)) as i64;
    (from_mantissa(m, scale).to_bits() == v.to_bits()).then_some(m)
}

/// The number that a mantissa stands for.
pub(crate) fn from_mantissa(m: i64, scale: u8) -> f64 {
    let places = usize::from(scale & (SCALE_TIMES - 1)).min(POWERS.len() - 1);
    if scale < SCALE_TIMES { m as f64 / POWERS[places] } else { m as f64 * FRACTIONS[places] }
}

/// The smallest scale from `hint` on under which all of `values` are whole; [`SCALE_RAW`] if there is none.
/// Registers times 0.1 are found in both roundings, `234 / 10` and `234 * 0.1`.
pub(crate) fn scale_of(values: &(impl Iterator<Item = f64> + Clone), hint: u8) -> u8 {
    let fits = |scale: u8| values.clone().all(|v| mantissa(v, scale).is_some());
    if hint != SCALE_RAW && fits(hint) {
        return hint;
    }
    let places = (0..=PLACES_MAX).chain(SCALE_TIMES + 1..=SCALE_TIMES + PLACES_MAX);
    places.into_iter().find(|s| fits(*s)).unwrap_or(SCALE_RAW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(values: &[i64], level: usize) {
        let mut out = Vec::new();
        put_ints(&mut out, values, level);
        let mut back = Vec::new();
        let mut take = Take(&out);
        assert_eq!(take_ints(&mut take, values.len(), &mut back), Some(()));
        assert_eq!(back, values);
        assert!(take.0.is_empty());
    }

    proptest! {
        #[test]
        fn ints_come_back(values in proptest::collection::vec(prop_oneof![Just(7i64), -5i64..5, any::<i64>()], 0..200), level in 0usize..9) {
            round_trip(&values, level);
        }

        #[test]
        fn floats_come_back(values in proptest::collection::vec(any::<f64>().prop_filter("no NaN", |v| !v.is_nan()), 0..100)) {
            let mut out = Vec::new();
            put_floats(&mut out, &values, 4);
            let mut back = Vec::new();
            prop_assert_eq!(take_floats(&mut Take(&out), values.len(), &mut back), Some(()));
            prop_assert_eq!(back.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), values.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
        }

        #[test]
        fn garbage_is_refused_or_read_but_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64), n in 0usize..100) {
            let mut into = Vec::new();
            let _ = take_ints(&mut Take(&bytes), n, &mut into);
        }

        #[test]
        fn registers_become_whole_numbers(raw in -65_536i64..65_536, places in 0u8..5) {
            let divided = raw as f64 / POWERS[usize::from(places)];
            let scale = scale_of(&std::iter::once(divided), 0);
            prop_assert!(scale <= places);
            let times = raw as f64 * FRACTIONS[usize::from(places)];
            prop_assert_ne!(scale_of(&std::iter::once(times), 0), SCALE_RAW);
        }
    }

    #[test]
    fn what_is_not_decimal_stays_raw() {
        for v in [std::f64::consts::PI, f64::INFINITY, 1e300, -0.0, f64::NAN] {
            assert_eq!(scale_of(&std::iter::once(v), 0), SCALE_RAW, "{v}");
        }
    }
}
