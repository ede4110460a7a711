//! Broker addresses.

use super::*;

#[test]
fn broker_addresses() {
    for (url, want) in [
        ("mqtt://127.0.0.1:1884", Some((false, "127.0.0.1", 1884))),
        ("mqtt://broker", Some((false, "broker", 1883))),
        ("mqtts://broker.example/", Some((true, "broker.example", 8883))),
        ("mqtt://[::1]", Some((false, "[::1]", 1883))),
        ("mqtt://[::1]:1900", Some((false, "[::1]", 1900))),
        ("mqtt://::1", None),
        ("http://broker", None),
        ("broker:1883", None),
        ("mqtt://", None),
        ("mqtt://user:pw@broker", None),
        ("mqtt://broker:70000", None),
    ] {
        let want = want.map(|(tls, host, port)| (tls, host.to_owned(), port));
        assert_eq!(parse(url), want, "{url}");
    }
}
