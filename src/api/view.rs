//! From the model to what is shown: numbers with labels and units, quality in words, the JSON shapes of [`super::dto`].
//! Pure; the clock's anchor is handed in.

use serde_json::Value as Json;

use crate::api::dto;
use crate::api::lang::Words;
use crate::api::ports::UpstreamStatus;
use crate::model::alarm::AlarmRecord;
use crate::model::finding::{Ahead, Explanation, Outlook, Suspect};
use crate::model::id::PointIx;
use crate::model::link::{LinkState, LinkStats};
use crate::model::live::{LiveLink, LivePoint};
use crate::model::reading::{PointKind, Value};
use crate::model::site::{PointInfo, Site};
use crate::model::stored::HistoryBucket;
use crate::model::text::Lang;
use crate::model::time::Anchor;
use crate::model::unit::Unit;

/// A number with as many digits as are worth reading: four significant ones, no trailing zeros.
#[must_use]
pub(crate) fn number(v: f64) -> String {
    let digits = match v.abs() {
        a if a >= 1000.0 => 0,
        a if a >= 100.0 => 1,
        a if a >= 10.0 => 2,
        _ => 3,
    };
    let text = format!("{v:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A number with the unit behind it, as the page writes it.
#[must_use]
pub(crate) fn with_unit(v: f64, unit: Option<&str>, lang: Lang) -> String {
    let shown = match unit.and_then(Unit::new) {
        Some(unit) => unit_shown(unit, lang),
        None => unit.unwrap_or_default(),
    };
    match shown {
        "" => number(v),
        "%" | "℃" => format!("{}{shown}", number(v)),
        _ => format!("{} {shown}", number(v)),
    }
}

/// A unit as the page writes it. Two units of the shared list have Chinese words.
#[must_use]
pub(crate) fn unit_shown(unit: Unit, lang: Lang) -> &'static str {
    match (lang, unit.code()) {
        (Lang::En, "month") => "months",
        (Lang::En, "1/h") => "/h",
        _ => unit.shown(),
    }
}

/// The label of a value in an enumeration or switch, if the profile has one.
#[must_use]
pub(crate) fn label(info: &PointInfo, v: f64, lang: Lang) -> Option<&str> {
    info.labels.iter().find(|(code, _)| (*code as f64 - v).abs() < 0.5).map(|(_, text)| text.get(lang))
}

/// A value of a point as the page writes it.
#[must_use]
pub(crate) fn shown(info: &PointInfo, v: f64, words: Words) -> String {
    match info.kind {
        PointKind::Switch | PointKind::Enumeration => match label(info, v, words.0) {
            Some(label) => label.to_owned(),
            None if info.kind == PointKind::Switch => {
                words.t(if v == 0.0 { "value.off" } else { "value.on" }).to_owned()
            }
            None => number(v),
        },
        _ => with_unit(v, info.unit.map(Unit::code), words.0),
    }
}

/// Present value of a point.
#[must_use]
pub(crate) fn value(info: &PointInfo, live: &LivePoint, words: Words) -> String {
    match &live.value {
        Value::Number(v) => shown(info, *v, words),
        Value::Text(text) => text.to_string(),
        Value::None => "—".to_owned(),
    }
}

/// A whole point.
#[must_use]
pub(crate) fn point(site: &Site, ix: PointIx, live: &LivePoint, now: &Anchor, words: Words) -> Option<dto::PointDto> {
    let info = site.points.get(ix.ix())?;
    let json = match &live.value {
        Value::Number(v) => Json::from(*v),
        Value::Text(text) => Json::from(&**text),
        Value::None => Json::Null,
    };
    Some(dto::PointDto {
        key: info.key.to_string(),
        name: (&info.name).into(),
        unit: info.unit.map(|u| u.code().to_owned()),
        kind: word(&info.kind),
        value: json,
        shown: value(info, live, words),
        quality: live.quality.word().to_owned(),
        quality_text: live.quality.text().get(words.0).to_owned(),
        at_ms: now.wall_at(live.at).0,
        age_ms: now.boot.since(live.at),
    })
}

/// The serde word of a small enum.
#[must_use]
pub(crate) fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Json::String(word)) => word,
        _ => String::new(),
    }
}

/// The word of a link's state.
#[must_use]
pub(crate) fn state_word(state: LinkState) -> &'static str {
    match state {
        LinkState::Initial => "initial",
        LinkState::Up => "up",
        LinkState::Down => "down",
        LinkState::Quarantined => "quarantined",
    }
}

/// Share of requests answered, in percent.
#[must_use]
pub(crate) fn success_percent(stats: &LinkStats) -> Option<f64> {
    (stats.polls > 0).then(|| stats.answers as f64 * 100.0 / stats.polls as f64)
}

/// Mean time to an answer. Messages that were not asked for have none.
#[must_use]
pub(crate) fn answer_mean_ms(stats: &LinkStats) -> Option<f64> {
    (stats.answers > 0 && stats.answer_us_sum > 0).then(|| stats.answer_us_sum as f64 / stats.answers as f64 / 1000.0)
}

