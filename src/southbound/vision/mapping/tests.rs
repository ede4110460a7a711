//! Odd and hostile events against one profile of our own making.

use super::*;
use crate::model::sight::{Footage, TRACK_POINTS_MAX};
use crate::profile::vision::{FootageKind, FootageMap, Shape, TrackMap};
use proptest::prelude::*;
use serde_json::json;

fn list(at: &str) -> Vec<String> {
    vec![at.to_owned()]
}

fn profile(shape: Shape, full: Option<f64>, t: Option<&str>) -> VisionProfile {
    let one = |at: &str| Some(at.to_owned());
    let track = TrackMap {
        at: list("/track"),
        t: t.map(str::to_owned),
        t_unit_s: 0.001,
        x: "/x".into(),
        y: "/y".into(),
        w: one("/w"),
        h: one("/h"),
        shape,
        full,
        from_bottom: false,
    };
    let footage = [("/pic", FootageKind::Picture), ("/clip", FootageKind::Clip), ("/data", FootageKind::Inline)];
    let event = EventMap {
        each: list("/list"),
        id: list("/id"),
        time: list("/time"),
        kind: vec!["/kind".into(), "/sub/kind".into()],
        kind_default: Some(SightKind::FallingObject),
        action: list("/action"),
        confidence: list("/p"),
        confidence_full: 100.0,
        floor: list("/floor"),
        track: Some(track),
        footage: footage.map(|(at, what)| FootageMap { at: list(at), what }).into(),
        ..EventMap::default()
    };
    VisionProfile {
        id: "own".into(),
        revision: 1,
        name: crate::model::text::Text::same("own"),
        source: Vec::new(),
        evidence: "documented".into(),
        note: crate::model::text::Text::same(""),
        event,
        kinds: vec![("bike".into(), Meaning::Kind(SightKind::EbikeInLift)), ("beat".into(), Meaning::Ignore)],
        actions: vec![("on".into(), SightAction::Start)],
        stream: None,
        tests: Vec::new(),
    }
}

fn run(profile: &VisionProfile, tree: &Json) -> Result<Vec<Mapped>, Fault> {
    let camera: Arc<str> = Arc::from("cam");
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    let arrival = Arrival { camera: &camera, received: BootMs(5), frame: Some((1000, 500)), zone: &zone };
    map(profile, tree.clone(), tree.to_string().as_bytes(), &arrival)
}

fn sighting(tree: &Json) -> Sighting {
    let mut all = run(&profile(Shape::Centre, None, Some("/t")), tree).unwrap();
    match all.remove(0) {
        Mapped::Sighting { sighting, .. } => *sighting,
        other => panic!("{other:?}"),
    }
}

#[test]
fn words_decide_the_kind_before_anything_is_refused() {
    let check = |tree: Json, expected: &str| {
        let all = run(&profile(Shape::Centre, None, Some("/t")), &tree).unwrap();
        let found: Vec<String> = all
            .iter()
            .map(|mapped| match mapped {
                Mapped::Sighting { sighting, .. } => kind_word(sighting.kind).to_owned(),
                Mapped::Ignored => "ignored".to_owned(),
                Mapped::Unknown(word) => format!("?{word}"),
                Mapped::Refused(fault) => format!("!{}", fault.why.word()),
            })
            .collect();
        assert_eq!(found.join(" "), expected, "{tree}");
    };
    check(json!({}), "falling_object");
    check(json!({"kind": "BIKE"}), "ebike_in_lift");
    check(json!({"kind": "other", "sub": {"kind": "bike"}}), "ebike_in_lift");
    check(json!({"kind": "other\u{7}"}), "?other ");
    check(json!({"kind": "beat", "track": "NaN", "pic": "../.."}), "ignored");
    check(json!([{"kind": "beat"}, {"kind": "bike"}, {"kind": "x"}]), "ignored ebike_in_lift ?x");
    check(json!({"list": [{}, {"kind": "beat"}]}), "falling_object ignored");
    // One bad event of several takes no other with it.
    check(json!({"list": [{"pic": "../.."}, {}, {"floor": 3}]}), "!reference falling_object falling_object");
}

