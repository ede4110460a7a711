//! Devices: from tables and from sheets, each with its line, profile, address and parameters looked up.
//!
//! Look-alikes share one profile: changes given on a sheet are applied once for all its rows.

mod sheet;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use crate::config::context::Context;
use crate::config::credential::Credentials;
use crate::config::library::Library;
use crate::config::line::{Declared, Speaks};
use crate::config::{DeviceAddress, DeviceConfig};
use crate::model::id::Id;
use crate::profile::Profile;
use crate::text::code;
use crate::text::diagnostic::{Diagnostic, say};
use crate::text::record::{Entry, Record};
use crate::text::source::Span;

/// The state of one walk over all devices.
pub(crate) struct Devices<'a, 'l> {
    /// Folder of the site file; sheets are relative to it.
    pub(crate) base: &'a Path,
    pub(crate) lines: &'a mut HashMap<String, Declared>,
    pub(crate) library: &'a mut Library<'l>,
    /// Ids given so far.
    pub(crate) ids: HashMap<String, Span>,
    /// Addresses given so far, by line.
    pub(crate) addresses: HashMap<(usize, String), Span>,
    pub(crate) done: Vec<DeviceConfig>,
}

/// What all devices of one table or sheet have in common.
pub(crate) struct Frame {
    profile: Option<Arc<Profile>>,
    /// The line's position and what it speaks.
    line: Option<usize>,
    speaks: Option<Speaks>,
    line_span: Span,
    params: Option<BTreeMap<String, f64>>,
    credential: Option<String>,
}

/// What is a device's own.
pub(crate) struct Own<'a> {
    id: &'a str,
    id_span: Span,
    name: &'a str,
    at: &'a str,
    address: Option<(DeviceAddress, Span)>,
}

impl Devices<'_, '_> {
    /// All devices of the site, in file order: tables first, then sheets.
    pub(crate) fn walk(&mut self, site: &Record, cx: &mut Context<'_>) {
        for entry in site.map("device") {
            if let Some(record) = entry.item.value.record() {
                self.table(entry, record, cx);
            }
        }
        for entry in site.map("devices_from") {
            if let Some(record) = entry.item.value.record() {
                let frame = self.frame(record, cx);
                self.sheet(record, &frame, cx);
            }
        }
    }

    fn table(&mut self, entry: &Entry, record: &Record, cx: &mut Context<'_>) {
        let frame = self.frame(record, cx);
        let address = match (record.small("unit"), record.text("topic")) {
            (Some(unit), None) => Some((DeviceAddress::Unit(unit), record.span_of("unit"))),
            (None, Some(topic)) => Some((DeviceAddress::Topic(topic.to_owned()), record.span_of("topic"))),
            _ => None,
        };
        let own = Own {
            id: &entry.key,
            id_span: entry.key_span,
            name: record.text("name").unwrap_or_default(),
            at: record.text("at").unwrap_or_default(),
            address,
        };
        self.device(own, &frame, cx);
    }

    /// Looks up what stands in a `[device]` or `[devices_from]` table.
    fn frame(&mut self, record: &Record, cx: &mut Context<'_>) -> Frame {
        let (mut profile, mut given) = (None, None);
        if let Some(id) = record.text("profile")
            && let Some(known) = self.library.get(id, Some(record.span_of("profile")), cx)
        {
            given = known.profile.as_ref().map(|profile| params(profile, record, cx));
            profile = known.changed(record.map("points"), cx);
        }
        let line_span = record.span_of("line");
        let line = record.id("line").and_then(|id| {
            if !self.lines.contains_key(id.as_str()) && !cx.heads_broken {
                let there = self.lines.keys().map(String::as_str);
                cx.unknown(code::UNKNOWN_LINE, line_span, ("line", "线路"), id.as_str(), there);
            }
            self.lines.get_mut(id.as_str())
        });
        let (index, speaks) = line.map_or((None, None), |line| {
            line.devices += 1;
            (line.index, line.speaks)
        });
        if let (Some(profile), Some(speaks)) = (&profile, speaks) {
            suits(profile, speaks, record, cx);
        }
        let credential = record.text("credential").map(str::to_owned);
        if credential.is_some() && speaks.is_some_and(|s| s != Speaks::Mqtt { listens: true }) {
            let message = say("a credential is only used on `mqtt_listen` lines", "凭据仅用于 `mqtt_listen` 线路");
            cx.report.add(Diagnostic::warning(code::IDLE, record.span_of("credential"), message));
        }
        Frame { profile, line: index, speaks, line_span, params: given, credential }
    }

