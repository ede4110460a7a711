//! Shapes of the JSON that leaves through `/api/v1`. Field names are a promise; the types of `model` may change without
//! changing them. Times are UTC milliseconds unless the name says otherwise; units stand last in names.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::model::finding::FindingKind;

use crate::model::text::Text;

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TextDto {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl From<&Text> for TextDto {
    fn from(text: &Text) -> Self {
        Self { zh: text.zh.to_string(), en: text.en.to_string() }
    }
}

/// `GET /health`.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthDto {
    /// `ok` or `degraded`.
    pub status: &'static str,
    /// Release of gatehouse.
    pub version: &'static str,
    /// Site id.
    pub site: String,
    /// Site name.
    pub site_name: String,
    /// Zone of the site.
    pub time_zone: String,
    /// Wall time as the box knows it.
    pub now_ms: i64,
    /// `unset`, `holdover` or `synced`.
    pub clock: String,
    /// Since the start of the process.
    pub uptime_ms: i64,
    /// Parts that must tick.
    pub parts: Vec<PartDto>,
    /// Alarms on the list.
    pub alarms_open: usize,
    /// Of these, nobody has answered.
    pub alarms_unacknowledged: usize,
    /// Disk.
    pub store: StoreDto,
}

/// A part of gatehouse.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartDto {
    /// Name.
    pub name: String,
    /// It ticks.
    pub ok: bool,
    /// In words.
    pub note: String,
}

/// The disk.
#[derive(Debug, Serialize, ToSchema)]
pub struct StoreDto {
    /// Why nothing can be written at present.
    pub degraded: Option<String>,
    /// In use.
    pub bytes: u64,
    /// Quota.
    pub bytes_max: u64,
    /// Readings committed since start.
    pub readings_committed: u64,
    /// Readings given up since start because the disk did not take them.
    pub readings_dropped: u64,
    /// Files put aside since start.
    pub quarantined: u64,
}

/// Figures of a link since start.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LinkDto {
    /// `initial`, `up`, `down` or `quarantined`.
    pub state: &'static str,
    /// Since when.
    pub since_ms: i64,
    /// In the driver's words.
    pub reason: TextDto,
    /// Requests sent or messages received.
    pub polls: u64,
    /// Answered properly.
    pub answers: u64,
    /// No answer in time.
    pub timeouts: u64,
    /// Refused with an exception.
    pub refusals: u64,
    /// Late, foreign or damaged frames dropped.
    pub rejects: u64,
    /// Scans that could not start within their period.
    pub missed: u64,
    /// Share of requests answered, 0 to 100; absent before the first.
    pub success_percent: Option<f64>,
    /// Mean time to an answer.
    pub answer_mean_ms: Option<f64>,
    /// Longest time to an answer.
    pub answer_max_ms: Option<f64>,
}

/// A line.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineDto {
    /// Id.
    pub id: String,
    /// `tcp`, `serial`, `rtu_tcp`, `rtu_listen`, `mqtt`, `mqtt_listen`.
    pub kind: &'static str,
    /// Where it leads.
    pub target: String,
    /// Devices on it.
    pub devices: Vec<String>,
    /// How it does.
    pub link: LinkDto,
}

/// A device.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceDto {
    /// Id.
    pub id: String,
    /// The site's name.
    pub name: String,
    /// Place path.
    pub at: String,
    /// `pump`, `lift`, ...
    pub kind: String,
    /// Profile.
    pub profile: String,
    /// Line id.
    pub line: String,
    /// Unit id or topic.
    pub address: String,
    /// How it does.
    pub link: LinkDto,
    /// Alarms on the list.
    pub alarms_open: usize,
    /// Points of the device.
    pub points: usize,
}

