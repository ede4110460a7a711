//! Days of the calendar: `2026-10-01`, or from one to another, `2026-10-01/2026-10-07`. Pure.

use jiff::civil::Date;

use crate::config::notation::complain;
use crate::model::calendar::Days;
use crate::text::diagnostic::shown;
use crate::text::field::{Complaint, Notation, bi};

/// Longest range. The longest public holiday anywhere near is a third of it; more is a slip of the month or the year.
const RANGE_DAYS_MAX: i64 = 31;

/// `2026-10-01/2026-10-07`
pub const DAYS: Notation = Notation {
    name: bi("a day or a range of days", "日期或起止日期"),
    example: "2026-10-01/2026-10-07",
    pattern: Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}(/[0-9]{4}-[0-9]{2}-[0-9]{2})?$"),
    check: |text| days(text).map(drop),
};

/// Reads a day or a range as first and last day since 1970-01-01.
pub fn days(text: &str) -> Result<Days, Complaint> {
    let (first, last) = text.split_once('/').unwrap_or((text, text));
    let (first, last) = (day(first)?, day(last)?);
    if last < first {
        return Err(complain(
            (format!("`{}` ends before it begins", shown(text)), format!("`{}` 结束早于开始", shown(text))),
            ("write the first day, `/`, the last day", "请写“首日/末日”"),
        ));
    }
    if last - first >= RANGE_DAYS_MAX {
        return Err(complain(
            (
                format!("`{}` is longer than {RANGE_DAYS_MAX} days", shown(text)),
                format!("`{}` 超过 {RANGE_DAYS_MAX} 天", shown(text)),
            ),
            ("look at month and year; write a long holiday as two ranges", "请核对年月；长假请分两段书写"),
        ));
    }
    Ok((first, last))
}

fn day(text: &str) -> Result<i64, Complaint> {
    let strict = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let date = text.parse::<Date>().ok().filter(|_| strict);
    let date = date.ok_or_else(|| {
        complain(
            (format!("`{}` is not a day of the calendar", shown(text)), format!("`{}` 不是有效日期", shown(text))),
            (
                "write year, month, day: \"2026-10-01\", or a range \"2026-10-01/2026-10-07\"",
                "请写年-月-日：\"2026-10-01\"，或起止 \"2026-10-01/2026-10-07\"",
            ),
        )
    })?;
    let epoch = Date::constant(1970, 1, 1);
    Ok(i64::from((date - epoch).get_days()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_ranges_are_read_and_slips_are_told() {
        let table: [(&str, Option<Days>); 12] = [
            ("1970-01-01", Some((0, 0))),
            ("2026-10-01", Some((20_727, 20_727))),
            ("2026-10-01/2026-10-07", Some((20_727, 20_733))),
            ("2028-02-29", Some((21_243, 21_243))),
            ("2027-02-29", None),
            ("2026-10-07/2026-10-01", None),
            ("2026-10-01/2027-10-07", None),
            ("2026-10-1", None),
            ("20261001", None),
            ("10/01", None),
            ("国庆节", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(days(text).ok(), expected, "{text}");
        }
    }
}
