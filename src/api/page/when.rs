//! Times and durations as people read them, in the site's zone and the reader's language. Pure: now is handed in.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::api::lang::Words;

/// Formats moments of one page.
#[derive(Debug, Clone)]
pub(crate) struct When {
    zone: TimeZone,
    now: Zoned,
    now_ms: i64,
    words: Words,
}

fn zoned(ms: i64, zone: &TimeZone) -> Zoned {
    // Only a time outside years -9999 to 9999 fails; the epoch then shows that something is wrong.
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone())
}

impl When {
    pub(crate) fn new(now_ms: i64, zone: &TimeZone, words: Words) -> Self {
        Self { zone: zone.clone(), now: zoned(now_ms, zone), now_ms, words }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms
    }

    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// `14:02:11` today, `11-21 14:02` this year, `2025-11-21 14:02` before.
    pub(crate) fn short(&self, ms: i64) -> String {
        let at = zoned(ms, &self.zone);
        let form = if at.date() == self.now.date() {
            "%H:%M:%S"
        } else if at.year() == self.now.year() {
            "%m-%d %H:%M"
        } else {
            "%Y-%m-%d %H:%M"
        };
        at.strftime(form).to_string()
    }

    /// `2026-11-22`.
    pub(crate) fn date(&self, ms: i64) -> String {
        zoned(ms, &self.zone).strftime("%Y-%m-%d").to_string()
    }

    /// `2026-11-22 14:02:11`, for tables that leave the page.
    pub(crate) fn full(&self, ms: i64) -> String {
        zoned(ms, &self.zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// RFC 3339 with the site's offset.
    pub(crate) fn iso(&self, ms: i64) -> String {
        zoned(ms, &self.zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// How long since, in the two largest units.
    pub(crate) fn since(&self, ms: i64) -> String {
        self.span(self.now_ms.saturating_sub(ms))
    }

    /// A duration in its two largest units: `3 min 12 s`. The page's script writes the same.
    pub(crate) fn span(&self, ms: i64) -> String {
        let s = ms.max(0) / 1000;
        let w = self.words;
        let (day, hour, minute, second) = (w.t("unit.day"), w.t("unit.hour"), w.t("unit.minute"), w.t("unit.second"));
        match s {
            0..60 => format!("{s} {second}"),
            60..3600 => format!("{} {minute} {} {second}", s / 60, s % 60),
            3600..86_400 => format!("{} {hour} {} {minute}", s / 3600, s % 3600 / 60),
            _ => format!("{} {day} {} {hour}", s / 86_400, s % 86_400 / 3600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::text::Lang;

    #[test]
    fn moments_and_spans_read_naturally() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        // 2026-11-22 14:02:11 in Shanghai.
        let now = 1_795_327_331_000;
        let when = When::new(now, &zone, Words(Lang::En));
        assert_eq!(when.short(now), "14:02:11");
        assert_eq!(when.short(now - 86_400_000), "11-21 14:02");
        assert_eq!(when.short(now - 366 * 86_400_000), "2025-11-21 14:02");
        assert_eq!(when.iso(now), "2026-11-22T14:02:11+08:00");
        for (ms, text) in
            [(-5, "0 s"), (59_999, "59 s"), (192_000, "3 min 12 s"), (7_500_000, "2 h 5 min"), (100_000_000, "1 d 3 h")]
        {
            assert_eq!(when.span(ms), text);
        }
        assert_eq!(When::new(now, &zone, Words(Lang::Zh)).span(192_000), "3 分 12 秒");
    }
}