/// A point and its present value.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PointDto {
    /// `device.point`.
    pub key: String,
    /// Name.
    pub name: TextDto,
    /// Unit code.
    pub unit: Option<String>,
    /// `number`, `switch`, `enumeration` or `text`; decides the JSON type of `value`.
    pub kind: String,
    /// Number or text; `null` while the quality is bad.
    #[schema(value_type = Option<f64>)]
    pub value: Json,
    /// The value as the page shows it, with label and unit, in the reader's language.
    pub shown: String,
    /// `good`, `bad_timeout`, ...
    pub quality: String,
    /// Quality in words, with the last good value where there is none now.
    pub quality_text: String,
    /// When it was measured.
    pub at_ms: i64,
    /// How long ago.
    pub age_ms: i64,
}

/// A trend.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryDto {
    /// `device.point`.
    pub point: String,
    /// Unit code.
    pub unit: Option<String>,
    /// Begin.
    pub from_ms: i64,
    /// End.
    pub to_ms: i64,
    /// Width of a step.
    pub step_ms: i64,
    /// Steps in which something was read; a missing step is a hole.
    pub buckets: Vec<BucketDto>,
}

/// One step of a trend.
#[derive(Debug, Serialize, ToSchema)]
pub struct BucketDto {
    /// Begin of the step.
    pub t_ms: i64,
    /// Least value.
    pub min: Option<f64>,
    /// Greatest value.
    pub max: Option<f64>,
    /// Mean.
    pub mean: Option<f64>,
    /// Last value.
    pub last: Option<f64>,
    /// Readings with a value.
    pub count: u64,
    /// Readings without.
    pub bad: u64,
}

/// An alarm.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlarmDto {
    /// Id.
    pub id: String,
    /// What it is an alarm of.
    pub key: String,
    /// Device id, empty for a rule over several devices.
    pub device: String,
    /// The site's name for the device.
    pub device_name: String,
    /// Place path.
    pub at: String,
    /// `life`, `critical`, `major`, `minor`, `info`.
    pub level: &'static str,
    /// `normal`, `unacknowledged`, `acknowledged`, `returned_unacknowledged`.
    pub state: &'static str,
    /// What happened.
    pub title: TextDto,
    /// Likely cause.
    pub cause: TextDto,
    /// What happens if ignored.
    pub harm: TextDto,
    /// Numbered steps.
    pub action: Vec<TextDto>,
    /// The condition holds at present.
    pub condition: bool,
    /// Stays until reset.
    pub latched: bool,
    /// Birth.
    pub raised_ms: i64,
    /// Last change.
    pub changed_ms: i64,
    /// When the condition went away.
    pub cleared_ms: Option<i64>,
    /// Who answered.
    pub acknowledged: Option<AcknowledgedDto>,
    /// The numbers behind it.
    pub trigger: Option<TriggerDto>,
    /// Why, for alarms of detectors that learn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<ExplanationDto>,
    /// Values at birth.
    pub snapshot: Vec<SnapshotDto>,
    /// Devices hidden behind it.
    pub children: u32,
}

/// Who answered.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AcknowledgedDto {
    /// Name.
    pub by: String,
    /// Comment.
    pub note: String,
    /// When.
    pub at_ms: i64,
}

/// The numbers behind an alarm.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TriggerDto {
    /// `device.point`, an expression, or `words` in English.
    pub what: String,
    /// What a driver or another part of gatehouse says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<TextDto>,
    /// Value seen.
    pub value: Option<f64>,
    /// Limit crossed.
    pub limit: Option<f64>,
    /// Unit code.
    pub unit: Option<String>,
}

/// Why a detector raised an alarm.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExplanationDto {
    /// `trend`, `spike`, `level`, `rhythm`, `shape`, `flat`, `sudden`, `lasting`, `drift`, `apart`.
    #[schema(value_type = String)]
    pub kind: FindingKind,
    /// Since when it has looked odd.
    pub since_ms: i64,
    /// 0 to 1.
    pub confidence: f64,
    /// The points, most suspect first.
    pub suspects: Vec<SuspectDto>,
    /// Time to the limit when the alarm was raised.
    pub ahead: Option<AheadDto>,
}

