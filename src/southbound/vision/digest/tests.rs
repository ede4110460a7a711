//! The vectors of the RFCs, and lines as cameras write them.

use super::*;
use proptest::prelude::*;

const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

fn check(line: &str, request: &Request<'_>, response: &str) {
    let challenge = choose([line]).unwrap();
    let header = answer(&challenge, request);
    assert!(header.contains(&format!("response=\"{response}\"")), "{header}");
}

#[test]
fn the_vectors_of_the_rfcs_hold() {
    // RFC 7616, 3.9.1.
    let mufasa = Request {
        method: "GET",
        uri: "/dir/index.html",
        user: "Mufasa",
        password: "Circle of Life",
        count: 1,
        cnonce: CNONCE,
    };
    let line = |algorithm: &str| {
        format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        )
    };
    check(&line("MD5"), &mufasa, "8ca523f5e9506fed4657c9700eebdbec");
    check(&line("SHA-256"), &mufasa, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
    // RFC 2617, 3.5.
    let older = Request { password: "Circle Of Life", cnonce: "0a4f113b", ..mufasa };
    let line = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
                nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
    check(line, &older, "6629fae49393a05397450978507c4ef1");
    // RFC 2069, as corrected by its erratum 749.
    let oldest = Request { password: "CircleOfLife", ..mufasa };
    let line = "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5c\"";
    check(line, &oldest, "1949323746fe6a43ef61f9606e7febea");
    // RFC 7617, 2.
    let aladdin = Request { user: "Aladdin", password: "open sesame", ..mufasa };
    assert_eq!(answer(&Challenge::Basic, &aladdin), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

#[test]
fn the_strongest_challenge_that_can_be_answered_is_chosen() {
    let chosen = |lines: &[&str]| match choose(lines.iter().copied()) {
        None => "none".to_owned(),
        Some(Challenge::Basic) => "basic".to_owned(),
        Some(Challenge::Digest(digest)) => format!("{:?} {}", digest.algorithm, digest.realm),
    };
    let md5 = "Digest qop=\"auth\", realm=\"IP Camera(12, a)\", nonce=\"x:y\", stale=\"FALSE\"";
    assert_eq!(chosen(&[md5, "Basic realm=\"IP Camera\""]), "Md5 IP Camera(12, a)");
    let both = "Basic realm=\"b\", Digest realm=\"d\", nonce=\"1\", algorithm=SHA-256, Digest realm=\"e\", nonce=\"2\"";
    assert_eq!(chosen(&[both]), "Sha256 d");
    assert_eq!(chosen(&["Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256", "Basic realm=\"b\""]), "basic");
    assert_eq!(chosen(&["Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\""]), "none");
    assert_eq!(chosen(&["Digest realm=\"r\"", "Negotiate", "Bearer", ""]), "none");
}

proptest! {
    /// Whatever a host writes, it is answered or not, and no header can be split by it.
    #[test]
    fn no_line_makes_it_panic(line in "(Digest |Basic |realm=|nonce=|qop=auth|\"|,|=| |\\\\|[ -~]){0,20}") {
        let request = Request { method: "GET", uri: "/", user: "u", password: "p", count: 1, cnonce: "c" };
        if let Some(challenge) = choose([line.as_str()]) {
            prop_assert!(!answer(&challenge, &request).contains(['\r', '\n']));
        }
    }
}
