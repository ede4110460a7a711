//! Topic tables.

use super::*;

#[test]
fn names_and_filters() {
    for (text, name, filter) in [
        ("a/b", true, true),
        ("", false, false),
        ("a/+/b", false, true),
        ("a/#", false, true),
        ("#", false, true),
        ("a/#/b", false, false),
        ("a+/b", false, false),
        ("a#", false, false),
        ("a\0b", false, false),
        ("a\nb", false, false),
        ("/", true, true),
        ("烟感/1201", true, true),
    ] {
        assert_eq!((is_name(text), is_filter(text)), (name, filter), "{text:?}");
    }
    assert!(is_name(&"x".repeat(256)) && !is_name(&"x".repeat(257)));
}

#[test]
fn matching() {
    for (filter, topic, yes) in [
        ("a/b", "a/b", true),
        ("a/b", "a/b/c", false),
        ("a/b/c", "a/b", false),
        ("a/+", "a/b", true),
        ("a/+", "a", false),
        ("a/+", "a/", true),
        ("a/#", "a", true),
        ("a/#", "a/b/c", true),
        ("#", "a", true),
        ("#", "$SYS/x", false),
        ("+/x", "$SYS/x", false),
        ("$SYS/#", "$SYS/x", true),
        ("楼/+/烟", "楼/3/烟", true),
        ("+/烟", "感/烟", true),
    ] {
        assert_eq!(matches(filter, topic), yes, "{filter} {topic}");
    }
}

#[test]
fn own_prefix_only() {
    assert!(is_at_or_below("site/a", "site/a") && is_at_or_below("site/a", "site/a/up"));
    assert!(!is_at_or_below("site/a", "site/ab") && !is_at_or_below("site/a", "site"));
    for (filter, yes) in [
        ("site/a/down/#", true),
        ("site/a/set", true),
        ("site/a/down/+/x", true),
        ("site/a/#", false),
        ("site/a", false),
        ("site/+/down/#", false),
        ("#", false),
        ("site/b/down/#", false),
        ("site/a/up", false),
    ] {
        assert_eq!(is_command_of("site/a", filter), yes, "{filter}");
    }
}
