//! The calendar of a site: holidays, and weekends that are worked to make up for them.
//!
//! Owns what such a day counts as. Knows no zone (days are local days) and no year to come: a day that nobody declared is
//! the weekday that it is.

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// Weekdays by number; Monday is 0.
const MONDAY: u8 = 0;
const FRIDAY: u8 = 4;
const SATURDAY: u8 = 5;
const SUNDAY: u8 = 6;

/// First and last day of a range, in days since 1970-01-01.
pub type Days = (i64, i64);

/// Holidays and make-up workdays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Every declared day once, rising, and whether it is worked. Bounded by the reader of the configuration: two lists of a
    /// hundred ranges of a month.
    days: Vec<(i64, bool)>,
}

impl Calendar {
    /// Ranges in any order. A day that is in both lists is worked.
    #[must_use]
    pub fn new(holidays: &[Days], workdays: &[Days]) -> Self {
        let all = |list: &[Days], worked: bool| {
            list.iter().flat_map(|(first, last)| *first..=*last).map(move |day| (day, worked)).collect::<Vec<_>>()
        };
        let mut days = all(workdays, true);
        days.extend(all(holidays, false));
        // Stable: of a day that stands there twice, the worked one comes first and stays.
        days.sort_by_key(|(day, _)| *day);
        days.dedup_by_key(|(day, _)| *day);
        Self { days }
    }

    /// The weekday that a declared day counts as, Monday 0: a holiday is a Sunday; a Saturday that is worked is a Friday, and
    /// such a Sunday a Monday, as the workdays next to them. None for a day as any other. `local_ms` is local time in
    /// milliseconds since 1970.
    #[must_use]
    pub fn counts_as(&self, local_ms: i64) -> Option<u8> {
        let day = local_ms.div_euclid(DAY_MS);
        let found = self.days.binary_search_by_key(&day, |(day, _)| *day).ok()?;
        match (self.days.get(found)?.1, weekday(day)) {
            (false, _) => Some(SUNDAY),
            (true, SATURDAY) => Some(FRIDAY),
            (true, SUNDAY) => Some(MONDAY),
            (true, _) => None,
        }
    }
}

/// Weekday of a day since 1970-01-01, which was a Thursday; Monday is 0.
#[must_use]
pub fn weekday(day: i64) -> u8 {
    u8::try_from((day + 3).rem_euclid(7)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_day_counts_as_another_and_no_other_does() {
        // 2026-10-01 is day 20,727, a Thursday; 2026-10-10 is a Saturday that is worked.
        let holidays = [(20_727, 20_733), (20_819, 20_819), (20_728, 20_728)];
        let calendar = Calendar::new(&holidays, &[(20_736, 20_736), (20_730, 20_730)]);
        let table = [
            (20_726, None),
            (20_727, Some(SUNDAY)),
            (20_729, Some(SUNDAY)),
            (20_730, Some(MONDAY)),
            (20_733, Some(SUNDAY)),
            (20_734, None),
            (20_736, Some(FRIDAY)),
            (20_737, None),
            (20_819, Some(SUNDAY)),
            (20_820, None),
        ];
        for (day, expected) in table {
            for hour in [0, 12, 23] {
                assert_eq!(calendar.counts_as(day * DAY_MS + hour * 3_600_000), expected, "{day} {hour}:00");
            }
        }
        assert_eq!(Calendar::default().counts_as(0), None);
        assert_eq!((weekday(20_727), weekday(0), weekday(-1)), (3, 3, 2));
    }
}
