//! The outcome of a trial as text for people and as JSON. Pure.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::Outcome;
use super::replay::{Episode, Tally};
use crate::model::text::Lang;

/// Words in one of the two languages.
fn say<'a>(lang: Lang, zh: &'a str, en: &'a str) -> &'a str {
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

/// For scripts. Times are UTC milliseconds, values in the unit of the point.
pub(super) fn json(o: &Outcome) -> Value {
    let c = &o.coverage;
    json!({
        "rule": o.key,
        "points": o.points,
        "unit": o.unit,
        "from_ms": o.span.from_ms,
        "to_ms": o.span.to_ms,
        "time_zone": o.span.zone,
        "uses_hour": o.uses_hour,
        "set": o.sets,
        "present": setting(&o.present),
        "changed": o.changed.as_ref().map(setting),
        "difference": o.changed.as_ref().map(|t| json!({
            "fired": difference(o.present.fired, t.fired),
            "alarm_ms": t.alarm_ms - o.present.alarm_ms,
        })),
        "record": {
            "first_ms": c.first_ms,
            "readings": c.readings,
            "bad_readings": c.bad,
            "bad_ms": c.bad_ms,
            "held_readings": c.held,
            "stored_by_change": o.thinned,
            "late_readings": c.late,
            "gap_count": c.gap_count,
            "gap_ms": c.gap_ms,
            "gaps": c.gaps.iter().map(|(from, to)| json!({ "from_ms": from, "to_ms": to })).collect::<Vec<_>>(),
            "damaged_days": o.damaged.damaged_days,
        },
    })
}

fn setting(t: &Tally) -> Value {
    json!({
        "fired": t.fired,
        "alarm_ms": t.alarm_ms,
        "open_at_begin": t.open_at_begin,
        "open_at_end": t.open_at_end,
        "learnt": t.learnt,
        "judges_from_ms": t.judges_from_ms,
        "first": t.first,
        "last": t.last,
    })
}

fn difference(before: u64, after: u64) -> i64 {
    i64::try_from(after).unwrap_or(i64::MAX) - i64::try_from(before).unwrap_or(i64::MAX)
}

/// For people.
pub(super) fn text(o: &Outcome, lang: Lang) -> String {
    let zone = TimeZone::get(&o.span.zone).unwrap_or(TimeZone::UTC);
    let page = Page { o, lang, zone };
    let mut out = String::new();
    let title = if o.title.is_empty() { String::new() } else { format!("  {}", o.title) };
    line(&mut out, &format!("{}{title}", o.key));
    page.record(&mut out);
    page.setting(&mut out, say(lang, "当前设置", "Present setting"), &o.present);
    if let Some(changed) = &o.changed {
        let with = format!("{} {}", say(lang, "改为", "With"), o.sets.join(", "));
        page.setting(&mut out, &with, changed);
        page.difference(&mut out, changed);
    }
    page.notes(&mut out);
    out
}

struct Page<'a> {
    o: &'a Outcome,
    lang: Lang,
    zone: TimeZone,
}

