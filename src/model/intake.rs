//! What the intake of camera events tells the case desk, and what the desk may ask of the cameras' hosts.
//!
//! The channel between them is bounded. Policy when full: a camera that pushes is told to send again, a camera that we
//! read from is not read any further; notes of refusals are counted and left out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::link::LinkState;
use crate::model::reading::Receipt;
use crate::model::sight::Sighting;
use crate::model::text::Text;
use crate::model::time::BootMs;

/// Begin of the key of the alarm of a camera that is silent; its id follows.
pub const CAMERA_KEY_PREFIX: &str = "camera_silent.";

/// Most bytes of a refused payload that are kept.
pub const HEAD_BYTES_MAX: usize = 4096;

/// One item on the channel.
#[derive(Debug)]
pub enum Intake {
    /// An event. The camera hears "taken" only after the receipt says "on disk".
    Sighting {
        /// What was seen.
        sighting: Box<Sighting>,
        /// Camera clock minus our clock on arrival, milliseconds, if the event carries a time. Includes the way here.
        clock_offset_ms: Option<i64>,
        /// To be told `committed` after the synced commit; dropped means "not stored, send again".
        receipt: Receipt,
    },
    /// Something was not taken. Keep it for people: nothing is lost silently.
    Refused(Refused),
    /// A camera that we read from, or that publishes, came or went.
    Link(CameraLink),
}

/// Something that was not taken.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Camera id of the configuration, or `?` when it names none of them.
    pub camera: Arc<str>,
    /// When, on the boot clock.
    pub at: BootMs,
    /// Why, as a class.
    pub why: Why,
    /// Why, in words.
    pub detail: String,
    /// The first bytes of what came, at most [`HEAD_BYTES_MAX`].
    pub head: Arc<[u8]>,
    /// Who sent it (`10.0.9.21`).
    pub from: String,
}

/// Why something was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// No such camera, or a wrong user, password or token. Correct the camera or the credential.
    Credential,
    /// More than the cap on bytes, parts, events or points. Correct the camera.
    TooLarge,
    /// Not JSON, XML or multipart as declared, or nested too deeply.
    Malformed,
    /// A number that is none, or that no picture can hold.
    Number,
    /// XML with a document type or entities of its own.
    Doctype,
    /// A picture address with a trick in it.
    Reference,
    /// A kind of body that is not taken.
    MediaType,
    /// Above the camera's rate.
    Rate,
    /// It did not arrive in time.
    Slow,
    /// Well-formed, and of a kind that the profile's table does not know. Told once for each word, then counted.
    UnknownKind,
}

impl Why {
    /// All.
    pub const ALL: [Self; 10] = [
        Self::Credential,
        Self::TooLarge,
        Self::Malformed,
        Self::Number,
        Self::Doctype,
        Self::Reference,
        Self::MediaType,
        Self::Rate,
        Self::Slow,
        Self::UnknownKind,
    ];

    /// What people read.
    #[must_use]
    pub fn text(self) -> Text {
        match self {
            Self::Credential => Text::new("用户名、密码或令牌不对", "Wrong user, password or token"),
            Self::TooLarge => Text::new("超出大小上限", "Larger than the caps"),
            Self::Malformed => Text::new("格式无法识别", "Not readable as what it claims to be"),
            Self::Number => Text::new("数值无效", "A number that is none"),
            Self::Doctype => Text::new("XML 带有文档类型或实体", "XML with a document type or entities"),
            Self::Reference => Text::new("图片地址不允许", "A picture address that is not allowed"),
            Self::MediaType => Text::new("内容类型不支持", "A kind of body that is not taken"),
            Self::Rate => Text::new("发送过于频繁", "Too many at once"),
            Self::Slow => Text::new("未按时传完", "Not complete in time"),
            Self::UnknownKind => Text::new("视觉模板不认识的事件类型", "A kind that the vision profile does not know"),
        }
    }

    /// The class as a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Number => "number",
            Self::Doctype => "doctype",
            Self::Reference => "reference",
            Self::MediaType => "media_type",
            Self::Rate => "rate",
            Self::Slow => "slow",
            Self::UnknownKind => "unknown_kind",
        }
    }
}

/// A camera came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraLink {
    /// Camera id.
    pub camera: Arc<str>,
    /// The new state.
    pub state: LinkState,
    /// What happened, for people.
    pub reason: Text,
    /// When.
    pub at: BootMs,
}

/// Whether a camera is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// Nothing can be said yet.
    Unknown,
    /// It is heard, or need not be.
    Heard,
    /// It should have been heard; why this is a trouble.
    Silent(Text),
}

/// What came of one camera since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraFigures {
    /// Camera id.
    pub camera: Arc<str>,
    /// Events on disk.
    pub stored: u64,
    /// Events that came again.
    pub duplicates: u64,
    /// Events that are nothing to us.
    pub ignored: u64,
    /// Times the camera was told to send again.
    pub busy: u64,
    /// Events of a kind that the vision profile does not know.
    pub unknown: u64,
    /// Pictures beyond the caps.
    pub pictures_dropped: u64,
    /// Payloads that were refused, by [`Why::word`].
    pub refused: BTreeMap<&'static str, u64>,
    /// Last event on disk.
    pub last_event: Option<BootMs>,
    /// Last sign of life.
    pub last_contact: Option<BootMs>,
    /// Whether it is there.
    pub presence: Presence,
}

/// A picture or clip to be fetched from a camera's own host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Camera id.
    pub camera: Arc<str>,
    /// As the event gave it.
    pub reference: String,
    /// A moving picture: a larger cap.
    pub clip: bool,
    /// How long it may take in all, waiting for its turn included.
    pub within: Duration,
}

/// A picture or clip.
#[derive(Clone, PartialEq, Eq)]
pub struct Fetched {
    /// As the host declares it, in lower case, without parameters; `application/octet-stream` if it does not.
    pub media_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Fetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetched").field("media_type", &self.media_type).field("bytes", &self.bytes.len()).finish()
    }
}

/// Why a picture was not fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The camera has no `fetch` address. Give up; a person may add one.
    #[error("camera `{0}` has no `fetch` address in the configuration")]
    NoAddress(String),
    /// The reference leaves the camera's hosts or has a trick in it; no request was made. Give up.
    #[error("refused without asking: {}", .0.en)]
    Refused(Text),
    /// User or password are wrong. Give up; a person has to correct the credential.
    #[error("the host refuses the credential ({0})")]
    Credential(u16),
    /// The host says no (or points elsewhere). Give up, or try once more: a clip may not be written yet.
    #[error("the host answers {0}")]
    Status(u16),
    /// Larger than the cap. Give up.
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    /// Not in time. Try again.
    #[error("not complete within {0} ms")]
    Late(u128),
    /// No connection, or it broke. Try again.
    #[error("{}", .0.en)]
    Link(Text),
}

impl FetchError {
    /// What people read.
    #[must_use]
    pub fn text(&self) -> Text {
        let zh = match self {
            Self::NoAddress(camera) => format!("摄像机 `{camera}` 未配置取图地址 `fetch`"),
            Self::Refused(why) => format!("未发请求即拒绝：{}", why.zh),
            Self::Credential(status) => format!("摄像机不接受用户名或密码（{status}）"),
            Self::Status(status) => format!("摄像机应答 {status}"),
            Self::TooLarge(bytes) => format!("超过 {bytes} 字节"),
            Self::Late(ms) => format!("{ms} 毫秒内未传完"),
            Self::Link(why) => why.zh.to_string(),
        };
        Text::new(&zh, &self.to_string())
    }
}
