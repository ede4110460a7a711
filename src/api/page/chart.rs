//! A trend as SVG, drawn by the server so that the same picture can go into a mail or a report.
//!
//! Holes stay holes: a step without a value breaks the line. The band shows least and greatest of each step, so that a
//! spike survives the down-sampling. Colours come from classes, so that the picture follows light and dark. Pure.

use std::fmt::Write as _;

use jiff::ToSpan;
use jiff::tz::TimeZone;

use crate::api::view;
use crate::model::alarm::Level;
use crate::model::stored::HistoryBucket;

/// What to draw.
#[derive(Debug)]
pub(crate) struct Chart<'a> {
    /// Begin, UTC milliseconds.
    pub(crate) from_ms: i64,
    /// End.
    pub(crate) to_ms: i64,
    /// Width of a step.
    pub(crate) step_ms: i64,
    /// Steps in time order.
    pub(crate) buckets: &'a [HistoryBucket],
    /// Limit lines: value, level, words.
    pub(crate) limits: &'a [(f64, Level, String)],
    /// Alarms: when, level, words.
    pub(crate) marks: &'a [(i64, Level, String)],
    /// A switch or enumeration: drawn as steps from 0.
    pub(crate) stepped: bool,
    /// Zone of the axis.
    pub(crate) zone: &'a TimeZone,
    /// What it shows, for readers that cannot see it.
    pub(crate) title: &'a str,
}

/// Size of the picture in its own units (about one CSS pixel each).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) width: f64,
    pub(crate) height: f64,
}

const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 26.0;
/// A label of the time axis needs about this much room.
const LABEL_ROOM: f64 = 72.0;
/// More horizontal lines are never drawn, whatever the values.
const GRID_LINES_MAX: u32 = 40;

/// From values to places.
struct Scale {
    x0: i64,
    x_per_ms: f64,
    y_low: f64,
    y_high: f64,
    size: Size,
}

impl Scale {
    fn x(&self, ms: i64) -> f64 {
        LEFT + ms.saturating_sub(self.x0) as f64 * self.x_per_ms
    }

    fn y(&self, v: f64) -> f64 {
        let share = (v - self.y_low) / (self.y_high - self.y_low);
        TOP + (1.0 - share) * (self.size.height - TOP - BOTTOM)
    }

    fn right(&self) -> f64 {
        self.size.width - RIGHT
    }

    fn bottom(&self) -> f64 {
        self.size.height - BOTTOM
    }
}

/// The picture. Empty if there is nothing to draw.
pub(crate) fn svg(chart: &Chart<'_>, size: Size) -> String {
    let Some((low, high, step)) = range(chart, size) else { return String::new() };
    let scale = Scale {
        x0: chart.from_ms,
        x_per_ms: (size.width - LEFT - RIGHT) / (chart.to_ms - chart.from_ms).max(1) as f64,
        y_low: low,
        y_high: high,
        size,
    };
    let mut out = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {} {}\" role=\"img\"><title>{}</title>",
        size.width,
        size.height,
        escape(chart.title)
    );
    grid(&mut out, &scale, step);
    time_axis(&mut out, chart, &scale);
    for segment in segments(chart) {
        draw(&mut out, segment, chart, &scale);
    }
    limits(&mut out, chart, &scale);
    marks(&mut out, chart, &scale);
    out.push_str("</svg>");
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text goes into a `String`, which cannot refuse it.
macro_rules! put {
    ($out:expr, $($what:tt)*) => { write!($out, $($what)*).expect("writing to a String cannot fail") };
}

/// Least and greatest value of the axis and the distance of its lines, all round numbers.
fn range(chart: &Chart<'_>, size: Size) -> Option<(f64, f64, f64)> {
    let values = || chart.buckets.iter().flat_map(|b| [b.min, b.max]).flatten().filter(|v| v.is_finite());
    let (mut low, mut high) = values().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return None;
    }
    if chart.stepped {
        (low, high) = (low.min(0.0), high.max(1.0));
    }
    // A limit near the values belongs into the picture; one far away would only flatten them.
    let span = (high - low).max(high.abs() * 0.05).max(1e-6);
    let (near_low, near_high) = (low - 1.5 * span, high + 1.5 * span);
    for (limit, ..) in chart.limits {
        if (near_low..=near_high).contains(limit) {
            (low, high) = (low.min(*limit), high.max(*limit));
        }
    }
    let span = (high - low).max(high.abs() * 0.05).max(1e-6);
    let lines = ((size.height - TOP - BOTTOM) / 44.0).max(2.0);
    let step = if chart.stepped { nice(span / lines).max(1.0) } else { nice(span / lines) };
    let bottom = (low / step).floor() * step;
    let top = (high / step).ceil() * step;
    Some((bottom, if top - bottom < step { bottom + step } else { top }, step))
}

/// The next of 1, 2, 5 × a power of ten.
fn nice(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    let share = rough / power;
    power
        * if share <= 1.0 {
            1.0
        } else if share <= 2.0 {
            2.0
        } else if share <= 5.0 {
            5.0
        } else {
            10.0
        }
}

