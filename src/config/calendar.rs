//! The site's calendar from its record: that no day is declared twice, or as two things. Pure.

use crate::config::context::Context;
use crate::config::notation::days::days;
use crate::model::calendar::{Calendar, Days, weekday};
use crate::text::code;
use crate::text::diagnostic::{Diagnostic, say};
use crate::text::record::{Record, Value};
use crate::text::source::Span;

/// Monday is 0.
const SATURDAY: u8 = 5;

/// Builds the calendar; what is wrong with a single day has been said by the reader.
pub(crate) fn calendar(head: &Record, cx: &mut Context<'_>) -> Calendar {
    let (holidays, workdays) = (declared(head, "holidays"), declared(head, "workdays"));
    twice(&holidays, cx);
    twice(&workdays, cx);
    let overlap = |a: Days, b: Days| a.0 <= b.1 && b.0 <= a.1;
    for (span, work) in &workdays {
        if holidays.iter().any(|(_, free)| overlap(*work, *free)) {
            cx.error(
                code::DAY,
                *span,
                ("a day is both a holiday and a workday", "同一天既是节假日又是上班日"),
                ("take it out of `holidays` or of `workdays`", "请从 `holidays` 或 `workdays` 中删去一处"),
            );
        } else if (work.0..=work.1).any(|day| weekday(day) < SATURDAY) {
            let message = say("a day from Monday to Friday is a workday anyway", "周一至周五本来就是工作日");
            let help =
                say("list only weekends that are worked; look at the date", "只需列出调休上班的周末；请核对日期");
            cx.report.add(Diagnostic::warning(code::DAY, *span, message).help(help));
        }
    }
    let only = |list: &[(Span, Days)]| list.iter().map(|(_, days)| *days).collect::<Vec<_>>();
    Calendar::new(&only(&holidays), &only(&workdays))
}

fn declared(head: &Record, key: &'static str) -> Vec<(Span, Days)> {
    let Some(Value::List(list)) = head.item(key).map(|item| &item.value) else { return Vec::new() };
    list.iter().filter_map(|item| Some((item.span, days(item.value.text()?).ok()?))).collect()
}

/// A day that stands in two entries of a list: nothing is lost, but one of them is most likely a slip.
fn twice(list: &[(Span, Days)], cx: &mut Context<'_>) {
    let mut sorted = list.to_vec();
    sorted.sort_by_key(|(span, days)| (*days, span.start));
    let mut last: Option<i64> = None;
    for (span, (first, end)) in sorted {
        if last.is_some_and(|last| first <= last) {
            let message = say("a day stands here for the second time", "此处有日期重复");
            let help = say("look at the date; write every day once", "请核对日期；每天只写一次");
            cx.report.add(Diagnostic::warning(code::DAY, span, message).help(help));
        }
        last = last.max(Some(end));
    }
}