    /// Adds one device after checking what is its own.
    fn device(&mut self, own: Own<'_>, frame: &Frame, cx: &mut Context<'_>) {
        let id = Id::new(own.id).ok();
        if let Some(first) = self.ids.get(own.id) {
            let message = say(format!("the id `{}` is taken", own.id), format!("标识 `{}` 已被使用", own.id));
            let help = say("give each device an id of its own", "请给每台设备不同的标识");
            let fault = Diagnostic::error(code::DUPLICATE, own.id_span, message).help(help);
            cx.report.add(fault.also(*first, say("the first one", "第一处")));
            return;
        }
        self.ids.insert(own.id.to_owned(), own.id_span);
        let Some((address, span)) = own.address else { return };
        if !addressed(&address, span, frame, cx) {
            return;
        }
        let (Some(id), Some(line), Some(profile), Some(params)) = (id, frame.line, &frame.profile, &frame.params)
        else {
            return;
        };
        let shown = match &address {
            DeviceAddress::Unit(unit) => unit.to_string(),
            DeviceAddress::Topic(topic) => topic.clone(),
        };
        let key = (line, shown);
        if let Some(first) = self.addresses.get(&key) {
            let what = &key.1;
            let message = say(
                format!("`{what}` on this line belongs to another device"),
                format!("此线路上的 `{what}` 已属于另一台设备"),
            );
            let help = say(
                "two devices with one address answer at once and garble each other; correct one of them",
                "两台设备地址相同会同时应答、互相干扰；请改正其中一台",
            );
            let fault = Diagnostic::error(code::SAME_ADDRESS, span, message).help(help);
            cx.report.add(fault.also(*first, say("the first one", "第一处")));
            return;
        }
        self.addresses.insert(key, span);
        self.done.push(DeviceConfig {
            id,
            name: own.name.to_owned(),
            at: own.at.to_owned(),
            profile: Arc::clone(profile),
            line,
            address,
            params: params.clone(),
            credential: frame.credential.clone(),
        });
    }
}

/// A Modbus profile on a Modbus line, a message profile on an MQTT line.
fn suits(profile: &Profile, speaks: Speaks, record: &Record, cx: &mut Context<'_>) {
    let (line, own) = match (speaks, profile.mqtt.is_some()) {
        (Speaks::Mqtt { .. }, false) => (("MQTT", "MQTT"), ("Modbus", "Modbus")),
        (Speaks::Rtu | Speaks::Tcp, true) => (("Modbus", "Modbus"), ("MQTT", "MQTT")),
        _ => return,
    };
    let message = (
        format!("the profile `{}` is for {}, the line speaks {}", profile.id, own.0, line.0),
        format!("模板 `{}` 用于 {}，而线路为 {}", profile.id, own.1, line.1),
    );
    let help = ("choose another profile or another line", "请更换模板或线路");
    cx.error(code::PROFILE_KIND, record.span_of("profile"), (&message.0, &message.1), help);
}

