//! How far a case has come, why one is none, and what its story can tell: closed lists with their words.

use serde::{Deserialize, Serialize};

use crate::model::text::Text;

/// How far a case has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A camera reported it.
    Detected,
    /// The alarm is with people.
    Notified,
    /// Somebody looks at it.
    Reviewing,
    /// It happened.
    Confirmed,
    /// It did not; see [`Case::rejected`].
    Rejected,
    /// Somebody was sent.
    Dispatched,
    /// Done.
    Closed,
}

impl Stage {
    /// In order.
    pub const ALL: [Self; 7] = [
        Self::Detected,
        Self::Notified,
        Self::Reviewing,
        Self::Confirmed,
        Self::Rejected,
        Self::Dispatched,
        Self::Closed,
    ];

    /// The word in payloads.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Detected => "detected",
            Self::Notified => "notified",
            Self::Reviewing => "reviewing",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Dispatched => "dispatched",
            Self::Closed => "closed",
        }
    }

    /// What people read.
    #[must_use]
    pub fn text(self) -> Text {
        match self {
            Self::Detected => Text::new("已检出", "Detected"),
            Self::Notified => Text::new("已通知", "Notified"),
            Self::Reviewing => Text::new("复核中", "In review"),
            Self::Confirmed => Text::new("已确认", "Confirmed"),
            Self::Rejected => Text::new("误报", "False alarm"),
            Self::Dispatched => Text::new("已派人", "Dispatched"),
            Self::Closed => Text::new("已办结", "Closed"),
        }
    }
}

/// Why a case is no case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A bird.
    Bird,
    /// An insect at the lens.
    Insect,
    /// Leaves, paper or bags in the wind.
    Leaf,
    /// Rain or snow.
    Weather,
    /// Laundry, curtains.
    Laundry,
    /// Gondola, rope access or other work.
    Work,
    /// A drone.
    Drone,
    /// The camera shook, or light was reflected.
    Camera,
    /// A test or drill.
    Test,
    /// Something else; the note says what.
    Other,
}

impl Reason {
    /// All.
    pub const ALL: [Self; 10] = [
        Self::Bird,
        Self::Insect,
        Self::Leaf,
        Self::Weather,
        Self::Laundry,
        Self::Work,
        Self::Drone,
        Self::Camera,
        Self::Test,
        Self::Other,
    ];

    /// The word in payloads.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Bird => "bird",
            Self::Insect => "insect",
            Self::Leaf => "leaf",
            Self::Weather => "weather",
            Self::Laundry => "laundry",
            Self::Work => "work",
            Self::Drone => "drone",
            Self::Camera => "camera",
            Self::Test => "test",
            Self::Other => "other",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.word() == word)
    }

    /// What people read.
    #[must_use]
    pub fn text(self) -> Text {
        match self {
            Self::Bird => Text::new("飞鸟", "Bird"),
            Self::Insect => Text::new("昆虫", "Insect"),
            Self::Leaf => Text::new("落叶、纸片", "Leaf or paper"),
            Self::Weather => Text::new("雨雪", "Rain or snow"),
            Self::Laundry => Text::new("晾晒衣物", "Laundry"),
            Self::Work => Text::new("外墙作业", "Facade work"),
            Self::Drone => Text::new("无人机", "Drone"),
            Self::Camera => Text::new("抖动、反光", "Shake or glare"),
            Self::Test => Text::new("测试、演练", "Test or drill"),
            Self::Other => Text::new("其他", "Other"),
        }
    }
}

/// What a line in a case's story tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// The first event came.
    Detected,
    /// Another event of the same thing came.
    Sighted,
    /// The alarm is with people.
    Notified,
    /// Somebody looks at it.
    Reviewing,
    /// It happened.
    Confirmed,
    /// It did not.
    Rejected,
    /// Somebody was sent.
    Dispatched,
    /// Done.
    Closed,
    /// It ended by itself (a fire lane is free again).
    Ended,
    /// The alarm was raised or made more urgent.
    Raised,
    /// A file was added to the evidence.
    Evidence,
    /// A picture or clip could not be had.
    EvidenceFailed,
    /// Somebody saw the picture without the mask.
    Viewed,
    /// The case was exported.
    Exported,
    /// The evidence must be kept beyond its time.
    Held,
    /// It need not any longer.
    Released,
    /// The evidence was deleted by age or for want of room.
    Evicted,
    /// Its track lies wholly in a shield zone: told quietly.
    Shielded,
}

impl StepKind {
    /// The word in payloads.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Detected => "detected",
            Self::Sighted => "sighted",
            Self::Notified => "notified",
            Self::Reviewing => "reviewing",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Dispatched => "dispatched",
            Self::Closed => "closed",
            Self::Ended => "ended",
            Self::Raised => "raised",
            Self::Evidence => "evidence",
            Self::EvidenceFailed => "evidence_failed",
            Self::Viewed => "viewed",
            Self::Exported => "exported",
            Self::Held => "held",
            Self::Released => "released",
            Self::Evicted => "evicted",
            Self::Shielded => "shielded",
        }
    }

    /// What people read.
    #[must_use]
    pub fn text(self) -> Text {
        match self {
            Self::Detected => Text::new("摄像机检出", "Reported by a camera"),
            Self::Sighted => Text::new("又有事件并入", "Another event merged"),
            Self::Notified => Text::new("已通知值班人员", "People notified"),
            Self::Reviewing => Text::new("开始复核", "Review begun"),
            Self::Confirmed => Text::new("确认属实", "Confirmed"),
            Self::Rejected => Text::new("判为误报", "Rejected as false"),
            Self::Dispatched => Text::new("已派人到现场", "Somebody sent"),
            Self::Closed => Text::new("办结", "Closed"),
            Self::Ended => Text::new("现象已消失", "It ended by itself"),
            Self::Raised => Text::new("发出告警", "Alarm raised"),
            Self::Evidence => Text::new("证据已保存", "Evidence kept"),
            Self::EvidenceFailed => Text::new("未能取得画面", "Picture not obtained"),
            Self::Viewed => Text::new("查看未遮挡画面", "Unmasked picture viewed"),
            Self::Exported => Text::new("已导出", "Exported"),
            Self::Held => Text::new("依法保全，不得清理", "Legal hold"),
            Self::Released => Text::new("解除保全", "Legal hold ended"),
            Self::Evicted => Text::new("证据文件已清理，校验值保留", "Evidence deleted, digests kept"),
            Self::Shielded => {
                Text::new("轨迹全部在屏蔽区内，降低通知级别", "Track wholly in a shield zone: told quietly")
            }
        }
    }
}
