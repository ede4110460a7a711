//! Text to checked configuration; all faults at once, each with its place.
//!
//! Owns the site file, the profile files and the sheets: their fields , what has to fit together ([`load`])
//! and the credentials beside them. Knows nothing of sockets, tasks or the store's files; opens no port.
//! Expressions are judged by an [`expr::ExprCheck`] that the caller hands in.
//!
//! Invariants: loading never panics and never stops at the first fault; a [`Config`] exists only without errors; look-alike
//! devices share one [`Profile`].

mod calendar;
mod cases;
mod condition;
mod context;
pub mod credential;
mod device;
mod document;
pub mod expr;
pub mod fields;
pub mod library;
mod line;
pub mod load;
pub mod notation;
mod profile;
pub mod shipped;
mod site;
pub mod vision;

pub use document::{profile_schema, reference, schema, vision_schema};
pub use load::{Loaded, LoadedProfile, load, load_profile, load_profile_file};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::ApiConfig;
use crate::cases::CasesConfig;
use crate::model::alarm::{AlarmText, Level};
use crate::model::calendar::Calendar;
use crate::model::camera::{Camera, Facade};
use crate::model::far::{FarEnd, FarKind};
use crate::model::id::Id;
use crate::model::text::Lang;
use crate::northbound::{PublishConfig, UpstreamConfig, WebhookConfig};
use crate::profile::{Condition, Profile};
use crate::southbound::LineConfig;
use crate::southbound::vision::VisionConfig;
use crate::store::StoreConfig;

/// A checked configuration: everything in it has been looked up and fits together.
#[derive(Debug, Clone)]
pub struct Config {
    /// `site.id`
    pub site_id: Id,
    /// `site.name`
    pub site_name: String,
    /// `site.time_zone`, known to the tz database.
    pub time_zone: String,
    /// `site.holidays` and `site.workdays`
    pub calendar: Calendar,
    /// `site.lang`
    pub lang: Lang,
    /// `[api]`
    pub api: ApiConfig,
    /// `[store]`
    pub store: StoreConfig,
    /// `[line.*]`, in file order.
    pub lines: Vec<LineConfig>,
    /// `[device.*]` and the rows of `[devices_from.*]`, in file order.
    pub devices: Vec<DeviceConfig>,
    /// `[rule.*]`
    pub rules: Vec<RuleConfig>,
    /// `[facade.*]`, in file order.
    pub facades: Vec<Facade>,
    /// `[camera.*]`, in file order.
    pub cameras: Vec<Camera>,
    /// `[vision]`, and the ways of the cameras' events in the same order as the cameras.
    pub vision: VisionConfig,
    /// `[cases]`
    pub cases: CasesConfig,
    /// `[upstream.*]`
    pub upstreams: Vec<UpstreamConfig>,
    /// `[webhook.*]`
    pub webhooks: Vec<WebhookConfig>,
    /// `[publish.*]`
    pub publishers: Vec<PublishConfig>,
}

impl Config {
    /// Everything that gatehouse delivers to by itself.
    #[must_use]
    pub fn far_ends(&self) -> Vec<FarEnd> {
        let upstreams = self.upstreams.iter().map(|u| FarEnd::new(FarKind::Upstream, &u.id));
        let webhooks = self.webhooks.iter().map(|w| FarEnd::new(FarKind::Webhook, &w.id));
        let publishers = self.publishers.iter().map(|p| FarEnd::new(FarKind::Publish, &p.id));
        upstreams.chain(webhooks).chain(publishers).collect()
    }
}

/// A device with its profile, overrides already applied.
#[derive(Debug, Clone)]
pub struct DeviceConfig {
    /// Id.
    pub id: Id,
    /// Name.
    pub name: String,
    /// Place path.
    pub at: String,
    /// Profile; shared between look-alikes that override nothing.
    pub profile: Arc<Profile>,
    /// Position in [`Config::lines`].
    pub line: usize,
    /// Unit id or topic.
    pub address: DeviceAddress,
    /// Values of all parameters of the profile (defaults filled in).
    pub params: BTreeMap<String, f64>,
    /// Name of the credential `user:password` with which it logs in at our listener.
    pub credential: Option<String>,
}

/// How a device is addressed on its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceAddress {
    /// Modbus unit id, 1-247 on serial lines, 0-255 over TCP.
    Unit(u8),
    /// MQTT topic prefix, no wildcards.
    Topic(String),
}

/// A site rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleConfig {
    /// Id.
    pub id: Id,
    /// Condition over full point names.
    pub condition: Condition,
    /// How long it must hold.
    pub on_delay: std::time::Duration,
    /// How long it must be gone.
    pub off_delay: std::time::Duration,
    /// Level.
    pub level: Level,
    /// Stays until reset.
    pub latched: bool,
    /// On trial: noted in the journal, nobody is told.
    pub shadow: bool,
    /// Texts.
    pub text: AlarmText,
}