#[test]
fn times_of_all_kinds_are_read_and_wrong_ones_left_out() {
    let check = |time: Json, expected: Option<i64>| {
        assert_eq!(sighting(&json!({"time": time})).camera_time.map(|t| t.0), expected, "{time}");
    };
    let ms = 1_795_305_600_000;
    check(json!("2026-11-22T08:00:00+08:00"), Some(ms));
    check(json!("2026-11-22T00:00:00Z"), Some(ms));
    check(json!("2026-11-22T08:00:00"), Some(ms));
    check(json!("2026-11-22 08:00:00.000"), Some(ms));
    check(json!(1_795_305_600), Some(ms));
    check(json!("1795305600000"), Some(ms));
    check(json!("1970-01-01T00:00:00Z"), Some(0));
    for wrong in
        [json!("yesterday"), json!(-5), json!(1e300), json!("inf"), json!({}), json!(null), json!("0000-99-99")]
    {
        check(wrong, None);
    }
}

#[test]
fn hostile_events_are_refused_with_a_class() {
    let check = |tree: Json, why: Why| {
        let fault = run(&profile(Shape::Centre, None, Some("/t")), &tree).unwrap_err();
        assert_eq!(fault.why, why, "{fault}");
    };
    let track = |point: Json| json!({"track": [{"t": 0, "x": 1, "y": 1}, point]});
    check(track(json!({"t": 1, "x": "NaN", "y": 1})), Why::Number);
    check(track(json!({"t": 1, "x": "inf", "y": 1})), Why::Number);
    check(track(json!({"t": 1, "x": 1e9, "y": 1})), Why::Number);
    check(track(json!({"t": 1e300, "x": 1, "y": 1})), Why::Number);
    check(track(json!({"t": 1, "x": [1], "y": 1})), Why::Number);
    check(track(json!({"t": 1, "x": true, "y": 1})), Why::Number);
    check(track(json!({"t": 1, "y": 1})), Why::Malformed);
    check(track(json!({"x": 1, "y": 1})), Why::Malformed);
    check(json!({"track": vec![json!({"t": 0, "x": 0, "y": 0}); TRACK_POINTS_MAX + 1]}), Why::TooLarge);
    check(json!({"p": "much"}), Why::Number);
    check(json!([[]]), Why::Malformed);
    check(json!([]), Why::Malformed);
    check(json!(vec![json!({}); 33]), Why::TooLarge);
    check(json!({"pic": "/a/../b"}), Why::Reference);
    check(json!({"clip": ["/a", "/%2e%2e/"]}), Why::Reference);
    check(json!({"data": "%%%"}), Why::Malformed);
    check(json!({"data": "A".repeat(6 << 20)}), Why::TooLarge);
}

#[test]
fn ids_are_made_harmless_and_repeat() {
    let id = |tree: Json| sighting(&tree).event_id.to_string();
    assert_eq!(id(json!({"id": "e-1:2.x"})), "e-1:2.x");
    assert_eq!(id(json!({"id": 42})), "42");
    for odd in ["../../etc/passwd", "a b", "é", ".hidden", &"x".repeat(200), "<script>"] {
        let made = id(json!({"id": odd}));
        assert!(made.len() == 32 && made.bytes().all(|b| b.is_ascii_hexdigit()), "{odd}: {made}");
    }
    assert_eq!(id(json!({"time": 1})), id(json!({"time": 1})));
    assert_ne!(id(json!({"time": 1})), id(json!({"time": 2})));
}

