//! A record as people read it: totals, forecast of services, score with its reasons. Pure.
//!
//! | reason | points lost |
//! |---|---|
//! | open alarm: life or critical, major, minor, info | 40, 25, 10, 3 each; 60 in all |
//! | alarms of the last 30 days: major and worse, minor | 3 each, 15 in all; 1 each, 5 in all |
//! | the device cannot be seen | 15 |
//! | service overdue; due within 14 days | 10 each, 30 in all; 2 each, 6 in all |
//! | a point reaches its limit within a day, a week, 30 days | 25, 15, 5, the worst counts |
//! | more starts in an hour than it bears, last 7 days | 10 |
//! | work shared unevenly among siblings | 5 |
//! | hot spots of faults | 5 |
//!
//! All figures are ours.

use crate::health::record::{Record, Today};
use crate::health::spots::spots;
use crate::health::{DevicePlan, Service};
use crate::model::alarm::Level;
use crate::model::health::{Around, Duty, HealthReport, Measure, Reason, ServiceDue, Spot, StartsNow, TotalNow};
use crate::model::text::Text;
use crate::model::time::BootMs;

const DAY_MS: i64 = 86_400_000;
/// The rate of use is the mean of so many days.
const RATE_DAYS: i32 = 28;
/// A service due within this is worth a word.
const SOON_DAYS: i64 = 14;
/// Uneven work: most against least of the siblings.
pub(crate) const SPREAD_PERCENT: f64 = 20.0;
/// Siblings that hardly ran say nothing about sharing.
pub(crate) const DUTY_HOURS_MIN: f64 = 10.0;

/// What the record does not know itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) now: BootMs,
    pub(crate) today: Option<Today>,
    pub(crate) around: &'a Around,
    pub(crate) duty: Option<&'a Duty>,
}

/// Writes the report.
pub(crate) fn report(plan: &DevicePlan, record: &Record, moment: &Moment<'_>) -> HealthReport {
    let day = moment.today.map(|t| t.day);
    let mut ahead = moment.around.ahead.clone();
    ahead.sort_by(|a, b| a.eta_h.total_cmp(&b.eta_h));
    let mut services: Vec<ServiceDue> =
        plan.services.iter().map(|s| service(s, record, moment.today.as_ref())).collect();
    services.sort_by_key(|s| (!s.overdue, s.due_ms.unwrap_or(i64::MAX)));
    let measures = [Measure::Hours, Measure::Starts, Measure::Trips, Measure::DoorCycles, Measure::Energy];
    let counted = measures.into_iter().filter(|m| plan.counts(*m));
    let mut report = HealthReport {
        device: plan.id.to_string(),
        score: 100,
        reasons: Vec::new(),
        since_ms: record.since_ms,
        totals: counted.map(|m| total(m, record, moment.today.as_ref())).collect(),
        starts: plan.counts(Measure::Starts).then(|| StartsNow {
            last_hour: record.starts_last_hour(moment.now),
            peak_7_days: day.map_or(0, |day| peak(record, day)),
            max: plan.starts_per_hour_max,
        }),
        alarms: record.alarms,
        alarms_30_days: day.map(|day| alarms_30(record, day)).unwrap_or_default(),
        services,
        ahead,
        duty: moment.duty.cloned(),
        spots: day.map(|day| spots(record.faults.iter(), day)).unwrap_or_default(),
    };
    report.reasons = reasons(&report, moment);
    let lost: u32 = report.reasons.iter().map(|r| u32::from(r.points)).sum();
    report.score = u8::try_from(100_u32.saturating_sub(lost)).unwrap_or(0);
    report
}

fn peak(record: &Record, day: i32) -> u32 {
    record.days.iter().filter(|d| d.no > day - 7).map(|d| d.peak).max().unwrap_or(0)
}

fn alarms_30(record: &Record, day: i32) -> [u64; 5] {
    let mut sum = [0; 5];
    for recent in record.days.iter().filter(|d| d.no > day - 30) {
        for (sum, count) in sum.iter_mut().zip(recent.alarms) {
            *sum += u64::from(count);
        }
    }
    sum
}

