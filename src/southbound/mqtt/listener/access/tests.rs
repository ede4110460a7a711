//! Credentials and rights.

use super::*;
use crate::model::id::DeviceIx;

fn login(user: &str, password: &str) -> Login {
    Login { user: user.to_owned(), password: password.to_owned() }
}

fn access() -> Access {
    let entry = |user: &str, topics: &[&str]| DeviceLogin {
        devices: vec![DeviceIx(0)],
        login: login(user, "secret"),
        topics: topics.iter().map(|t| (*t).to_owned()).collect(),
    };
    Access::new(vec![entry("a", &["site/a"]), entry("gw", &["site/x", "site/y"])], std::iter::empty())
}

#[test]
fn logins() {
    for (user, password, want) in [
        ("a", "secret", Some(Who(0))),
        ("gw", "secret", Some(Who(1))),
        ("a", "secre", None),
        ("a", "secrets", None),
        ("a", "", None),
        ("", "", None),
        ("b", "secret", None),
    ] {
        assert_eq!(access().admit(Some(&login(user, password))), want, "{user} {password}");
    }
    assert_eq!(access().admit(None), None);
    let open = Access::new(Vec::new(), ["site/a".to_owned()].into_iter());
    assert_eq!(open.admit(None), Some(Who(0)));
    assert!(open.may_publish(Who(0), "site/a/up") && !open.may_publish(Who(0), "site/b/up"));
}

#[test]
fn rights() {
    let access = access();
    for (who, topic, want) in [
        (0, "site/a", true),
        (0, "site/a/up/1", true),
        (0, "site/ab", false),
        (0, "site", false),
        (0, "site/x/up", false),
        (1, "site/x/up", true),
        (1, "site/y", true),
    ] {
        assert_eq!(access.may_publish(Who(who), topic), want, "{who} {topic}");
    }
    assert!(access.may_subscribe(Who(1), "site/y/down/#") && !access.may_subscribe(Who(1), "site/+/down/#"));
    assert!(!access.may_subscribe(Who(0), "site/y/down/#") && !access.may_subscribe(Who(7), "site/a/down"));
}