#[test]
fn boxes_of_all_shapes_become_the_same_pixels() {
    let check = |shape, full, point: Json| {
        let mut all = run(&profile(shape, full, None), &json!({"track": [point, {"x": 9, "y": 9}]})).unwrap();
        let Mapped::Sighting { sighting, .. } = all.remove(0) else { panic!() };
        let [only] = sighting.track.as_slice() else { panic!("{:?}", sighting.track) };
        assert_eq!((only.x, only.y, only.w, only.h), (100.0, 50.0, 20.0, 10.0), "{point}");
    };
    check(Shape::Centre, None, json!({"x": 100, "y": "50", "w": 20, "h": 10}));
    check(Shape::Corner, None, json!({"x": 90, "y": 45, "w": 20, "h": 10}));
    check(Shape::Corners, None, json!({"x": 90, "y": 45, "w": 110, "h": 55}));
    check(Shape::Corners, None, json!({"x": 110, "y": 55, "w": 90, "h": 45}));
    check(Shape::Centre, Some(1.0), json!({"x": 0.1, "y": 0.1, "w": 0.02, "h": 0.02}));
}

#[test]
fn footage_is_kept_as_given_and_cut_out_where_inline() {
    let seen =
        sighting(&json!({"pic": ["/1.jpg", "", 7, "http://elsewhere/2.jpg"], "data": "/9j/AAEC", "clip": "/c.mp4"}));
    let remote = |reference: &str, clip| Footage::Remote { reference: reference.into(), clip };
    let bytes: Arc<[u8]> = Arc::from([0xFF, 0xD8, 0xFF, 0, 1, 2]);
    let inline = Footage::Inline { media_type: "image/jpeg".into(), bytes };
    assert_eq!(
        seen.footage,
        [remote("/1.jpg", false), remote("http://elsewhere/2.jpg", false), remote("/c.mp4", true), inline]
    );
    assert!(!String::from_utf8_lossy(&seen.raw).contains("/9j/"), "the picture is not kept twice");
    let Mapped::Sighting { dropped, sighting, .. } =
        run(&profile(Shape::Centre, None, None), &json!({"pic": ["/1", "/2", "/3", "/4", "/5"]})).unwrap().remove(0)
    else {
        panic!()
    };
    assert_eq!((dropped, sighting.footage.len()), (1, 4));
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        "[ -~é%./]{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let keys = proptest::sample::select(vec![
            "track", "t", "x", "y", "w", "h", "kind", "id", "pic", "data", "list", "time",
        ]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            proptest::collection::btree_map(keys.prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever tree comes, every number that is let through is one.
    #[test]
    fn no_tree_makes_it_panic(tree in any_json()) {
        for full in [None, Some(1.0)] {
            for mapped in run(&profile(Shape::Corners, full, Some("/t")), &tree).unwrap_or_default() {
                if let Mapped::Sighting { sighting, .. } = mapped {
                    prop_assert!(sighting.track.iter().all(|p| [p.t, p.x, p.y, p.w, p.h].iter().all(|n| n.is_finite())));
                    prop_assert!(!sighting.event_id.is_empty() && sighting.track.len() <= TRACK_POINTS_MAX);
                }
            }
        }
    }
}

#[test]
fn a_document_is_bounded_without_its_pictures_whatever_fills_it() {
    let profile = profile(Shape::Centre, None, Some("/t"));
    let junk = "x".repeat(crate::southbound::vision::limits::DOCUMENT_BYTES_MAX);
    let why = |tree: &Json| run(&profile, tree).map(|all| all.len()).map_err(|fault| fault.why);
    assert_eq!(why(&json!({"id": "1", "more": junk})), Err(Why::TooLarge));
    assert_eq!(why(&json!({"id": "1", "more": junk, "data": "/9j/AAAA"})), Err(Why::TooLarge));
    assert_eq!(why(&json!({"list": [{"id": "1", "more": junk}]})), Err(Why::TooLarge));
    let picture = format!("/9j/{}", "AAAA".repeat(500_000));
    assert_eq!(why(&json!({"id": "1", "data": picture})), Ok(1));
    // Blanks are bytes, too.
    let camera: Arc<str> = Arc::from("cam");
    let arrival = Arrival { camera: &camera, received: BootMs(5), frame: None, zone: &TimeZone::UTC };
    let blanks = format!("{{\"id\":{}\"1\"}}", " ".repeat(junk.len()));
    let found = map(&profile, json!({"id": "1"}), blanks.as_bytes(), &arrival);
    assert_eq!(found.map(|all| all.len()).map_err(|fault| fault.why), Err(Why::TooLarge));
}
