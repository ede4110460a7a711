//! The picture as text: what must be in it and what must not.

use super::*;

const SIZE: Size = Size { width: 900.0, height: 280.0 };
/// 2026-11-22 00:00 in Shanghai.
const DAY: i64 = 1_795_276_800_000;

fn bucket(t: i64, v: Option<f64>) -> HistoryBucket {
    HistoryBucket { t, min: v.map(|v| v - 0.1), max: v.map(|v| v + 0.1), mean: v, last: v, count: 5, bad: 0 }
}

fn draw_of(buckets: &[HistoryBucket], stepped: bool) -> String {
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    let limits = [(0.5, Level::Major, "limit <5>".to_owned())];
    let marks = [(DAY + 3_600_000, Level::Life, "smoke".to_owned()), (DAY - 1, Level::Minor, "outside".to_owned())];
    let chart = Chart {
        from_ms: DAY,
        to_ms: DAY + 86_400_000,
        step_ms: 600_000,
        buckets,
        limits: &limits,
        marks: &marks,
        stepped,
        zone: &zone,
        title: "pressure & co",
    };
    svg(&chart, SIZE)
}

#[test]
fn a_hole_breaks_the_line() {
    let mut buckets: Vec<_> = (0..6).map(|i| bucket(DAY + i * 600_000, Some(0.4))).collect();
    assert_eq!(draw_of(&buckets, false).matches("class=\"line\"").count(), 1);
    buckets[3].mean = None;
    assert_eq!(draw_of(&buckets, false).matches("class=\"line\"").count(), 2);
    buckets.remove(3);
    assert_eq!(draw_of(&buckets, false).matches("class=\"line\"").count(), 2, "a missing step is a hole");
}

#[test]
fn limits_marks_and_local_times_stand_in_it_and_text_is_escaped() {
    let picture = draw_of(&[bucket(DAY, Some(0.4)), bucket(DAY + 600_000, Some(0.45))], false);
    for part in ["limit &lt;5&gt;", "pressure &amp; co", "<title>smoke</title>", ">12:00<", "class=\"band\""] {
        assert!(picture.contains(part), "{part} in {picture}");
    }
    assert!(!picture.contains("outside"));
}

#[test]
fn nothing_known_draws_nothing_and_constants_draw_something() {
    assert!(draw_of(&[], false).is_empty());
    assert!(draw_of(&[bucket(DAY, None)], false).is_empty());
    let flat = HistoryBucket { t: DAY, min: Some(0.0), max: Some(0.0), mean: Some(0.0), last: None, count: 1, bad: 0 };
    for stepped in [false, true] {
        assert!(!draw_of(&[flat], stepped).contains("NaN"));
    }
    let huge = HistoryBucket { min: Some(-1e300), max: Some(1e300), ..flat };
    assert!(!draw_of(&[huge], false).contains("NaN"));
}
