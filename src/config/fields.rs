//! The tables of fields of site and profile files: what may stand where, and what it means. Constant data.
//!
//! Reader, suggestions, JSON Schema and reference all come from here. A key is added here first.

mod cases;
pub mod condition;
pub mod health;
pub mod profile;
pub mod site;
mod vision;
pub mod vision_profile;

use crate::text::field::{Bi, Kind, bi};

/// The levels of an alarm.
pub const LEVELS: &[(&str, Bi)] = &[
    ("life", bi("lives are in danger: smoke, gas, SOS, entrapment", "危及生命：烟雾、燃气、求救、困人")),
    ("critical", bi("act now", "立即处理")),
    ("major", bi("act this shift", "本班处理")),
    ("minor", bi("act this day", "当日处理")),
    ("info", bi("to know", "仅提示")),
];

/// Name of a file in the credentials folder.
pub const CREDENTIAL: Kind = Kind::Checked(&crate::config::notation::CREDENTIAL);
/// Port of a TCP connection.
pub const PORT: Kind = Kind::Int { min: 1, max: 65535 };
/// Anything to a year, but not nothing.
pub const WINDOW: Kind = Kind::Duration { min_ms: 1000, max_ms: 366 * 86_400_000 };

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::profile::PROFILE_FILE;
    use super::site::SITE_FILE;
    use super::vision_profile::VISION_FILE;
    use crate::text::field::{Kind, Need, Table};
    use crate::text::reader::default_of;

    fn check(table: &'static Table, seen: &mut BTreeSet<*const Table>) {
        if !seen.insert(std::ptr::from_ref(table)) {
            return;
        }
        for field in table.fields {
            if let Need::Default(value) = field.need {
                assert!(
                    default_of(&field.kind, value).is_some(),
                    "{}.{}: the default is dropped",
                    table.name,
                    field.key
                );
            }
            inner(&field.kind, seen);
        }
    }

    fn inner(kind: &'static Kind, seen: &mut BTreeSet<*const Table>) {
        match kind {
            Kind::Table(table) | Kind::Tables(table) | Kind::Changes(table) | Kind::Array(table) => check(table, seen),
            Kind::List { of, .. } | Kind::Map { of, .. } => inner(of, seen),
            Kind::Either(kinds) => kinds.iter().for_each(|kind| inner(kind, seen)),
            _ => {}
        }
    }

    #[test]
    fn every_declared_default_holds() {
        let mut seen = BTreeSet::new();
        check(&SITE_FILE, &mut seen);
        check(&PROFILE_FILE, &mut seen);
        check(&VISION_FILE, &mut seen);
        assert!(seen.len() > 20, "{}", seen.len());
    }
}
