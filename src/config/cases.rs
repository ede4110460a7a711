//! `[cases]` from its record. Pure.

use crate::cases::CasesConfig;
use crate::cases::desk::Settings;
use crate::cases::evidence::Limits;
use crate::cases::retention::Retention;
use crate::config::context::Context;
use crate::text::code;
use crate::text::diagnostic::{Diagnostic, say};
use crate::text::record::Record;

const DAY_MS: i64 = 86_400_000;

/// What the site says, and for the rest the defaults; `None` after a complaint.
pub(crate) fn build(site: &Record, cx: &mut Context<'_>) -> Option<CasesConfig> {
    let Some(record) = site.record("cases") else { return Some(CasesConfig::default()) };
    if site.map("camera").is_empty() {
        let message = say("there is no camera whose events could become cases", "没有摄像机，不会产生案件");
        cx.report.add(Diagnostic::warning(code::IDLE, record.span, message));
    }
    let ms = |key: &str| i64::try_from(record.duration(key)?.as_millis()).ok();
    let (cases_per_minute, dense_per_minute) = (record.small("cases_per_minute")?, record.small("dense_per_minute")?);
    if dense_per_minute < cases_per_minute {
        cx.error(
            code::RANGE,
            record
                .written("dense_per_minute")
                .or(record.written("cases_per_minute"))
                .map_or(record.span, |item| item.span),
            ("dense objects get fewer notifications than the rest", "重物的通知上限低于其他"),
            (
                "make `dense_per_minute` at least `cases_per_minute`",
                "请让 `dense_per_minute` 不低于 `cases_per_minute`",
            ),
        );
        return None;
    }
    Some(CasesConfig {
        desk: Settings {
            merge_window_ms: ms("merge_window")?,
            repeat_count: record.small("repeat_count")?,
            repeat_days: ms("repeat_within")? / DAY_MS,
            whole_per_minute: record.small("whole_per_minute")?,
            cases_per_minute,
            dense_per_minute,
            ..Settings::default()
        },
        evidence: Limits {
            bytes_max: record.size("evidence_max")?,
            keep_ms: ms("keep")?,
            manifests_keep_ms: ms("manifests_keep")?,
            manifests_max: record.small("manifests_max")?,
        },
        retention: Retention { keep_ms: ms("cases_keep")?, cases_max: record.small("cases_max")? },
    })
}