/// A link.
#[must_use]
pub(crate) fn link(live: &LiveLink, now: &Anchor) -> dto::LinkDto {
    let stats = live.stats;
    dto::LinkDto {
        state: state_word(live.state),
        since_ms: now.wall_at(live.since).0,
        reason: (&live.reason).into(),
        polls: stats.polls,
        answers: stats.answers,
        timeouts: stats.timeouts,
        refusals: stats.refusals,
        rejects: stats.rejects,
        missed: stats.missed,
        success_percent: success_percent(&stats),
        answer_mean_ms: answer_mean_ms(&stats),
        answer_max_ms: (stats.answer_us_max > 0).then(|| stats.answer_us_max as f64 / 1000.0),
    }
}

/// An alarm.
#[must_use]
pub(crate) fn alarm(a: &AlarmRecord) -> dto::AlarmDto {
    dto::AlarmDto {
        id: a.id.to_string(),
        key: a.key.to_string(),
        device: a.device.clone(),
        device_name: a.device_name.clone(),
        at: a.at.clone(),
        level: a.level.word(),
        state: a.state.word(),
        title: (&a.text.title).into(),
        cause: (&a.text.cause).into(),
        harm: (&a.text.harm).into(),
        action: a.text.action.iter().map(Into::into).collect(),
        condition: a.condition,
        latched: a.latched,
        raised_ms: a.raised_wall_ms,
        changed_ms: a.changed_wall_ms,
        cleared_ms: a.cleared_wall_ms,
        acknowledged: a.acknowledged.as_ref().map(|k| dto::AcknowledgedDto {
            by: k.by.clone(),
            note: k.note.clone(),
            at_ms: k.wall_ms,
        }),
        trigger: a.trigger.as_ref().map(|t| dto::TriggerDto {
            what: t.what.clone(),
            words: t.words.as_ref().map(Into::into),
            value: t.value,
            limit: t.limit,
            unit: t.unit.clone(),
        }),
        explanation: a.explanation.as_deref().map(explanation),
        snapshot: a
            .snapshot
            .iter()
            .map(|s| dto::SnapshotDto {
                point: s.point.to_string(),
                value: s.value,
                unit: s.unit.clone(),
                quality: s.quality.clone(),
            })
            .collect(),
        children: a.children,
    }
}

fn explanation(why: &Explanation) -> dto::ExplanationDto {
    let suspect = |s: &Suspect| dto::SuspectDto {
        point: s.point.to_string(),
        unit: s.unit.clone(),
        expected_low: s.expected_low,
        expected_high: s.expected_high,
        seen: s.seen,
        share: s.share,
    };
    dto::ExplanationDto {
        kind: why.kind,
        since_ms: why.since_wall_ms,
        confidence: why.confidence,
        suspects: why.suspects.iter().map(suspect).collect(),
        ahead: why.ahead.map(ahead),
    }
}

fn ahead(a: Ahead) -> dto::AheadDto {
    dto::AheadDto { limit: a.limit, eta_s: a.eta_s, low_s: a.low_s, high_s: a.high_s }
}

/// How a learning rule stands.
pub(crate) fn outlook(site: &Site, o: &Outlook) -> dto::OutlookDto {
    let key = |p: &crate::model::id::PointIx| site.points.get(p.ix()).map(|info| info.key.to_string());
    dto::OutlookDto {
        rule: o.key.to_string(),
        points: o.points.iter().filter_map(key).collect(),
        progress: o.progress,
        ahead: o.ahead.map(ahead),
    }
}

/// A step of a trend.
#[must_use]
pub(crate) fn bucket(b: &HistoryBucket) -> dto::BucketDto {
    let HistoryBucket { t, min, max, mean, last, count, bad } = *b;
    dto::BucketDto { t_ms: t, min, max, mean, last, count, bad }
}

/// An upstream, webhook or broker.
#[must_use]
pub(crate) fn upstream(u: &UpstreamStatus) -> dto::UpstreamDto {
    dto::UpstreamDto {
        kind: u.kind.word(),
        id: u.id.clone(),
        url: u.url.clone(),
        up: u.up,
        since_ms: u.since_wall_ms,
        last_ok_ms: u.last_ok_wall_ms,
        last_error: u.last_error.as_ref().map(|why| why.en.to_string()),
        reason: u.last_error.as_ref().map(Into::into),
        retry_ms: u.retry_wall_ms,
        streams: u
            .streams
            .iter()
            .map(|s| dto::StreamDto {
                stream: s.stream.word(),
                backlog: s.backlog,
                oldest_age_ms: s.oldest_age_ms,
                sent: s.sent,
                per_second: s.per_second,
                rejected: s.rejected,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_carry_the_digits_worth_reading() {
        let cases = [
            (0.0, "0"),
            (-0.0001, "0"),
            (0.42, "0.42"),
            (12.345, "12.35"),
            (220.04, "220"),
            (12345.6, "12346"),
            (100.0, "100"),
            (-3.1, "-3.1"),
        ];
        for (v, text) in cases {
            assert_eq!(number(v), text, "{v}");
        }
        assert_eq!(with_unit(3.2, Some("bar"), Lang::Zh), "3.2 bar");
        assert_eq!(with_unit(21.0, Some("Cel"), Lang::En), "21℃");
        assert_eq!(with_unit(2.0, Some("1/h"), Lang::En), "2 /h");
    }
}