/// One point of an explanation.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SuspectDto {
    /// `device.point`.
    pub point: String,
    /// Unit code.
    pub unit: Option<String>,
    /// Lowest usual value.
    pub expected_low: f64,
    /// Highest usual value.
    pub expected_high: f64,
    /// Value seen.
    pub seen: f64,
    /// Part in the finding, 0 to 1.
    pub share: f64,
}

/// When a limit will be reached.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AheadDto {
    /// The limit, in the point's unit.
    pub limit: f64,
    /// Seconds to the limit.
    pub eta_s: f64,
    /// Eight of ten crossings come after this many seconds ...
    pub low_s: f64,
    /// ... and before these; none when the rise may fade out.
    pub high_s: Option<f64>,
}

/// How a rule that learns stands now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OutlookDto {
    /// Rule key, `device.alarm` or `rule.name`.
    pub rule: String,
    /// Points it looks at.
    pub points: Vec<String>,
    /// Commissioning progress, 0 to 1; it judges from 1 on.
    pub progress: f64,
    /// Time to the limit as of the last reading.
    pub ahead: Option<AheadDto>,
}

/// Asks rules to learn anew.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, ToSchema)]
pub struct RelearnDto {
    /// Who asks.
    pub by: String,
}

/// How many rules learn anew.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RelearningDto {
    /// Rules.
    pub rules: usize,
}

/// A frozen value.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SnapshotDto {
    /// `device.point`.
    pub point: String,
    /// Value.
    pub value: Option<f64>,
    /// Unit code.
    pub unit: Option<String>,
    /// Quality word.
    pub quality: String,
}

/// One line of an alarm's story.
#[derive(Debug, Serialize, ToSchema)]
pub struct StepDto {
    /// `raised`, `acknowledged`, `cleared`, `reset`, `closed`.
    pub change: &'static str,
    /// When.
    pub at_ms: i64,
    /// Who.
    pub by: Option<String>,
    /// Comment.
    pub note: Option<String>,
}

/// `GET /alarms/{id}`.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlarmStoryDto {
    /// The alarm as it stands.
    pub alarm: AlarmDto,
    /// Its story, oldest first.
    pub timeline: Vec<StepDto>,
}

/// Body of acknowledge and reset.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerDto {
    /// Who answers; 1 to 64 characters.
    pub by: String,
    /// Comment; at most 500 characters.
    #[serde(default)]
    pub note: String,
}

/// Reply to acknowledge and reset.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnsweredDto {
    /// Somebody had answered before; `alarm.acknowledged` says who. Nothing was changed.
    pub already: bool,
    /// The alarm as it stands now.
    pub alarm: AlarmDto,
}

/// An upstream, webhook or broker.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct UpstreamDto {
    /// `upstream`, `webhook`, `publish`.
    pub kind: &'static str,
    /// The id of an upstream, `webhook.<id>`, `publish.<id>`.
    pub id: String,
    /// Where it leads.
    pub url: String,
    /// The last attempt succeeded.
    pub up: bool,
    /// Since when.
    pub since_ms: Option<i64>,
    /// Last confirmed delivery.
    pub last_ok_ms: Option<i64>,
    /// Last failure in words, English.
    pub last_error: Option<String>,
    /// The same in both languages.
    pub reason: Option<TextDto>,
    /// Next attempt.
    pub retry_ms: Option<i64>,
    /// Streams, most urgent first.
    pub streams: Vec<StreamDto>,
}

/// A stream on its way north.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StreamDto {
    /// `alarm`, `command`, `audit`, `event`, `telemetry`.
    pub stream: &'static str,
    /// Stored and not confirmed.
    pub backlog: u64,
    /// Age of the oldest.
    pub oldest_age_ms: Option<i64>,
    /// Confirmed since start.
    pub sent: u64,
    /// Confirmed per second.
    pub per_second: f64,
    /// Refused for good since start.
    pub rejected: u64,
}