fn total(measure: Measure, record: &Record, today: Option<&Today>) -> TotalNow {
    let total = record.totals.get(&measure).copied().unwrap_or_default();
    TotalNow { measure, value: total.value(), own: total.own.is_some(), per_day: rate(measure, record, today) }
}

/// Mean use per day of the last 28 days, or of as many as the record has; `None` before one is full.
fn rate(measure: Measure, record: &Record, today: Option<&Today>) -> Option<f64> {
    let (today, since_ms) = (today?, record.since_ms?);
    let days = (today.wall_ms - since_ms) as f64 / DAY_MS as f64;
    (days >= 1.0).then(|| record.used_in(measure, RATE_DAYS, today.day) / days.min(f64::from(RATE_DAYS)))
}

fn service(service: &Service, record: &Record, today: Option<&Today>) -> ServiceDue {
    let done = record.done.get(&service.id);
    let used = if service.measure == Measure::Days {
        let from = done.map(|d| d.at_ms).or(record.since_ms);
        today.zip(from).map_or(0.0, |(today, from)| (today.wall_ms - from).max(0) as f64 / DAY_MS as f64)
    } else {
        (record.used(service.measure) - done.map_or(0.0, |d| d.used)).max(0.0)
    };
    let per_day = if service.measure == Measure::Days { Some(1.0) } else { rate(service.measure, record, today) };
    let left = service.every - used;
    let days = per_day.filter(|rate| *rate > 0.0).map(|rate| left / rate);
    ServiceDue {
        id: service.id.clone(),
        name: service.name.clone(),
        measure: service.measure,
        every: service.every,
        used,
        overdue: left <= 0.0,
        due_ms: today.zip(days).and_then(|(today, days)| due(today.wall_ms, days)),
        done_ms: done.map(|d| d.at_ms),
    }
}

/// The date; none that is further than a century.
#[allow(clippy::cast_possible_truncation)] // bounded just before
fn due(now_ms: i64, days: f64) -> Option<i64> {
    (days.abs() < 36_525.0).then(|| now_ms + (days * DAY_MS as f64) as i64)
}

fn reasons(report: &HealthReport, moment: &Moment<'_>) -> Vec<Reason> {
    let mut all = Vec::new();
    let mut lose = |code, points: u32, zh: String, en: String| {
        if points > 0 {
            let points = u8::try_from(points).unwrap_or(u8::MAX);
            all.push(Reason { code, points, text: Text::new(&zh, &en) });
        }
    };
    open_alarms(&moment.around.open, &mut lose);
    past_alarms(report, &mut lose);
    if !moment.around.seen {
        lose(
            "unseen",
            15,
            "设备无法通信，状况未知".into(),
            "the device cannot be seen: its condition is unknown".into(),
        );
    }
    services(report, moment.today.as_ref(), &mut lose);
    ahead(report, &mut lose);
    if let Some((starts, max)) = report.starts.and_then(|s| Some((s, s.max?)))
        && f64::from(starts.peak_7_days) >= max
    {
        let peak = starts.peak_7_days;
        lose(
            "starts",
            10,
            format!("最近 7 天内 1 小时启动 {peak} 次，允许 {max} 次"),
            format!("{peak} starts in one hour of the last 7 days, {max} allowed"),
        );
    }
    if let Some(duty) = report.duty.as_ref().filter(|d| d.spread_percent > SPREAD_PERCENT) {
        let (hours, mean, of, spread) = (duty.hours, duty.mean_hours, duty.of, duty.spread_percent);
        lose(
            "duty",
            5,
            format!(
                "与同组 {of} 台轮换不均：本机 28 天运行 {hours:.0} 小时，平均 {mean:.0}，最多与最少相差 {spread:.0}%"
            ),
            format!(
                "work shared unevenly among {of}: {hours:.0} h in 28 days, mean {mean:.0} h, most and least {spread:.0} % apart"
            ),
        );
    }
    if let Some(spot) = report.spots.first() {
        let (zh, en) = spot_words(spot);
        lose(
            "spots",
            5,
            format!("故障集中在{zh}：近 9 周 {} 次", spot.faults),
            format!("faults cluster on {en}: {} in 9 weeks", spot.faults),
        );
    }
    all.sort_by_key(|r| std::cmp::Reverse(r.points));
    all
}