/// Whether the address is one that the line knows.
fn addressed(address: &DeviceAddress, span: Span, frame: &Frame, cx: &mut Context<'_>) -> bool {
    let (message, help) = match (frame.speaks, address) {
        (Some(Speaks::Rtu), DeviceAddress::Unit(unit)) if !(1..=247).contains(unit) => (
            ("on a serial line the unit ids are 1 to 247", "串行线路的单元号为 1 到 247"),
            ("0 is a broadcast that nobody answers; correct the unit id", "0 为广播，无人应答；请改正单元号"),
        ),
        (Some(Speaks::Rtu | Speaks::Tcp), DeviceAddress::Topic(_)) => (
            ("a device on a Modbus line has a `unit`, not a `topic`", "Modbus 线路上的设备用 `unit`，不用 `topic`"),
            ("write `unit = 3`", "请写 `unit = 3`"),
        ),
        (Some(Speaks::Mqtt { .. }), DeviceAddress::Unit(_)) => (
            ("a device on an MQTT line has a `topic`, not a `unit`", "MQTT 线路上的设备用 `topic`，不用 `unit`"),
            ("write `topic = \"zigbee2mqtt/smoke_3_1201\"`", "请写 `topic = \"zigbee2mqtt/smoke_3_1201\"`"),
        ),
        _ => return true,
    };
    let code = if matches!((frame.speaks, address), (Some(Speaks::Rtu), DeviceAddress::Unit(_))) {
        code::RANGE
    } else {
        code::ADDRESS_KIND
    };
    let fault = Diagnostic::error(code, span, say(message.0, message.1)).help(say(help.0, help.1));
    cx.report.add(fault.also(frame.line_span, say("the line", "线路")));
    false
}

/// All parameters of the profile, with the values given in `set`.
fn params(profile: &Profile, record: &Record, cx: &mut Context<'_>) -> BTreeMap<String, f64> {
    let mut given: BTreeMap<String, f64> = BTreeMap::new();
    for entry in record.map("set") {
        let Some(param) = profile.params.iter().find(|p| p.id.as_str() == entry.key) else {
            let there = profile.params.iter().map(|p| p.id.as_str());
            cx.unknown(code::UNKNOWN_PARAM, entry.key_span, ("parameter", "参数"), &entry.key, there);
            continue;
        };
        let Some(value) = entry.item.value.number() else { continue };
        let (low, high) = param.range;
        if (low..=high).contains(&value) {
            given.insert(entry.key.clone(), value);
        } else {
            let message = (format!("{value} is outside {low} .. {high}"), format!("{value} 超出范围 {low} .. {high}"));
            let help = ("the profile gives this range", "此范围由模板规定");
            cx.error(code::RANGE, entry.item.span, (&message.0, &message.1), help);
        }
    }
    profile.settings(&given)
}

/// Complains about credentials that are not there or that others could read.
pub(crate) fn credentials<'a>(
    named: impl Iterator<Item = (&'a str, Span)>,
    credentials: &Credentials,
    cx: &mut Context<'_>,
) {
    use crate::config::credential::CredentialError;
    let mut seen = std::collections::HashSet::new();
    for (name, span) in named.filter(|(name, _)| seen.insert(*name)) {
        match credentials.check(name) {
            Ok(_) => {}
            Err(why @ CredentialError::Missing { .. }) => {
                let message = say(why.to_string(), format!("找不到凭据 `{name}`：{why}"));
                let fault = Diagnostic::warning(code::CREDENTIAL_MISSING, span, message);
                cx.report.add(
                    fault.help(say(
                        "it is needed on the machine that runs gatehouse",
                        "运行 gatehouse 的机器上必须有它",
                    )),
                );
            }
            Err(why) => {
                let message = say(why.to_string(), format!("凭据 `{name}` 不安全或不可用：{why}"));
                cx.report.add(Diagnostic::error(code::CREDENTIAL_MODE, span, message).help(say(
                    "a credential is a file of mode 0600 that belongs to the user running gatehouse",
                    "凭据文件须为 0600 权限，属于运行 gatehouse 的用户",
                )));
            }
        }
    }
}