impl Page<'_> {
    fn say<'b>(&self, zh: &'b str, en: &'b str) -> &'b str {
        say(self.lang, zh, en)
    }

    fn time(&self, ms: i64) -> String {
        let stamp = Timestamp::from_millisecond(ms).unwrap_or_default();
        self.zone.to_datetime(stamp).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    fn length(&self, ms: i64) -> String {
        let s = ms / 1000;
        let parts =
            [(s / 86_400, "天", "d"), (s / 3600 % 24, "小时", "h"), (s / 60 % 60, "分", "m"), (s % 60, "秒", "s")];
        let told: Vec<String> = parts
            .iter()
            .skip_while(|p| p.0 == 0)
            .take(2)
            .filter(|p| p.0 > 0)
            .map(|(n, zh, en)| format!("{n} {}", self.say(zh, en)))
            .collect();
        if told.is_empty() { format!("{} {}", s, self.say("秒", "s")) } else { told.join(" ") }
    }

    fn record(&self, out: &mut String) {
        let (o, c) = (self.o, &self.o.coverage);
        let (from, to) = (self.time(o.span.from_ms), self.time(o.span.to_ms));
        let (readings, points, zone) = (c.readings, o.points.join(", "), &o.span.zone);
        line(
            out,
            &match self.lang {
                Lang::Zh => format!("历史记录 {from} 至 {to}（{zone}）：{points} 共 {readings} 个读数"),
                Lang::En => format!("history {from} to {to} ({zone}): {readings} readings of {points}"),
            },
        );
    }

    fn setting(&self, out: &mut String, head: &str, t: &Tally) {
        let (fired, alarm) = (t.fired, self.length(t.alarm_ms));
        line(
            out,
            &match self.lang {
                Lang::Zh => format!("\n{head}：触发 {fired} 次，告警总时长 {alarm}"),
                Lang::En => format!("\n{head}: fired {fired} times, {alarm} in alarm"),
            },
        );
        if t.open_at_begin {
            let text =
                self.say("（开始时已处于告警，不计入次数）", "(it stood already when the range began; not counted)");
            line(out, &format!("  {text}"));
        }
        if let Some(learnt) = t.learnt {
            self.learnt(out, learnt, t.judges_from_ms);
        }
        for episode in &t.first {
            line(out, &format!("  {}", self.episode(episode)));
        }
        let shown = (t.first.len() + t.last.len()) as u64;
        let all = t.fired + u64::from(t.open_at_begin);
        if all > shown {
            line(out, &format!("  … {} …", all - shown));
        }
        for episode in &t.last {
            line(out, &format!("  {}", self.episode(episode)));
        }
    }

    fn episode(&self, e: &Episode) -> String {
        let end = e.end_ms.map_or_else(|| format!("{:19}", self.say("未恢复", "still standing")), |ms| self.time(ms));
        let length = self.length(e.duration_ms);
        let unit = self.o.unit.as_ref().map(|u| format!(" {u}")).unwrap_or_default();
        let peak = e.peak.map(|p| format!("  {} {}{unit}", self.say("极值", "peak"), digits(p))).unwrap_or_default();
        format!("{}  {end}  {length:>10}{peak}", self.time(e.begin_ms))
    }

    fn learnt(&self, out: &mut String, share: f64, judges_from_ms: Option<i64>) {
        let percent = share * 100.0;
        let text = match (judges_from_ms, self.lang) {
            (Some(ms), Lang::Zh) => format!("学习完成，自 {} 起开始判断", self.time(ms)),
            (Some(ms), Lang::En) => format!("had learnt enough and judged from {} on", self.time(ms)),
            (None, Lang::Zh) => format!("历史记录不足：学习仅完成 {percent:.0} %，期间不会告警"),
            (None, Lang::En) => format!("too little history: {percent:.0} % of commissioning done, it could not fire"),
        };
        line(out, &format!("  {text}"));
    }

    fn difference(&self, out: &mut String, changed: &Tally) {
        let fired = difference(self.o.present.fired, changed.fired);
        let alarm_ms = changed.alarm_ms - self.o.present.alarm_ms;
        let sign = if alarm_ms < 0 { "-" } else { "+" };
        let alarm = self.length(alarm_ms.abs());
        line(
            out,
            &match self.lang {
                Lang::Zh => format!("\n差别：触发 {fired:+} 次，告警时长 {sign}{alarm}"),
                Lang::En => format!("\nDifference: {fired:+} times, {sign}{alarm} in alarm"),
            },
        );
    }

    /// What the figures rest on, and what they cannot know.
    fn notes(&self, out: &mut String) {
        let (o, c, zh) = (self.o, &self.o.coverage, self.lang == Lang::Zh);
        let mut notes: Vec<String> = Vec::new();
        if c.gap_count > 0 {
            let (n, length) = (c.gap_count, self.length(c.gap_ms));
            let list = c.gaps.iter().map(|(a, b)| format!("{} – {}", self.time(*a), self.time(*b))).collect::<Vec<_>>();
            let (list, more) = (list.join("; "), if c.gap_count > c.gaps.len() as u64 { " …" } else { "" });
            notes.push(if zh {
                format!("无记录 {n} 段，共 {length}（网关未运行或记录丢失），其间不判断：{list}{more}")
            } else {
                format!("{n} times without a record, {length} in all (gateway off, or its record lost), not judged: {list}{more}")
            });
        }
        if c.first_ms.is_some_and(|ms| ms > o.span.from_ms) {
            let first = self.time(c.first_ms.unwrap_or_default());
            notes.push(if zh { format!("记录自 {first} 开始") } else { format!("the record begins at {first}") });
        }
        if c.bad > 0 || c.bad_ms > 0 {
            let (n, length) = (c.bad, self.length(c.bad_ms));
            notes.push(if zh {
                format!("{n} 个读数质量为坏，共 {length} 无有效值：既不触发也不恢复")
            } else {
                format!("{n} readings of bad quality, {length} without a value: neither raised nor cleared by them")
            });
        }
        if !o.thinned.is_empty() {
            let (points, n) = (o.thinned.join(", "), c.held);
            notes.push(if zh {
                format!(
                    "{points} 只存储超出死区的变化；其间按最近一次存储值计算（补入 {n} 个读数），与现场之差不超过死区"
                )
            } else {
                format!(
                    "{points}: only changes beyond the deadband are stored; between them the last stored value stands \
                         ({n} readings repeated), off by the deadband at most"
                )
            });
        }
        self.more_notes(&mut notes);
        if !notes.is_empty() {
            line(out, &format!("\n{}", self.say("说明", "Notes")));
        }
        for note in &notes {
            line(out, &format!("  - {note}"));
        }
    }

    fn more_notes(&self, notes: &mut Vec<String>) {
        let (o, c, zh) = (self.o, &self.o.coverage, self.lang == Lang::Zh);
        let zone = &o.span.zone;
        if c.late > 0 {
            let n = c.late;
            notes.push(if zh {
                format!("{n} 个读数因时钟回拨而次序颠倒，未采用")
            } else {
                format!("{n} readings left out: the clock was set back and they overlap with earlier ones")
            });
        }
        if o.damaged.damaged_days > 0 {
            let n = o.damaged.damaged_days;
            notes.push(if zh {
                format!("{n} 天的历史文件损坏，未读取")
            } else {
                format!("{n} days of history are damaged and were not read")
            });
        }
        if o.uses_hour {
            notes.push(if zh {
                format!("hour() 按站点时区 {zone} 计算")
            } else {
                format!("hour() is local time in {zone}")
            });
        }
        if o.present.learnt.is_some() {
            let text = self.say(
                "学习型规则在此从头学习；运行中的网关可能已学习更久，结果会略有不同",
                "this rule learns and began anew here; the running gateway may have learnt for longer and judge a little otherwise",
            );
            notes.push(text.to_owned());
        }
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// At most three decimals.
fn digits(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