type Lose<'a> = dyn FnMut(&'static str, u32, String, String) + 'a;

fn open_alarms(open: &[Level], lose: &mut Lose<'_>) {
    let points = |level: &Level| match level {
        Level::Life | Level::Critical => 40,
        Level::Major => 25,
        Level::Minor => 10,
        Level::Info => 3,
    };
    let sum: u32 = open.iter().map(points).sum();
    if let Some(worst) = open.iter().min() {
        let (count, worst) = (open.len(), worst.text());
        let zh = format!("{count} 条告警未结束，最高级别：{}", worst.zh);
        let en = format!("{count} alarms open, worst: {}", worst.en.to_lowercase());
        lose("alarms_open", sum.min(60), zh, en);
    }
}

fn past_alarms(report: &HealthReport, lose: &mut Lose<'_>) {
    let [life, critical, major, minor, _] = report.alarms_30_days;
    let bad = u32::try_from(life + critical + major).unwrap_or(u32::MAX);
    let minor = u32::try_from(minor).unwrap_or(u32::MAX);
    let zh = format!("近 30 天重要及以上告警 {bad} 次");
    lose(
        "alarms_30_days",
        bad.saturating_mul(3).min(15),
        zh,
        format!("{bad} alarms of level major or worse in 30 days"),
    );
    let zh = format!("近 30 天一般告警 {minor} 次");
    lose("minor_30_days", minor.min(5), zh, format!("{minor} minor alarms in 30 days"));
}

fn services(report: &HealthReport, today: Option<&Today>, lose: &mut Lose<'_>) {
    let soon = |s: &&ServiceDue| {
        let in_days = today.zip(s.due_ms).map(|(today, due)| (due - today.wall_ms) / DAY_MS);
        // A service that comes round every few days is always soon.
        let short = s.measure == Measure::Days && s.every <= 2.0 * SOON_DAYS as f64;
        !s.overdue && !short && in_days.is_some_and(|days| days <= SOON_DAYS)
    };
    let overdue: Vec<&ServiceDue> = report.services.iter().filter(|s| s.overdue).collect();
    let soon: Vec<&ServiceDue> = report.services.iter().filter(soon).collect();
    let count = |list: &[&ServiceDue]| u32::try_from(list.len()).unwrap_or(u32::MAX);
    let zh = |list: &[&ServiceDue]| list.iter().map(|s| &*s.name.zh).collect::<Vec<_>>().join("、");
    let en = |list: &[&ServiceDue]| list.iter().map(|s| &*s.name.en).collect::<Vec<_>>().join(", ");
    let late = count(&overdue).saturating_mul(10).min(30);
    lose("overdue", late, format!("保养超期：{}", zh(&overdue)), format!("service overdue: {}", en(&overdue)));
    let near = count(&soon).saturating_mul(2).min(6);
    lose("due_soon", near, format!("14 天内到期：{}", zh(&soon)), format!("due within 14 days: {}", en(&soon)));
}

fn ahead(report: &HealthReport, lose: &mut Lose<'_>) {
    let Some(first) = report.ahead.first() else { return };
    let points = match first.eta_h {
        h if h <= 24.0 => 25,
        h if h <= 168.0 => 15,
        h if h <= 720.0 => 5,
        _ => 0,
    };
    let (name, eta) = (&first.name, first.words());
    lose(
        "limit_ahead",
        points,
        format!("{} 预计 {}后越限", name.zh, eta.zh),
        format!("{} is expected to reach its limit in {}", name.en, eta.en),
    );
}

/// A spot in words: `周三 14 时`, `Wednesday 14:00`.
pub(crate) fn spot_words(spot: &Spot) -> (String, String) {
    const ZH: [&str; 7] = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"];
    const EN: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let name = |names: &[&'static str; 7]| names.get(usize::from(spot.weekday)).copied().unwrap_or_default();
    match spot.hour {
        Some(hour) => (format!("{} {hour} 时", name(&ZH)), format!("{} {hour}:00", name(&EN))),
        None => (name(&ZH).to_owned(), name(&EN).to_owned()),
    }
}