fn grid(out: &mut String, scale: &Scale, step: f64) {
    for i in 0..=GRID_LINES_MAX {
        let v = scale.y_low + f64::from(i) * step;
        if v > scale.y_high + step * 0.01 {
            break;
        }
        let y = scale.y(v);
        put!(out, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>", scale.right());
        let label = view::number((v / step).round() * step);
        put!(out, "<text class=\"axis y\" x=\"{:.1}\" y=\"{:.1}\">{label}</text>", LEFT - 8.0, y + 4.0);
    }
}

/// Round local times, as many as have room.
fn time_axis(out: &mut String, chart: &Chart<'_>, scale: &Scale) {
    let room = ((scale.right() - LEFT) / LABEL_ROOM).max(1.0);
    let span_minutes = (chart.to_ms - chart.from_ms) as f64 / 60_000.0;
    let every = [5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880]
        .into_iter()
        .find(|minutes| span_minutes / f64::from(*minutes) <= room)
        .unwrap_or(10_080);
    let Ok(start) = jiff::Timestamp::from_millisecond(chart.from_ms) else { return };
    let Ok(mut at) = start.to_zoned(chart.zone.clone()).start_of_day() else { return };
    let form = if every >= 1440 { "%m-%d" } else { "%H:%M" };
    while at.timestamp().as_millisecond() <= chart.to_ms {
        let ms = at.timestamp().as_millisecond();
        if ms >= chart.from_ms {
            let x = scale.x(ms);
            put!(out, "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/>", scale.bottom());
            let half = 18.0;
            if x - half > 0.0 && x + half < scale.size.width {
                let label = at.strftime(form);
                put!(out, "<text class=\"axis x\" x=\"{x:.1}\" y=\"{:.1}\">{label}</text>", scale.size.height - 8.0);
            }
        }
        let Ok(next) = at.checked_add(every.minutes()) else { return };
        at = next;
    }
}

/// Runs of steps without a hole.
fn segments<'a>(chart: &Chart<'a>) -> impl Iterator<Item = &'a [HistoryBucket]> + use<'a> {
    let widest = chart.step_ms.max(1) * 3 / 2;
    chart
        .buckets
        .chunk_by(move |a, b| a.mean.is_some() && b.mean.is_some() && b.t - a.t <= widest)
        .filter(|run| run.first().is_some_and(|b| b.mean.is_some()))
}

fn draw(out: &mut String, run: &[HistoryBucket], chart: &Chart<'_>, scale: &Scale) {
    let (Some(first), Some(end)) = (run.first(), run.last()) else { return };
    let half = chart.step_ms / 2;
    let x = |b: &HistoryBucket| scale.x((b.t + half).min(chart.to_ms));
    if !chart.stepped && run.len() > 1 {
        let mut points = String::new();
        for b in run {
            put!(points, "{:.1},{:.1} ", x(b), scale.y(b.max.unwrap_or_default()));
        }
        for b in run.iter().rev() {
            put!(points, "{:.1},{:.1} ", x(b), scale.y(b.min.unwrap_or_default()));
        }
        put!(out, "<polygon class=\"band\" points=\"{}\"/>", points.trim_end());
    }
    let mut line = String::new();
    if chart.stepped {
        for b in run {
            let y = scale.y(b.max.unwrap_or_default());
            put!(line, "{:.1},{y:.1} {:.1},{y:.1} ", scale.x(b.t), scale.x((b.t + chart.step_ms).min(chart.to_ms)));
        }
    } else if std::ptr::eq(first, end) {
        let y = scale.y(first.mean.unwrap_or_default());
        put!(line, "{:.1},{y:.1} {:.1},{y:.1}", x(first) - 1.5, x(first) + 1.5);
    } else {
        for b in run {
            put!(line, "{:.1},{:.1} ", x(b), scale.y(b.mean.unwrap_or_default()));
        }
    }
    put!(out, "<polyline class=\"line\" points=\"{}\"/>", line.trim_end());
}

fn limits(out: &mut String, chart: &Chart<'_>, scale: &Scale) {
    for (value, level, words) in chart.limits {
        if !(scale.y_low..=scale.y_high).contains(value) {
            continue;
        }
        let (y, level) = (scale.y(*value), level.word());
        put!(
            out,
            "<line class=\"limit {level}\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>",
            scale.right()
        );
        let text_y = if y - TOP < 14.0 { y + 14.0 } else { y - 5.0 };
        put!(
            out,
            "<text class=\"limit-text {level}\" x=\"{:.1}\" y=\"{text_y:.1}\">{}</text>",
            LEFT + 6.0,
            escape(words)
        );
    }
}

fn marks(out: &mut String, chart: &Chart<'_>, scale: &Scale) {
    for (ms, level, words) in chart.marks {
        if !(chart.from_ms..=chart.to_ms).contains(ms) {
            continue;
        }
        let (x, level) = (scale.x(*ms), level.word());
        put!(
            out,
            "<g class=\"mark {level}\"><title>{}</title><line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/>\
             <path d=\"M{x:.1} {TOP}l-6 -11h12z\"/></g>",
            escape(words),
            scale.bottom()
        );
    }
}

#[cfg(test)]
mod tests;
