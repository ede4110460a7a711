//! Records of earlier releases are read as they were meant.

use super::*;

#[test]
fn the_level_of_a_raised_alarm_is_read_from_its_field_or_from_the_note_of_before() {
    let check = |kind: &str, rest: &str, level: Option<Level>, note: &str| {
        let text = format!(r#"{{"case":7,"kind":"{kind}","wall_ms":1,"by":"","reason":null,{rest}}}"#);
        let step: Step = serde_json::from_str(&text).unwrap();
        assert_eq!(step.facts(), (level, note), "{text}");
        // What was written before is written as it was: the store knows a step again by its text.
        if !rest.contains("level") {
            assert!(!serde_json::to_string(&step).unwrap().contains("level"), "{text}");
        }
    };
    check("raised", r#""note":"critical""#, Some(Level::Critical), "");
    check("raised", r#""note":"","level":"major""#, Some(Level::Major), "");
    check("raised", r#""note":"after 5 min","level":"major""#, Some(Level::Major), "after 5 min");
    check("raised", r#""note":"louder""#, None, "louder");
    // A person's word is no level.
    check("confirmed", r#""note":"critical""#, None, "critical");
}

#[test]
fn words_in_both_languages_have_a_field_of_their_own_and_notes_of_before_stay_notes() {
    let step = |rest: &str| {
        let text = format!(r#"{{"case":7,"kind":"evidence_failed","wall_ms":1,"by":"","reason":null,{rest}}}"#);
        serde_json::from_str::<Step>(&text).unwrap()
    };
    let before = step(r#""note":"the host answers 404""#);
    assert_eq!((before.why.clone(), before.facts()), (None, (None, "the host answers 404")));
    assert!(!serde_json::to_string(&before).unwrap().contains("why"));
    let now = step(r#""note":"","why":{"zh":"摄像机应答 404","en":"the host answers 404"}"#);
    assert_eq!(now.why, Some(Text::new("摄像机应答 404", "the host answers 404")));
    assert_eq!(serde_json::from_str::<Step>(&serde_json::to_string(&now).unwrap()).unwrap(), now);
}
