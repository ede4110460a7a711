//! Bodies as cameras send them, in all pieces.

use super::*;
use proptest::prelude::*;

/// All parts of a body that arrives in pieces of `step` bytes, as `type:body`.
fn parts(content_type: &str, body: &[u8], step: usize) -> Result<Vec<String>, Why> {
    let mut multipart = Multipart::new(content_type, 100).unwrap();
    let mut found = Vec::new();
    for piece in body.chunks(step) {
        multipart.feed(piece);
        while let Some(part) = multipart.take_part().map_err(|fault| fault.why)? {
            found.push(format!("{}:{}", part.media_type, String::from_utf8_lossy(&part.body)));
        }
    }
    Ok(found)
}

#[test]
fn bodies_of_cameras_are_taken_apart_in_any_pieces() {
    let check = |content_type: &str, body: &str, expected: &[&str]| {
        for step in 1..body.len() {
            assert_eq!(parts(content_type, body.as_bytes(), step).unwrap(), expected, "{content_type}, by {step}");
        }
    };
    check(
        "multipart/mixed; boundary=boundary",
        "--boundary\r\nContent-Type: application/xml; charset=\"UTF-8\"\r\nContent-Length: 4\r\n\r\n<a/>\r\n\
         --boundary\r\nContent-Type: image/jpeg\r\nContent-Length: 14\r\n\r\nxx\r\n--boundary\r\n--boundary--\r\n",
        &["application/xml:<a/>", "image/jpeg:xx\r\n--boundary"],
    );
    check(
        "multipart/x-mixed-replace; boundary=myboundary",
        "\r\n\r\n--myboundary\r\nContent-Type: text/plain\r\n\r\nHeartbeat\r\n--myboundary\r\n\r\nCode=A\r\n\r\n--myboundary\r\nx",
        &["text/plain:Heartbeat", ":Code=A\r\n"],
    );
    check(
        "Multipart/Form-Data; charset=x; Boundary=\"--=_a b\"",
        "--=_a b\nContent-Disposition: form-data; name=\"e\"\n\n{}\n----=_a b\n\n[]\n--=_a b--\n--=_a b\n\nlate",
        &[":{}", ":[]"],
    );
    check(
        "multipart/mixed; boundary=b",
        "--b\r\nno colon\r\n\r\n--bc is no boundary? \r\n--b--",
        &[":--bc is no boundary? "],
    );
}

#[test]
fn caps_hold() {
    let check = |body: &str, expected: Result<usize, Why>| {
        for step in [1, 7, 10_000] {
            assert_eq!(parts("multipart/mixed; boundary=b", body.as_bytes(), step).map(|p| p.len()), expected);
        }
    };
    let body = |bytes: usize| format!("--b\r\n\r\n{}\r\n--b--", "x".repeat(bytes));
    check(&body(100), Ok(1));
    check(&body(101), Err(Why::TooLarge));
    check(&body(120), Err(Why::TooLarge));
    check("--b\r\nContent-Length: 101\r\n\r\n", Err(Why::TooLarge));
    check("--b\r\nContent-Length: 99999999999999999999999\r\n\r\nx\r\n--b--", Ok(1));
    check(&format!("--b\r\n{}", "h: v\r\n".repeat(1000)), Err(Why::TooLarge));
    check(&format!("--b\r\nh: {}", "v".repeat(10_000)), Err(Why::TooLarge));
    let mut between = Multipart::new("multipart/mixed; boundary=b", 100).unwrap();
    for _ in 0..10_000 {
        between.feed(b"rubbish without end");
        assert!(between.take_part().unwrap().is_none() && between.input.len() < 64);
    }
    for wrong in ["text/plain", "multipart/mixed", "multipart/mixed; boundary=", "multipart/mixed; boundary=\u{7}"] {
        assert!(Multipart::new(wrong, 1).is_none(), "{wrong}");
    }
}

#[test]
fn a_part_without_length_is_ripe_when_it_looks_complete() {
    let mut multipart = Multipart::new("multipart/mixed; boundary=b", 100).unwrap();
    multipart.feed(b"--b\r\nContent-Type: text/xml\r\n\r\n<a>");
    assert!(multipart.take_part().unwrap().is_none());
    multipart.feed(b"x");
    assert!(multipart.take_part().unwrap().is_none() && multipart.ripe().is_none());
    multipart.feed(b"</a>\r\n");
    assert!(multipart.take_part().unwrap().is_none());
    assert_eq!(multipart.ripe().unwrap().body, b"<a>x</a>".as_slice());
    assert!(multipart.ripe().is_none());
    multipart.feed(b"\r\n--b\r\nContent-Length: 3\r\n\r\n{}\n");
    assert_eq!(multipart.take_part().unwrap().unwrap().body, b"{}\n".as_slice());
}

proptest! {
    /// However it is cut, the parts are the same; whatever it is, nothing panics.
    #[test]
    fn pieces_do_not_matter(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "--b", "\r\n", "\n", "--", "Content-Length: 5", "Content-Length: 0", "Content-Type: a/b", "x", "\r", "-", "b", ": ",
    ]), 0..40), steps in proptest::collection::vec(1_usize..9, 1..6)) {
        let body = pieces.concat().into_bytes();
        let whole = parts("multipart/mixed; boundary=b", &body, body.len().max(1));
        for step in steps {
            prop_assert_eq!(&parts("multipart/mixed; boundary=b", &body, step), &whole);
        }
    }
}
