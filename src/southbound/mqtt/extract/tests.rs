use super::*;

fn check(payload: &str, pointer: &str, kind: PointKind, want: Option<Raw>) {
    let words = [("ON".to_owned(), 1.0), ("OFF".to_owned(), 0.0)];
    let pointer = Pointer::new(pointer).unwrap();
    assert_eq!(Payload::read(payload.as_bytes()).raw(&pointer, &words, kind), want, "{payload} {pointer:?}");
}

#[test]
fn values() {
    use PointKind::{Number, Switch, Text};
    let num = |n| Some(Raw::Number(n));
    let bad = |q| Some(Raw::Bad(q));
    check(r#"{"a":{"b":[1,2.5]}}"#, "/a/b/1", Number, num(2.5));
    check(r#"{"smoke":true}"#, "/smoke", Switch, num(1.0));
    check(r#"{"state":"OFF"}"#, "/state", Switch, num(0.0));
    check(r#"{"state":"sideways"}"#, "/state", Switch, bad(Quality::BadProtocol));
    check(r#"{"t":"23.5"}"#, "/t", Number, num(23.5));
    check(r#"{"t":"NaN"}"#, "/t", Number, bad(Quality::BadProtocol));
    check(r#"{"t":null}"#, "/t", Number, bad(Quality::BadSentinel));
    check(r#"{"t":[]}"#, "/t", Number, bad(Quality::BadProtocol));
    check(r#"{"t":9007199254740993}"#, "/t", Number, bad(Quality::BadPrecision));
    check(r#"{"t":9007199254740993}"#, "/t", Text, Some(Raw::Text(Arc::from("9007199254740993"))));
    check(r#"{"other":1}"#, "/t", Number, None);
    check(r#"{"a/b":{"~":4}}"#, "/a~1b/~0", Number, num(4.0));
    check("ON", "", Switch, num(1.0));
    check("3.25", "", Number, num(3.25));
    check("{broken", "/t", Number, bad(Quality::BadProtocol));
    check("version 7", "", Text, Some(Raw::Text(Arc::from("version 7"))));
}

#[test]
fn times() {
    for (payload, format, want) in [
        (r#"{"t":"2026-11-22T01:00:00.250Z"}"#, TimeFormat::Rfc3339, Some(1_795_309_200_250)),
        (r#"{"t":"2026-11-22T09:00:00+08:00"}"#, TimeFormat::Rfc3339, Some(1_795_309_200_000)),
        (r#"{"t":1795309200.25}"#, TimeFormat::UnixSeconds, Some(1_795_309_200_250)),
        (r#"{"t":"1795309200250"}"#, TimeFormat::UnixMillis, Some(1_795_309_200_250)),
        (r#"{"t":-5}"#, TimeFormat::UnixMillis, None),
        (r#"{"t":1e300}"#, TimeFormat::UnixMillis, None),
        (r#"{"t":"gestern"}"#, TimeFormat::Rfc3339, None),
        ("{}", TimeFormat::Rfc3339, None),
    ] {
        let pointer = Pointer::new("/t").unwrap();
        assert_eq!(Payload::read(payload.as_bytes()).time_ms(&pointer, format), want, "{payload}");
    }
}
