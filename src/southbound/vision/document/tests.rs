//! What becomes a tree and what is refused before it is one.

use super::*;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn every_form_becomes_a_tree() {
    let check = |payload: &str, tree: Json| assert_eq!(read(payload.as_bytes()).unwrap(), tree, "{payload}");
    check("\u{FEFF} {\"a\": [1, {\"b\": null}]} \r\n", json!({"a": [1, {"b": null}]}));
    check("[{\"a\": 1}, {\"a\": 2}]", json!([{"a": 1}, {"a": 2}]));
    check("<a/>", json!({"a": ""}));
    check(
        "<?xml version=\"1.0\"?><e v='2' xmlns='urn:x'><c>1</c><c><d>x &lt; y</d></c><t u='m'> 3 </t></e>",
        json!({"e": {"@v": "2", "c": ["1", {"d": "x < y"}], "t": {"@u": "m", "#text": "3"}}}),
    );
    check("Code=A;action=Start;index=0", json!({"Code": "A", "action": "Start", "index": "0"}));
    check("Code=A;data={\n \"a\" : \"x;y=}\"\n}\n", json!({"Code": "A", "data": {"a": "x;y=}"}}));
    check("Code=A;index=0\r\nCode=B;data={};\r\n", json!([{"Code": "A", "index": "0"}, {"Code": "B", "data": {}}]));
}

#[test]
fn hostile_documents_are_refused_with_a_class() {
    let check = |payload: &[u8], why: Why| {
        let fault = read(payload).unwrap_err();
        assert_eq!(fault.why, why, "{}: {fault}", String::from_utf8_lossy(&payload[..payload.len().min(60)]));
    };
    let laughs = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]><l>&b;</l>";
    check(laughs.as_bytes(), Why::Doctype);
    check(b"<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><x/>", Why::Doctype);
    check(b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'http://169.254.169.254/'>]><x>&e;</x>", Why::Doctype);
    check(b"<x>&undeclared;</x>", Why::Malformed);
    check("<a>".repeat(100_000).as_bytes(), Why::TooLarge);
    check("<a>".repeat(10_000).as_bytes(), Why::Malformed);
    check("[".repeat(100_000).as_bytes(), Why::Malformed);
    check("{\"a\":".repeat(33).as_bytes(), Why::Malformed);
    check(format!("[{}]", vec!["1"; NODES_MAX + 2].join(",")).as_bytes(), Why::TooLarge);
    check(format!("<a>{}</a>", "<b/>".repeat(NODES_MAX + 2)).as_bytes(), Why::TooLarge);
    check(format!("<a>{}</a>", "x".repeat(DOCUMENT_BYTES_MAX)).as_bytes(), Why::TooLarge);
    check(b"{\"a\": 1e999}", Why::Malformed);
    check(b"{\"a\": NaN}", Why::Malformed);
    check(b"{\"a\": 1} {\"b\": 2}", Why::Malformed);
    check(b"\xff\xd8\xff\xe0 a picture", Why::Malformed);
    check(b"hello", Why::Malformed);
    check(b"Code=A;data={\"a\": }", Why::Malformed);
    check("A=1\n".repeat(100).as_bytes(), Why::TooLarge);
    check(b" \r\n\0", Why::Malformed);
}

#[test]
fn no_way_of_writing_hides_how_deep_xml_is() {
    // What stands in quotes, comments and the like closes nothing, however much it looks like it.
    for open in ["<a b=\"/>\">", "<a b='/'>", "<a><![CDATA[</a></a>]]>", "<a><!--</a></a>-->", "<a><?p </a></a> ?>"] {
        for times in [DEPTH_MAX + 1, 400, 12_000] {
            let fault = read(format!("{}{}", open.repeat(times), "</a>".repeat(times)).as_bytes()).unwrap_err();
            assert!(matches!(fault.why, Why::Malformed | Why::TooLarge), "{open}: {fault}");
        }
        let fits = format!("<r>{}</r>", format!("{open}1</a>").repeat(100));
        assert!(read(fits.as_bytes()).is_ok(), "{fits}");
    }
    let fits = format!("{}1{}", "<a>".repeat(DEPTH_MAX), "</a>".repeat(DEPTH_MAX));
    assert!(read(fits.as_bytes()).is_ok());
}

proptest! {
    /// Whatever comes, there is an answer.
    #[test]
    fn no_bytes_make_it_panic(payload in proptest::collection::vec(any::<u8>(), 0..600)) {
        drop(read(&payload));
    }

    /// The same with bytes that look like something.
    #[test]
    fn no_near_miss_makes_it_panic(pieces in proptest::collection::vec(
        proptest::sample::select(vec![
            "{", "}", "[", "]", "\"", "\\", ":", ",", "1", "<", ">", "/", "a", "<a>", "</a>", "<!--", "-->", "<![CDATA[",
            "]]>", "<?", "?>", "&", ";", "=", "&#x10FFFF;", "&#0;", "Code=", "data={", "\n", "é", "\u{0}", "'",
        ]), 0..60)) {
        drop(read(pieces.concat().as_bytes()));
    }
}
