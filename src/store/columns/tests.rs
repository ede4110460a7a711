//! Rows come back as they went in, sorted by point.

use proptest::prelude::*;

use super::*;
use crate::model::id::PointIx;
use crate::model::quality::ALL;

fn reading() -> impl Strategy<Value = Reading> {
    let value = prop_oneof![
        (-3000i64..3000).prop_map(|v| Value::Number(v as f64 / 10.0)),
        (-3000i64..3000).prop_map(|v| Value::Number(v as f64 * 0.1)),
        any::<f64>().prop_filter("no NaN", |v| !v.is_nan()).prop_map(Value::Number),
        "[a-z中文]{0,12}".prop_map(|s| Value::Text(Arc::from(s.as_str()))),
        Just(Value::None),
    ];
    (0u32..12, 0usize..ALL.len(), 0i64..100_000, proptest::option::of(any::<i64>()), value).prop_map(
        |(point, quality, at, source_ms, value)| Reading {
            point: PointIx(point),
            quality: ALL[quality],
            at: BootMs(at),
            source_ms,
            value,
        },
    )
}

fn check(readings: &[Reading], level: usize) {
    let ids: Vec<u32> = (0..12).map(|i| (i * 7) % 12).collect();
    let refs: Vec<&Reading> = readings.iter().collect();
    let encoded = Encoder::default().encode(&refs, &ids, level);
    let mut rows = Rows::default();
    assert_eq!(rows.decode(&encoded.body), Some(()));
    let columns = rows.columns().unwrap();
    let mut sorted = refs.clone();
    sorted.sort_by_key(|r| ids[r.point.ix()]);
    assert_eq!(encoded.count as usize, sorted.len());
    for (i, r) in sorted.iter().enumerate() {
        assert_eq!(columns.point[i], ids[r.point.ix()]);
        assert_eq!(columns.at[i], r.at);
        assert_eq!(columns.quality[i], r.quality);
        assert_eq!(columns.source_ms.get(i).copied().flatten(), r.source_ms);
        match (&columns.value[i], &r.value) {
            (Value::Number(a), Value::Number(b)) => assert_eq!(a.to_bits(), b.to_bits()),
            (a, b) => assert_eq!(a, b),
        }
        assert!((encoded.t_min..=encoded.t_max).contains(&r.at.0));
    }
}

proptest! {
    #[test]
    fn rows_come_back(readings in proptest::collection::vec(reading(), 0..300), level in 0usize..9) {
        check(&readings, level);
    }

    #[test]
    fn a_flipped_bit_never_panics(readings in proptest::collection::vec(reading(), 1..80), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let refs: Vec<&Reading> = readings.iter().collect();
        let ids: Vec<u32> = (0..12).collect();
        let mut body = Encoder::default().encode(&refs, &ids, 2).body;
        let at = at.index(body.len());
        body[at] ^= 1 << bit;
        let mut rows = Rows::default();
        if rows.decode(&body).is_some() {
            let _ = rows.columns();
        }
    }
}
